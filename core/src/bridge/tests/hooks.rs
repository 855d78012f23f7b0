//! Stop hooks, on an owner that does nothing but drive.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};

use crate::region::tests::{Log, OnDrop, said, say};
use crate::runtime::{Drive, Enter, Instant, Spawn, StopHooks, Timer};
use crate::task::tests::{Hand, Never};
use crate::{BlockOn, NeverStops, Runtime, StopHook};

/// Drives on the calling thread; its tasks run nowhere.
#[derive(Clone, Debug)]
struct Plain {
    hand: Hand,
    hooks: Option<StopHooks>,
}

impl Plain {
    fn new() -> Self {
        Plain {
            hand: Hand::default(),
            hooks: Some(StopHooks::new()),
        }
    }

    fn end(&self) {
        self.hooks.as_ref().unwrap().end();
    }

    /// A hook that says `word`.
    fn says(&self, log: &Log, word: &'static str) -> StopHook {
        let log = log.clone();
        self.on_stop(move || say(&log, word)).unwrap()
    }

    /// A hook that registers one at each run.
    fn registers_another(&self, log: &Log) -> StopHook {
        let (rt, log) = (self.clone(), log.clone());
        let hook = self.on_stop(move || {
            say(&log, "first");
            rt.says(&log, "late").detach();
        });
        hook.unwrap()
    }
}

impl Spawn for Plain {
    fn spawn_raw<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
        self.hand.spawn_raw(future);
    }

    fn spawn_blocking_raw<F: FnOnce() + Send + 'static>(&self, job: F) -> Result<(), F> {
        self.hand.spawn_blocking_raw(job)
    }

    fn enter<T>(&self, _: Enter, f: impl FnOnce() -> T) -> T {
        f()
    }

    fn may_block(&self) -> bool {
        false
    }

    fn stop_hooks(&self) -> Option<StopHooks> {
        self.hooks.clone()
    }
}

impl Timer for Plain {
    type Sleep = Never;

    fn now(&self) -> Instant {
        self.hand.now()
    }

    fn sleep_until(&self, deadline: Instant) -> Never {
        self.hand.sleep_until(deadline)
    }
}

impl Drive for Plain {
    type Handle = Plain;

    fn handle(&self) -> &Plain {
        self
    }

    fn drive<F: Future>(&self, future: F) -> F::Output {
        futures::executor::block_on(future)
    }
}

#[test]
fn they_run_at_each_end_in_the_order_of_their_registration() {
    let (rt, log) = (Plain::new(), Log::default());
    let _hooks = ["a", "b", "c"].map(|word| rt.says(&log, word));
    rt.block_on(async { say(&log, "body") });
    assert_eq!(said(&log), ["body", "a", "b", "c"]);
    rt.block_on(async {});
    assert_eq!(said(&log).len(), 7);
}

#[test]
fn they_run_after_a_panic_which_then_goes_on() {
    let (rt, log) = (Plain::new(), Log::default());
    let seen = log.clone();
    let hook = rt.on_stop(move || say(&seen, format!("{}", std::thread::panicking())));
    let _hook = hook.unwrap();
    let block_on = || rt.block_on(async { panic!("on purpose") });
    let payload = catch_unwind(AssertUnwindSafe(block_on)).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"on purpose"));
    assert_eq!(said(&log), ["false"]);
}

#[test]
fn one_that_panics_stops_nobody() {
    let (rt, log) = (Plain::new(), Log::default());
    let _first = rt.on_stop(|| panic!("on purpose")).unwrap();
    let _second = rt.says(&log, "second");
    assert_eq!(rt.block_on(async { 5 }), 5);
    assert_eq!(said(&log), ["second"]);
}

#[test]
fn only_the_last_who_drives_runs_them() {
    let (rt, log) = (Plain::new(), Log::default());
    let _hook = rt.says(&log, "hook");
    let (started, is_started) = mpsc::channel();
    let (end, ends) = futures::channel::oneshot::channel::<()>();
    let other = std::thread::spawn({
        let rt = rt.clone();
        move || {
            rt.block_on(async {
                started.send(()).unwrap();
                ends.await.unwrap();
            });
        }
    });
    is_started.recv().unwrap();
    rt.block_on(async {});
    assert!(said(&log).is_empty());
    end.send(()).unwrap();
    other.join().unwrap();
    assert_eq!(said(&log), ["hook"]);
}

