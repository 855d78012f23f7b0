//! `#[anyrt::main]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Error, ItemFn, Path, Result};

use crate::args::{self, Arg};
use crate::function::AsyncFn;

const ATTRIBUTE: &str = "#[anyrt::main]";

/// A backend, by the word that names it.
struct Backend {
    word: &'static str,
    /// The feature of `anyrt` that it needs.
    feature: &'static str,
    /// The macro that knows whether the feature is on.
    gate: &'static str,
    threads: Threads,
}

#[derive(PartialEq)]
enum Threads {
    CanBeSet,
    Fixed,
}

const BACKENDS: [Backend; 5] = [
    Backend {
        word: "builtin",
        feature: "builtin",
        gate: "__on_builtin",
        threads: Threads::CanBeSet,
    },
    Backend {
        word: "tokio",
        feature: "tokio",
        gate: "__on_tokio",
        threads: Threads::CanBeSet,
    },
    Backend {
        word: "tokio_current",
        feature: "tokio",
        gate: "__on_tokio",
        threads: Threads::Fixed,
    },
    Backend {
        word: "smol",
        feature: "smol",
        gate: "__on_smol",
        threads: Threads::Fixed,
    },
    Backend {
        word: "async_std",
        feature: "async-std",
        gate: "__on_async_std",
        threads: Threads::Fixed,
    },
];

struct Words {
    anyrt: Path,
    backend: &'static Backend,
    /// Where it is named.
    named: Option<Span>,
    /// The methods of the hidden `Settings`, called in turn.
    settings: TokenStream,
    /// Where the shutdown is, which needs a feature.
    shutdown: Option<Span>,
}

fn words(tokens: TokenStream) -> Result<Words> {
    let mut anyrt = args::default_path();
    let mut backend: Option<(&'static Backend, Ident)> = None;
    let mut threads: Option<Arg> = None;
    let mut shutdown: Option<Arg> = None;
    for arg in args::parse(tokens)? {
        let name = arg.name.to_string();
        if let Some(found) = BACKENDS.iter().find(|backend| backend.word == name) {
            arg.plain()?;
            if let Some((first, _)) = &backend {
                return Err(arg.error(&format!(
                    "`main` runs on one backend, and `{}` was named before `{name}`",
                    first.word
                )));
            }
            backend = Some((found, arg.name));
            continue;
        }
        match name.as_str() {
            "threads" => threads = Some(arg),
            "shutdown" => shutdown = Some(arg),
            "crate" => anyrt = arg.path()?,
            _ => {
                let mut known: Vec<_> = BACKENDS.iter().map(|backend| backend.word).collect();
                known.extend(["threads = N", "shutdown = \"10s\"", "crate = \"…\""]);
                return Err(arg.unknown(ATTRIBUTE, &known));
            }
        }
    }

    let (backend, named) = match backend {
        Some((backend, name)) => (backend, Some(name.span())),
        None => (&BACKENDS[0], None),
    };
    let mut settings = TokenStream::new();
    if let Some(arg) = threads {
        let count = arg.count()?;
        if backend.threads == Threads::Fixed {
            return Err(arg.error(&format!(
                "`threads` can be set for `builtin` and `tokio`, not for `{}`",
                backend.word
            )));
        }
        settings.extend(quote!(.threads(#count)));
    }
    if let Some(arg) = &shutdown {
        let millis = arg.millis()?;
        settings.extend(quote!(.shutdown(#millis)));
    }
    Ok(Words {
        anyrt,
        backend,
        named,
        settings,
        shutdown: shutdown.map(|arg| arg.name.span()),
    })
}

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    match try_expand(args, item.clone()) {
        Ok(tokens) => tokens,
        Err(error) => refuse(&error, item),
    }
}

/// The error, beside a function of the same name: or the program would lack a `main` as well.
fn refuse(error: &Error, item: TokenStream) -> TokenStream {
    let error = error.to_compile_error();
    match syn::parse2::<ItemFn>(item) {
        Ok(ItemFn { vis, sig, .. }) => {
            let name = sig.ident;
            quote!(#error #vis fn #name() {})
        }
        Err(_) => error,
    }
}

fn try_expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let Words {
        anyrt,
        backend,
        named,
        settings,
        shutdown,
    } = words(args)?;
    let mut function = AsyncFn::parse(ATTRIBUTE, item)?;

    // They stand on the outer function, and so hold for what is in it.
    let attributes = std::mem::take(&mut function.item.attrs);
    let item = &function.item;
    let (visibility, name, output) = (&item.vis, &item.sig.ident, &item.sig.output);
    let body = function.as_closure(&quote!(#name));
    let inner = {
        let (signature, block) = (&item.sig, &item.block);
        quote!(#signature #block)
    };

    let gate = format_ident!("{}", backend.gate);
    let entry = format_ident!("on_{}", backend.word);
    let off = feature_off(backend, named);
    let mut run = quote! {
        #anyrt::#gate!(
            [#off]
            #anyrt::__entry::#entry(#anyrt::__entry::Settings::new() #settings, #body)
        )
    };
    if let Some(span) = shutdown {
        let message = "`shutdown` needs the feature `signal` of `anyrt`";
        let off = quote_spanned!(span=> ::core::compile_error!(#message));
        run = quote!(#anyrt::__on_signal!([#off] #run));
    }
    Ok(quote! {
        #(#attributes)*
        #visibility fn #name() #output {
            #inner
            #run
        }
    })
}

/// The error for a backend that is not there, at the word that names it.
fn feature_off(backend: &Backend, named: Option<Span>) -> TokenStream {
    let Backend { word, feature, .. } = backend;
    let message = match named {
        Some(_) => format!("`#[anyrt::main({word})]` needs the feature `{feature}` of `anyrt`"),
        None => format!(
            "`{ATTRIBUTE}` runs on the built-in runtime and needs the feature `{feature}` of \
             `anyrt`; to run on another, name it, as in `#[anyrt::main(tokio)]`"
        ),
    };
    let span = named.unwrap_or_else(Span::call_site);
    quote_spanned!(span=> ::core::compile_error!(#message))
}
