//! The short way between a coroutine's body and who polls it: one thread, one poll, no lock.
//!
//! While the body is polled, a [`Slot`] lies in a thread-local. What the body itself yields is put there,
//! and taken by who polls it when that is over; the answer goes the same way with the next poll. Everything
//! else (another task, a part of the body that has a waker of its own, a coroutine that is being closed)
//! goes through the [`Meeting`](super::meeting::Meeting).

use std::any::Any;
use std::cell::RefCell;
use std::task::Waker;

use super::meeting::Ticket;

/// What lies there.
pub(super) struct Slot<Y, R> {
    next: u64,
    pub(super) yielded: Option<(Ticket, Y)>,
    pub(super) answer: Option<(Ticket, R)>,
    /// Whether an answer that was not taken here was left in the meeting.
    pub(super) left: bool,
    /// Who polls: what has the same waker is polled whenever the body is. Kept, so that it is cloned once.
    driver: Option<Waker>,
}

struct Lane {
    /// The meeting that it leads to: to compare only, it lives as long as this lies here.
    of: usize,
    slot: Box<dyn Any>,
}

thread_local! {
    /// Those of the coroutines that this thread is in, innermost last.
    static LANES: RefCell<Vec<Lane>> = const { RefCell::new(Vec::new()) };
}

impl<Y, R> Slot<Y, R> {
    pub(super) fn new() -> Self {
        Slot {
            next: 0,
            yielded: None,
            answer: None,
            left: false,
            driver: None,
        }
    }

    /// Whether who has this waker needs no other wake-up.
    pub(super) fn is_direct(&self, waker: &Waker) -> bool {
        self.driver
            .as_ref()
            .is_some_and(|driver| driver.will_wake(waker))
    }

    pub(super) fn set_driver(&mut self, waker: &Waker) {
        if !self.is_direct(waker) {
            self.driver = Some(waker.clone());
        }
    }

    /// Takes a value, unless somebody else's is here.
    pub(super) fn put(&mut self, value: Y, waker: &Waker) -> Result<Ticket, Y> {
        if self.yielded.is_some() || !self.is_direct(waker) {
            return Err(value);
        }
        let ticket = Ticket::Lane(self.next);
        self.next += 1;
        self.yielded = Some((ticket, value));
        Ok(ticket)
    }

    pub(super) fn take_answer(&mut self, ticket: Ticket) -> Option<R> {
        let (_, answer) = self.answer.take_if(|(one, _)| *one == ticket)?;
        Some(answer)
    }
}

/// A slot that lies in its place, until this is dropped.
pub(super) struct Entered {
    depth: usize,
}

/// Puts the slot of the meeting `of` in its place.
pub(super) fn enter<Y: 'static, R: 'static>(of: usize, slot: Box<Slot<Y, R>>) -> Entered {
    let depth = LANES.try_with(|lanes| {
        let lanes = &mut *lanes.borrow_mut();
        lanes.push(Lane { of, slot });
        lanes.len()
    });
    Entered {
        depth: depth.unwrap_or(0),
    }
}

impl Entered {
    /// Takes the slot back. Nothing on a thread that is ending.
    pub(super) fn leave<Y: 'static, R: 'static>(self) -> Option<Box<Slot<Y, R>>> {
        let slot = self.take()?;
        slot.downcast().ok()
    }

    fn take(&self) -> Option<Box<dyn Any>> {
        let lane = LANES.try_with(|lanes| {
            let lanes = &mut *lanes.borrow_mut();
            match self.depth {
                0 => None,
                depth if lanes.len() == depth => lanes.pop(),
                _ => None,
            }
        });
        Some(lane.ok().flatten()?.slot)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Dropped outside of the borrow. Left already, nothing is there at this depth.
        drop(self.take());
    }
}

/// Works with the slot of the meeting `of`, if its body is polled here. `f` is our own code, and small.
pub(super) fn with<Y: 'static, R: 'static, T>(
    of: usize,
    f: impl FnOnce(Option<&mut Slot<Y, R>>) -> T,
) -> T {
    let mut f = Some(f);
    let done = LANES.try_with(|lanes| {
        let lanes = &mut *lanes.borrow_mut();
        let lane = lanes.iter_mut().rev().find(|lane| lane.of == of)?;
        let slot = lane.slot.downcast_mut::<Slot<Y, R>>()?;
        f.take().map(|f| f(Some(slot)))
    });
    match (done, f) {
        (Ok(Some(value)), _) => value,
        (_, Some(f)) => f(None),
        (_, None) => unreachable!("called once"),
    }
}
