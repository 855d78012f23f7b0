//! For tests of what would hang if it were wrong.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Longer than any case takes on a machine under load.
const LIMIT: Duration = Duration::from_secs(240);

/// Runs `case`, and fails the test that called this if it hangs.
pub(crate) fn watched<T: Send + 'static>(case: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = channel();
    // With room for drivers whose frames are deep in a debug build.
    let thread = std::thread::Builder::new().stack_size(8 << 20);
    let running = thread
        .spawn(move || drop(done.send(case())))
        .expect("there is a thread");
    match is_done.recv_timeout(LIMIT) {
        Ok(value) => value,
        Err(RecvTimeoutError::Disconnected) => match running.join() {
            Err(payload) => std::panic::resume_unwind(payload),
            Ok(()) => panic!("it ended without a value"),
        },
        Err(RecvTimeoutError::Timeout) => panic!("it hangs"),
    }
}
