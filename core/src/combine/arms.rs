//! The arms of a combinator, and how they are polled: a few of different types, in place.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;

use pin_project::pin_project;

use super::arm::{Arm, Kept};
use super::policy::{How, Ruling};
use crate::region::Reason;

/// The arms of one combinator.
pub trait Arms {
    /// The ends of all arms: of a few as nested pairs, of many as a vector.
    type Ends;

    fn count(&self) -> usize;

    /// Polls those that may have something to do, and takes note of who ended.
    fn turn(self: Pin<&mut Self>, ruling: &mut Ruling, cx: &mut Context<'_>);

    /// Takes the ends out, once all are over.
    fn take_ends(self: Pin<&mut Self>) -> Self::Ends;
}

/// No more arms.
pub struct Nil;

/// An arm, and the others: how a tuple is stored, so that one implementation does for all lengths.
#[pin_project]
pub struct Cons<F: Future, Rest> {
    #[pin]
    pub(super) arm: Arm<F>,
    #[pin]
    pub(super) rest: Rest,
}

/// A few arms of different types.
pub trait Few {
    type Ends;
    const COUNT: usize;

    fn poll_arm(
        self: Pin<&mut Self>,
        index: usize,
        stop: Option<&Reason>,
        cx: &mut Context<'_>,
    ) -> Option<How>;

    fn take_ends(self: Pin<&mut Self>) -> Self::Ends;
}

impl Few for Nil {
    type Ends = ();
    const COUNT: usize = 0;

    fn poll_arm(
        self: Pin<&mut Self>,
        _: usize,
        _: Option<&Reason>,
        _: &mut Context<'_>,
    ) -> Option<How> {
        None
    }

    fn take_ends(self: Pin<&mut Self>) {}
}

impl<F: Future, Rest: Few> Few for Cons<F, Rest> {
    type Ends = (Kept<F::Output>, Rest::Ends);
    const COUNT: usize = 1 + Rest::COUNT;

    fn poll_arm(
        self: Pin<&mut Self>,
        index: usize,
        stop: Option<&Reason>,
        cx: &mut Context<'_>,
    ) -> Option<How> {
        let this = self.project();
        match index.checked_sub(1) {
            None => this.arm.poll(stop, cx),
            Some(index) => this.rest.poll_arm(index, stop, cx),
        }
    }

    fn take_ends(self: Pin<&mut Self>) -> Self::Ends {
        let this = self.project();
        (this.arm.take_end(), this.rest.take_ends())
    }
}

/// The longest tuple that is a combinator's argument.
pub(super) const MOST: usize = 8;

impl<A: Few> Arms for A {
    type Ends = A::Ends;

    fn count(&self) -> usize {
        A::COUNT
    }

    /// Polls all: so few need no wakers of their own.
    fn turn(mut self: Pin<&mut Self>, ruling: &mut Ruling, cx: &mut Context<'_>) {
        let mut indexes: [usize; MOST] = std::array::from_fn(|index| index);
        let indexes = &mut indexes[..A::COUNT];
        ruling.order(indexes);
        let mut poll = |index, ruling: &mut Ruling| {
            let polled = self.as_mut().poll_arm(index, ruling.stops(), cx);
            if let Some(how) = polled {
                ruling.ended(index, how);
            }
        };
        let mut before = 0;
        for (position, &index) in indexes.iter().enumerate() {
            let decided = ruling.stops().is_some();
            poll(index, ruling);
            if !decided && ruling.stops().is_some() {
                before = position;
            }
        }
        // Those polled before the verdict are to be stopped as well.
        for &index in &indexes[..before] {
            poll(index, ruling);
        }
    }

    fn take_ends(self: Pin<&mut Self>) -> A::Ends {
        Few::take_ends(self)
    }
}
