use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;

use super::*;
use crate::clock::{blocking_wait, external};
use crate::front::{BlockOn, Runtime};
use crate::runtime::{Drive, Enter, Instant, Sleep, Spawn, Timer};
use crate::task::current;

/// Suspends once; ready to go on at once.
pub(super) fn turn() -> impl Future<Output = ()> + Send {
    let mut over = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut over, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

#[test]
fn a_value_comes_back() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    assert_eq!(
        sim.block_on(async { rt.spawn(async { 1 }).await.unwrap() + 1 }),
        2
    );
}

#[test]
fn an_hour_is_an_hour_to_the_nanosecond() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    let (one, two) = sim.block_on(async {
        let start = rt.now();
        rt.sleep(Duration::from_nanos(3_600_000_000_001)).await;
        let one = rt.now() - start;
        rt.gather((1..=100).rev().map(|n| rt.sleep(Duration::from_nanos(n))))
            .await;
        (one, rt.now() - start)
    });
    assert_eq!(one, Duration::from_nanos(3_600_000_000_001));
    assert_eq!(two, Duration::from_nanos(3_600_000_000_101));
}

#[test]
fn what_is_left_to_chance_elsewhere_is_the_same_in_each_run() {
    let waits = || {
        let sim = Sim::new(1);
        let rt = sim.handle().clone();
        sim.block_on(async {
            let start = rt.now();
            let delays = [Duration::from_secs(1); 3];
            let failing = rt.retry_with(delays, || async { Err::<(), _>("busy") });
            failing.jitter(Duration::from_secs(1)).await.unwrap_err();
            rt.now() - start
        })
    };
    assert_eq!(waits(), waits());
    assert!(waits() > Duration::from_secs(3));
}

#[test]
fn a_job_runs_and_blocks_nobody() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    let sum = sim.block_on(async {
        let jobs: Vec<_> = (0..10).map(|n| rt.spawn_blocking(move || n)).collect();
        let mut sum = 0;
        for job in jobs {
            sum += job.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 45);
}

#[test]
fn a_job_may_block_on_the_simulation_it_is_in() {
    let sim = Arc::new(Sim::new(1));
    let rt = sim.handle().clone();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let inner = Arc::clone(&sim);
    let noted = Arc::clone(&seen);
    sim.block_on(async {
        let there = rt.clone();
        let job = rt.spawn_blocking(move || {
            let rt = there.clone();
            inner.block_on(async {
                rt.sleep(Duration::from_secs(2)).await;
                noted.lock().unwrap().push("job");
                rt.spawn(async { 5 }).await.unwrap()
            })
        });
        rt.sleep(Duration::from_secs(1)).await;
        seen.lock().unwrap().push("root");
        assert_eq!(job.await.unwrap(), 5);
    });
    assert_eq!(*seen.lock().unwrap(), ["root", "job"]);
}

#[test]
#[should_panic(expected = "the simulation has stalled")]
fn who_waits_for_ever_is_told() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    let _ = sim.block_on(async { rt.spawn(pending::<()>()).await });
}

/// Two tasks read, let others run, and write what they read plus one.
pub(super) fn lost_update(sim: &Sim) {
    let rt = sim.handle().clone();
    let total = Arc::new(Mutex::new(0));
    let add = |total: Arc<Mutex<u32>>| async move {
        turn().await;
        let seen = *total.lock().unwrap();
        turn().await;
        *total.lock().unwrap() = seen + 1;
        turn().await;
    };
    sim.block_on(async {
        let adds: Vec<_> = (0..3).map(|_| rt.spawn(add(Arc::clone(&total)))).collect();
        for add in adds {
            add.await.unwrap();
        }
    });
    assert_eq!(*total.lock().unwrap(), 3, "an update was lost");
}

#[test]
fn a_lost_update_is_found_replayed_and_shrunk() {
    let failed = Sim::explore(0..1_000, lost_update).unwrap_err();
    println!("{failed}");
    let again = Explore::seed(failed.seed()).run(lost_update).unwrap_err();
    assert_eq!(again.trace(), failed.trace());
    let switches = failed.switches().unwrap();
    assert!((1..=2).contains(&switches.len()), "{failed}");
    assert!(switches[0].contains("tests.rs"), "{failed}");
}

