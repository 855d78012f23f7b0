//! What blocking jobs see.

use std::future::Future;
use std::sync::{Arc, Mutex};

use super::{LOCAL, Log, Look, USER, finish, seen};
use crate::task::tests::Hand;
use crate::{Enter, Instant, Runtime, Spawn, Timer};

/// A runtime that keeps its jobs for the test to run.
#[derive(Clone, Default)]
struct Jobs(Arc<Mutex<Vec<Job>>>);

type Job = Box<dyn FnOnce() + Send>;

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jobs")
    }
}

impl Jobs {
    fn take(&self) -> Job {
        self.0.lock().unwrap().pop().unwrap()
    }
}

impl Spawn for Jobs {
    fn spawn_raw<F: Future<Output = ()> + Send + 'static>(&self, _: F) {}

    fn spawn_blocking_raw<F: FnOnce() + Send + 'static>(&self, job: F) -> Result<(), F> {
        self.0.lock().unwrap().push(Box::new(job));
        Ok(())
    }

    fn enter<T>(&self, _: Enter, f: impl FnOnce() -> T) -> T {
        f()
    }
    fn may_block(&self) -> bool {
        false
    }
}

impl Timer for Jobs {
    type Sleep = <Hand as Timer>::Sleep;

    fn now(&self) -> Instant {
        Hand::default().now()
    }

    fn sleep_until(&self, deadline: Instant) -> Self::Sleep {
        Hand::default().sleep_until(deadline)
    }
}

#[test]
fn a_job_has_what_was_bound_where_it_was_spawned_run_or_not() {
    let rt = Jobs::default();
    let log = Log::default();
    for how in ["run", "asked to stop", "lost"] {
        let look = Look(log.clone());
        let job = LOCAL.sync_scope("not inherited", || {
            USER.sync_scope(how, || {
                rt.spawn_blocking(move || {
                    assert_eq!(LOCAL.get(), None);
                    drop(look);
                })
            })
        });
        let run = rt.take();
        USER.sync_scope("eve", || match how {
            "run" => run(),
            "asked to stop" => {
                job.cancel("test");
                run();
            }
            _ => drop(run),
        });
        assert_eq!(finish(job).is_ok(), how == "run");
    }
    // One that inherits nothing sees nothing of the thread it runs on.
    let look = Look(log.clone());
    rt.spawn_blocking(move || drop(look)).detach();
    let run = rt.take();
    USER.sync_scope("eve", run);
    let expected = [Some("run"), Some("asked to stop"), Some("lost"), None];
    assert_eq!(seen(&log), expected);
}
