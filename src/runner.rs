//! What `#[anyrt::test]` expands to: a test's body runs, then the test is asked what it left behind.
//!
//! One function for each backend, and [`run`] for any owner. No part of the public interface.

use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::process::Termination;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use anyrt_core::testing::{Watch, block_on_watched};
use anyrt_core::{BlockOn, Drive, Runtime};

#[cfg(feature = "sim")]
mod sim;
pub mod virtually;

#[cfg(feature = "sim")]
pub use sim::{Seeds, on_sim};

/// How many times a test looks again, a [`NAP`] apart, for tasks that were cancelled and not yet
/// dropped: about a second.
const LOOKS: u32 = 1000;
const NAP: Duration = Duration::from_millis(1);

/// What the words of `#[anyrt::test]` ask for.
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "settings do nothing by themselves"]
pub struct Settings {
    leftover_tasks: Verdict,
    lost_panics: Verdict,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Verdict {
    #[default]
    Fail,
    Allow,
}

impl Settings {
    /// The settings of an attribute without words.
    pub const fn new() -> Self {
        Settings {
            leftover_tasks: Verdict::Fail,
            lost_panics: Verdict::Fail,
        }
    }

    /// `allow_leftover_tasks`: a task may outlive the test's body.
    pub const fn allow_leftover_tasks(mut self) -> Self {
        self.leftover_tasks = Verdict::Allow;
        self
    }

