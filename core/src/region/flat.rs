//! Dropping what holds the next of its kind, however many there are, on a small stack.

use std::cell::{Cell, RefCell};

use crate::sync::thread_local;

/// How many calls may be inside each other before the next one is put off.
const DEEP: usize = 32;

struct Calls {
    depth: Cell<usize>,
    put_off: RefCell<Vec<Box<dyn FnOnce()>>>,
}

thread_local! {
    static CALLS: Calls = const {
        Calls {
            depth: Cell::new(0),
            put_off: RefCell::new(Vec::new()),
        }
    };
}

/// Calls `f`, which lets no panic out; deep inside other such calls, once the outermost of them is
/// done with its own.
pub(crate) fn flat(f: impl FnOnce() + 'static) {
    let Ok(depth) = CALLS.try_with(|calls| calls.depth.get()) else {
        // A thread that is ending keeps no list.
        return f();
    };
    if depth == DEEP {
        return CALLS.with(|calls| calls.put_off.borrow_mut().push(Box::new(f)));
    }
    CALLS.with(|calls| calls.depth.set(depth + 1));
    f();
    if depth == 0 {
        while let Some(next) = CALLS.with(|calls| calls.put_off.borrow_mut().pop()) {
            next();
        }
    }
    CALLS.with(|calls| calls.depth.set(depth));
}
