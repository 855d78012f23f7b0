//! Local scopes, on a real runtime: children that borrow, in one task.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt_core::{
    CancelToken, LocalScope, Runtime, current, defer, local_scope, shield, try_local_scope,
};
use futures::FutureExt;
use futures::channel::{mpsc, oneshot};
use futures::stream::StreamExt;

use crate::Harness;
use crate::faults::{Alive, OnDrop, unique_name, until, yield_once};

type Log = Arc<Mutex<Vec<&'static str>>>;

fn say(log: &Log, what: &'static str) {
    log.lock().unwrap().push(what);
}

pub async fn children_borrow_and_use_the_runtime<H: Harness>(rt: H::Handle) {
    let words = vec![String::from("hello"), String::from("there")];
    let text = String::from(", ");
    let (words, text, rt) = (&words, text.as_str(), &rt);
    let all = local_scope(|n| async move {
        let children: Vec<_> = words
            .iter()
            .map(|word| {
                n.spawn(async move {
                    rt.sleep(Duration::from_micros(10)).await;
                    assert!(current().is_ok());
                    let owned = word.clone();
                    rt.spawn(async move { owned.to_uppercase() }).await.unwrap()
                })
            })
            .collect();
        let mut all = Vec::new();
        for child in children {
            all.push(child.await);
        }
        all.join(text)
    });
    assert_eq!(all.await, "HELLO, THERE");
}

pub async fn children_are_woken_by_threads_of_no_runtime<H: Harness>(_rt: H::Handle) {
    let sum = AtomicUsize::new(0);
    let sum = &sum;
    let mut senders = Vec::new();
    let mut receivers = Vec::new();
    for _ in 0..100 {
        let (tx, rx) = oneshot::channel();
        senders.push(tx);
        receivers.push(rx);
    }
    let thread = std::thread::spawn(move || {
        for (number, sender) in senders.into_iter().enumerate() {
            sender.send(number).unwrap();
        }
    });
    local_scope(|n| async move {
        for receiver in receivers {
            n.spawn(async move {
                sum.fetch_add(receiver.await.unwrap(), Ordering::SeqCst);
            });
        }
    })
    .await;
    thread.join().unwrap();
    assert_eq!(sum.load(Ordering::SeqCst), 4950);
}

pub async fn children_spawned_from_another_task_run_in_the_scope<H: Harness>(rt: H::Handle) {
    let (tx, mut numbers) = mpsc::unbounded();
    local_scope(|n: LocalScope<'static>| async move {
        let spawner = rt.spawn({
            let n = n.clone();
            async move {
                for number in 0..10 {
                    let tx = tx.clone();
                    n.spawn(async move { tx.unbounded_send(number).unwrap() });
                    yield_once().await;
                }
            }
        });
        spawner.await.unwrap();
    })
    .await;
    let mut seen = Vec::new();
    while let Some(number) = numbers.next().await {
        seen.push(number);
    }
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
}

pub async fn a_scope_stops_inside_out_wherever_it_is<H: Harness>(rt: H::Handle) {
    // At the gate that is not opened the task is cancelled.
    for gate in 0..4 {
        let log = Log::default();
        let (reached, mut arrivals) = mpsc::unbounded();
        let task = rt.spawn({
            let log = log.clone();
            async move {
                let pass = |number| {
                    let reached = reached.clone();
                    async move {
                        yield_once().await;
                        if number == gate {
                            reached.unbounded_send(()).unwrap();
                            pending::<()>().await;
                        }
                    }
                };
                let (log, pass) = (&log, &pass);
                let _around = OnDrop::new(move || say(log, "around"));
                pass(0).await;
                local_scope(|n| async move {
                    n.spawn(async move {
                        let cleanup = log.clone();
                        defer(async move {
                            yield_once().await;
                            say(&cleanup, "child cleaned up");
                        });
                        let _child = OnDrop::new(move || say(log, "child"));
                        pass(2).await;
                    });
                    pass(1).await;
                })
                .await;
                pass(3).await;
            }
        });
        arrivals.next().await.unwrap();
        if gate == 1 {
            // The body waits; its child goes its way.
            until(|| log.lock().unwrap().len() == 2).await;
        }
        assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
        let expected: &[_] = match gate {
            0 => &["around"],
            _ => &["child", "child cleaned up", "around"],
        };
        assert_eq!(*log.lock().unwrap(), expected, "at gate {gate}");
    }
}

