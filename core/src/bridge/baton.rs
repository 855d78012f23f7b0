//! Baton groups: sync functions of which one runs at a time, as tasks of one event loop do.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use super::park;
use super::to_thread::{ToThread, to_thread};
use crate::region::contain::{contain, discard};
use crate::region::frame;
use crate::sync::{Mutex, MutexGuard, thread_local};
use crate::thread::{Held, Holding, while_waiting};

/// Sync functions of which exactly one runs at a time, and of which each runs until it waits.
///
/// In an event loop of one thread, code between two `await`s is alone: nobody else changes what it looks at.
/// Sync functions on threads have no such thing. In a group they do: who runs has the *baton*, and passes it on
///
/// * where it waits by means of this library: in [`from_thread`](crate::from_thread),
///   [`block_anywhere`](crate::block_anywhere), [`blocking_wait`](crate::blocking_wait), the `wait` of a job,
/// * at its end, also by a panic.
///
/// ```text
/// a  ━━━━━━━ from_thread ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ ━━━━ end
/// b  ┄┄┄┄┄┄┄ ━━━━━━━━━━━━━━━━ from_thread ┄┄┄┄ ━━━
/// c  ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ ━━━━━━━━━━━━ end
/// ```
///
/// So state that members share needs no more locks than in an event loop, as long as nobody relies on it across a
/// wait. Those who want the baton get it in the order in which they asked for it; one that comes back from
/// a wait asks anew. A member that is abandoned, because nobody awaits it any more, is no exception: at its
/// next wait or call, even one that gives an error at once, it passes the baton on and stands behind those
/// who wait.
///
/// A member that calls another of its group directly runs it as its own code. One that calls into another
/// group lets go of its own baton until that returns, so that groups cannot wait for each other.
///
/// A clone is of the same group.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU32, Ordering::Relaxed}};
/// use anyrt::{BatonGroup, backend::builtin::BuiltinRuntime, gather, prelude::*};
///
/// let group = BatonGroup::new();
/// let count = Arc::new(AtomicU32::new(0));
/// let add = |count: Arc<AtomicU32>| move || {
///     let seen = count.load(Relaxed); // nobody comes between …
///     std::thread::yield_now();
///     count.store(seen + 1, Relaxed); // … these two
/// };
/// BuiltinRuntime::new().block_on(async {
///     gather((1..=10).map(|_| group.to_thread(add(count.clone()))).collect::<Vec<_>>()).await;
/// });
/// assert_eq!(count.load(Relaxed), 10);
/// ```
#[derive(Clone)]
pub struct BatonGroup(Arc<Group>);

struct Group {
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    /// Who has the baton.
    holder: Option<u64>,
    /// Who waits for it, the first at the head, with the waker of those who have looked.
    waiting: VecDeque<(u64, Option<Waker>)>,
    /// How many have asked.
    numbers: u64,
}

impl BatonGroup {
    /// Makes a group without members.
    #[expect(clippy::new_without_default, reason = "each is another group")]
    pub fn new() -> Self {
        BatonGroup(Arc::new(Group {
            line: Mutex::new(Line::default()),
        }))
    }

    /// Runs `f` on this thread as a member, once it is its turn.
    ///
    /// For threads: those of [`to_thread`](crate::to_thread), blocking jobs, plain ones. Waiting takes no
    /// virtual time.
    ///
    /// # Panics
    ///
    /// With the panic of `f`; and with advice when it is called in async code, whose thread it would block:
    /// [`call`](BatonGroup::call) is for that.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::BatonGroup;
    ///
    /// let group = BatonGroup::new();
    /// assert_eq!(group.run(|| group.run(|| 5)), 5);
    /// ```
    #[track_caller]
    pub fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        if self.0.is_held_here() {
            return f();
        }
        assert!(
            !frame::is_polling(),
            "`BatonGroup::run` was called from inside async code, whose thread it would block: await \
             `group.call(..)`, or `group.to_thread(..)`"
        );
        self.ask().run(f)
    }

    /// Runs `f` on a thread as a member, and gives its value when that is awaited.
    ///
    /// Its place is that of this call. For the rest it is [`to_thread`](crate::to_thread).
    ///
    /// # Panics
    ///
    /// As the future of [`to_thread`](crate::to_thread) does.
    #[track_caller]
    pub fn to_thread<F, T>(&self, f: F) -> ToThread<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let turn = self.ask();
        to_thread(move || turn.run(f))
    }

    /// Runs `f` in this task as a member, once it is its turn.
    ///
    /// `f` runs in a poll, so it must not wait.
    ///
    /// Cancel safe: dropped before its turn, `f` does not run and the others move up.
    ///
    /// # Panics
    ///
    /// With the panic of `f`; and when it is polled again after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{BatonGroup, backend::builtin::BuiltinRuntime, prelude::*};
    ///
    /// let group = BatonGroup::new();
    /// assert_eq!(BuiltinRuntime::new().block_on(group.call(|| 5)), 5);
    /// ```
    pub fn call<F, T>(&self, f: F) -> BatonCall<F>
    where
        F: FnOnce() -> T,
    {
        BatonCall {
            group: self.clone(),
            turn: None,
            f: Some(f),
        }
    }

    /// Returns how many wait for the baton.
    pub fn waiting(&self) -> usize {
        self.0.line().waiting.len()
    }

    /// Gets in line.
    fn ask(&self) -> Turn {
        let group = Arc::clone(&self.0);
        let mut line = group.line();
        let number = line.numbers;
        line.numbers += 1;
        match line.holder {
            None => line.holder = Some(number),
            Some(_) => line.waiting.push_back((number, None)),
        }
        drop(line);
        Turn { group, number }
    }
}

