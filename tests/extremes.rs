//! What few programs do: very deep chains of tasks, and threads that use a runtime as they end.

#![allow(clippy::unwrap_used, reason = "they are tests")]

use std::cell::RefCell;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use anyrt::backend::async_std::AsyncStd;
use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::backend::smol::Smol;
use anyrt::backend::tokio::TokioRuntime;
use anyrt::{BlockOn, Drive, Runtime, Task, Timer, current, find, rooted};
use futures::channel::oneshot;

const DEEP: usize = 100_000;

/// The chain's tasks that live.
type Live = Arc<AtomicUsize>;

struct OneLess(Live);

impl Drop for OneLess {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A task that awaits a task that awaits a task …; the last says so and waits for ever.
fn chain<R: Runtime>(rt: &R, left: usize, live: Live, last: mpsc::Sender<()>) -> BoxFuture<()> {
    let rt = rt.clone();
    Box::pin(async move {
        live.fetch_add(1, Ordering::SeqCst);
        let _one_less = OneLess(Arc::clone(&live));
        if left == 0 {
            last.send(()).expect("the test waits for it");
            return pending().await;
        }
        let next = rt.spawn(chain(&rt, left - 1, live, last));
        drop(next.await);
    })
}

async fn until(rt: &impl Timer, condition: impl Fn() -> bool) {
    while !condition() {
        rt.sleep_until(rt.now() + Duration::from_millis(1)).await;
    }
}

fn start_chain<D: Drive>(owner: &D) -> (Task<()>, Live) {
    let live = Live::default();
    let (last, is_there) = mpsc::channel();
    let rt = owner.handle();
    let head = rt.spawn(chain(rt, DEEP - 1, Arc::clone(&live), last));
    owner.block_on(until(rt, || is_there.try_recv().is_ok()));
    assert_eq!(live.load(Ordering::SeqCst), DEEP);
    (head, live)
}

fn on_a_small_stack(f: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(512 << 10).spawn(f);
    let ended = thread.expect("a thread can be started").join();
    assert!(ended.is_ok());
}

/// Dropping the first handle cancels them all.
fn cancel_a_chain<D: Drive>(owner: &D) {
    let (head, live) = start_chain(owner);
    drop(head);
    owner.block_on(until(owner.handle(), || live.load(Ordering::SeqCst) == 0));
}

fn end_a_chain<D: Drive>(owner: D) {
    let (head, live) = start_chain(&owner);
    drop(owner);
    assert_eq!(live.load(Ordering::SeqCst), 0);
    assert!(head.is_finished());
}

#[test]
fn a_deep_chain_is_cancelled_on_a_small_stack() {
    on_a_small_stack(|| cancel_a_chain(&BuiltinRuntime::new()));
    on_a_small_stack(|| cancel_a_chain(&TokioRuntime::multi_thread().unwrap()));
    on_a_small_stack(|| cancel_a_chain(&TokioRuntime::current_thread().unwrap()));
    on_a_small_stack(|| cancel_a_chain(&Smol));
    on_a_small_stack(|| cancel_a_chain(&AsyncStd));
}

#[test]
fn a_deep_chain_ends_with_its_runtime_on_a_small_stack() {
    on_a_small_stack(|| end_a_chain(BuiltinRuntime::new()));
    on_a_small_stack(|| end_a_chain(TokioRuntime::multi_thread().unwrap()));
    on_a_small_stack(|| end_a_chain(TokioRuntime::current_thread().unwrap()));
}

fn nest<R: Runtime>(rt: &R, left: usize) -> BoxFuture<usize> {
    let rt = rt.clone();
    match left {
        0 => Box::pin(async { 0 }),
        _ => Box::pin(rooted(
            &rt.clone(),
            async move { nest(&rt, left - 1).await + 1 },
        )),
    }
}

#[test]
fn two_hundred_roots_stand_inside_each_other_in_one_task() {
    let owner = BuiltinRuntime::new();
    let task = owner.handle().spawn(nest(owner.handle(), 200));
    assert_eq!(owner.block_on(task).unwrap(), 200);
    let owner = TokioRuntime::multi_thread().unwrap();
    let task = owner.handle().spawn(nest(owner.handle(), 200));
    assert_eq!(owner.block_on(task).unwrap(), 200);
}

/// Calls a closure when it is dropped.
struct AtEnd(Option<Box<dyn FnOnce()>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

thread_local! {
    static AT_END: RefCell<AtEnd> = const { RefCell::new(AtEnd(None)) };
}

/// Uses `owner`'s handle on a thread whose other thread-locals are gone. A panic there would abort.
fn use_from_an_ending_thread<D: Drive>(owner: &D) {
    let rt = owner.handle().clone();
    let (give, take) = mpsc::channel();
    let thread = thread::spawn(move || {
        // Before all other thread-locals, so that it is destroyed after them.
        AT_END.with_borrow_mut(|at_end| at_end.0 = None);
        let mut polled = rt.spawn(pending::<()>());
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut polled).poll(cx).is_pending());
        let (wake, woken) = oneshot::channel();
        let waits = rt.spawn(async move { woken.await.unwrap() });
        let cancelled = rt.spawn(pending::<()>());
        let erased = rt.erased();
        assert!(current().is_err());

        let at_end = Box::new(move || {
            assert!(current().is_err() && find().is_err());
            cancelled.cancel("the thread ends");
            drop(polled);
            wake.send(1).unwrap();
            let (two, three) = (rt.spawn(async { 2 }), rt.spawn_blocking(|| 3));
            let numbers = [waits, two, three, erased.spawn(async { 4 })];
            give.send((cancelled, numbers)).unwrap();
        });
        AT_END.with_borrow_mut(|kept| kept.0 = Some(at_end));
    });
    thread.join().unwrap();
    let (cancelled, numbers) = take.recv().unwrap();
    owner.block_on(async {
        assert!(cancelled.await.unwrap_err().is_cancelled());
        for (number, task) in (1..).zip(numbers) {
            assert_eq!(task.await.unwrap(), number);
        }
    });
}

#[test]
fn a_thread_that_is_ending_may_spawn_wake_cancel_and_drop() {
    use_from_an_ending_thread(&BuiltinRuntime::new());
    use_from_an_ending_thread(&TokioRuntime::multi_thread().unwrap());
    use_from_an_ending_thread(&TokioRuntime::current_thread().unwrap());
    use_from_an_ending_thread(&Smol);
    use_from_an_ending_thread(&AsyncStd);
}

#[test]
fn an_owner_may_be_dropped_by_a_thread_that_is_ending() {
    fn at_end<D: Drive + 'static>(start: impl FnOnce() -> D + Send + 'static) {
        let (give, take) = mpsc::channel();
        let thread = thread::spawn(move || {
            AT_END.with_borrow_mut(|at_end| at_end.0 = None);
            let owner = start();
            give.send(owner.handle().spawn(pending::<()>())).unwrap();
            AT_END.with_borrow_mut(|at_end| at_end.0 = Some(Box::new(move || drop(owner))));
        });
        thread.join().unwrap();
        let task = take.recv().unwrap();
        assert!(futures::executor::block_on(task).unwrap_err().is_lost());
    }
    at_end(BuiltinRuntime::new);
    at_end(|| TokioRuntime::multi_thread().unwrap());
    at_end(|| TokioRuntime::current_thread().unwrap());
}
