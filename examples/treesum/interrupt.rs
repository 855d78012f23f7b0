//! Ctrl-C, as a request that the jobs look for.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit status of a program that Ctrl-C has ended, as shells report it.
pub(crate) const STATUS: u8 = 130;

/// One for the process, as the signal is.
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Takes Ctrl-C as a request from now on, and the second one as an order.
///
/// A read may block for good (a dead network mount, some files in `/proc`), where no request is seen.
pub(crate) fn listen() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::Relaxed) {
            process::exit(STATUS.into());
        }
    })
}

/// Returns whether Ctrl-C was pressed.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Returns whether Ctrl-C was pressed in time; from now on it ends the process at once.
pub(crate) fn close() -> bool {
    REQUESTED.swap(true, Ordering::Relaxed)
}
