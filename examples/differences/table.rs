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

    /// What `anyrt`'s cells show, without the table.
    fn anyrt_in_words(&self) -> String {
        if !differ(self.anyrt()) {
            return format!("{} on all", words(self.anyrt()).next().unwrap_or_default());
        }
        let cells = self.anyrt().iter().zip(&COLUMNS[RAW..]);
        let words: Vec<String> = cells
            .map(|(s, c)| format!("{}: {}", c.head, s.word))
            .collect();
        words.join(", ")
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
        let width = words.map(|word| word.chars().count()).max().unwrap_or(0);
        width.min(widest(column))
    }

    fn titles(&self) -> usize {
        let titles = self.rows.iter().map(|line| line.claim.title);
        titles.map(|t| t.chars().count()).max().unwrap_or(0)
    }

    /// The lines above the rows.
    fn head(&self) -> String {
        let numbers: Vec<String> = self
            .rows
            .iter()
            .map(|l| l.claim.number.to_string())
            .collect();
        let cell = |column: usize| COLUMNS[column].head.to_owned();
        let title = self.titles();
        let raw = (0..RAW).map(|column| self.width(column) + 1).sum::<usize>();
        [
            format!("Rows of BACKENDS.md: {}.", numbers.join(", ")),
            "One executor thread each. In rows 9 and 23, smol's `Executor`: its global one never ends."
                .to_owned(),
            format!("≠ not all alike · = as on builtin · {NOTHING} nothing to see · ! not as promised"),
            String::new(),
            format!("{:3}{:title$} │{:raw$}   │ anyrt on", "", "", " raw"),
            self.join(&format!("{:>2} {:title$}", "#", "behaviour"), " ", cell),
        ]
        .join("\n")
    }

    fn row(&self, line: &Line<'_>) -> String {
        let title = self.titles();
        let Claim {
            number,
            title: name,
            ..
        } = line.claim;
        let cell = |column| shorten(line.cell(column), widest(column));
        let raw = if differ(line.raw()) { "≠" } else { " " };
        let mut text = self.join(&format!("{number:>2} {name:title$}"), raw, cell);
        if differ(line.anyrt()) {
            text += "≠";
        } else if !line.is_as_promised() {
            text += "!";
        }
        text.trim_end().to_owned()
    }

    /// Puts the cells of one line side by side.
    fn join(&self, start: &str, raw_mark: &str, cell: impl Fn(usize) -> String) -> String {
        let mut text = format!("{start} │");
        for column in 0..COLUMNS.len() {
            if column == RAW {
                text += &format!(" {raw_mark} │");
            }
            let width = self.width(column);
            text += &format!(" {:width$}", cell(column));
        }
        text
    }

    /// What has no room in the rows: how cells ended that could not say it, and broken promises.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for line in &self.rows {
            let number = line.claim.number;
            for (seen, column) in line.seen.iter().zip(&COLUMNS) {
                if seen.from_outside {
                    let why = last_words(&seen.stderr).unwrap_or("nothing on standard error");
                    notes.push(format!("{number:>2} {}: {}: {why}", column.key, seen.word));
                }
            }
            if !line.is_as_promised() {
                let promise = line.claim.promise;
                notes.push(format!(
                    "{number:>2} ! promised: {promise}; seen: {}",
                    line.anyrt_in_words()
                ));
            }
        }
        notes
    }
}

/// How much room a word may take. The last columns mostly say that they are like the one before.
fn widest(column: usize) -> usize {
    match COLUMNS[column].head.chars().count() {
        head if column > RAW => head.max(5),
        _ if column == RAW => 12,
        _ => 15,
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.head())?;
        for line in &self.rows {
            writeln!(f, "{}", self.row(line))?;
        }
        writeln!(f)?;
        for note in self.notes() {
            writeln!(f, "{}", shorten(&note, WIDTH))?;
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

fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width - 1).collect();
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
