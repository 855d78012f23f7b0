//! The function that an attribute stands on.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, Result, ReturnType, Type};

/// An `async fn` that takes a runtime's handle or nothing.
pub(crate) struct AsyncFn {
    pub(crate) item: ItemFn,
    /// Where the argument's type stands.
    runtime: Option<Span>,
}

impl AsyncFn {
    /// Checks that `item` is such a function.
    pub(crate) fn parse(attribute: &str, item: TokenStream) -> Result<Self> {
        let whole = item.clone();
        let item: ItemFn = syn::parse2(item).map_err(|error| {
            // Of broken Rust, the parser knows best what is wrong.
            match syn::parse2::<syn::Item>(whole.clone()) {
                Ok(_) => Error::new_spanned(whole, format!("`{attribute}` goes on an `async fn`")),
                Err(_) => error,
            }
        })?;
        let signature = &item.sig;
        if signature.asyncness.is_none() {
            return Err(Error::new_spanned(
                signature.fn_token,
                format!(
                    "`{attribute}` goes on an `async fn`; a function that is not async needs no \
                     runtime"
                ),
            ));
        }
        if let Some(token) = &signature.unsafety {
            return Err(Error::new_spanned(token, "the function must not be unsafe"));
        }
        if let Some(abi) = &signature.abi {
            return Err(Error::new_spanned(abi, "the function must not be extern"));
        }
        if !signature.generics.params.is_empty() {
            return Err(Error::new_spanned(
                &signature.generics,
                "the function cannot have generic parameters: take the runtime as \
                 `rt: impl Runtime`",
            ));
        }
        if let Some(clause) = &signature.generics.where_clause {
            return Err(Error::new_spanned(
                clause,
                "the function cannot have a `where` clause: write all bounds as in \
                 `rt: impl Runtime`",
            ));
        }
        if let Some(variadic) = &signature.variadic {
            return Err(Error::new_spanned(
                variadic,
                "the function cannot be variadic",
            ));
        }
        let mut inputs = signature.inputs.iter();
        let runtime = inputs.next().map(runtime_span).transpose()?;
        if let Some(second) = inputs.next() {
            return Err(Error::new_spanned(
                second,
                "the function takes one argument at most, the runtime: `rt: impl Runtime`",
            ));
        }
        Ok(AsyncFn { item, runtime })
    }

    /// The function as a closure of a handle, to be called by `path`.
    pub(crate) fn as_closure(&self, path: &TokenStream) -> TokenStream {
        match self.runtime {
            // A bound that a backend's handle does not meet is shown where it is written.
            Some(span) => path
                .clone()
                .into_iter()
                .map(|mut token| {
                    token.set_span(token.span().located_at(span));
                    token
                })
                .collect(),
            None => quote!(|_| #path()),
        }
    }

    /// What the test made of this function returns: the same, by a name that is known everywhere.
    pub(crate) fn termination(&self) -> TokenStream {
        match &self.item.sig.output {
            ReturnType::Default => TokenStream::new(),
            ReturnType::Type(_, ty) if is_unit(ty) => TokenStream::new(),
            ReturnType::Type(_, ty) => {
                let span = Span::call_site().located_at(ty.span());
                quote_spanned!(span=> -> impl ::std::process::Termination)
            }
        }
    }
}

fn runtime_span(argument: &FnArg) -> Result<Span> {
    match argument {
        FnArg::Receiver(receiver) => Err(Error::new_spanned(
            receiver,
            "the function cannot take `self`: it takes nothing, or `rt: impl Runtime`",
        )),
        FnArg::Typed(argument) if is_impl(&argument.ty) => Ok(argument.ty.span()),
        FnArg::Typed(argument) => Err(Error::new_spanned(
            &argument.ty,
            "the argument must be generic, so that it can be any runtime: `rt: impl Runtime`",
        )),
    }
}

/// Whether this is `impl …`, perhaps inside what a `macro_rules!` or the user put around it.
fn is_impl(ty: &Type) -> bool {
    match ty {
        Type::ImplTrait(_) => true,
        Type::Group(group) => is_impl(&group.elem),
        Type::Paren(paren) => is_impl(&paren.elem),
        _ => false,
    }
}

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}
