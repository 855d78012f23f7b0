//! Errors that know whether somebody has received them.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Once, PoisonError};

use crate::{Failure, Phase, set_failure_hook};

static REPORTED: Mutex<Vec<(Phase, String)>> = Mutex::new(Vec::new());

/// Sets the one hook of all tests: there is one in the process, and a second would end the first.
///
/// It keeps what carries a text, which tells the tests apart, and receives errors that are counted.
pub(crate) fn listen() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        set_failure_hook(|failure| {
            if let Some(message) = failure.message() {
                let mut reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
                reported.push((failure.phase(), message.to_owned()));
            }
            received(failure);
        });
    });
}

/// Which failures with this text went to the hook.
pub(crate) fn reported(text: &str) -> Vec<Phase> {
    let reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
    let with_text = reported.iter().filter(|(_, message)| message == text);
    with_text.map(|(phase, _)| *phase).collect()
}

/// How many errors were made, and how many have come to somebody.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Arc<[AtomicUsize; 2]>);

impl Count {
    /// Makes an error; what is told to the hook counts as received from now on.
    pub(crate) fn error(&self) -> Counted {
        listen();
        self.0[0].fetch_add(1, SeqCst);
        Counted(self.clone())
    }

    pub(crate) fn made(&self) -> usize {
        self.0[0].load(SeqCst)
    }

    pub(crate) fn received(&self) -> usize {
        self.0[1].load(SeqCst)
    }
}

/// An error that is counted. It may be received once only.
#[derive(Debug)]
pub(crate) struct Counted(Count);

impl Counted {
    pub(crate) fn receive(self) {
        self.seen();
    }

    /// For who cannot take it, but deals with it.
    pub(crate) fn seen(&self) {
        self.0.0[1].fetch_add(1, SeqCst);
    }
}

/// Receives what a failure carries, if it is one of ours.
pub(crate) fn received(failure: &Failure) {
    let Some(payload) = failure.take_payload() else {
        return;
    };
    if let Ok(error) = payload.downcast::<Counted>() {
        error.receive();
    }
}
