//! A call from a thread into the task that awaits it: what stands in that task's mailbox.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project::{pin_project, pinned_drop};

use super::link::{InCall, Link, Stands};
use super::park::Answer;
use crate::context::Within;
use crate::region::contain::{Payload, contain};
use crate::region::frame::Entered;
use crate::region::inline::NoValue;
use crate::region::{Inline, Reason};

/// How a call ended.
pub(super) enum Answered<T> {
    Value(T),
    Panicked(Payload),
    /// It never ran, or was stopped, as nobody waits for the thread any more.
    Abandoned,
    /// The same, as the task was asked to stop.
    Stopped,
    /// The task ended before the call did.
    Ended,
}

/// A future that a task polls for a thread: in the region in which the task awaits that thread, as a part of
/// what goes on there. So a request reaches the call before it reaches the body of that region.
#[pin_project(PinnedDrop)]
pub(super) struct Call<F: Future> {
    /// Gone before the thread learns of the end.
    #[pin]
    inline: Option<Inline<Within<F>>>,
    link: Arc<Link>,
    /// Where the task stood when it was last looked at.
    stands: Stands,
    /// Taken by the one answer.
    answer: Option<Arc<Answer<Answered<F::Output>>>>,
}

impl<F: Future> Call<F> {
    /// In the context that holds here.
    pub(super) fn new(
        future: F,
        place: &'static Location<'static>,
        link: Arc<Link>,
        stands: Stands,
        answer: Arc<Answer<Answered<F::Output>>>,
    ) -> Self {
        Call {
            inline: Some(Inline::new(Within::here(future), place)),
            link,
            stands,
            answer: Some(answer),
        }
    }

    fn poll_answer(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answered<F::Output>> {
        let mut this = self.project();
        // Where the task goes on awaiting in another region, the call goes along; not to another task.
        let now = this.link.stands();
        if now.is_in_task_of(this.stands) {
            *this.stands = now;
        }
        let abandoned = !this.link.register(cx.waker());
        let stopped = match abandoned {
            true => Answered::Abandoned,
            false => Answered::Stopped,
        };
        let (Some(mut inline), Some((region, mask))) =
            (this.inline.as_mut().as_pin_mut(), this.stands.open_region())
        else {
            return Poll::Ready(Answered::Ended);
        };
        let _call = InCall::enter(&region, this.stands.root.as_ref());
        let mut region = Some(region);
        let _entered = Entered::poll(&mut region, mask);
        // Made at once: it is polled by its own waker, which a request must find.
        if !inline.is_running() && (abandoned || inline.as_mut().open().is_none()) {
            return Poll::Ready(stopped);
        }
        if abandoned {
            inline.as_mut().ask(&ABANDONED);
        }
        let polled = inline.as_mut().poll_into(cx, |end, _| end);
        inline.as_mut().hold_up();
        match polled {
            Poll::Ready(Ok(value)) => Poll::Ready(Answered::Value(value)),
            Poll::Ready(Err(NoValue::Panicked(payload))) => {
                Poll::Ready(Answered::Panicked(payload))
            }
            Poll::Ready(Err(NoValue::Cancelled)) => Poll::Ready(stopped),
            Poll::Pending if inline.is_running() => Poll::Pending,
            // Stopped by a request, and all of it has run.
            Poll::Pending => Poll::Ready(stopped),
        }
    }

    /// Ends the call, and then lets the thread go on: finished means dropped.
    fn end(self: Pin<&mut Self>, answered: Answered<F::Output>) {
        let mut this = self.project();
        let Some(answer) = this.answer.take() else {
            return;
        };
        let dropped = {
            let mut region = this.stands.open_region().map(|(region, _)| region);
            let _entered = Entered::poll(&mut region, 1);
            contain(|| this.inline.set(None))
        };
        this.link.unregister();
        if matches!(answered, Answered::Stopped) {
            this.link.set_cut();
        }
        answer.give(match dropped {
            Ok(()) => answered,
            Err(payload) => Answered::Panicked(payload),
        });
    }
}

pub(super) static ABANDONED: Reason = Reason::fixed("nobody waits for the thread that called");

impl<F: Future> Future for Call<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.as_mut().poll_answer(cx) {
            Poll::Ready(answered) => {
                self.end(answered);
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

#[pinned_drop]
impl<F: Future> PinnedDrop for Call<F> {
    /// The task is gone, or was killed.
    fn drop(self: Pin<&mut Self>) {
        self.end(Answered::Ended);
    }
}