fn panic_of<T>(f: impl FnOnce() -> T) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).err().expect("it panics");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload
            .downcast_ref::<&str>()
            .expect("with a text")
            .to_string(),
    }
}

// --- who is there, and who is told

#[test]
fn the_current_runtime_is_the_simulation() {
    let sim = Sim::new(3);
    let seed = |rt: crate::AnyRuntime| rt.downcast_ref::<SimHandle>().map(|rt| format!("{rt:?}"));
    let rt = sim.handle().clone();
    let found = sim.block_on(async {
        let here = current().unwrap();
        let task = rt.spawn(async { current().unwrap() }).await.unwrap();
        let job = rt.spawn_blocking(|| current().unwrap()).await.unwrap();
        [here, task, job].map(seed)
    });
    for one in found {
        assert_eq!(one.as_deref(), Some("SimHandle { seed: 3, .. }"));
    }
}

#[test]
fn a_stall_says_who_waits_where_it_was_spawned_and_since_when() {
    let sim = Sim::new(1);
    let rt = sim.handle().erased();
    let text = panic_of(|| {
        sim.block_on(async {
            let inner = rt.clone();
            let task = rt.spawn_with().name("outer").spawn(async move {
                inner.sleep(Duration::from_secs(2)).await;
                inner.scope(async |s| s.spawn(pending::<()>()).await).await;
            });
            task.await
        })
    });
    assert!(text.starts_with("the simulation has stalled"), "{text}");
    assert!(text.contains("virtual time 2s"), "{text}");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(
        lines[1].starts_with("  - the future of `block_on` at "),
        "{text}"
    );
    assert!(
        lines[2].starts_with("    - task 1 (`outer`, spawned at "),
        "{text}"
    );
    assert!(
        lines[3].starts_with("      - task 2 (spawned at "),
        "{text}"
    );
    assert!(
        lines[3].contains("tests.rs"),
        "the line of the user: {text}"
    );
    assert!(lines[3].contains("waits since 2s"), "{text}");
}

#[test]
fn what_has_stalled_stays_so() {
    let sim = Sim::new(1);
    let first = panic_of(|| sim.block_on(pending::<()>()));
    let second = panic_of(|| sim.block_on(async { 1 }));
    assert_eq!(first, second);
}

#[test]
fn a_stall_inside_a_job_that_blocks_ends_the_job_too() {
    let sim = Arc::new(Sim::new(1));
    let rt = sim.handle().clone();
    let inner = Arc::clone(&sim);
    let (tell, told) = mpsc::channel();
    let text = panic_of(|| {
        sim.block_on(async {
            let job = rt.spawn_blocking(move || {
                tell.send(panic_of(|| inner.block_on(pending::<()>())))
                    .unwrap();
            });
            job.await
        })
    });
    assert!(text.contains("blocks its thread"), "{text}");
    assert_eq!(told.recv().unwrap(), text);
}

// --- panics

#[test]
fn a_panic_passes_and_the_simulation_goes_on() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    let text = panic_of(|| {
        sim.block_on(async {
            turn().await;
            panic!("out of cheese")
        })
    });
    assert_eq!(text, "out of cheese");
    let task = rt.spawn(async { panic!("contained") });
    assert!(sim.block_on(task).unwrap_err().is_panic());
    assert_eq!(sim.block_on(rt.spawn(async { 2 })).unwrap(), 2);
}

#[test]
fn a_raw_future_that_panics_gives_its_turn_back() {
    let sim = Sim::on(Careful, 1);
    let rt = sim.handle().clone();
    rt.spawn_raw(async { panic!("on purpose: the host contains it") });
    assert_eq!(sim.block_on(rt.spawn(async { 2 })).unwrap(), 2);
}

// --- the world outside

#[test]
fn a_wake_from_outside_is_an_error_that_says_so() {
    let sim = Sim::new(1);
    let (tx, rx) = oneshot::channel::<()>();
    let thread = thread::Builder::new()
        .name("stranger".into())
        .spawn(move || {
            thread::sleep(Duration::from_millis(5));
            let _ = tx.send(());
        });
    let rt = sim.handle().clone();
    let text = panic_of(|| {
        sim.block_on(async move {
            // Somebody is always ready, so that it does not stall before.
            let busy = rt.spawn(async {
                loop {
                    turn().await;
                }
            });
            rx.await.unwrap();
            drop(busy);
        });
    });
    assert!(text.starts_with("a task was woken from a thread"), "{text}");
    assert!(
        text.contains("stranger") && text.contains("allow_outside_wakes"),
        "{text}"
    );
    thread.unwrap().join().unwrap();
}