pub async fn a_shielded_child_holds_its_task_up<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let (start, started) = oneshot::channel();
    let (open, gate) = oneshot::channel::<()>();
    let task = rt.spawn({
        let log = log.clone();
        async move {
            let log = &log;
            local_scope(|n| async move {
                n.spawn(async move {
                    shield(async {
                        start.send(()).unwrap();
                        gate.await.unwrap();
                        say(log, "critical part over");
                    })
                    .await;
                    yield_once().await;
                    say(log, "never");
                });
                pending::<()>().await;
            })
            .await;
        }
    });
    started.await.unwrap();
    task.cancel("in the middle");
    open.send(()).unwrap();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(*log.lock().unwrap(), ["critical part over"]);
}

pub async fn a_child_that_panics_stops_its_siblings<H: Harness>(rt: H::Handle) {
    let log = Log::default();
    let task = rt.spawn({
        let log = log.clone();
        async move {
            let log = &log;
            let scope = local_scope(|n| async move {
                n.spawn(async move {
                    let cleanup = log.clone();
                    defer(async move {
                        yield_once().await;
                        say(&cleanup, "sibling cleaned up");
                    });
                    pending::<()>().await;
                });
                n.spawn(async {
                    yield_once().await;
                    panic!("out of cheese");
                });
                pending::<()>().await;
            });
            let panic = AssertUnwindSafe(scope).catch_unwind().await.unwrap_err();
            assert_eq!(panic.downcast_ref(), Some(&"out of cheese"));
            say(log, "the panic came out");
        }
    });
    task.await.unwrap();
    assert_eq!(
        *log.lock().unwrap(),
        ["sibling cleaned up", "the panic came out"]
    );
}

pub async fn a_second_panic_is_a_failure_of_the_task<H: Harness>(rt: H::Handle) {
    let name = unique_name();
    let task = rt.spawn_with().name(name).spawn(async {
        local_scope(|n| async move {
            n.spawn(async {
                yield_once().await;
                panic!("first")
            });
            n.spawn(shield(async {
                yield_once().await;
                yield_once().await;
                panic!("second")
            }));
        })
        .await;
    });
    let error = task.await.unwrap_err();
    assert_eq!(error.panic_message().as_deref(), Some("first"));
    assert_eq!(error.failures().len(), 1);
    assert_eq!(error.failures()[0].message(), Some("second"));
}

pub async fn the_first_error_cancels_the_rest<H: Harness>(rt: H::Handle) {
    let cleaned = AtomicUsize::new(0);
    let numbers = ["1", "two", "3", "four"];
    let (cleaned, numbers, rt) = (Arc::new(cleaned), &numbers, &rt);
    let counted = &cleaned;
    let error = try_local_scope(|n| async move {
        for _ in 0..10 {
            n.spawn(async move {
                let cleaned = counted.clone();
                defer(async move {
                    yield_once().await;
                    cleaned.fetch_add(1, Ordering::SeqCst);
                });
                pending::<()>().await;
            });
        }
        let mut sum = 0;
        for text in numbers {
            let child = n.spawn(async move {
                rt.sleep(Duration::from_micros(10)).await;
                text.parse::<i32>()
            });
            sum += child.await;
        }
        Ok(sum)
    })
    .await
    .unwrap_err();
    assert_eq!(cleaned.load(Ordering::SeqCst), 10);
    let group = error.errors().unwrap();
    assert_eq!((group.len(), group.first().index()), (1, Some(11)));
}

