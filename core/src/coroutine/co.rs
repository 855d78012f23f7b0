//! The handle by which a coroutine yields.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::lane;
use super::meeting::{Meeting, Phase, Ticket};
use crate::region::frame;

/// What a [`coroutine`](crate::coroutine) yields by: hands out a `Y`, and gets an `R` for it.
///
/// It is passed down to whatever function yields, however deep; a clone yields to the same coroutine, also
/// from a task that was spawned in it. Yields are handed out one at a time, in their order, and each answer
/// goes to the one handed out last. With several coroutines inside each other, each handle is its own's.
#[doc(alias = "Monitor")]
#[doc(alias = "oob")]
pub struct Co<Y, R> {
    meeting: Arc<Meeting<Y, R>>,
}

impl<Y, R> Clone for Co<Y, R> {
    fn clone(&self) -> Self {
        Co {
            meeting: Arc::clone(&self.meeting),
        }
    }
}

/// Which meeting it is, to compare.
pub(super) fn address<Y, R>(meeting: &Meeting<Y, R>) -> usize {
    std::ptr::from_ref(meeting).addr()
}

impl<Y: 'static, R: 'static> Co<Y, R> {
    pub(super) fn of(meeting: &Arc<Meeting<Y, R>>) -> Self {
        Co {
            meeting: Arc::clone(meeting),
        }
    }

    /// Hands out `value`, and suspends until it is answered.
    ///
    /// Not cancel safe: dropped after the value was handed out, it loses the answer.
    ///
    /// # Panics
    ///
    /// In code that runs on when the coroutine is closed or over: a shielded stretch, a clean-up, another
    /// task. Use [`try_yield`](Co::try_yield) there. And when it is polled again after it was ready.
    #[doc(alias = "suspend")]
    #[doc(alias = "ayield")]
    pub fn yield_(&self, value: Y) -> Yield<'_, Y, R> {
        Yield(self.try_yield(value))
    }

    /// Hands out `value`, and suspends until it is answered, or nobody is there to answer.
    ///
    /// Not cancel safe: dropped after the value was handed out, it loses the answer.
    ///
    /// # Errors
    ///
    /// [`YieldError`], with the value unless it was handed out, if the coroutine is being closed or over.
    ///
    /// # Panics
    ///
    /// When it is polled again after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{await_sync, coroutine};
    ///
    /// let mut kept = None;
    /// let mut co = coroutine(|co| {
    ///     kept = Some(co.clone());
    ///     async move { co.yield_(1).await }
    /// });
    /// await_sync(co.run()).unwrap().unwrap();
    /// await_sync(co.resume(())).unwrap().unwrap(); // it is over
    /// let refused = await_sync(kept.unwrap().try_yield(2)).unwrap().unwrap_err();
    /// assert_eq!(refused.into_value(), Some(2));
    /// ```
    pub fn try_yield(&self, value: Y) -> TryYield<'_, Y, R> {
        TryYield {
            meeting: &self.meeting,
            stage: Stage::New(value),
        }
    }
}

impl<Y, R> fmt::Debug for Co<Y, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Co").finish_non_exhaustive()
    }
}

/// The future of [`Co::try_yield`].
#[must_use = "nothing is yielded unless this is awaited"]
pub struct TryYield<'a, Y: 'static, R: 'static> {
    meeting: &'a Meeting<Y, R>,
    stage: Stage<Y>,
}

enum Stage<Y> {
    New(Y),
    Put(Ticket),
    Refused(Phase, Option<Y>),
    Over,
}

// A value that is not yielded yet is moved, and never pinned.
impl<Y: 'static, R: 'static> Unpin for TryYield<'_, Y, R> {}

