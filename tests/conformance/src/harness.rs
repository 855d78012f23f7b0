//! How the suite starts a runtime, and how it runs one case.

use std::fmt::Debug;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyrt_core::{
    AnyRuntime, BlockOn, Drive, Runtime, ShutdownReport, Task, Virtual, VirtualClock,
};

/// How long a case may take before it counts as hung. Real time, for a machine under load; the
/// environment variable `ANYRT_CONFORMANCE_WATCHDOG_SECS` sets another.
fn patience() -> Duration {
    let set = std::env::var("ANYRT_CONFORMANCE_WATCHDOG_SECS").ok();
    Duration::from_secs(set.and_then(|secs| secs.parse().ok()).unwrap_or(60))
}

/// A runtime that the suite can start.
pub trait Harness: Sized + Send + 'static {
    /// The handle under test.
    type Handle: Runtime;
    /// What drives it, and ends it when dropped.
    type Owner: BlockOn + Send + Sync + 'static;
    /// What the runtime is by nature able to do.
    const CAPS: Caps;

    /// Starts a runtime, or gives the global one.
    fn start() -> Self::Owner;

    /// Returns the owner's handle.
    fn handle(owner: &Self::Owner) -> Self::Handle;

    /// Ends the runtime; for a runtime that [ends](Caps::ends).
    fn shutdown(owner: Self::Owner, timeout: Duration) -> Option<ShutdownReport> {
        let _ = timeout;
        drop(owner);
        None
    }

    /// Makes a future that fails unless it is polled in the runtime's own context, such as the
    /// binding of a socket; `None` if the runtime has no such thing.
    fn needs_its_context() -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        None
    }

    /// Makes a future that the runtime would make yield half-way, though all it waits for is there;
    /// `None` if the runtime has no such thing. It is ready at its first poll if it is not made to.
    fn needs_its_budget() -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        None
    }
}

/// What a runtime is by nature able to do.
///
/// A case that needs more is not run on it, and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caps {
    /// It is not the process's global runtime: each start makes a new one, and it ends.
    pub ends: bool,
    /// Its tasks run while nobody is in `block_on`.
    pub background: bool,
    /// A task that blocks inside `enter(Blocking)` stops no other task.
    pub blocks_in_polls: bool,
    /// Its blocking jobs run while nobody is in `block_on`.
    pub background_jobs: bool,
    /// Its time passes while nothing happens, and only then: whoever waits for something outside may find
    /// that hours have passed.
    pub virtual_time: bool,
    /// How many tasks are a lot for it; the cases with very many use this number.
    pub many: usize,
}

impl Caps {
    /// A runtime with several threads of its own.
    pub const OWNED: Caps = Caps {
        ends: true,
        background: true,
        blocks_in_polls: true,
        background_jobs: true,
        virtual_time: false,
        many: 10_000,
    };
    /// The process's global runtime.
    pub const GLOBAL: Caps = Caps {
        ends: false,
        background: true,
        blocks_in_polls: false,
        background_jobs: true,
        virtual_time: false,
        many: 10_000,
    };
    /// A runtime that runs only inside `block_on`.
    pub const CURRENT_THREAD: Caps = Caps {
        ends: true,
        background: false,
        blocks_in_polls: false,
        background_jobs: true,
        virtual_time: false,
        many: 10_000,
    };

    /// A simulator: one task at a time, inside `block_on`, and virtual time.
    pub const SIMULATED: Caps = Caps {
        background_jobs: false,
        virtual_time: true,
        ..Caps::CURRENT_THREAD
    };

    /// The same, under a [`VirtualClock`].
    #[must_use]
    pub const fn in_virtual_time(self) -> Caps {
        Caps {
            virtual_time: true,
            ..self
        }
    }

    /// The same, for a runtime to which `tasks` tasks at once are a lot.
    #[must_use]
    pub const fn many(self, tasks: usize) -> Caps {
        Caps {
            many: tasks,
            ..self
        }
    }
}

/// The same runtime behind [`AnyRuntime`].
#[derive(Debug)]
pub struct Erased<H>(PhantomData<H>);

impl<H: Harness> Harness for Erased<H> {
    type Handle = AnyRuntime;
    type Owner = H::Owner;
    const CAPS: Caps = H::CAPS;

    fn start() -> H::Owner {
        H::start()
    }

    fn handle(owner: &H::Owner) -> AnyRuntime {
        H::handle(owner).erased()
    }

    fn shutdown(owner: H::Owner, timeout: Duration) -> Option<ShutdownReport> {
        H::shutdown(owner, timeout)
    }

    fn needs_its_context() -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        H::needs_its_context()
    }

    fn needs_its_budget() -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        H::needs_its_budget()
    }
}

/// The same runtime in virtual time.
///
/// The time moves by itself, and waits for what is outside where nothing can run.
#[derive(Debug)]
pub struct InVirtualTime<H>(PhantomData<H>);

impl<H: Harness> Harness for InVirtualTime<H> {
    type Handle = Virtual<<H::Owner as Drive>::Handle>;
    type Owner = VirtualClock<H::Owner>;
    const CAPS: Caps = H::CAPS.in_virtual_time();

    fn start() -> VirtualClock<H::Owner> {
        VirtualClock::on(H::start()).allow_outside_wakes()
    }

    fn handle(owner: &VirtualClock<H::Owner>) -> Self::Handle {
        owner.handle().clone()
    }

    fn shutdown(owner: VirtualClock<H::Owner>, timeout: Duration) -> Option<ShutdownReport> {
        let jobs_left = owner.finish_jobs(timeout);
        let report = H::shutdown(owner.into_inner(), timeout)?;
        Some(ShutdownReport::new(
            report.threads_left(),
            report.jobs_left() + jobs_left,
            report.waited(),
        ))
    }

    fn needs_its_context() -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        H::needs_its_context()
    }
}

/// A case, boxed: the suite has some thousands of them, and each type of its own costs the compiler
/// more than the box costs the test.
#[doc(hidden)]
pub type Case = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs an asynchronous case: in `block_on`, then in a task.
#[doc(hidden)]
pub fn run_async<H: Harness>(
    name: &'static str,
    case: fn(H::Handle) -> Case,
    in_task: fn(H::Handle) -> Task<()>,
) {
    watchdog(name, move || {
        let owner = H::start();
        owner.block_on(case(H::handle(&owner)));
        if let Err(error) = owner.block_on(in_task(H::handle(&owner))) {
            // What the panic itself printed may be with the output of another test: that of whoever
            // started the thread of a global runtime.
            eprintln!("in a task: {error}");
            error.resume_unwind();
        }
    });
}

/// Runs a case that starts and ends its runtime itself.
#[doc(hidden)]
pub fn run_sync<H: Harness>(name: &'static str, case: fn()) {
    watchdog(name, case);
}

/// Says that a case was not run.
pub(crate) fn skip(why: &str) {
    println!("skipped: {why}");
}

/// Runs `case` on a thread of its own, and names it if it hangs.
fn watchdog(name: &'static str, case: impl FnOnce() + Send + 'static) {
    crate::faults::collect_failures();
    let (over, ended) = channel::<()>();
    let thread = thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let _over = over;
            case();
        })
        .expect("the operating system can start a thread");
    let patience = patience();
    if ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
        panic!("`{name}` hangs: not over after {patience:?}");
    }
    if let Err(payload) = thread.join() {
        resume_unwind(payload);
    }
}
