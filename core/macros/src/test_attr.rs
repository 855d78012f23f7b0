//! `#[anyrt::test]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Error, Path, Result};

use crate::args;
use crate::function::AsyncFn;

const ATTRIBUTE: &str = "#[anyrt::test]";

/// The gate that knows whether the backend is there, and the name of the test on it.
const TESTS: [(&str, &str); 5] = [
    ("__on_builtin", "on_builtin"),
    ("__on_tokio", "on_tokio_multi"),
    ("__on_tokio", "on_tokio_current"),
    ("__on_smol", "on_smol"),
    ("__on_async_std", "on_async_std"),
];

struct Words {
    anyrt: Path,
    /// The methods of the hidden `Settings`, called in turn.
    settings: TokenStream,
    /// `virtual_time`: where the functions are that run the tests, below the hidden module.
    place: TokenStream,
    /// Set with `sim`: which seeds, as methods of the hidden `Seeds`.
    sim: Option<TokenStream>,
}

/// The words that say how a simulation is run.
const OF_SIM: [&str; 3] = ["seeds", "seed", "twice"];

fn words(tokens: TokenStream) -> Result<Words> {
    let mut anyrt = args::default_path();
    let mut settings = TokenStream::new();
    let args = args::parse(tokens)?;
    let named = |name: &str| args.iter().find(|arg| arg.name == name);
    let sim = named("sim").is_some();
    let mut seeds = TokenStream::new();
    let mut place = TokenStream::new();
    if let (Some(time), true) = (named("virtual_time"), sim) {
        return Err(time.error("the simulator is in virtual time already: leave this word out"));
    }
    if let (Some(seeds), Some(_)) = (named("seeds"), named("seed")) {
        return Err(
            seeds.error("`seeds` says how many, `seed` which one: one of the two is enough")
        );
    }
    for arg in &args {
        let name = arg.name.to_string();
        if OF_SIM.contains(&name.as_str()) && !sim {
            let message =
                format!("`{name}` needs the word `sim`: `{ATTRIBUTE}` runs on no simulator");
            return Err(arg.error(&message));
        }
        match arg.name.to_string().as_str() {
            "allow_leftover_tasks" => {
                arg.plain()?;
                settings.extend(quote!(.allow_leftover_tasks()));
            }
            "allow_lost_panics" => {
                arg.plain()?;
                settings.extend(quote!(.allow_lost_panics()));
            }
            "sim" => arg.plain()?,
            "seeds" => {
                let count = arg.count()? as u64;
                seeds.extend(quote!(.count(#count)));
            }
            "seed" => {
                let seed = arg.number()?;
                seeds.extend(quote!(.only(#seed)));
            }
            "twice" => {
                arg.plain()?;
                seeds.extend(quote!(.twice()));
            }
            "virtual_time" => {
                arg.plain()?;
                place.extend(quote!(virtually::));
            }
            "crate" => anyrt = arg.path()?,
            _ => {
                let known = [
                    "allow_leftover_tasks",
                    "allow_lost_panics",
                    "virtual_time",
                    "sim",
                    "seeds = N",
                    "seed = N",
                    "twice",
                    "crate = \"…\"",
                ];
                return Err(arg.unknown(ATTRIBUTE, &known));
            }
        }
    }
    let sim = sim.then_some(seeds);
    Ok(Words {
        anyrt,
        settings,
        place,
        sim,
    })
}

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let Words {
        anyrt,
        settings,
        place,
        sim,
    } = words(args)?;
    let mut function = AsyncFn::parse(ATTRIBUTE, item)?;
    let for_tests = take_test_attributes(&mut function.item.attrs)?;

    let name = &function.item.sig.ident;
    let body = function.as_closure(&quote!(super::#name));
    let output = function.termination();
    if let Some(seeds) = sim {
        let off = "`#[anyrt::test(sim)]` needs the feature `sim` of `anyrt`";
        let item = &function.item;
        return Ok(quote! {
            #[cfg(test)]
            #item

            #[cfg(test)]
            mod #name {
                #anyrt::__on_sim! {
                    [::core::compile_error! { #off }]
                    #(#for_tests)*
                    #[::core::prelude::v1::test]
                    fn on_sim() {
                        #anyrt::__testing::on_sim(
                            #anyrt::__testing::Settings::new() #settings,
                            #anyrt::__testing::Seeds::new() #seeds,
                            #body,
                        )
                    }
                }
            }
        });
    }
    let tests = TESTS.map(|(gate, test)| {
        let (gate, test) = (format_ident!("{gate}"), format_ident!("{test}"));
        quote! {
            #anyrt::#gate! {
                []
                #(#for_tests)*
                #[::core::prelude::v1::test]
                fn #test() #output {
                    #anyrt::__testing::#place #test(#anyrt::__testing::Settings::new() #settings, #body)
                }
            }
        }
    });

    let no_backend = "no backend of `anyrt` is enabled, so this would be no test at all: switch on one \
                      or more of its features `builtin`, `tokio`, `smol` and `async-std`, for instance \
                      in `[dev-dependencies]`";
    let item = &function.item;
    // As with `#[test]`, nothing of it is there unless tests are compiled.
    Ok(quote! {
        #[cfg(test)]
        #item

        #[cfg(test)]
        mod #name {
            #(#tests)*
            #anyrt::__on_any! { [::core::compile_error! { #no_backend }] }
        }
    })
}

/// Takes out what is for the tests. Doc comments are for both.
///
/// `#[cfg]` is not among them: the compiler has dealt with it when it calls a macro.
fn take_test_attributes(attributes: &mut Vec<Attribute>) -> Result<Vec<Attribute>> {
    let mut for_tests = Vec::new();
    for attribute in std::mem::take(attributes) {
        let path = attribute.path();
        if path
            .segments
            .last()
            .is_some_and(|last| last.ident == "test")
        {
            return Err(Error::new_spanned(
                attribute,
                format!("`{ATTRIBUTE}` makes the tests: remove this second test attribute"),
            ));
        }
        if path.is_ident("doc") {
            for_tests.push(attribute.clone());
            attributes.push(attribute);
        } else if path.is_ident("should_panic") || path.is_ident("ignore") {
            for_tests.push(attribute);
        } else {
            attributes.push(attribute);
        }
    }
    Ok(for_tests)
}