#[test]
fn a_spawn_from_outside_is_an_error_that_says_so() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    let text = panic_of(|| {
        sim.block_on(async {
            thread::spawn(move || rt.spawn_detached(async {}))
                .join()
                .unwrap();
            turn().await;
        });
    });
    assert!(
        text.starts_with("something was spawned from a thread"),
        "{text}"
    );
}

#[test]
fn what_waits_for_the_world_outside_says_so_and_holds_the_time() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    let (tx, rx) = oneshot::channel();
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(5));
        tx.send(7).unwrap();
    });
    sim.block_on(async {
        let hour = rt.spawn(rt.sleep(Duration::from_secs(3600)));
        let start = rt.now();
        assert_eq!(external(rx).await, Ok(7));
        assert_eq!(rt.now(), start);
        assert!(!hour.is_finished());
        hour.await.unwrap();
        assert_eq!(rt.now() - start, Duration::from_secs(3600));
    });
    thread.join().unwrap();
}

#[test]
fn a_job_that_never_gives_its_turn_back_is_told() {
    let sim = Sim::with().watchdog(Duration::from_millis(5)).start();
    let rt = sim.handle().clone();
    let (tx, rx) = mpsc::channel::<()>();
    let text = panic_of(|| {
        sim.block_on(async {
            let job = rt.spawn_blocking(move || rx.recv());
            job.await
        })
    });
    assert!(text.starts_with("the simulation is stuck"), "{text}");
    assert!(text.contains("than blocking job 1 (spawned at "), "{text}");
    assert!(text.contains("blocking_wait"), "{text}");
    drop(tx);
}

#[test]
fn a_wait_whose_end_nobody_tells_is_refused_unless_it_is_allowed() {
    fn waits(sim: &Sim) -> u32 {
        let rt = sim.handle().clone();
        sim.block_on(async {
            let (tx, rx) = mpsc::channel();
            let job = rt.spawn_blocking(move || blocking_wait(|| rx.recv().unwrap()));
            rt.sleep(Duration::from_secs(1)).await;
            tx.send(5).unwrap();
            job.await.unwrap()
        })
    }
    let text = panic_of(|| waits(&Sim::new(1)));
    assert!(
        text.starts_with("a job that lent its turn came back"),
        "{text}"
    );
    assert_eq!(waits(&Sim::with().allow_outside_wakes().start()), 5);
}

#[test]
fn between_two_drives_plain_code_may_wake_and_spawn() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    let (tx, rx) = oneshot::channel();
    let task = rt.spawn(rx);
    sim.block_on(turn());
    thread::spawn(move || tx.send(1).unwrap()).join().unwrap();
    assert_eq!(sim.block_on(task).unwrap(), Ok(1));
}

#[test]
fn nothing_runs_while_nobody_drives() {
    for sim in [Sim::new(1), Sim::on(Careful, 1)] {
        let ran = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&ran);
        sim.handle().spawn_detached(async move {
            count.fetch_add(1, Ordering::SeqCst);
        });
        thread::sleep(Duration::from_millis(5));
        assert_eq!(ran.load(Ordering::SeqCst), 0);
        sim.block_on(sim.handle().sleep(Duration::from_secs(1)));
        assert_eq!(ran.load(Ordering::SeqCst), 1);
    }
}

// --- order and time

#[test]
fn who_wakes_at_the_same_time_runs_in_any_order() {
    let order = |schedule| {
        let sim = Sim::with().schedule(schedule).start();
        let rt = sim.handle().clone();
        let seen = Arc::new(Mutex::new(Vec::new()));
        sim.block_on(async {
            for n in 0..3 {
                let (nap, seen) = (rt.sleep(Duration::from_secs(1)), Arc::clone(&seen));
                rt.spawn_detached(async move {
                    nap.await;
                    seen.lock().unwrap().push(n);
                });
            }
            rt.sleep(Duration::from_secs(2)).await;
        });
        seen.lock().unwrap().clone()
    };
    assert_eq!(order(Schedule::Fifo), [0, 1, 2]);
    // Spawned last, asleep first, awake last.
    assert_eq!(order(Schedule::Lifo), [0, 1, 2]);
}