pub async fn a_lock_is_passed_on_while_the_body_waits<H: Harness>(rt: H::Handle) {
    let lock = futures::lock::Mutex::new(0);
    let (lock, rt) = (&lock, &rt);
    local_scope(|n| async move {
        for _ in 0..10 {
            n.spawn(async move {
                let mut held = lock.lock().await;
                rt.sleep(Duration::from_micros(10)).await;
                *held += 1;
            });
        }
        yield_once().await;
        // It stands behind all of them, and they go on.
        assert_eq!(*lock.lock().await, 10);
    })
    .await;
}

pub async fn a_child_that_never_rests_starves_nobody<H: Harness>(rt: H::Handle) {
    let busy = rt.spawn(async {
        let stop = AtomicBool::new(false);
        let stop = &stop;
        local_scope(|n| async move {
            n.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    yield_once().await;
                }
            });
            n.spawn(async {
                loop {
                    yield_once().await;
                }
            });
            for _ in 0..100 {
                yield_once().await;
            }
            stop.store(true, Ordering::SeqCst);
            // The second child goes on until the task is cancelled.
        })
        .await;
    });
    for _ in 0..10 {
        let neighbour = rt.spawn(async {
            for _ in 0..10 {
                yield_once().await;
            }
        });
        neighbour.await.unwrap();
    }
    assert!(busy.cancel_and_wait().await.unwrap_err().is_cancelled());
}

pub async fn very_many_children_end<H: Harness>(rt: H::Handle) {
    let many = H::CAPS.many;
    let token = CancelToken::new();
    let (token, rt) = (&token, &rt);
    let ended = AtomicUsize::new(0);
    let counted = &ended;
    local_scope(|n| async move {
        for _ in 0..many {
            n.spawn(async move {
                token.cancelled().await;
                counted.fetch_add(1, Ordering::SeqCst);
            });
        }
        yield_once().await;
        let token = token.clone();
        rt.spawn(async move { token.cancel("all of you") })
            .await
            .unwrap();
    })
    .await;
    assert_eq!(ended.load(Ordering::SeqCst), many);
}

pub async fn very_many_children_are_cancelled<H: Harness>(rt: H::Handle) {
    let many = H::CAPS.many;
    let alive = Alive::default();
    let (start, started) = oneshot::channel();
    let task = rt.spawn({
        let alive = alive.clone();
        async move {
            local_scope(|n| async move {
                for number in 0..many {
                    let (n, alive) = (n.clone(), alive.clone());
                    n.clone().spawn(async move {
                        let _held = (n, alive);
                        // Some have not been polled when the request comes.
                        if number % 2 == 0 {
                            pending::<()>().await;
                        }
                        pending::<()>().await;
                    });
                }
                drop(alive);
                start.send(()).unwrap();
                pending::<()>().await;
            })
            .await;
        }
    });
    started.await.unwrap();
    assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    assert_eq!(alive.others(), 0);
}

pub async fn scopes_stand_inside_each_other<H: Harness>(rt: H::Handle) {
    fn nest<'a>(
        deep: &'a AtomicUsize,
        left: usize,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            deep.fetch_add(1, Ordering::SeqCst);
            if left > 0 {
                local_scope(|n| async move {
                    n.spawn(nest(deep, left - 1));
                })
                .await;
            } else {
                pending::<()>().await;
            }
        })
    }
    // A hundred where that is no matter; few where the stacks are small.
    let levels = H::CAPS.many / 100;
    let deep = Arc::new(AtomicUsize::new(0));
    let task = rt.spawn({
        let deep = deep.clone();
        async move { nest(&deep, levels).await }
    });
    until(|| deep.load(Ordering::SeqCst) == levels + 1).await;
    assert!(task.cancel_and_wait().await.unwrap_err().is_cancelled());
    assert_eq!(Arc::strong_count(&deep), 1);
}
