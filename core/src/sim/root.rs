//! The future of a `block_on`: an entity like the others, but its future stays with who drives it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pin_project::{pin_project, pinned_drop};

use super::entity::{Entity, Work};
use super::gate::Entry;
use crate::runtime::Enter;

/// Polls a future when it is its turn, and leaves its value behind.
#[pin_project(PinnedDrop)]
pub(super) struct Root<'a, F: Future> {
    #[pin]
    future: Option<F>,
    value: &'a mut Option<F::Output>,
    entity: Arc<Entity>,
    /// Who lent its turn for this.
    around: Option<Arc<Entity>>,
    over: bool,
}

impl<'a, F: Future> Root<'a, F> {
    pub(super) fn new(
        future: F,
        value: &'a mut Option<F::Output>,
        entity: Arc<Entity>,
        around: Option<Arc<Entity>>,
    ) -> Self {
        Root {
            future: Some(future),
            value,
            entity,
            around,
            over: false,
        }
    }
}

impl<F: Future> Future for Root<'_, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let (entity, gate) = (&*this.entity, &this.entity.gate);
        let entry = gate.enter(entity, cx.waker());
        // Read after the waker is there: whoever breaks the simulation down wakes it.
        if let Some(why) = gate.why_broken() {
            panic!("{why}");
        }
        match entry {
            Entry::Go(_) => {}
            Entry::Wait => return Poll::Pending,
            Entry::Gone => return Poll::Ready(()),
        }
        let future = &mut this.future;
        let value = entity.act(|| {
            let waker = Waker::from(Arc::clone(entity));
            let mut polled = Poll::Pending;
            gate.host.enter(Enter::Virtual, &mut || {
                if let Some(future) = future.as_mut().as_pin_mut() {
                    polled = future.poll(&mut Context::from_waker(&waker));
                }
            });
            if polled.is_ready() {
                future.set(None);
            }
            polled
        });
        match value {
            Poll::Ready(value) => {
                // It may have broken down during this very poll, and a value would hide that.
                if let Some(why) = gate.why_broken() {
                    panic!("{why}");
                }
                **this.value = Some(value);
                *this.over = true;
                leave(entity, this.around);
                Poll::Ready(())
            }
            Poll::Pending => {
                let _ = gate.pause(entity, Work::Elsewhere);
                Poll::Pending
            }
        }
    }
}

#[pinned_drop]
impl<F: Future> PinnedDrop for Root<'_, F> {
    /// By a panic, of the future or of the host.
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        if !*this.over {
            this.entity.act(|| this.future.set(None));
            leave(this.entity, this.around);
        }
    }
}

/// Who lent its turn is ready again before this one is gone: else, for a moment, nobody would be.
fn leave(entity: &Arc<Entity>, around: &mut Option<Arc<Entity>>) {
    if let Some(around) = around.take() {
        entity.act(|| around.gate.ask_back(&around));
    }
    entity.gate.leave(entity);
}
