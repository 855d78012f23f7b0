//! A row of the table: one experiment, on three raw runtimes and once through `anyrt`.

use std::borrow::Cow;

use crate::backend::{AsyncStd, Backend, Builtin, Smol, TokioCurrent, TokioMulti};

/// What a cell saw, in a word or two.
pub(crate) type Word = Cow<'static, str>;

/// The word of a cell for which there is nothing to see; it takes no part in the comparison.
pub(crate) const NOTHING: Word = Cow::Borrowed("–");

/// One experiment.
pub(crate) trait Row {
    /// Its number in BACKENDS.md.
    const NUMBER: u8;
    const TITLE: &'static str;
    /// What `anyrt` promises to show, on every backend.
    const PROMISE: &'static str;

    fn tokio() -> Word;
    fn smol() -> Word;
    fn async_std() -> Word;
    fn anyrt<B: Backend>() -> Word;
}

/// A column of the table.
pub(crate) struct Column {
    /// What the child process is told.
    pub(crate) key: &'static str,
    pub(crate) head: &'static str,
}

/// How many of the columns are raw runtimes; the others are `anyrt`'s.
pub(crate) const RAW: usize = 3;

pub(crate) const COLUMNS: [Column; 8] = [
    column("raw-tokio", "tokio"),
    column("raw-smol", "smol"),
    column("raw-async-std", "async-std"),
    column("builtin", "builtin"),
    column("tokio-multi", "tok-mt"),
    column("tokio-current", "tok-ct"),
    column("smol", "smol"),
    column("async-std", "a-std"),
];

const fn column(key: &'static str, head: &'static str) -> Column {
    Column { key, head }
}

/// A row as the table sees it: its types erased, a function for each column.
pub(crate) struct Claim {
    pub(crate) number: u8,
    pub(crate) title: &'static str,
    pub(crate) promise: &'static str,
    pub(crate) cells: [fn() -> Word; COLUMNS.len()],
}

impl Claim {
    pub(crate) fn of<R: Row>() -> Self {
        Claim {
            number: R::NUMBER,
            title: R::TITLE,
            promise: R::PROMISE,
            cells: [
                R::tokio,
                R::smol,
                R::async_std,
                R::anyrt::<Builtin>,
                R::anyrt::<TokioMulti>,
                R::anyrt::<TokioCurrent>,
                R::anyrt::<Smol>,
                R::anyrt::<AsyncStd>,
            ],
        }
    }
}
