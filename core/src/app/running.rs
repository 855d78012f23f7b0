//! The applications that run in this process.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::region::{CancelToken, is_inside};
use crate::runtime::AnyRuntime;
use crate::scope::NurseryHandle;

/// One application, as code inside finds it.
#[derive(Clone)]
pub(super) struct Application {
    pub(super) home: NurseryHandle<AnyRuntime>,
    pub(super) stopping: CancelToken,
}

/// Nearly always one. Several run in programs that test themselves.
static RUNNING: Mutex<Vec<Application>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<Application>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The entry of one application in the list, as long as it runs.
pub(super) struct Listed(NurseryHandle<AnyRuntime>);

impl Listed {
    pub(super) fn new(application: &Application) -> Self {
        running().push(application.clone());
        Listed(application.home.clone())
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let gone = {
            let mut running = running();
            let place = running
                .iter()
                .position(|one| std::ptr::eq(one.home.region(), self.0.region()));
            place.map(|place| running.remove(place))
        };
        // Outside the lock: it may be the last of a runtime's handles.
        drop(gone);
    }
}

/// The application that this code belongs to: where several run, the one that it is a child of, else the
/// newest.
fn find() -> Option<Application> {
    let candidates = running().clone();
    let own = match candidates.len() {
        0 | 1 => None,
        _ => candidates
            .iter()
            .position(|one| is_inside(one.home.region())),
    };
    match own {
        Some(own) => candidates.into_iter().nth(own),
        None => candidates.into_iter().next_back(),
    }
}

/// Returns a handle of the application, to spawn tasks that its shutdown drains.
///
/// Works anywhere in a process that runs one: in `#[anyrt::main(shutdown = "10s")]`, in
/// [`Shutdown::run`](crate::Shutdown::run), also in tasks and threads that it knows nothing of. A task that
/// is spawned here is asked to stop at shutdown or when the body of the application has ended, and has the
/// grace period to clean up. What [`Runtime::spawn`](crate::Runtime::spawn) starts is its handle's, and is
/// not waited for.
///
/// `None` outside of an application. Where several run, it is the one that the code runs in, else the one
/// that was started last.
///
/// # Examples
///
/// ```
/// use std::{future::pending, time::Duration};
/// use anyrt::{Shutdown, application, backend::builtin::BuiltinRuntime};
///
/// let owner = BuiltinRuntime::new();
/// let (log, logged) = std::sync::mpsc::channel();
/// let shutdown = Shutdown::within(Duration::from_secs(10));
/// let stopped = shutdown.run(&owner, pending(), async |_| {
///     let app = application().expect("called in one");
///     app.spawn_with().name("flusher").spawn(async move {
///         anyrt::defer(async move { log.send("flushed").unwrap() });
///         pending::<()>().await
///     });
///     anyrt::checkpoint().await;
///     "done"
/// });
/// assert_eq!(stopped.into_value(), Some("done"));
/// # let _ = logged;
/// ```
pub fn application() -> Option<NurseryHandle<AnyRuntime>> {
    find().map(|application| application.home)
}

/// Returns the token that is cancelled when the application is asked to stop.
///
/// For code that its shutdown does not reach by itself: blocking jobs, threads, what is shielded, what
/// another runtime runs. The reason says what asked. Outside of an application it is a token that nobody
/// cancels; see [`application`] for which one it is.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use anyrt::{Shutdown, backend::builtin::BuiltinRuntime, shield, stopping};
///
/// let owner = BuiltinRuntime::new();
/// let stop = async { "closing time".into() };
/// let stopped = Shutdown::within(Duration::from_secs(10)).on_report(|_| ()).run(&owner, stop, async |_| {
///     shield(async { stopping().cancelled().await.to_string() }).await
/// });
/// assert_eq!(stopped.into_value().as_deref(), Some("closing time"));
/// ```
pub fn stopping() -> CancelToken {
    find().map_or_else(CancelToken::new, |application| application.stopping)
}
