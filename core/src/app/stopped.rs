//! How an application ended.

use crate::bridge::AbandonedThread;
use crate::region::Reason;

/// How an application ended: what [`Shutdown::run`](crate::Shutdown::run) gives.
///
/// | | [`value`](Stopped::value) | [`reason`](Stopped::reason) | [`left`](Stopped::left) |
/// |---|---|---|---|
/// | the body ended, and all else in time | yes | none | none |
/// | asked to stop, all gone in time | none | yes | none |
/// | asked to stop, and the body returned a value all the same | yes | yes | none |
/// | the grace period was over | perhaps | perhaps | who was given up on |
///
/// # Examples
///
/// ```
/// use std::{future::pending, time::Duration};
/// use anyrt::{Shutdown, backend::builtin::BuiltinRuntime};
///
/// let owner = BuiltinRuntime::new();
/// let stop = async { "closing time".into() };
/// let stopped = Shutdown::within(Duration::from_secs(10))
///     .on_report(|_| ())
///     .run(&owner, stop, async |_| pending::<()>().await);
/// assert_eq!(stopped.reason().unwrap().as_str(), "closing time");
/// assert!(stopped.is_clean());
/// ```
#[derive(Debug)]
#[must_use = "says whether the application ended by itself, and whether it was cut short"]
pub struct Stopped<T> {
    pub(super) value: Option<T>,
    pub(super) reason: Option<Reason>,
    pub(super) left: Vec<String>,
    pub(super) clean: bool,
    pub(super) abandoned: Vec<AbandonedThread>,
}

impl<T> Stopped<T> {
    /// Returns what the body gave, if it came to its end.
    pub fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Returns what the body gave, by value.
    pub fn into_value(self) -> Option<T> {
        self.value
    }

    /// Returns why the application was asked to stop, if it was.
    pub fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    /// Returns whether everything of the application had ended in time.
    pub fn is_clean(&self) -> bool {
        self.clean
    }

    /// Returns the names of those that were given up on: empty if it [is clean](Stopped::is_clean).
    ///
    /// One line for each kind of task, the most numerous first: its name and where it was spawned.
    pub fn left(&self) -> &[String] {
        &self.left
    }

    /// Returns the threads that run on though nobody waits for them: [`abandoned_threads`] at the end.
    ///
    /// They do not count for [`is_clean`](Stopped::is_clean), and may be of others in the process.
    ///
    /// [`abandoned_threads`]: crate::abandoned_threads
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{sync::mpsc, time::Duration};
    /// use anyrt::{Shutdown, backend::builtin::BuiltinRuntime, to_thread};
    ///
    /// let owner = BuiltinRuntime::new();
    /// let (started, is_started) = mpsc::channel();
    /// let (end, ends) = mpsc::channel::<()>();
    /// let stopped = Shutdown::within(Duration::from_secs(10)).run(
    ///     &owner,
    ///     std::future::pending(),
    ///     async |_| {
    ///         let thread = to_thread(move || (started.send(()), ends.recv()));
    ///         is_started.recv().unwrap();
    ///         drop(thread);
    ///     },
    /// );
    /// assert!(stopped.is_clean());
    /// assert_eq!(stopped.abandoned().len(), 1);
    /// end.send(()).unwrap();
    /// ```
    pub fn abandoned(&self) -> &[AbandonedThread] {
        &self.abandoned
    }
}
