//! What a thread holds while it runs, and gives away while it waits.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use crate::sync::thread_local;

/// Something that others wait for.
pub(crate) trait Held {
    /// The thread is about to wait: others may have it.
    fn let_go(&self);

    /// The wait is over. Returns when this thread has it again.
    fn take_back(&self);
}

thread_local! {
    static HELD: Cell<Option<Rc<dyn Held>>> = const { Cell::new(None) };
}

/// This thread holds something, until this is dropped; what it held before it does not hold meanwhile.
pub(crate) struct Holding(Option<Rc<dyn Held>>);

impl Holding {
    pub(crate) fn new(held: Rc<dyn Held>) -> Self {
        Holding(replace(Some(held)))
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let over = replace(self.0.take());
        drop(over);
    }
}

/// On a thread that is ending nothing is held.
fn replace(held: Option<Rc<dyn Held>>) -> Option<Rc<dyn Held>> {
    HELD.try_with(|cell| cell.replace(held)).ok().flatten()
}

/// Runs `wait`, in which this thread waits for something that others do, without what it holds.
pub(crate) fn while_waiting<T>(wait: impl FnOnce() -> T) -> T {
    let _given = replace(None).map(|held| {
        held.let_go();
        Given(held)
    });
    wait()
}

/// Something that was let go. Taken back when this is dropped, also by a panic.
struct Given(Rc<dyn Held>);

impl Drop for Given {
    fn drop(&mut self) {
        match catch_unwind(AssertUnwindSafe(|| self.0.take_back())) {
            Ok(()) => drop(replace(Some(Rc::clone(&self.0)))),
            // Two panics at a time would abort the process.
            Err(payload) if std::thread::panicking() => std::mem::forget(payload),
            Err(payload) => resume_unwind(payload),
        }
    }
}
