//! The wait between two attempts.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

/// Waits for a sleep, and suspends at least once, also where the sleep is ready at once.
///
/// So that attempts which fail at once, with no delay between them, let others run, and can be stopped.
#[pin_project]
pub(super) struct Pause<S> {
    #[pin]
    sleep: Option<S>,
    suspended: bool,
}

impl<S> Pause<S> {
    pub(super) fn new(sleep: S) -> Self {
        Pause {
            sleep: Some(sleep),
            suspended: false,
        }
    }
}

impl<S: Future<Output = ()>> Future for Pause<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if let Some(sleep) = this.sleep.as_mut().as_pin_mut() {
            if sleep.poll(cx).is_pending() {
                *this.suspended = true;
                return Poll::Pending;
            }
            this.sleep.set(None);
        }
        if *this.suspended {
            return Poll::Ready(());
        }
        *this.suspended = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
