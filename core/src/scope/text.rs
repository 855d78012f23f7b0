//! Text of errors that are not ours: folded into a line, or indented in a tree.

use std::error::Error;
use std::fmt::{self, Debug, Display, Write as _};

use crate::region::contain::{contain, discard};

/// How many characters of one error a line has room for.
const LINE: usize = 400;

/// How an error shows what caused it. A function pointer, because only whoever knows `E: Error` can
/// make one, and the groups are for any `E`.
pub(super) type AsError<E> = fn(&E) -> &(dyn Error + 'static);

/// What stands behind `shown`, whatever its `Display` does.
pub(super) fn text(shown: fmt::Arguments<'_>) -> String {
    let mut text = String::new();
    match contain(|| text.write_fmt(shown)) {
        Ok(Ok(())) => {}
        Ok(Err(fmt::Error)) => text.push_str("(formatting it failed)"),
        Err(payload) => {
            discard(payload);
            text.push_str("(formatting it panicked)");
        }
    }
    text
}

/// The same as one line of bounded length: line breaks become spaces, and the end is cut off.
pub(super) fn line(shown: fmt::Arguments<'_>) -> String {
    let mut line = Line {
        text: String::new(),
        room: LINE,
        broken: false,
        cut: false,
    };
    match contain(|| line.write_fmt(shown)) {
        _ if line.cut => line.text.push('…'),
        Ok(Ok(())) => {}
        Ok(Err(fmt::Error)) => line.text.push_str("(formatting it failed)"),
        Err(payload) => {
            discard(payload);
            line.text.push_str("(formatting it panicked)");
        }
    }
    line.text
}

struct Line {
    text: String,
    room: usize,
    /// A line break, and white space around it, stands at the end of the text.
    broken: bool,
    cut: bool,
}

impl fmt::Write for Line {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for c in part.chars() {
            if matches!(
                c,
                '\n' | '\r' | '\x0b' | '\x0c' | '\u{85}' | '\u{2028}' | '\u{2029}'
            ) {
                self.text.truncate(self.text.trim_end().len());
                self.broken = true;
            } else if !(self.broken && c.is_whitespace()) {
                let gap = usize::from(self.broken && !self.text.is_empty());
                if self.room < 1 + gap {
                    // An error, so that a text of a gigabyte is not written to its end.
                    self.cut = true;
                    return Err(fmt::Error);
                }
                if gap == 1 {
                    self.text.push(' ');
                }
                self.broken = false;
                self.text.push(c);
                self.room -= 1 + gap;
            }
        }
        Ok(())
    }
}

/// Text of several lines, each as deep as what it belongs to.
#[derive(Default)]
pub(super) struct Tree(String);

impl Tree {
    /// Adds each line of `text` that is not blank.
    pub(super) fn add(&mut self, depth: usize, text: &str) {
        for line in text.lines().map(str::trim_end).filter(|l| !l.is_empty()) {
            if !self.0.is_empty() {
                self.0.push('\n');
            }
            self.0.extend(std::iter::repeat_n("  ", depth));
            self.0.push_str(line);
        }
    }

    /// Adds what caused `error`, one after the other.
    pub(super) fn add_causes(&mut self, depth: usize, error: &(dyn Error + 'static)) {
        let mut cause = error.source();
        while let Some(error) = cause {
            self.add(
                depth,
                &format!("caused by: {}", text(format_args!("{error}"))),
            );
            cause = error.source();
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// An error by itself, as its `{:#}`.
pub(super) fn shown<E: Display>(error: &E) -> String {
    text(format_args!("{error:#}"))
}

/// An error as its `{:#}`, and as its `{:?}` where that says more.
///
/// The errors of `anyhow` and `eyre`, and ours, have a `{:?}` that is a report for people: it begins
/// with what they display, and stands alone. That of most others is a dump of fields, in which a
/// source stands that nothing else shows.
pub(super) fn detailed<E: Debug + Display>(error: &E) -> String {
    let plain = text(format_args!("{error}"));
    let shown = shown(error);
    let debug = text(format_args!("{error:?}"));
    let first = shown.lines().next().unwrap_or_default();
    let begins_with = |head: &str| {
        let rest = debug.strip_prefix(head);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('\n'))
    };
    if begins_with(&plain) || begins_with(first) {
        debug
    } else if debug == format!("{plain:?}") {
        shown
    } else {
        format!("{shown}\ndebug: {debug}")
    }
}
