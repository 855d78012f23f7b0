//! The thread-local that says what is bound here and now.

use std::cell::Cell;

use super::Chain;

thread_local! {
    static HERE: Cell<Chain> = const { Cell::new(Chain::EMPTY) };
    /// Whether the chain is not empty. It has no destructor, so that a look at it, which each poll of a
    /// task and each spawn takes, is a plain load.
    static BOUND: Cell<bool> = const { Cell::new(false) };
}

/// Whether anything is bound here.
#[inline]
pub(crate) fn is_bound() -> bool {
    BOUND.try_with(Cell::get).unwrap_or(false)
}

/// A chain that holds on this thread, until this is dropped.
///
/// The chain is *moved* into the thread-local, and what was there moves to where it came from: nothing
/// is counted, nothing is dropped. On a thread that is ending and has no thread-locals any more, nothing
/// moves.
pub(crate) struct Entered<'a> {
    /// What holds around, until it is restored. Nothing where both are empty.
    around: Option<&'a mut Chain>,
}

impl<'a> Entered<'a> {
    #[inline]
    pub(crate) fn new(chain: &'a mut Chain) -> Self {
        if chain.is_empty() && !is_bound() {
            return Entered { around: None };
        }
        swap(chain);
        Entered {
            around: Some(chain),
        }
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(around) = &mut self.around {
            swap(around);
        }
    }
}

fn swap(chain: &mut Chain) {
    let bound = !chain.is_empty();
    let swapped = HERE.try_with(|here| here.swap(Cell::from_mut(chain)));
    if swapped.is_ok() {
        let _ = BOUND.try_with(|is| is.set(bound));
    }
}

/// Looks at what is bound here. `f` is our own code and small: while it runs, nothing seems bound.
pub(super) fn look<T>(f: impl FnOnce(&Chain) -> T) -> Option<T> {
    let seen = HERE.try_with(|here| {
        let chain = here.take();
        let value = f(&chain);
        here.set(chain);
        value
    });
    seen.ok()
}
