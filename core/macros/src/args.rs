//! The words in the parentheses of an attribute.

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Lit, LitStr, Path, Result, Token};

/// A word, with or without a value: `tokio`, `threads = 4`.
pub(crate) struct Arg {
    pub(crate) name: Ident,
    value: Option<Lit>,
}

impl Parse for Arg {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        // Any identifier: `crate` is a keyword.
        let name = input.call(Ident::parse_any)?;
        let value = match input.parse::<Option<Token![=]>>()? {
            Some(_) => Some(input.parse().map_err(|error| {
                Error::new(
                    error.span(),
                    "expected a number, or text in quotes, after the `=`",
                )
            })?),
            None => None,
        };
        Ok(Arg { name, value })
    }
}

/// Parses a list of words, none of them twice.
pub(crate) fn parse(tokens: TokenStream) -> Result<Vec<Arg>> {
    let args = Punctuated::<Arg, Token![,]>::parse_terminated.parse2(tokens)?;
    let mut known: Vec<Arg> = Vec::new();
    for arg in args {
        if known.iter().any(|before| before.name == arg.name) {
            let message = format!("the word `{}` stands here twice", arg.name);
            return Err(Error::new(arg.name.span(), message));
        }
        known.push(arg);
    }
    Ok(known)
}

impl Arg {
    /// The error for a word that `attribute` does not know.
    pub(crate) fn unknown(&self, attribute: &str, known: &[&str]) -> Error {
        let known = known.join("`, `");
        self.error(&format!(
            "`{attribute}` does not know the word `{}`; it knows `{known}`",
            self.name
        ))
    }

    /// An error at this word.
    pub(crate) fn error(&self, message: &str) -> Error {
        Error::new(self.name.span(), message)
    }

    /// Checks that there is no value.
    pub(crate) fn plain(&self) -> Result<()> {
        match &self.value {
            None => Ok(()),
            Some(value) => {
                let message = format!("the word `{}` takes no value", self.name);
                Err(Error::new(value.span(), message))
            }
        }
    }

    /// Returns the value as a number that is one or more.
    pub(crate) fn count(&self) -> Result<usize> {
        let message = format!(
            "expected a number that is one or more, as in `{} = 4`",
            self.name
        );
        let message = message.as_str();
        match &self.value {
            None => Err(self.error(message)),
            Some(Lit::Int(number)) => match number.base10_parse() {
                Ok(count) if count > 0 => Ok(count),
                _ => Err(Error::new(number.span(), message)),
            },
            Some(other) => Err(Error::new(other.span(), message)),
        }
    }

    /// Returns the value as a number, which may be zero.
    pub(crate) fn number(&self) -> Result<u64> {
        let message = "expected a number, as in `seed = 7`";
        match &self.value {
            None => Err(self.error(message)),
            Some(Lit::Int(number)) => number
                .base10_parse()
                .map_err(|_| Error::new(number.span(), message)),
            Some(other) => Err(Error::new(other.span(), message)),
        }
    }

    /// Returns the value as a time, in milliseconds.
    pub(crate) fn millis(&self) -> Result<u64> {
        let message = "expected a time in quotes, as in `shutdown = \"10s\"`: a whole number and \
                       `ms`, `s` or `m`";
        match &self.value {
            None => Err(self.error(message)),
            Some(Lit::Str(text)) => {
                millis(&text.value()).ok_or_else(|| Error::new(text.span(), message))
            }
            Some(other) => Err(Error::new(other.span(), message)),
        }
    }

    /// Returns the value as the path of a crate.
    pub(crate) fn path(&self) -> Result<Path> {
        let message = "expected the path of `anyrt` in quotes: the name of a dependency, or a path \
                       that begins with `crate::`";
        match &self.value {
            None => Err(self.error(message)),
            Some(Lit::Str(text)) => absolute(text).ok_or_else(|| Error::new(text.span(), message)),
            Some(other) => Err(Error::new(other.span(), message)),
        }
    }
}

/// A time such as `10s`, `500ms`, `2m`.
fn millis(text: &str) -> Option<u64> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// A path that means the same in the module that `#[anyrt::test]` makes.
fn absolute(text: &LitStr) -> Option<Path> {
    let path = text.parse::<Path>().ok()?;
    let first = &path.segments.first()?.ident;
    (first != "self" && first != "super").then_some(path)
}

/// The path where no `crate = "…"` is given.
pub(crate) fn default_path() -> Path {
    syn::parse_quote!(::anyrt)
}
