//! Ctrl-C as what stops an application.
//!
//! There is one handler for the process, set by the first application that asks for it. It runs on a
//! thread of its own, so a second signal works whatever the runtime is stuck in.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::process;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use anyrt_core::{CancelToken, Drive, Shutdown, Stopped};

/// The exit status of a process that a signal has ended, as shells report it for Ctrl-C.
const STATUS: i32 = 130;

/// What the end of the runtime may take when the grace period is over: destructors, mostly.
const SLACK: Duration = Duration::from_secs(2);

const INTERRUPTED: &str = "interrupted";

/// The applications that a signal stops.
struct Runs {
    live: Vec<Live>,
    /// A signal came since the first of them began.
    asked: bool,
    /// How many runs there were, and how often the last of them has ended.
    begun: u64,
    ended: u64,
}

#[derive(Clone)]
struct Live {
    number: u64,
    asked: CancelToken,
    grace: Duration,
}

static RUNS: Mutex<Runs> = Mutex::new(Runs {
    live: Vec::new(),
    asked: false,
    begun: 0,
    ended: 0,
});

/// All applications have ended.
static ENDED: Condvar = Condvar::new();

fn runs() -> MutexGuard<'static, Runs> {
    RUNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `body` on this thread until it has ended or a signal stops it, and drains its tasks.
///
/// A [`Shutdown`] with Ctrl-C as what says *stop*; on Unix also SIGTERM and SIGHUP. `grace` is how long
/// what is left may take to clean up; each second it is named on standard error. A second signal ends the
/// process at once, without destructors, with status 130; so does the first one a little after the grace
/// period, if the runtime is stuck and this has not returned.
///
/// The handler is the process's, and stays: when no application runs any more, a signal ends the process
/// with status 130. The one-line form is `#[anyrt::main(shutdown = "10s")]`.
///
/// # Errors
///
/// [`SignalError`], if the process has another such handler already, or the system refuses it; nothing has
/// run then.
///
/// # Panics
///
/// As [`Shutdown::run`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::{backend::builtin::BuiltinRuntime, prelude::*, run_until_signal};
///
/// let owner = BuiltinRuntime::new();
/// let stopped = run_until_signal(&owner, Duration::from_secs(10), async |rt| {
///     rt.spawn(async { "served" }).await.unwrap()
/// });
/// assert_eq!(stopped.unwrap().into_value(), Some("served"));
/// ```
#[track_caller]
pub fn run_until_signal<D, F, Fut>(
    owner: &D,
    grace: Duration,
    body: F,
) -> Result<Stopped<Fut::Output>, SignalError>
where
    D: Drive,
    F: FnOnce(D::Handle) -> Fut,
    Fut: Future,
{
    let run = Run::new(grace)?;
    Ok(run.on(owner, body))
}

/// What `#[anyrt::main(shutdown = "…")]` runs: gives the body's value, or ends the process.
#[cfg(feature = "macros")]
#[track_caller]
pub(crate) fn main<D, F, Fut>(owner: D, grace: Duration, body: F) -> Fut::Output
where
    D: Drive,
    F: FnOnce(D::Handle) -> Fut,
    Fut: Future,
{
    let run = Run::new(grace).unwrap_or_else(|error| panic!("`shutdown` of `main`: {error}"));
    let stopped = run.on(&owner, body);
    // What was given up on ends with the runtime; a signal still ends what does not.
    drop(owner);
    drop(run);
    match stopped.into_value() {
        Some(value) => value,
        None => process::exit(STATUS),
    }
}

/// One application in the list.
struct Run(Live);

impl Run {
    fn new(grace: Duration) -> Result<Self, SignalError> {
        listen()?;
        let mut runs = runs();
        runs.begun += 1;
        let run = Live {
            number: runs.begun,
            asked: CancelToken::new(),
            grace,
        };
        runs.live.push(run.clone());
        let asked = runs.asked;
        drop(runs);
        if asked {
            run.asked.cancel(INTERRUPTED);
        }
        Ok(Run(run))
    }

    #[track_caller]
    fn on<D, F, Fut>(&self, owner: &D, body: F) -> Stopped<Fut::Output>
    where
        D: Drive,
        F: FnOnce(D::Handle) -> Fut,
        Fut: Future,
    {
        let asked = self.0.asked.cancelled_owned();
        Shutdown::within(self.0.grace).run(owner, asked, body)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut runs = runs();
        runs.live.retain(|run| run.number != self.0.number);
        if runs.live.is_empty() {
            runs.asked = false;
            runs.ended += 1;
            ENDED.notify_all();
        }
    }
}

/// Sets the handler of the process, once.
fn listen() -> Result<(), SignalError> {
    static SET: OnceLock<Result<(), String>> = OnceLock::new();
    let set = SET.get_or_init(|| ctrlc::set_handler(signalled).map_err(|error| error.to_string()));
    set.clone().map_err(|why| SignalError { why })
}

/// Called for each signal, on the handler's own thread.
fn signalled() {
    let (first, live, ended) = {
        let mut runs = runs();
        let first = !std::mem::replace(&mut runs.asked, true);
        (first, runs.live.clone(), runs.ended)
    };
    let Some(grace) = live.iter().map(|run| run.grace).max() else {
        process::exit(STATUS);
    };
    if !first {
        end("interrupted again");
    }
    // Where the runtime is stuck, nothing of it notices that the time is up.
    let guard = thread::Builder::new().name("anyrt-shutdown".into());
    let guarded = guard.spawn(move || {
        let limit = grace.saturating_add(SLACK);
        let waited = ENDED.wait_timeout_while(runs(), limit, |runs| runs.ended == ended);
        let (runs, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(runs);
        if timeout.timed_out() {
            end("the time is up");
        }
    });
    // Without the guard a second signal does it.
    drop(guarded);
    for run in live {
        run.asked.cancel(INTERRUPTED);
    }
}

/// Ends the process without waiting for anything.
fn end(why: &str) -> ! {
    use std::io::Write;
    // Not `eprintln`: where standard error is closed, that panics.
    let _ = writeln!(std::io::stderr(), "anyrt: {why}: the process ends at once");
    process::exit(STATUS)
}

/// Signals cannot be listened to.
///
/// # Examples
///
/// ```
/// fn explain(error: &anyrt::SignalError) -> String {
///     format!("run me without other handlers of Ctrl-C: {error}")
/// }
/// # let _ = explain;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignalError {
    why: String,
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signals cannot be listened to: {}", self.why)
    }
}

impl Error for SignalError {}
