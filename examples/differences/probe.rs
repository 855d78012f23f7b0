//! A future that says what becomes of it.

use std::future::{Future, poll_fn};

use futures::FutureExt;
use futures::channel::oneshot::{self, Receiver, Sender};

/// What became of a watched future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It went on when the gate was opened.
    RanOn,
    /// It was dropped before it could.
    Dropped,
}

/// Watches a future that waits at a gate.
pub(crate) struct Probe {
    started: Receiver<()>,
    gate: Option<Sender<()>>,
    fate: Receiver<Fate>,
}

/// Makes a future that waits at a gate, and its probe.
pub(crate) fn probe() -> (Probe, impl Future<Output = ()> + Send + 'static) {
    let (start, started) = oneshot::channel();
    let (open, mut gate) = oneshot::channel();
    let (tell, fate) = oneshot::channel();
    let teller = Teller(Some(tell));
    let mut start = Some(start);
    let body = async move {
        let teller = teller;
        let _ = poll_fn(|cx| {
            let opened = gate.poll_unpin(cx);
            // Said only now: whoever hears it knows that the gate was found shut.
            if let Some(start) = start.take() {
                let _ = start.send(());
            }
            opened
        })
        .await;
        teller.ran_on();
    };
    let probe = Probe {
        started,
        gate: Some(open),
        fate,
    };
    (probe, body)
}

impl Probe {
    /// Waits until the future has been polled and has found its gate shut.
    pub(crate) async fn started(&mut self) {
        let _ = (&mut self.started).await;
    }

    /// Opens the gate.
    pub(crate) fn open(&mut self) {
        if let Some(gate) = self.gate.take() {
            let _ = gate.send(());
        }
    }

    /// Waits for the future's end.
    pub(crate) async fn fate(&mut self) -> Fate {
        (&mut self.fate).await.unwrap_or(Fate::Dropped)
    }

    /// Opens the gate and waits for the future's end.
    pub(crate) async fn fate_at_the_gate(&mut self) -> Fate {
        self.open();
        self.fate().await
    }

    /// Returns whether the future is gone by now.
    pub(crate) fn is_gone(&mut self) -> bool {
        !matches!(self.fate.try_recv(), Ok(None))
    }
}

/// Tells the probe how the future that holds it ends.
struct Teller(Option<Sender<Fate>>);

impl Teller {
    fn ran_on(mut self) {
        self.tell(Fate::RanOn);
    }

    fn tell(&mut self, fate: Fate) {
        if let Some(tell) = self.0.take() {
            let _ = tell.send(fate);
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.tell(Fate::Dropped);
    }
}