#[test]
fn the_end_runs_those_that_have_not_run() {
    let (rt, log) = (Plain::new(), Log::default());
    let first = rt.says(&log, "first");
    rt.block_on(async {});
    let second = rt.says(&log, "second");
    rt.end();
    assert_eq!(said(&log), ["first", "second"]);
    assert!(!first.is_registered());
    assert!(!second.remove());
    rt.end();
    rt.block_on(async {});
    assert_eq!(said(&log).len(), 2);
}

#[test]
fn where_none_would_run_the_hook_comes_back() {
    let ended = Plain::new();
    ended.end();
    let nobodys = Plain {
        hooks: None,
        ..Plain::new()
    };
    for rt in [ended, nobodys] {
        let log = Log::default();
        let seen = log.clone();
        let NeverStops(hook) = rt.on_stop(move || say(&seen, "hook")).unwrap_err();
        rt.block_on(async {});
        assert!(said(&log).is_empty());
        hook();
        assert_eq!(said(&log), ["hook"]);
    }
}

#[test]
fn one_that_is_removed_or_dropped_is_not_run() {
    let (rt, log) = (Plain::new(), Log::default());
    let removed = rt.says(&log, "removed");
    drop(rt.says(&log, "dropped"));
    rt.says(&log, "detached").detach();
    assert!(removed.remove());
    rt.block_on(async {});
    assert_eq!(said(&log), ["detached"]);
}

#[test]
fn one_removes_itself_and_the_next_from_inside() {
    let (rt, log) = (Plain::new(), Log::default());
    let slots = Arc::new(Mutex::new(Vec::new()));
    let hook = rt.on_stop({
        let (slots, log) = (slots.clone(), log.clone());
        let dropped = OnDrop(log.clone(), "destroyed");
        move || {
            let _ = &dropped;
            let taken: Vec<StopHook> = std::mem::take(&mut *slots.lock().unwrap());
            for hook in taken {
                assert!(hook.remove());
            }
            say(&log, "it runs to its end");
        }
    });
    let next = rt.says(&log, "next");
    slots.lock().unwrap().extend([hook.unwrap(), next]);
    let _last = rt.says(&log, "last");
    rt.block_on(async {});
    assert_eq!(said(&log), ["it runs to its end", "destroyed", "last"]);
}

#[test]
fn one_that_is_registered_by_a_hook_waits_for_the_next_stop() {
    let (rt, log) = (Plain::new(), Log::default());
    let _hook = rt.registers_another(&log);
    rt.block_on(async {});
    assert_eq!(said(&log), ["first"]);
    rt.block_on(async {});
    assert_eq!(said(&log), ["first", "first", "late"]);
}

#[test]
fn a_hook_may_register_one_while_its_runtime_ends() {
    let (rt, log) = (Plain::new(), Log::default());
    let _hook = rt.registers_another(&log);
    rt.end();
    assert_eq!(said(&log), ["first", "late"]);
    assert!(rt.on_stop(|| ()).is_err(), "it has ended");
}

#[test]
fn one_may_drive_its_runtime_and_that_is_no_stop() {
    let (rt, log) = (Plain::new(), Log::default());
    let _hook = rt
        .on_stop({
            let (rt, log) = (rt.clone(), log.clone());
            move || {
                rt.block_on(async { say(&log, "inside") });
            }
        })
        .unwrap();
    rt.block_on(async {});
    assert_eq!(said(&log), ["inside"]);
}

#[test]
fn one_may_end_its_runtime() {
    let (rt, log) = (Plain::new(), Log::default());
    let inside = rt.clone();
    let _first = rt.on_stop(move || inside.end()).unwrap();
    let _second = rt.says(&log, "second");
    rt.block_on(async {});
    assert_eq!(said(&log), ["second"]);
}

#[test]
fn an_old_handle_removes_nobody_elses() {
    let (rt, log) = (Plain::new(), Log::default());
    let slot = Arc::new(Mutex::new(None));
    let hook = rt.says(&log, "first");
    *slot.lock().unwrap() = Some(hook.id());
    assert!(hook.remove());
    let next = rt.says(&log, "next");
    assert_ne!(*slot.lock().unwrap(), Some(next.id()));
}

#[test]
fn they_are_part_of_no_task_and_see_no_binding() {
    static WHO: crate::ContextVar<&str> = crate::ContextVar::new("who");
    let (rt, log) = (Plain::new(), Log::default());
    let seen = log.clone();
    let _hook = rt
        .on_stop(move || {
            let bound = WHO.get();
            let inside = crate::try_defer(async {}).is_ok();
            say(&seen, format!("{bound:?} {inside}"));
        })
        .unwrap();
    WHO.sync_scope("ann", || rt.block_on(async {}));
    assert_eq!(said(&log), ["None false"]);
}
