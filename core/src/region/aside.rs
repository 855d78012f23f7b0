//! The work that a root polls beside its body: clean-ups, drains, calls across the bridge.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::stream::{FuturesUnordered, Stream};

use super::contain::{Payload, contain, drop_contained};
use super::failure::Phase;
use super::state::{Next, Seen, flag};
use super::{Member, Region};

pub(crate) type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Adopted work: what a region polls beside its body and cannot end before.
pub(crate) struct Work {
    pub(crate) future: BoxFuture,
    pub(crate) kind: WorkKind,
}

/// What becomes of adopted work that cannot run to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkKind {
    /// Code of users: reported as lost.
    CleanUp,
    /// Only a wait, for children that end by themselves or are dropped like this.
    Wait,
}

impl Work {
    pub(crate) fn clean_up(future: BoxFuture) -> Self {
        Work {
            future,
            kind: WorkKind::CleanUp,
        }
    }
}

/// How many turns one poll takes before it lets others run.
const TURNS: usize = 64;

/// What a region had not finished when it was dropped half-way.
#[derive(Default)]
pub(crate) struct Leftovers {
    /// To run one at a time, from the last to the first.
    pub(crate) cleanups: Vec<BoxFuture>,
    /// The same, once the children of the scope are gone.
    pub(crate) after_children: Vec<BoxFuture>,
    /// To run all at once.
    pub(crate) adopted: Vec<Work>,
}

impl Leftovers {
    pub(crate) fn is_empty(&self) -> bool {
        self.cleanups.is_empty() && self.adopted.is_empty()
    }

    /// The same as adopted work only: the clean-ups become one piece, which keeps their order.
    pub(crate) fn bundled(mut self, from: &Arc<dyn Member>) -> Self {
        if !self.cleanups.is_empty() {
            self.adopted.push(Work::clean_up(Box::pin(NewestFirst {
                left: std::mem::take(&mut self.cleanups),
                from: Arc::clone(from),
            })));
        }
        self
    }
}

/// Adopted work, all at once, and at most one clean-up of the region's own.
#[derive(Default)]
pub(crate) struct Aside {
    adopted: FuturesUnordered<Contained>,
    cleaning: Option<BoxFuture>,
}

impl Aside {
    pub(super) fn extend(&mut self, arrivals: Vec<Work>) {
        self.adopted
            .extend(arrivals.into_iter().map(|work| Contained(Some(work))));
    }

    pub(super) fn clean_up(&mut self, next: Option<BoxFuture>) {
        if next.is_some() {
            self.cleaning = next;
        }
    }

    pub(super) fn is_cleaning(&self) -> bool {
        self.cleaning.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cleaning.is_none() && self.adopted.is_empty()
    }

    pub(super) fn leftovers(self, into: &mut Leftovers) {
        into.adopted
            .extend(self.adopted.into_iter().filter_map(|work| work.0));
        into.cleanups.extend(self.cleaning);
    }

    /// Polls everything once. Ready when a clean-up ended, so that the next one may start.
    fn poll(&mut self, region: &Region, cx: &mut Context<'_>) -> Poll<()> {
        // Not when it is empty: it would keep a clone of the waker all the same.
        while !self.adopted.is_empty() {
            match Pin::new(&mut self.adopted).poll_next(cx) {
                Poll::Ready(Some(Err(payload))) => region.fail(Phase::CleanUp, payload),
                Poll::Ready(_) => {}
                Poll::Pending => break,
            }
        }
        let Some(cleanup) = &mut self.cleaning else {
            return Poll::Pending;
        };
        let polled = contain(|| cleanup.as_mut().poll(cx));
        if let Ok(Poll::Pending) = polled {
            return Poll::Pending;
        }
        if let Err(payload) = polled {
            region.fail(Phase::CleanUp, payload);
        }
        if let Err(payload) = contain(|| self.cleaning = None) {
            region.fail(Phase::CleanUp, payload);
        }
        Poll::Ready(())
    }

