//! What the end of one of several means for the others: the one policy under all combinators.

use crate::chance;
use crate::region::Reason;

/// Until when several are waited for, and whether one that failed stops the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// For all; the first failure stops the others.
    FailFast,
    /// For all, whatever happens to each.
    Collect,
    /// For the first to end, however it does.
    First,
    /// For the first value; failures are collected until then.
    FirstOk,
}

/// How one of several ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Value,
    /// A value that is an error, where the combinator tells these apart.
    Error,
    /// It panicked, or something else stopped it: there is no value and no error.
    Panic,
    /// We stopped it, and it has nothing to say.
    Stopped,
}

/// What becomes of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    GoOn,
    Stop,
}

impl Policy {
    /// What the end of one means for the others, as long as nothing is decided.
    pub(crate) fn verdict(self, how: How) -> Verdict {
        match (self, how) {
            (_, How::Stopped) | (Policy::Collect, _) => Verdict::GoOn,
            (Policy::First, _)
            | (Policy::FirstOk, How::Value)
            | (Policy::FailFast, How::Error | How::Panic) => Verdict::Stop,
            (Policy::FirstOk, _) | (Policy::FailFast, How::Value) => Verdict::GoOn,
        }
    }

    /// Whether an end is part of the result though the others have been stopped by then. What is not:
    /// a value is dropped, a panic goes to the failure hook.
    pub(crate) fn keeps_late(self, how: How) -> bool {
        match how {
            How::Value | How::Stopped => self == Policy::Collect,
            How::Error | How::Panic => self != Policy::First,
        }
    }

    /// Why the others are asked to stop.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Policy::FailFast | Policy::Collect => Reason::fixed("another arm failed"),
            Policy::First | Policy::FirstOk => Reason::fixed("another arm was first"),
        }
    }
}

/// The course of one combinator: who is still running, what is decided.
#[derive(Debug)]
pub struct Ruling {
    policy: Policy,
    live: usize,
    /// Whose end stopped the others.
    decided: Option<usize>,
    /// There once something is decided.
    reason: Option<Reason>,
    /// Whose failures are part of the result, in the order in which they came.
    failed: Vec<usize>,
    ties: Ties,
}

/// Who is polled first, of several that may be ready.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ties {
    InOrder,
    /// The state of a small generator.
    Seeded(u64),
}

impl Ruling {
    pub(crate) fn new(policy: Policy, ties: Ties, count: usize) -> Self {
        Ruling {
            policy,
            live: count,
            decided: None,
            reason: None,
            failed: Vec::new(),
            ties,
        }
    }

    /// Takes note of an end, and decides.
    pub(crate) fn ended(&mut self, index: usize, how: How) {
        self.live = self.live.saturating_sub(1);
        let first = self.decided.is_none();
        if matches!(how, How::Error | How::Panic) && (first || self.policy.keeps_late(how)) {
            self.failed.push(index);
        }
        if first && self.policy.verdict(how) == Verdict::Stop {
            self.decided = Some(index);
            self.reason = Some(self.policy.reason());
        }
    }

    /// Whether all have ended.
    pub(crate) fn is_over(&self) -> bool {
        self.live == 0
    }

    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Why the others are to stop, once they are.
    pub(crate) fn stops(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    /// Whose end stopped the others.
    pub(crate) fn decided(&self) -> Option<usize> {
        self.decided
    }

    /// Whose failures are part of the result, in the order in which they came.
    pub(crate) fn failed(&self) -> &[usize] {
        &self.failed
    }

    /// Puts those that may be ready into the order in which they are polled.
    pub(crate) fn order(&mut self, indexes: &mut [usize]) {
        match &mut self.ties {
            Ties::InOrder => indexes.sort_unstable(),
            Ties::Seeded(state) => {
                // From one order, whoever woke first: the seed alone decides.
                indexes.sort_unstable();
                for last in (1..indexes.len()).rev() {
                    indexes.swap(last, below(state, last + 1));
                }
            }
        }
    }
}

/// A number below `n`: any seed will do.
fn below(state: &mut u64, n: usize) -> usize {
    (chance::next(state) % n as u64) as usize
}
