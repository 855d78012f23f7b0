//! What a scope does in each case, and how a task ends: the tables of the documentation, as data, and
//! the cases that run them cell by cell.

mod runs;

use anyrt_core::Verdict;

pub use runs::{each_cell_of_the_policies_is_true, each_row_of_the_outcomes_is_true};

/// What a scope was told to do when something fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// What a scope does if nothing else is said.
    FailFast,
    /// `collect_errors()`.
    Collect,
    /// `supervise`, with a handler that always gives this.
    Supervise(Verdict),
    /// `long_lived()`.
    LongLived,
    /// `cancel_on_exit()`.
    CancelOnExit,
}

/// What happens in a scope whose body and a sibling of the child in question both wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it")]
pub enum Event {
    ChildError,
    ChildPanic,
    ChildCancelled,
    HandlerPanic,
    BodyValue,
    BodyError,
    BodyPanic,
    Deadline,
    OuterRequest,
}

/// What becomes of the body, or of a sibling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nobody disturbs it.
    RunsOn,
    /// It is asked to stop.
    Cancelled,
    /// It is what the event ended.
    Over,
}

/// What the scope gives in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// The value of the body.
    Value,
    /// The same; what failed went to the hook.
    ValueAndHook,
    /// An error with what failed.
    Errors,
    /// An error that says that the time was up.
    Elapsed,
    /// The panic goes on where the scope is awaited.
    Panic,
    /// Nothing: who awaits it is stopped too.
    Nothing,
}

/// One cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it")]
pub struct Cell {
    pub siblings: Fate,
    pub body: Fate,
    pub gives: Gives,
}

/// The rows of the table.
pub const POLICIES: [Policy; 7] = [
    Policy::FailFast,
    Policy::Collect,
    Policy::Supervise(Verdict::Continue),
    Policy::Supervise(Verdict::Keep),
    Policy::Supervise(Verdict::Stop),
    Policy::LongLived,
    Policy::CancelOnExit,
];

/// The columns of the table.
pub const EVENTS: [Event; 9] = [
    Event::ChildError,
    Event::ChildPanic,
    Event::ChildCancelled,
    Event::HandlerPanic,
    Event::BodyValue,
    Event::BodyError,
    Event::BodyPanic,
    Event::Deadline,
    Event::OuterRequest,
];

/// Returns the cell of a policy and an event; none where there is no handler that could panic.
pub fn cell(policy: Policy, event: Event) -> Option<Cell> {
    use Fate::{Cancelled, Over, RunsOn};
    use Policy::{CancelOnExit, Collect, FailFast, LongLived, Supervise};

    let (siblings, body, gives) = match (event, policy) {
        (Event::ChildError | Event::ChildPanic, _) => match policy {
            FailFast | CancelOnExit | Supervise(Verdict::Stop) => {
                (Cancelled, Cancelled, Gives::Errors)
            }
            Collect | Supervise(Verdict::Keep) => (RunsOn, RunsOn, Gives::Errors),
            LongLived => (RunsOn, RunsOn, Gives::ValueAndHook),
            Supervise(_) => (RunsOn, RunsOn, Gives::Value),
        },
        (Event::HandlerPanic, Supervise(_)) => (RunsOn, RunsOn, Gives::ValueAndHook),
        (Event::HandlerPanic, _) => return None,
        (Event::ChildCancelled, _) => (RunsOn, RunsOn, Gives::Value),
        (Event::BodyValue, CancelOnExit) => (Cancelled, Over, Gives::Value),
        (Event::BodyValue, _) => (RunsOn, Over, Gives::Value),
        (Event::BodyError, Collect) => (RunsOn, Over, Gives::Errors),
        (Event::BodyError, _) => (Cancelled, Over, Gives::Errors),
        (Event::BodyPanic, _) => (Cancelled, Over, Gives::Panic),
        (Event::Deadline, _) => (Cancelled, Cancelled, Gives::Elapsed),
        (Event::OuterRequest, _) => (Cancelled, Cancelled, Gives::Nothing),
    };
    Some(Cell {
        siblings,
        body,
        gives,
    })
}