impl fmt::Debug for BatonGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.0.line();
        f.debug_struct("BatonGroup")
            .field("held", &line.holder.is_some())
            .field("waiting", &line.waiting.len())
            .finish()
    }
}

impl Group {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this thread runs a member.
    fn is_held_here(&self) -> bool {
        HERE.try_with(Cell::get).unwrap_or(0) == self.address()
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

// The group that this thread has the baton of: its address, to compare; zero for none.
thread_local! {
    static HERE: Cell<usize> = const { Cell::new(0) };
}

/// A place in the line, or the baton. Dropped, the baton goes to the next, and the place is nobody's.
struct Turn {
    group: Arc<Group>,
    number: u64,
}

impl Turn {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut line = self.group.line();
        if line.holder == Some(self.number) {
            drop(line);
            return Poll::Ready(());
        }
        let mut places = line.waiting.iter_mut();
        let place = places.find(|(number, _)| *number == self.number);
        let before = place.and_then(|(_, before)| before.replace(waker));
        drop(line);
        drop(before);
        Poll::Pending
    }

    /// Waits on this thread until it is its turn.
    fn wait(&self) {
        if self
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
        {
            park::block(poll_fn(|cx| self.poll(cx)));
        }
    }

    fn run<T>(self, f: impl FnOnce() -> T) -> T {
        // What this thread has the baton of, if it does, goes on while this one runs.
        while_waiting(|| {
            self.wait();
            self.hold(f)
        })
    }

    /// Runs `f` with the baton, which this has.
    fn hold<T>(self, f: impl FnOnce() -> T) -> T {
        let _here = Here::enter(&self.group);
        let _holding = Holding::new(Rc::new(Baton {
            group: BatonGroup(Arc::clone(&self.group)),
            turn: Cell::new(Some(self)),
        }));
        f()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut line = self.group.line();
        if line.holder != Some(self.number) {
            let place = line
                .waiting
                .iter()
                .position(|(number, _)| *number == self.number);
            let left = place.and_then(|place| line.waiting.remove(place));
            drop(line);
            drop(left);
            return;
        }
        let next = line.waiting.pop_front();
        line.holder = next.as_ref().map(|(number, _)| *number);
        drop(line);
        if let Some((_, Some(waker))) = next {
            // The baton may be passed on while its thread panics.
            if let Err(payload) = contain(|| waker.wake()) {
                discard(payload);
            }
        }
    }
}

/// The baton in the hands of a thread; nothing while that waits.
struct Baton {
    group: BatonGroup,
    turn: Cell<Option<Turn>>,
}

impl Held for Baton {
    fn let_go(&self) {
        set_here(0);
        drop(self.turn.take());
    }

    fn take_back(&self) {
        let turn = self.group.ask();
        turn.wait();
        self.turn.set(Some(turn));
        set_here(self.group.0.address());
    }
}

fn set_here(group: usize) -> usize {
    HERE.try_with(|here| here.replace(group)).unwrap_or(0)
}

/// This thread has the baton of a group, until this is dropped.
struct Here(usize);

impl Here {
    fn enter(group: &Group) -> Self {
        Here(set_here(group.address()))
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        set_here(self.0);
    }
}

/// The future of [`BatonGroup::call`].
#[must_use = "the function runs only when this is awaited"]
pub struct BatonCall<F> {
    group: BatonGroup,
    turn: Option<Turn>,
    f: Option<F>,
}

// The function is moved out, and nothing is pinned.
impl<F> Unpin for BatonCall<F> {}

impl<F, T> Future for BatonCall<F>
where
    F: FnOnce() -> T,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        assert!(
            this.f.is_some(),
            "a `BatonGroup::call` was polled after it was ready"
        );
        if !this.group.0.is_held_here() {
            let turn = this.turn.get_or_insert_with(|| this.group.ask());
            ready!(turn.poll(cx));
        }
        let Some(f) = this.f.take() else {
            unreachable!("it is there until it is called");
        };
        match this.turn.take() {
            Some(turn) => Poll::Ready(turn.hold(f)),
            None => Poll::Ready(f()),
        }
    }
}

impl<F> fmt::Debug for BatonCall<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatonCall")
            .field("group", &self.group)
            .field("called", &self.f.is_none())
            .finish_non_exhaustive()
    }
}
