//! The work that a root polls beside its body: clean-ups, drains, calls across the bridge.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::stream::{FuturesUnordered, Stream};

use super::contain::{Payload, contain, drop_contained};
use super::failure::Phase;
use super::state::{Next, flag};
use super::work::{NewestFirst, Work};
use super::{Member, Region};

pub(crate) type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

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

    /// Drops all clean-ups, and reports each; waits stay, and what they wait for is killed as well.
    /// Says how many there were.
    pub(super) fn kill(&mut self, region: &Region) -> usize {
        let reason = region.reason();
        let mut cleanups = std::mem::take(&mut self.after_children);
        let waits = std::mem::take(&mut self.adopted).into_iter();
        self.adopted = waits
            .filter_map(|work| work.kill(reason.as_ref(), &mut cleanups))
            .collect();
        cleanups.append(&mut self.cleanups);
        let dropped = cleanups.len();
        while let Some(cleanup) = cleanups.pop() {
            region.keep(region.failure(Phase::Killed, None));
            if let Err(payload) = drop_contained(cleanup) {
                region.fail(Phase::Destructor, payload);
            }
        }
        dropped
    }

    /// The same as adopted work only: the clean-ups become one piece, which keeps their order.
    pub(crate) fn bundled(mut self, from: &Arc<dyn Member>) -> Self {
        if !self.cleanups.is_empty() {
            let cleanups = std::mem::take(&mut self.cleanups);
            self.adopted
                .push(Work::CleanUps(NewestFirst::new(cleanups, from)));
        }
        self
    }
}

/// Adopted work, all at once, and at most one clean-up of the region's own.
#[derive(Default)]
pub(crate) struct Aside {
    adopted: FuturesUnordered<Contained>,
    cleaning: Option<BoxFuture>,
    /// How many of the adopted are more than a wait.
    droppable: usize,
    /// What is adopted here is only what a kill leaves, and has been told of it.
    killed: bool,
}

impl Aside {
    pub(super) fn extend(&mut self, arrivals: Vec<Work>) {
        for work in arrivals {
            let droppable = work.is_droppable();
            self.droppable += usize::from(droppable);
            self.adopted.push(Contained {
                work: Some(work),
                droppable,
            });
        }
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

    /// Whether it has anything that a kill would drop.
    pub(super) fn is_droppable(&self) -> bool {
        self.cleaning.is_some() || self.droppable > 0
    }

    pub(super) fn leftovers(self, into: &mut Leftovers) {
        into.adopted
            .extend(self.adopted.into_iter().filter_map(|work| work.work));
        into.cleanups.extend(self.cleaning);
    }

    /// Polls everything once. Ready when a clean-up ended, so that the next one may start.
    fn poll(&mut self, region: &Region, cx: &mut Context<'_>) -> Poll<()> {
        // Not when it is empty: it would keep a clone of the waker all the same.
        while !self.adopted.is_empty() {
            match Pin::new(&mut self.adopted).poll_next(cx) {
                Poll::Ready(Some((droppable, over))) => {
                    self.droppable -= usize::from(droppable);
                    if let Err(payload) = over {
                        region.fail(Phase::CleanUp, payload);
                    }
                }
                Poll::Ready(None) | Poll::Pending => break,
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

    /// Drops every clean-up that the region has now, and every drain, because of its deadline.
    ///
    /// Those that a scope runs after its children are left, if nobody asked it to stop: nor are they.
    pub(crate) fn pass_deadline(region: &Region) {
        let (mut aside, _) = Self::kill(region, None);
        // What a kill leaves, and a deadline does not.
        if aside.droppable > 0 {
            aside.droppable = 0;
            let adopted = std::mem::take(&mut aside.adopted).into_iter();
            let waits = adopted.filter_map(|work| work.work);
            aside.extend(waits.filter(|work| !work.is_droppable()).collect());
        }
        region.put_aside(aside);
    }

    /// Drops every clean-up of a region that was killed, started or not; waits stay. Called inside the
    /// region, masked: destructors of clean-ups run here.
    ///
    /// Says how many it dropped.
    fn kill(region: &Region, put_back: Option<Box<Self>>) -> (Box<Self>, usize) {
        let mut left = Leftovers::default();
        let mut aside = region.take_all(put_back, &mut left);
        if !region.has(flag::KILLED) {
            region.put_after_children(std::mem::take(&mut left.after_children));
        }
        left.cleanups.extend(aside.cleaning.take());
        if !std::mem::replace(&mut aside.killed, region.has(flag::KILLED)) {
            aside.droppable = 0;
            let adopted = std::mem::take(&mut aside.adopted).into_iter();
            left.adopted.extend(adopted.filter_map(|work| work.work));
        }
        let dropped = left.kill(region);
        aside.extend(left.adopted);
        (aside, dropped)
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
            if region.has(flag::KILLED) {
                let (aside, dropped) = Self::kill(region, put_back.take());
                put_back = Some(aside);
                if dropped > 0 {
                    // Destructors may have deferred more.
                    continue;
                }
            }
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
struct Contained {
    work: Option<Work>,
    droppable: bool,
}

impl Future for Contained {
    type Output = (bool, Result<(), Payload>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = match &mut self.work {
            Some(work) => contain(|| work.poll(cx)),
            None => Ok(Poll::Ready(())),
        };
        if matches!(polled, Ok(Poll::Pending)) {
            return Poll::Pending;
        }
        let dropped = contain(|| self.work = None);
        Poll::Ready((self.droppable, polled.map(drop).and(dropped)))
    }
}