    /// Polls the adopted work of a region whose body lives. Called inside the region, masked.
    pub(crate) fn poll_beside_body(region: &Region, cx: &mut Context<'_>) {
        for _ in 0..TURNS {
            let Some(mut aside) = region.take_aside() else {
                return;
            };
            let _ = aside.poll(region, cx);
            if !region.put_aside(aside) {
                return;
            }
        }
        cx.waker().wake_by_ref();
    }

    /// Runs everything that a region without a body has left. Ready when the region is closed.
    pub(crate) fn poll_to_end(region: &Region, cx: &mut Context<'_>) -> Poll<()> {
        let mut put_back = None;
        for _ in 0..TURNS {
            let mut aside = match region.next_aside(put_back.take()) {
                Next::Poll(aside) => aside,
                Next::Wait => return Poll::Pending,
                Next::Closed => return Poll::Ready(()),
            };
            if aside.poll(region, cx).is_pending() && !aside.is_empty() {
                if !region.put_aside(aside) {
                    return Poll::Pending;
                }
            } else {
                put_back = Some(aside);
            }
        }
        if let Some(aside) = put_back {
            region.put_aside(aside);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Work whose panic is a value, also that of its destructor.
struct Contained(Option<Work>);

impl Future for Contained {
    type Output = Result<(), Payload>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = match &mut self.0 {
            Some(work) => contain(|| work.future.as_mut().poll(cx)),
            None => Ok(Poll::Ready(())),
        };
        if matches!(polled, Ok(Poll::Pending)) {
            return Poll::Pending;
        }
        let dropped = contain(|| self.0 = None);
        Poll::Ready(polled.map(drop).and(dropped))
    }
}

/// Clean-ups that a region around the one that left them runs: one at a time, newest first.
struct NewestFirst {
    left: Vec<BoxFuture>,
    from: Arc<dyn Member>,
}

impl Future for NewestFirst {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let NewestFirst { left, from } = &mut *self;
        while let Some(newest) = left.last_mut() {
            match contain(|| newest.as_mut().poll(cx)) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(())) => {}
                Err(payload) => from.region().report(Phase::CleanUp, Some(payload)),
            }
            if let Err(payload) = drop_contained(left.pop()) {
                from.region().report(Phase::Destructor, Some(payload));
            }
        }
        Poll::Ready(())
    }
}

/// The wait for the children of a scope that was dropped half-way.
///
/// Polled by the region that adopted it; the scope's own region has no other use for its waker any more.
struct Wait {
    scope: Arc<dyn Member>,
    seen: Seen,
    /// What the scope runs when its children are gone.
    then: Option<NewestFirst>,
}

impl Leftovers {
    /// Adds what a scope that was dropped half-way still waits for.
    pub(super) fn wait_for_children_of(&mut self, scope: &Arc<dyn Member>) {
        let left = std::mem::take(&mut self.after_children);
        if !scope.region().waits_for_children() {
            // Popped from the end: these come after all others.
            self.cleanups.splice(0..0, left);
            scope.settle();
            return;
        }
        let kind = match left.is_empty() {
            true => WorkKind::Wait,
            false => WorkKind::CleanUp,
        };
        let wait = Wait {
            scope: Arc::clone(scope),
            seen: Seen::default(),
            then: (!left.is_empty()).then(|| NewestFirst {
                left,
                from: Arc::clone(scope),
            }),
        };
        self.adopted.push(Work {
            future: Box::pin(wait),
            kind,
        });
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Wait { scope, seen, then } = &mut *self;
        let region = scope.region();
        if region.has(flag::CHILDREN) {
            region.register(cx.waker(), seen);
            if region.waits_for_children() {
                return Poll::Pending;
            }
            region.forget_runner();
        }
        if let Some(cleanups) = then {
            ready!(Pin::new(cleanups).poll(cx));
        }
        scope.settle();
        Poll::Ready(())
    }
}