impl<Y: 'static, R: 'static> Future for TryYield<'_, Y, R> {
    type Output = Result<R, YieldError<Y>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (phase, value) = match mem::replace(&mut self.stage, Stage::Over) {
            Stage::New(value) => {
                let put = lane::with::<Y, R, _>(address(self.meeting), |slot| match slot {
                    // Behind what is in the queue already.
                    Some(slot) if !self.meeting.has_queued() => slot.put(value, cx.waker()),
                    _ => Err(value),
                });
                match put.or_else(|value| self.meeting.put(value, cx)) {
                    Ok(ticket) => {
                        self.stage = Stage::Put(ticket);
                        return Poll::Pending;
                    }
                    Err((phase, value)) => (phase, Some(value)),
                }
            }
            Stage::Put(ticket) => {
                let direct = lane::with::<Y, R, _>(address(self.meeting), |slot| {
                    let slot = slot?;
                    match slot.take_answer(ticket) {
                        Some(answer) => Some(Ok(answer)),
                        None if matches!(ticket, Ticket::Queue(_)) => None,
                        None => (!slot.left && slot.is_direct(cx.waker())).then_some(Err(())),
                    }
                });
                let polled = match direct {
                    Some(Ok(answer)) => return Poll::Ready(Ok(answer)),
                    Some(Err(())) => Poll::Pending,
                    None => self.meeting.poll_answer(ticket, cx),
                };
                match polled {
                    Poll::Pending => {
                        self.stage = Stage::Put(ticket);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(answer)) => return Poll::Ready(Ok(answer)),
                    Poll::Ready(Err(refused)) => refused,
                }
            }
            Stage::Refused(phase, value) => (phase, value),
            Stage::Over => panic!("a yield was polled after it was ready"),
        };
        // Closed from here: this code goes no further, it is dropped at this very `Pending`.
        if frame::is_stopping() {
            self.stage = Stage::Refused(phase, value);
            return Poll::Pending;
        }
        Poll::Ready(Err(YieldError { phase, value }))
    }
}

impl<Y: 'static, R: 'static> Drop for TryYield<'_, Y, R> {
    fn drop(&mut self) {
        if let Stage::Put(ticket) = self.stage {
            let left = lane::with::<Y, R, _>(address(self.meeting), |slot| {
                let slot = slot?;
                let yielded = slot.yielded.take_if(|(one, _)| *one == ticket);
                Some((yielded, slot.take_answer(ticket)))
            });
            drop(left);
            self.meeting.withdraw(ticket);
        }
    }
}

impl<Y: 'static, R: 'static> fmt::Debug for TryYield<'_, Y, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryYield")
            .field("ready", &matches!(self.stage, Stage::Over))
            .finish_non_exhaustive()
    }
}

/// The future of [`Co::yield_`].
#[derive(Debug)]
#[must_use = "nothing is yielded unless this is awaited"]
pub struct Yield<'a, Y: 'static, R: 'static>(TryYield<'a, Y, R>);

impl<Y: 'static, R: 'static> Future for Yield<'_, Y, R> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        Pin::new(&mut self.0).poll(cx).map(|answer| match answer {
            Ok(answer) => answer,
            Err(refused) => panic!(
                "{refused}; in a shield, a clean-up and a task of its own, where code runs on then, use \
                 `try_yield`"
            ),
        })
    }
}

/// There is nobody to yield to: what [`Co::try_yield`] gives then.
#[derive(Clone, PartialEq, Eq)]
pub struct YieldError<Y> {
    phase: Phase,
    value: Option<Y>,
}

impl<Y> YieldError<Y> {
    /// Returns whether the coroutine is being closed.
    pub fn is_closing(&self) -> bool {
        self.phase == Phase::Closing
    }

    /// Returns whether the coroutine is over: it has returned, panicked, was closed or dropped.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Returns the value, unless it was handed out.
    pub fn into_value(self) -> Option<Y> {
        self.value
    }
}

impl<Y> fmt::Display for YieldError<Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.phase {
            Phase::Closing => "a coroutine yielded while it was being closed",
            _ => "something yielded to a coroutine that is over",
        })
    }
}

impl<Y> fmt::Debug for YieldError<Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("YieldError")
            .field("phase", &self.phase)
            .field("has_value", &self.value.is_some())
            .finish()
    }
}

impl<Y> std::error::Error for YieldError<Y> {}
