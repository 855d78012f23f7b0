//! What drives the arms of a combinator, whatever it makes of their ends.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use super::arms::Arms;
use super::policy::{Policy, Ruling, Ties};
use crate::region::frame;

/// Arms that are polled until all are over.
#[pin_project]
pub(super) struct Run<A> {
    #[pin]
    arms: A,
    ruling: Ruling,
    pub(super) at: &'static Location<'static>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Started,
    Ended,
}

/// All arms are over: what there is to make a result of.
pub struct Over<'a, E> {
    pub(super) ends: E,
    pub(super) ruling: &'a Ruling,
    pub(super) at: &'static Location<'static>,
}

impl<A: Arms> Run<A> {
    pub(super) fn new(arms: A, policy: Policy, ties: Ties, at: &'static Location<'static>) -> Self {
        let ruling = Ruling::new(policy, ties, arms.count());
        Run {
            arms,
            ruling,
            at,
            stage: Stage::New,
        }
    }

    /// Polls the arms. Not before all are over there is a result.
    ///
    /// An arm that a request of the region around has stopped is never over, and so there is none.
    pub(super) fn poll(
        self: Pin<&mut Self>,
        name: &str,
        cx: &mut Context<'_>,
    ) -> Poll<Over<'_, A::Ends>> {
        let mut this = self.project();
        match *this.stage {
            // An opening edge: where a request is due nothing starts.
            Stage::New if frame::is_stopping() => return Poll::Pending,
            Stage::New => *this.stage = Stage::Started,
            Stage::Started => {}
            Stage::Ended => panic!("a `{name}` future was polled after it was ready"),
        }
        this.arms.as_mut().turn(this.ruling, cx);
        if !this.ruling.is_over() {
            return Poll::Pending;
        }
        *this.stage = Stage::Ended;
        Poll::Ready(Over {
            ends: this.arms.take_ends(),
            ruling: this.ruling,
            at: this.at,
        })
    }

    /// How many arms are not over.
    pub(super) fn live(&self) -> usize {
        self.ruling.live()
    }
}

/// The future of a combinator, named, around a [`Run`].
macro_rules! combined {
    ($(#[$doc:meta])* $future:ident, $combine:ident, $name:literal) => {
        $(#[$doc])*
        #[pin_project::pin_project]
        #[must_use = "a future does nothing unless it is awaited"]
        pub struct $future<A: $crate::combine::sealed::Container> {
            #[pin]
            run: $crate::combine::run::Run<A::Arms>,
        }

        impl<A: $combine> $future<A> {
            fn new(
                arms: A,
                policy: $crate::combine::policy::Policy,
                ties: $crate::combine::policy::Ties,
                at: &'static std::panic::Location<'static>,
            ) -> Self {
                let run = $crate::combine::run::Run::new(arms.arms(at), policy, ties, at);
                $future { run }
            }
        }

        impl<A: $combine> std::future::Future for $future<A> {
            type Output = A::Output;

            fn poll(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<A::Output> {
                self.project().run.poll($name, cx).map(A::output)
            }
        }

        impl<A: $crate::combine::sealed::Container> std::fmt::Debug for $future<A> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($future))
                    .field("live", &self.run.live())
                    .finish_non_exhaustive()
            }
        }
    };
}

/// A trait of the arguments of one combinator: tuples, arrays, vectors.
macro_rules! combine {
    ($(#[$doc:meta])* $combine:ident) => {
        $(#[$doc])*
        #[diagnostic::on_unimplemented(
            message = "`{Self}` are no arms of this combinator",
            note = "arms are a tuple of at most 8 futures, an array of futures, or a `Vec` of futures"
        )]
        pub trait $combine: $crate::combine::sealed::Container {
            /// What the combinator gives.
            type Output;

            #[doc(hidden)]
            fn arms(self, at: &'static std::panic::Location<'static>) -> Self::Arms;

            #[doc(hidden)]
            fn output(over: $crate::combine::Ended<'_, Self::Arms>) -> Self::Output;
        }
    };
}

pub(super) use {combine, combined};
