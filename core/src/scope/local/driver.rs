//! What polls the body and the children of a local scope: each only when it was woken.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pin_project::{pin_project, pinned_drop};
use slab::Slab;

use super::job::Split;
use super::ready::{Member, Next};
use super::shared::Shared;
use crate::region::body::Ended;
use crate::region::contain::{Payload, contain, drop_contained};
use crate::region::failure::report;
use crate::region::inline::Inline;
use crate::region::{Failure, Phase, frame};
use crate::scope::child_error::Place;
use crate::scope::{ChildError, Origin};

/// How many turns one poll takes before it lets others run.
const TURNS: usize = 64;

/// The body's key; those of the children are small.
const BODY: usize = usize::MAX;

/// Ready when the body and all children are gone; without a value, if the body failed.
///
/// To be polled in the scope's region. When that is asked to stop, it asks what is open in here; and
/// it drops this only once all of that is gone.
#[pin_project(PinnedDrop)]
pub(super) struct Driver<B: Future, T, E, J> {
    #[pin]
    body: Option<Inline<B>>,
    split: Split<B::Output, T, E>,
    value: Option<T>,
    /// The body's, once it is polled.
    waker: Option<Waker>,
    jobs: Slab<Entry<J>>,
    /// Everybody was put in line because of a request.
    told: bool,
    shared: Arc<Shared<J, E>>,
}

struct Entry<J> {
    job: J,
    member: Arc<Member>,
    waker: Waker,
}

impl<B: Future, T, E, J> Driver<B, T, E, J> {
    pub(super) fn new(body: B, split: Split<B::Output, T, E>, shared: Arc<Shared<J, E>>) -> Self {
        Driver {
            body: Some(Inline::new(body, shared.location)),
            split,
            value: None,
            waker: None,
            jobs: Slab::new(),
            told: false,
            shared,
        }
    }
}

impl<B, T, E, J> Driver<B, T, E, J>
where
    B: Future,
    J: Future<Output = ()> + Unpin,
{
    /// Takes in what was spawned.
    fn admit(self: Pin<&mut Self>) {
        let this = self.project();
        for job in this.shared.arrivals() {
            let entry = this.jobs.vacant_entry();
            let member = Member::new(&this.shared.ready, entry.key());
            let waker = Waker::from(Arc::clone(&member));
            entry.insert(Entry { job, member, waker });
        }
    }

    fn turn(self: Pin<&mut Self>, member: &Arc<Member>) {
        if member.key() == BODY {
            return self.poll_body();
        }
        let this = self.project();
        // A waker may outlive its child, whose key is another's now.
        let entry = this.jobs.get_mut(member.key());
        let Some(entry) = entry.filter(|entry| Arc::ptr_eq(&entry.member, member)) else {
            return;
        };
        let cx = &mut Context::from_waker(&entry.waker);
        if Pin::new(&mut entry.job).poll(cx).is_ready() {
            drop(this.jobs.remove(member.key()));
        }
    }

    /// Puts everybody in line, once: a region that is not made is woken by no request.
    fn wake_all(self: Pin<&mut Self>) {
        let this = self.project();
        if !mem::replace(this.told, true) {
            let body = this.waker.iter().filter(|_| this.body.is_some());
            let jobs = this.jobs.iter().map(|(_, entry)| &entry.waker);
            body.chain(jobs).for_each(Waker::wake_by_ref);
        }
    }

    fn poll_body(self: Pin<&mut Self>) {
        let mut this = self.project();
        let (Some(waker), Some(mut body)) = (&*this.waker, this.body.as_mut().as_pin_mut()) else {
            return;
        };
        // Not opened where a request is due: then this is the end of it.
        if !body.as_mut().start() {
            return;
        }
        let Poll::Ready(ended) = body.poll_end(&mut Context::from_waker(waker)) else {
            return;
        };
        this.body.set(None);
        let failed = match ended {
            Ended::Value(value) => match (this.split)(value) {
                Ok(value) => {
                    *this.value = Some(value);
                    None
                }
                Err(error) => Some(ChildError::error_of(
                    place_of_body(this.shared),
                    error,
                    Vec::new(),
                )),
            },
            Ended::Panicked(payload) => Some(ChildError::panic_of(
                place_of_body(this.shared),
                payload,
                Vec::new(),
            )),
            // Only with the scope, and then it does not end.
            Ended::Cancelled => None,
        };
        if let Some(failed) = failed {
            this.shared.verdict.fail(failed);
        }
    }
}

pub(super) fn place_of_body<J, E>(shared: &Shared<J, E>) -> Place {
    Place {
        origin: Origin::Body,
        index: 0,
        name: None,
        location: shared.location,
    }
}

impl<B, T, E, J> Future for Driver<B, T, E, J>
where
    B: Future,
    J: Future<Output = ()> + Unpin,
{
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let shared = Arc::clone(&self.shared);
        let ready = &shared.ready;
        if self.waker.is_none() {
            let waker = Waker::from(Member::new(ready, BODY));
            *self.as_mut().project().waker = Some(waker);
        }
        ready.begin_round();
        let (mut left, mut all) = (TURNS, false);
        loop {
            self.as_mut().admit();
            if !all && frame::is_stopping() {
                // A request takes effect inside before it does here, so everybody has this turn:
                // whoever is not reached would be dropped half-way.
                all = true;
                self.as_mut().wake_all();
                left = left.max(ready.len());
            }
            match ready.next(left) {
                Next::Turn(member) => {
                    left -= 1;
                    self.as_mut().turn(&member);
                }
                Next::Later => return come_back(cx),
                Next::Nobody => {
                    if self.body.is_none() && self.jobs.is_empty() && shared.close_if_idle() {
                        ready.close();
                        return Poll::Ready(self.project().value.take());
                    }
                    // First, and then the arrivals: what another thread adds later wakes us.
                    if ready.sleep(cx.waker()) {
                        if !shared.has_arrivals() {
                            return Poll::Pending;
                        }
                        ready.begin_round();
                    }
                }
            }
        }
    }
}

/// Lets others of this thread run, and goes on in the next poll.
fn come_back<T>(cx: &Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}

#[pinned_drop]
impl<B: Future, T, E, J> PinnedDrop for Driver<B, T, E, J> {
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        let location = this.shared.location;
        let tell = |dropped: Result<(), Payload>| {
            if let Err(payload) = dropped {
                let failure = Failure::new(Phase::Destructor, None, location, Some(payload));
                report(&failure);
            }
        };
        // First, so that destructors cannot spawn; and a child that holds the scope would be held by it.
        let arrivals = this.shared.close();
        tell(contain(|| this.body.set(None)));
        for entry in mem::take(this.jobs) {
            tell(drop_contained(entry.1.job));
        }
        for job in arrivals {
            tell(drop_contained(job));
        }
        tell(drop_contained(this.value.take()));
        this.shared.ready.close();
    }
}