/// Returns the table of policies, in Markdown.
pub fn policies() -> String {
    let mut table = String::from("| what happens |");
    for policy in POLICIES {
        table.push_str(match policy {
            Policy::FailFast => " fail-fast |",
            Policy::Collect => " `collect_errors` |",
            Policy::Supervise(Verdict::Continue) => " `supervise`: `Continue` |",
            Policy::Supervise(Verdict::Keep) => " `supervise`: `Keep` |",
            Policy::Supervise(_) => " `supervise`: `Stop` |",
            Policy::LongLived => " `long_lived` |",
            Policy::CancelOnExit => " `cancel_on_exit` |",
        });
    }
    table.push_str("\n|---|---|---|---|---|---|---|---|\n");
    for event in EVENTS {
        table.push_str(match event {
            Event::ChildError => "| a child fails |",
            Event::ChildPanic => "| a child panics |",
            Event::ChildCancelled => "| a child is cancelled by its handle |",
            Event::HandlerPanic => "| a child fails, and the handler panics |",
            Event::BodyValue => "| the body ends with a value |",
            Event::BodyError => "| the body fails |",
            Event::BodyPanic => "| the body panics |",
            Event::Deadline => "| the scope's own deadline passes |",
            Event::OuterRequest => "| a request comes from outside |",
        });
        for policy in POLICIES {
            let Some(cell) = cell(policy, event) else {
                table.push_str(" – |");
                continue;
            };
            let fate = |fate| match fate {
                Fate::RunsOn => "run on",
                Fate::Cancelled => "stop",
                Fate::Over => "over",
            };
            let gives = match cell.gives {
                Gives::Value => "value",
                Gives::ValueAndHook => "value, hook",
                Gives::Errors => "error",
                Gives::Elapsed => "elapsed",
                Gives::Panic => "panic",
                Gives::Nothing => "nothing",
            };
            let (siblings, body) = (fate(cell.siblings), fate(cell.body));
            table.push_str(&format!(" {siblings} / {body} / {gives} |"));
        }
        table.push('\n');
    }
    table
}

/// Which of the three parts of a task panic: all that a row of the second table says, beside how the
/// body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it")]
pub struct Row {
    pub body: Body,
    pub destructor_panics: bool,
    pub clean_up_panics: bool,
}

/// How the body of a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it")]
pub enum Body {
    Value,
    Panics,
    Cancelled,
}

/// How a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it")]
pub enum Outcome {
    Value,
    PanicOfBody,
    PanicOfDestructor,
    Cancelled,
}

/// Returns the rows of the table of outcomes.
pub fn rows() -> impl Iterator<Item = Row> {
    let bodies = [Body::Value, Body::Panics, Body::Cancelled];
    bodies.into_iter().flat_map(|body| {
        let panics = [(false, false), (false, true), (true, false), (true, true)];
        panics.into_iter().map(move |(destructor, clean_up)| Row {
            body,
            destructor_panics: destructor,
            clean_up_panics: clean_up,
        })
    })
}

/// Returns how a task ends, and how many failures there are beside its outcome.
pub fn outcome(row: Row) -> (Outcome, usize) {
    let outcome = match (row.body, row.destructor_panics) {
        (Body::Value, false) => Outcome::Value,
        (Body::Panics, _) => Outcome::PanicOfBody,
        (Body::Cancelled, false) => Outcome::Cancelled,
        (_, true) => Outcome::PanicOfDestructor,
    };
    let second = row.body == Body::Panics && row.destructor_panics;
    let failures = usize::from(row.clean_up_panics) + usize::from(second);
    (outcome, failures)
}

/// Returns the table of outcomes, in Markdown.
pub fn outcomes() -> String {
    let mut table = String::from(
        "| body | its destructors | clean-ups | outcome | beside it |\n|---|---|---|---|---|\n",
    );
    for row in rows() {
        let body = match row.body {
            Body::Value => "gives a value",
            Body::Panics => "panics",
            Body::Cancelled => "is cancelled",
        };
        let part = |panics| if panics { "panic" } else { "fine" };
        let (destructor, clean_up) = (part(row.destructor_panics), part(row.clean_up_panics));
        let (outcome, failures) = outcome(row);
        let ends = match outcome {
            Outcome::Value => "value",
            Outcome::PanicOfBody => "panicked: the body's",
            Outcome::PanicOfDestructor => "panicked: the destructor's",
            Outcome::Cancelled => "cancelled",
        };
        let beside = match (failures, outcome) {
            (0, _) => "",
            (_, Outcome::Value) => "1 to the hook",
            (1, _) => "1 in `failures()`",
            _ => "2 in `failures()`",
        };
        table.push_str(&format!(
            "| {body} | {destructor} | {clean_up} | {ends} | {beside} |\n"
        ));
    }
    table.push_str("| any, and its runtime goes | any | any | lost | |\n");
    table
}