#[test]
fn another_order_is_another_trace() {
    let run = |schedule| {
        let sim = Sim::with().schedule(schedule).start();
        let rt = sim.handle().clone();
        sim.block_on(async {
            let tasks = [(); 3].map(|()| rt.spawn(async {}));
            for task in tasks {
                task.await.unwrap();
            }
        });
        sim.trace()
    };
    let (fifo, lifo) = (run(Schedule::Fifo), run(Schedule::Lifo));
    assert_eq!(fifo, run(Schedule::Fifo));
    assert_eq!(fifo.steps(), lifo.steps());
    assert_ne!(fifo, lifo);
    assert!(fifo.divergence(&lifo).unwrap().starts_with("in step 1 ran"));
}

#[test]
fn time_stands_still_while_anybody_is_ready() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    sim.block_on(async {
        let sleeper = rt.spawn(rt.sleep(Duration::from_nanos(1)));
        let start = rt.now();
        for _ in 0..1_000 {
            turn().await;
        }
        assert_eq!(rt.now(), start);
        sleeper.await.unwrap();
        assert_eq!(rt.now() - start, Duration::from_nanos(1));
    });
}

#[test]
fn a_hundred_thousand_tasks_take_turns() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    sim.block_on(async {
        let tasks: Vec<_> = (0..100_000_u64)
            .map(|n| {
                let nap = rt.sleep(Duration::from_nanos(n * 7919 % 100_003));
                rt.spawn(async move {
                    turn().await;
                    nap.await;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!(sim.trace().steps() >= 300_000);
}

#[test]
fn two_threads_may_drive_at_a_time() {
    let sim = Arc::new(Sim::with().allow_outside_wakes().start());
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let sim = Arc::clone(&sim);
            thread::spawn(move || {
                let rt = sim.handle().clone();
                sim.block_on(async {
                    for _ in 0..100 {
                        rt.spawn(turn()).await.unwrap();
                    }
                    n
                })
            })
        })
        .collect();
    for (n, thread) in threads.into_iter().enumerate() {
        assert_eq!(thread.join().unwrap(), n);
    }
}

// --- ends

/// Says when it is dropped.
struct Gone(Arc<Mutex<Vec<usize>>>, usize);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(self.1);
    }
}

#[test]
fn its_end_drops_what_is_left_in_order() {
    for sim in [Sim::new(1), Sim::on(Careful, 1)] {
        let order = Arc::default();
        let rt = sim.handle().clone();
        let mut tasks = Vec::new();
        for n in 0..4 {
            let gone = Gone(Arc::clone(&order), n);
            tasks.push(rt.spawn(async move {
                let _gone = gone;
                pending::<()>().await;
            }));
        }
        sim.block_on(rt.sleep(Duration::from_secs(1)));
        let gone = Gone(Arc::clone(&order), 4);
        tasks.push(rt.spawn_blocking(move || drop(gone)));
        drop(sim);
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
        for task in tasks {
            assert!(futures::executor::block_on(task).unwrap_err().is_lost());
        }
        let late = rt.spawn(async {});
        assert!(futures::executor::block_on(late).unwrap_err().is_lost());
    }
}

#[test]
fn what_is_dropped_at_its_end_may_spawn_wake_and_sleep() {
    struct Busy(SimHandle, Waker);
    impl Drop for Busy {
        fn drop(&mut self) {
            self.0.spawn_detached(async {});
            self.1.wake_by_ref();
            drop(self.0.sleep(Duration::from_secs(1)));
        }
    }
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    for _ in 0..3 {
        let inner = rt.clone();
        rt.spawn_detached(async move {
            let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
            let _busy = Busy(inner.clone(), waker);
            inner.sleep(Duration::from_secs(100)).await;
        });
    }
    sim.block_on(rt.sleep(Duration::from_secs(1)));
    drop(sim);
}

/// A waker whose end spawns.
struct Spawning(SimHandle);

impl Wake for Spawning {
    fn wake(self: Arc<Self>) {
        self.0.spawn_detached(async {});
    }
}

impl Drop for Spawning {
    fn drop(&mut self) {
        self.0.spawn_detached(async {});
    }
}

#[test]
fn wakers_that_reenter_are_fine() {
    let sim = Sim::new(1);
    let rt = sim.handle().clone();
    sim.block_on(async {
        let mut fired = Box::pin(rt.sleep(Duration::from_secs(1)));
        let mut dropped = Box::pin(rt.sleep(Duration::from_secs(1)));
        for sleep in [&mut fired, &mut dropped] {
            for _ in 0..2 {
                let waker = Waker::from(Arc::new(Spawning(rt.clone())));
                assert!(
                    sleep
                        .as_mut()
                        .poll(&mut Context::from_waker(&waker))
                        .is_pending()
                );
            }
        }
        drop(dropped);
        rt.sleep(Duration::from_secs(2)).await;
    });
    assert_eq!(sim.waiting(), "");
}

// --- hosts that do as they like

/// A thread for each task. It forgets nothing, and drops each third task that it is given.
#[derive(Clone, Debug)]
struct Careless;

/// The same, and drops none.
#[derive(Clone, Debug)]
struct Careful;

#[derive(Debug)]
struct NoSleep;

impl Future for NoSleep {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        unreachable!("the time of a host is not asked for")
    }
}

