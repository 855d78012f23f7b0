//! A pool of threads with a limit, for what must not run too often at once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError};

use super::to_thread::{self, Threaded, ToThread};
use crate::context::ContextVar;
use crate::region::flat::flat;
use crate::region::{frame, runtime_of};
use crate::sync::{Mutex, MutexGuard};
use crate::thread::ThreadCache;

/// How long an idle thread of a pool stays.
const KEEP: std::time::Duration = std::time::Duration::from_secs(10);

/// Threads of which there are at most so many: [`to_thread`](crate::to_thread) with a limit.
///
/// For what the world outside allows a few of: connections, licences, the arms of a disk. Functions above the
/// limit wait for a thread, first come, first served, and their awaits with them.
///
/// A pool with a limit can deadlock where its functions call themselves by way of async code: all threads wait
/// for functions that wait for a thread. This one does not. What is submitted from *inside a chain*, that is by a
/// function of any limited pool, by what it calls with [`from_thread`](crate::from_thread) or by tasks that are
/// spawned there, never waits for a thread: it has one, or it is refused.
///
/// Cheap to clone: clones are the same pool. Under a virtual clock a function counts from when it has its thread.
///
/// # Examples
///
/// ```
/// use anyrt::{Threads, backend::builtin::BuiltinRuntime, from_thread, prelude::*};
///
/// let disk = Threads::limited(1).named("disk");
/// BuiltinRuntime::new().block_on(async {
///     assert_eq!(disk.to_thread(|| 1).unwrap().await, 1);
///
///     // The only thread calls for another one of the same pool:
///     let inner = disk.clone();
///     let chain = disk.to_thread(move || {
///         from_thread(async move { inner.to_thread(|| 2).map(drop).unwrap_err().to_string() })
///     });
///     assert!(chain.unwrap().await.unwrap().contains("no thread is free"));
/// });
/// ```
#[derive(Clone)]
#[doc(alias = "Semaphore")]
#[doc(alias = "ThreadPoolExecutor")]
pub struct Threads {
    pool: Arc<Pool>,
}

struct Pool {
    limit: usize,
    name: Option<Cow<'static, str>>,
    cache: ThreadCache,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    /// Those that wait for a thread.
    queue: BTreeMap<u64, Box<dyn FnOnce(Place) + Send>>,
    next: u64,
}

/// Says that a function of a limited pool is further out, and holds its thread: found through the context, as a
/// task may lie between.
static IN_CHAIN: ContextVar<()> = ContextVar::new("anyrt::Threads");

impl Threads {
    /// Makes a pool of at most `most` threads, of which none is started yet. Zero counts as one.
    pub fn limited(most: usize) -> Self {
        Self::new(most, None)
    }

    /// Names the threads of this pool, which has started none yet: `name-1`, and so on.
    ///
    /// Functions have the name, too, where they are listed.
    #[must_use = "a pool with a name is another pool"]
    pub fn named(self, name: impl Into<Cow<'static, str>>) -> Self {
        Self::new(self.pool.limit, Some(name.into()))
    }

    fn new(most: usize, name: Option<Cow<'static, str>>) -> Self {
        let threads = name.clone().unwrap_or(Cow::Borrowed("anyrt-pool"));
        Threads {
            pool: Arc::new(Pool {
                limit: most.max(1),
                cache: ThreadCache::new(threads, KEEP),
                name,
                state: Mutex::new(State::default()),
            }),
        }
    }

    /// Runs `f` on a thread of this pool, as [`to_thread`](crate::to_thread) does, as soon as there is one.
    ///
    /// # Errors
    ///
    /// [`NoThreadFree`] with the function, inside a chain whose threads are all taken.
    #[track_caller]
    pub fn to_thread<F, T>(&self, f: F) -> Result<ToThread<T>, NoThreadFree<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit(f, !IN_CHAIN.is_bound())
    }

    /// Does the same if there is a thread now.
    ///
    /// # Errors
    ///
    /// [`NoThreadFree`] with the function, where it would wait for a thread.
    #[track_caller]
    pub fn try_to_thread<F, T>(&self, f: F) -> Result<ToThread<T>, NoThreadFree<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit(f, false)
    }

    /// Returns whether a function that is submitted now would wait for a thread, or be refused one.
    pub fn would_queue(&self) -> bool {
        let state = self.pool.state();
        state.running >= self.pool.limit
    }

    /// Returns how many functions have a thread.
    pub fn running(&self) -> usize {
        self.pool.state().running
    }

    /// Returns how many functions wait for a thread.
    pub fn queued(&self) -> usize {
        self.pool.state().queue.len()
    }

    #[track_caller]
    fn submit<F, T>(&self, f: F, may_wait: bool) -> Result<ToThread<T>, NoThreadFree<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let place = self.pool.take_place();
        if place.is_none() && !may_wait {
            return Err(NoThreadFree { f });
        }
        let rt = frame::current().as_ref().and_then(runtime_of);
        let f = move || IN_CHAIN.sync_scope((), f);
        let Threaded { mut handle, start } = to_thread::prepare(rt, self.pool.name.clone(), f);
        let pool = Arc::clone(&self.pool);
        let start = move |place: Place| start.run(&pool.cache, place);
        match place {
            Some(place) => handle.set_hot(start(place)),
            None => {
                let start = move |place: Place| {
                    start(place);
                };
                let number = self.pool.enqueue(Box::new(start));
                let pool = Arc::downgrade(&self.pool);
                handle.link().set_queued(Box::new(move || {
                    let left = pool
                        .upgrade()
                        .and_then(|pool| pool.state().queue.remove(&number));
                    // Outside the lock.
                    drop(left);
                }));
            }
        }
        Ok(handle)
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.pool.state();
        f.debug_struct("Threads")
            .field("name", &self.pool.name)
            .field("limit", &self.pool.limit)
            .field("running", &state.running)
            .field("queued", &state.queue.len())
            .finish_non_exhaustive()
    }
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_place(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.state();
        if state.running >= self.limit {
            return None;
        }
        state.running += 1;
        Some(Place(Arc::clone(self)))
    }

    /// Has `start` wait for a place; one may have become free since it was looked for.
    /// Says under which number.
    fn enqueue(self: &Arc<Self>, start: Box<dyn FnOnce(Place) + Send>) -> u64 {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.queue.insert(number, start);
        if state.running < self.limit {
            state.running += 1;
            drop(state);
            // Which takes the one that has waited longest.
            drop(Place(Arc::clone(self)));
        }
        number
    }
}

/// One of the threads that a pool may have, until this is dropped: then the next in the queue has it.
pub(super) struct Place(Arc<Pool>);

impl Drop for Place {
    fn drop(&mut self) {
        let pool = &self.0;
        let mut state = pool.state();
        let Some((_, start)) = state.queue.pop_first() else {
            state.running -= 1;
            return;
        };
        drop(state);
        // One that is refused gives the place to the next.
        let place = Place(Arc::clone(pool));
        flat(move || start(place));
    }
}

/// No thread of a [`Threads`] is free for a function that must not wait for one.
pub struct NoThreadFree<F> {
    f: F,
}

impl<F> NoThreadFree<F> {
    /// Returns the function, which has not run.
    pub fn into_inner(self) -> F {
        self.f
    }
}

impl<F> fmt::Debug for NoThreadFree<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NoThreadFree")
    }
}

impl<F> fmt::Display for NoThreadFree<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no thread is free in this pool, and waiting for one might never end: the function was submitted \
             where a function of such a pool waits, or by `try_to_thread`",
        )
    }
}

impl<F> std::error::Error for NoThreadFree<F> {}
