//! A value that comes back from who uses it to who releases it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::sync::{Mutex, MutexGuard};

/// Where a lent value comes back to. Its lock is a leaf.
pub(super) struct Slot<A>(Mutex<State<A>>);

enum State<A> {
    Lent { waker: Option<Waker> },
    Back(A),
    Taken,
}

impl<A> Slot<A> {
    fn lock(&self) -> MutexGuard<'_, State<A>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Takes the value, if it is back.
    pub(super) fn take(&self) -> Option<A> {
        let mut state = self.lock();
        match &*state {
            State::Back(_) => match std::mem::replace(&mut *state, State::Taken) {
                State::Back(value) => Some(value),
                State::Lent { .. } | State::Taken => None,
            },
            State::Lent { .. } | State::Taken => None,
        }
    }

    /// Waits until the value is back; nothing if it was taken already.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<A>> {
        // Cloned, and what it replaces dropped, outside the lock.
        let mut new = Some(cx.waker().clone());
        let mut state = self.lock();
        match &mut *state {
            State::Lent { waker } => {
                std::mem::swap(waker, &mut new);
                drop(state);
                Poll::Pending
            }
            State::Back(_) => {
                drop(state);
                Poll::Ready(self.take())
            }
            State::Taken => {
                drop(state);
                Poll::Ready(None)
            }
        }
    }

    fn put(&self, next: State<A>) {
        let before = std::mem::replace(&mut *self.lock(), next);
        if let State::Lent { waker: Some(waker) } = before {
            waker.wake();
        }
    }
}

/// What was acquired, lent to who uses it: dereferences to it.
///
/// Dropped, it goes back to its release, which owns it from then on. The release waits for it: normally it
/// is dropped with the body that it was lent to.
///
/// # Examples
///
/// See [`bracket`](crate::bracket).
pub struct Lent<A> {
    value: Option<A>,
    slot: Arc<Slot<A>>,
}

impl<A> Lent<A> {
    pub(super) fn new(value: A) -> (Self, Arc<Slot<A>>) {
        let slot = Arc::new(Slot(Mutex::new(State::Lent { waker: None })));
        let lent = Lent {
            value: Some(value),
            slot: Arc::clone(&slot),
        };
        (lent, slot)
    }

    /// Keeps the value from coming back.
    pub(super) fn keep(mut self) -> A {
        let value = self.value.take().expect(THERE);
        self.slot.put(State::Taken);
        value
    }
}

const THERE: &str = "what is lent is there until this is dropped";

impl<A> Deref for Lent<A> {
    type Target = A;

    fn deref(&self) -> &A {
        self.value.as_ref().expect(THERE)
    }
}

impl<A> DerefMut for Lent<A> {
    fn deref_mut(&mut self) -> &mut A {
        self.value.as_mut().expect(THERE)
    }
}

impl<A> Drop for Lent<A> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.slot.put(State::Back(value));
        }
    }
}

impl<A: fmt::Debug> fmt::Debug for Lent<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lent").field(&**self).finish()
    }
}
