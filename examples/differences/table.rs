//! The table, and what is counted in it.

use std::fmt;

use crate::child::Seen;
use crate::row::{COLUMNS, Claim, NOTHING, RAW};

/// As wide as the table may get.
const WIDTH: usize = 120;

/// Says that a cell is the same as the first of its side.
const SAME: &str = "=";

/// What was seen, laid out.
pub(crate) struct Table<'a> {
    rows: Vec<Line<'a>>,
}

struct Line<'a> {
    claim: &'a Claim,
    seen: &'a [Seen],
}

impl Line<'_> {
    fn raw(&self) -> &[Seen] {
        &self.seen[..RAW]
    }

    fn anyrt(&self) -> &[Seen] {
        &self.seen[RAW..]
    }

    fn is_as_promised(&self) -> bool {
        words(self.anyrt()).all(|word| word == self.claim.promise)
    }

    /// The word to print in a column.
    fn cell(&self, column: usize) -> &str {
        let word = self.seen[column].word.as_str();
        match column > RAW && word == self.seen[RAW].word {
            true => SAME,
            false => word,
        }
    }
}

/// The words that take part in the comparison.
fn words(cells: &[Seen]) -> impl Iterator<Item = &str> {
    let words = cells.iter().map(|seen| seen.word.as_str());
    words.filter(|word| *word != NOTHING)
}

/// Whether not all cells are equal.
fn differ(cells: &[Seen]) -> bool {
    let mut words = words(cells);
    let first = words.next();
    words.any(|word| Some(word) != first)
}

impl<'a> Table<'a> {
    pub(crate) fn new(claims: &'a [Claim], seen: &'a [Vec<Seen>]) -> Self {
        let rows = claims.iter().zip(seen);
        Table {
            rows: rows.map(|(claim, seen)| Line { claim, seen }).collect(),
        }
    }

    /// Whether `anyrt`'s cells are alike in each row, and as promised.
    pub(crate) fn keeps_its_promise(&self) -> bool {
        let kept = |line: &Line<'_>| !differ(line.anyrt()) && line.is_as_promised();
        self.rows.iter().all(kept)
    }

    fn count(&self, what: impl Fn(&Line<'_>) -> bool) -> usize {
        self.rows.iter().filter(|line| what(line)).count()
    }

    fn width(&self, column: usize) -> usize {
        let words = self.rows.iter().map(|line| line.cell(column));
        let words = words.chain([COLUMNS[column].head]);
        words.map(|word| word.chars().count()).max().unwrap_or(0)
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claims: Vec<&Claim> = self.rows.iter().map(|line| line.claim).collect();
        let numbers: Vec<String> = claims.iter().map(|c| c.number.to_string()).collect();
        let title = claims.iter().map(|c| c.title.chars().count()).max();
        let title = title.unwrap_or(0);
        let widths: Vec<usize> = (0..COLUMNS.len()).map(|c| self.width(c)).collect();

        writeln!(f, "Rows of BACKENDS.md: {}.", numbers.join(", "))?;
        writeln!(
            f,
            "One executor thread each. In rows 9 and 23, smol's `Executor`, as its global one never ends."
        )?;
        writeln!(
            f,
            "≠ not all alike · = as on builtin · {NOTHING} nothing to see · ! not as promised"
        )?;
        writeln!(f)?;

        let raw = widths[..RAW].iter().sum::<usize>() + RAW - 1;
        writeln!(f, "{:3}{:title$} │ {:raw$}   │ anyrt on", "", "", "raw")?;
        write!(f, "{:>2} {:title$} │", "#", "behaviour")?;
        for (index, (column, width)) in COLUMNS.iter().zip(&widths).enumerate() {
            if index == RAW {
                write!(f, "   │")?;
            }
            write!(f, " {:width$}", column.head)?;
        }
        writeln!(f)?;

        for line in &self.rows {
            let Claim {
                number,
                title: name,
                promise,
                ..
            } = line.claim;
            let mut text = format!("{number:>2} {name:title$} │");
            for (index, width) in widths.iter().enumerate() {
                if index == RAW {
                    text += if differ(line.raw()) {
                        " ≠ │"
                    } else {
                        "   │"
                    };
                }
                text += &format!(" {:width$}", line.cell(index));
            }
            if differ(line.anyrt()) {
                text += " ≠";
            }
            if !line.is_as_promised() {
                text += &format!(" ! promised: {promise}");
            }
            writeln!(f, "{}", text.trim_end())?;
        }

        writeln!(f)?;
        for line in &self.rows {
            for (seen, column) in line.seen.iter().zip(&COLUMNS) {
                if seen.from_outside {
                    let why = last_words(&seen.stderr).unwrap_or("nothing on standard error");
                    let number = line.claim.number;
                    let text = format!("{number:>2} {}: {}: {why}", column.key, seen.word);
                    writeln!(f, "{}", shorten(&text))?;
                }
            }
        }

        let all = self.rows.len();
        writeln!(
            f,
            "raw runtimes: {} of {all} rows differ · anyrt: {} of {all} rows differ, {} not as promised",
            self.count(|line| differ(line.raw())),
            self.count(|line| differ(line.anyrt())),
            self.count(|line| !line.is_as_promised()),
        )
    }
}

/// The text of the first panic on a child's standard error.
fn last_words(stderr: &str) -> Option<&str> {
    let mut lines = stderr.lines();
    lines.find(|line| line.contains("panicked at "))?;
    lines.next()
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= WIDTH {
        return text.to_owned();
    }
    let kept: String = text.chars().take(WIDTH - 1).collect();
    kept + "…"
}

/// Prints what the cells wrote to standard error.
pub(crate) fn print_stderr(claims: &[Claim], seen: &[Vec<Seen>]) {
    for (claim, seen) in claims.iter().zip(seen) {
        for (seen, column) in seen.iter().zip(&COLUMNS) {
            if !seen.stderr.is_empty() {
                println!("── row {}, {}: {}", claim.number, column.key, seen.word);
                println!("{}", seen.stderr.trim_end());
            }
        }
    }
}
