//! Measuring two ways of doing the same work side by side, and saying what came out.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use super::labs::Side;

const WARM_UP: usize = 8;
const ROUNDS: usize = 151;

/// What a row must not exceed.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    /// Ours by theirs.
    Ratio(f64),
    /// Ours less theirs, in the unit of the row.
    Extra(f64),
    /// Ours, with nothing to compare it to.
    Alone(f64),
    None,
}

/// What came out of a row: medians for one operation, and their relation.
pub(crate) struct Cost {
    ours: f64,
    theirs: f64,
    ratio: f64,
    /// The middle half of the ratios: wide on a busy machine.
    spread: Option<(f64, f64)>,
    diff: f64,
    unit: &'static str,
    more: String,
}

impl Cost {
    /// A cost that was counted rather than timed.
    pub(crate) fn counted(ours: f64, theirs: f64, unit: &'static str) -> Self {
        Cost {
            ours,
            theirs,
            ratio: ours / theirs,
            spread: None,
            diff: ours - theirs,
            unit,
            more: String::new(),
        }
    }

    /// Adds words at the end of the line.
    pub(crate) fn and(mut self, more: impl fmt::Display) -> Self {
        self.more = format!(" {more}");
        self
    }
}

/// Runs both sides in turn, in many short rounds.
///
/// The ratio is the median of the ratios *of pairs*: the two rounds of a pair are milliseconds apart,
/// so what slows the machine for longer slows both alike and cancels out, and what hits one of them
/// only is far from the median. A ratio of medians would compare a quiet moment with a busy one. Who
/// goes first changes with each pair.
pub(crate) fn pairs(ops: usize, mut run: impl FnMut(Side, usize) -> Duration) -> Cost {
    let mut one = |side| run(side, ops).as_nanos() as f64 / ops as f64;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for number in 0..WARM_UP + ROUNDS {
        let pair = if number % 2 == 0 {
            let ours = one(Side::Ours);
            (ours, one(Side::Theirs))
        } else {
            let theirs = one(Side::Theirs);
            (one(Side::Ours), theirs)
        };
        if number >= WARM_UP {
            rounds.push(pair);
        }
    }
    let sorted = |of: fn(&(f64, f64)) -> f64| {
        let mut all: Vec<_> = rounds.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let median = |of| sorted(of)[ROUNDS / 2];
    let ratios = sorted(|(ours, theirs)| ours / theirs);
    Cost {
        ours: median(|pair| pair.0),
        theirs: median(|pair| pair.1),
        ratio: ratios[ROUNDS / 2],
        spread: Some((ratios[ROUNDS / 4], ratios[ROUNDS * 3 / 4])),
        diff: median(|(ours, theirs)| ours - theirs),
        unit: "ns",
        more: String::new(),
    }
}

/// Prints the rows, and keeps those that are over their limit.
#[derive(Default)]
pub(crate) struct Report {
    rows: RefCell<usize>,
    over: RefCell<Vec<String>>,
    unmeasured: RefCell<Vec<String>>,
}

impl Report {
    pub(crate) fn add(&self, name: &str, backend: &str, limit: Limit, cost: &Cost) {
        let Cost {
            ours,
            theirs,
            ratio,
            diff,
            unit,
            more,
            ..
        } = cost;
        let spread = match cost.spread {
            Some((low, high)) => format!(" spread={low:.3}..{high:.3}"),
            None => String::new(),
        };
        let (over, line) = match limit {
            Limit::Ratio(limit) => (
                *ratio > limit,
                format!(
                    "ratio={ratio:.3} limit={limit:.2} ours={ours:.1} theirs={theirs:.1} unit={unit}{spread}"
                ),
            ),
            Limit::None => (
                false,
                format!(
                    "ratio={ratio:.3} limit=none diff={diff:.1} ours={ours:.1} theirs={theirs:.1} unit={unit}{spread}"
                ),
            ),
            Limit::Extra(limit) => (
                *diff > limit,
                format!(
                    "diff={diff:.1} limit={limit} ours={ours:.1} theirs={theirs:.1} unit={unit}"
                ),
            ),
            Limit::Alone(limit) => (
                *ours > limit,
                format!("ours={ours:.1} limit={limit} unit={unit}"),
            ),
        };
        let line = format!("cost: {name} backend={backend} {line}{more}");
        println!("{line}");
        *self.rows.borrow_mut() += 1;
        if over {
            self.over.borrow_mut().push(line);
        }
    }

    pub(crate) fn unmeasured(&self, name: &str, backend: &str, why: impl fmt::Display) {
        let line = format!("cost: {name} backend={backend} not measured: {why}");
        println!("{line}");
        self.unmeasured.borrow_mut().push(line);
    }

    /// Prints the summary. Says whether every row was measured.
    pub(crate) fn end(self) -> bool {
        let (rows, over, unmeasured) = (
            self.rows.into_inner(),
            self.over.into_inner(),
            self.unmeasured.into_inner(),
        );
        println!(
            "\n{rows} rows, {} over their limit, {} not measured",
            over.len(),
            unmeasured.len()
        );
        for line in over.iter().chain(&unmeasured) {
            println!("  {line}");
        }
        unmeasured.is_empty()
    }
}