    /// `allow_lost_panics`: a task may panic and nobody see it.
    pub const fn allow_lost_panics(mut self) -> Self {
        self.lost_panics = Verdict::Allow;
        self
    }
}

/// Runs a test on a built-in runtime of its own.
#[cfg(feature = "builtin")]
#[track_caller]
pub fn on_builtin<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(crate::backend::builtin::Builtin) -> Fut,
    Fut: Future<Output: Termination>,
{
    run(
        crate::backend::builtin::BuiltinRuntime::new(),
        settings,
        body,
    )
}

/// Runs a test on a multi-thread Tokio runtime of its own.
#[cfg(feature = "tokio")]
#[track_caller]
pub fn on_tokio_multi<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(crate::backend::tokio::Tokio) -> Fut,
    Fut: Future<Output: Termination>,
{
    let owner = crate::backend::tokio::TokioRuntime::multi_thread();
    run(tokio_started(owner), settings, body)
}

/// Runs a test on a current-thread Tokio runtime of its own.
#[cfg(feature = "tokio")]
#[track_caller]
pub fn on_tokio_current<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(crate::backend::tokio::Tokio) -> Fut,
    Fut: Future<Output: Termination>,
{
    let owner = crate::backend::tokio::TokioRuntime::current_thread();
    run(tokio_started(owner), settings, body)
}

#[cfg(feature = "tokio")]
#[track_caller]
fn tokio_started<D>(owner: std::io::Result<D>) -> D {
    match owner {
        Ok(owner) => owner,
        Err(error) => panic!("the test's Tokio runtime could not be started: {error}"),
    }
}

/// Runs a test on smol's global executor, which other tests share.
#[cfg(feature = "smol")]
#[track_caller]
pub fn on_smol<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(crate::backend::smol::Smol) -> Fut,
    Fut: Future<Output: Termination>,
{
    run(crate::backend::smol::Smol, settings, body)
}

/// Runs a test on async-std's global executor, which other tests share.
#[cfg(feature = "async-std")]
#[track_caller]
pub fn on_async_std<F, Fut>(settings: Settings, body: F) -> Fut::Output
where
    F: FnOnce(crate::backend::async_std::AsyncStd) -> Fut,
    Fut: Future<Output: Termination>,
{
    run(crate::backend::async_std::AsyncStd, settings, body)
}

/// Runs `body` on `owner` and ends the owner; then fails the test for what it left behind.
///
/// A panic of the body passes through, and nothing else is looked at. An error that the body returned
/// is printed before a panic of ours would hide it.
///
/// # Panics
///
/// With a list of the tasks that live, and of the panics that nobody saw, unless the settings allow
/// it. Only what the body started counts, and what that started, wherever else the runtime is used.
#[track_caller]
pub fn run<D, F, Fut>(owner: D, settings: Settings, body: F) -> Fut::Output
where
    D: Drive,
    F: FnOnce(D::Handle) -> Fut,
    Fut: Future<Output: Termination>,
{
    // Driven, because the tasks of a current-thread Tokio end only while something is.
    judge(owner, settings, body, |owner, watch| {
        owner.block_on(until_over(watch));
    })
}

/// The same, with `wait` for those that were cancelled and are not yet gone.
#[track_caller]
fn judge<D, F, Fut>(
    owner: D,
    settings: Settings,
    body: F,
    wait: impl FnOnce(&D, &Watch),
) -> Fut::Output
where
    D: Drive,
    F: FnOnce(D::Handle) -> Fut,
    Fut: Future<Output: Termination>,
{
    let watch = Arc::new(Watch::default());
    let handle = owner.handle().clone();
    // Called inside the root too: a body need not be an `async fn`, and may spawn as it is made.
    let value = block_on_watched(
        &owner,
        Arc::clone(&watch),
        async move { body(handle).await },
    );

    let leftover = match settings.leftover_tasks {
        Verdict::Allow => Vec::new(),
        Verdict::Fail => {
            wait(&owner, &watch);
            watch.live()
        }
    };
    // The owner's end drops what is left, and that may panic.
    drop(owner);
    let lost = match settings.lost_panics {
        Verdict::Allow => Vec::new(),
        Verdict::Fail => watch.unseen_panics(),
    };

    if let Some(complaint) = complaint(&leftover, &lost) {
        value.report();
        panic!("{complaint}");
    }
    value
}

/// Waits until no task lives, for about a second at most.
///
/// It naps rather than sleeps on the runtime: a paused Tokio clock would jump, and so end the very
/// tasks that are looked for. Counting naps needs no clock at all.
async fn until_over(watch: &Watch) {
    let mut fewest = usize::MAX;
    let mut looks = LOOKS;
    loop {
        let live = watch.live_count();
        if live == 0 || looks == 0 {
            return;
        }
        if live < fewest {
            fewest = live;
        } else {
            looks -= 1;
            thread::sleep(NAP);
        }
        let mut yielded = false;
        poll_fn(|cx| match std::mem::replace(&mut yielded, true) {
            true => Poll::Ready(()),
            false => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await;
    }
}

/// How long such a task has in virtual time, and how often it is looked for.
const GRACE: Duration = Duration::from_secs(1);
const VIRTUAL_LOOKS: u32 = 100;

/// The same in virtual time, where a clean-up may sleep.
async fn until_over_virtually<R: Runtime>(rt: &R, watch: &Watch) {
    for _ in 0..VIRTUAL_LOOKS {
        if watch.live_count() == 0 {
            return;
        }
        rt.sleep(GRACE / VIRTUAL_LOOKS).await;
    }
}

fn complaint(leftover: &[String], lost: &[String]) -> Option<String> {
    let mut text = String::new();
    if !leftover.is_empty() {
        let (count, tasks) = counted(leftover, "task", "tasks");
        list(
            &mut text,
            &format!("the test left {count} {tasks} behind"),
            leftover,
            "await the handles, use `cancel_and_wait`, or say `#[anyrt::test(allow_leftover_tasks)]`",
        );
    }
    if !lost.is_empty() {
        let (count, failures) = counted(lost, "failure", "failures");
        list(
            &mut text,
            &format!("the test lost {count} {failures} that nobody saw"),
            lost,
            "await the handles, or say `#[anyrt::test(allow_lost_panics)]`",
        );
    }
    (!text.is_empty()).then_some(text)
}

fn counted(items: &[String], one: &'static str, more: &'static str) -> (usize, &'static str) {
    (items.len(), if items.len() == 1 { one } else { more })
}

fn list(text: &mut String, title: &str, items: &[String], advice: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    // Writing to a `String` cannot fail.
    let _ = write!(text, "{title}:");
    for item in items {
        let _ = write!(text, "\n  - {item}");
    }
    let _ = write!(text, "\n  = help: {advice}");
}