impl Sleep for NoSleep {
    fn reset(self: Pin<&mut Self>, _: Instant) {}
}

macro_rules! host {
    ($host:ident, $keeps:expr) => {
        impl Spawn for $host {
            fn spawn_raw<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
                static TASKS: AtomicUsize = AtomicUsize::new(0);
                let keeps: fn(usize) -> bool = $keeps;
                if keeps(TASKS.fetch_add(1, Ordering::SeqCst)) {
                    thread::spawn(|| {
                        let run = AssertUnwindSafe(|| futures::executor::block_on(future));
                        let _ = catch_unwind(run);
                    });
                }
            }
            fn spawn_blocking_raw<F: FnOnce() + Send + 'static>(&self, _: F) -> Result<(), F> {
                unreachable!("jobs run on threads of core's own")
            }
            fn enter<T>(&self, _: Enter, f: impl FnOnce() -> T) -> T {
                f()
            }
            fn may_block(&self) -> bool {
                false
            }
        }
        impl Timer for $host {
            type Sleep = NoSleep;
            fn now(&self) -> Instant {
                Instant::now()
            }
            fn sleep_until(&self, _: Instant) -> NoSleep {
                NoSleep
            }
        }
        impl Drive for $host {
            type Handle = $host;
            fn handle(&self) -> &$host {
                self
            }
            fn drive<F: Future>(&self, future: F) -> F::Output {
                futures::executor::block_on(future)
            }
        }
    };
}

host!(Careless, |n| n % 3 != 0);
host!(Careful, |_| true);

#[test]
fn a_task_that_its_host_drops_when_its_turn_comes_is_lost_and_the_others_go_on() {
    let sim = Sim::on(Careless, 1);
    let rt = sim.handle().clone();
    let (lost, ran) = sim.block_on(async {
        let tasks: Vec<_> = (0..30).map(|_| rt.spawn(turn())).collect();
        let (mut lost, mut ran) = (0, 0);
        for task in tasks {
            match task.await {
                Ok(()) => ran += 1,
                Err(error) => lost += usize::from(error.is_lost()),
            }
        }
        (lost, ran)
    });
    assert_eq!((lost, ran), (10, 20));
}

#[test]
fn a_host_with_a_thread_for_each_task_makes_the_same_run() {
    let run = |sim: Sim| {
        let rt = sim.handle().clone();
        sim.block_on(async {
            let tasks: Vec<_> = (0..20)
                .map(|n| {
                    let nap = rt.sleep(Duration::from_micros(n % 5));
                    rt.spawn(async move {
                        turn().await;
                        nap.await;
                        turn().await;
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        sim.trace()
    };
    for seed in 0..20 {
        assert_eq!(run(Sim::new(seed)), run(Sim::on(Careful, seed)), "{seed}");
    }
}
