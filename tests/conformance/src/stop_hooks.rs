//! What is run when a runtime stops.

#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyrt_core::{BlockOn, NeverStops, Runtime, current};

use crate::Harness;
use crate::faults::{OnDrop, yield_once};
use crate::harness::skip;

type Log = Arc<Mutex<Vec<&'static str>>>;

fn say(log: &Log, what: &'static str) {
    log.lock().unwrap().push(what);
}

const LONG: Duration = Duration::from_secs(30);
const SHARED: &str = "this runtime is the process's own, and others drive it too";

pub fn hooks_run_when_the_last_block_on_ends<H: Harness>() {
    let owner = H::start();
    let rt = H::handle(&owner);
    if !H::CAPS.ends {
        return skip(SHARED);
    }
    let log = Log::default();
    let says = |word: &'static str| {
        let log = log.clone();
        move || say(&log, word)
    };
    let _first = rt.on_stop(says("first")).unwrap();
    let _fails = rt.on_stop(|| panic!("on purpose")).unwrap();
    let from_inside = says("from inside");
    owner.block_on(async {
        let task = rt.spawn(async move {
            let rt = current().unwrap();
            rt.on_stop(from_inside).unwrap().detach();
        });
        task.await.unwrap();
        say(&log, "body");
    });
    assert_eq!(*log.lock().unwrap(), ["body", "first", "from inside"]);
    let panics = catch_unwind(AssertUnwindSafe(|| {
        owner.block_on(async { panic!("on purpose") });
    }));
    assert!(panics.is_err());
    assert_eq!(log.lock().unwrap().len(), 5);
}

pub fn hooks_that_have_not_run_do_when_the_owner_ends<H: Harness>() {
    let owner = H::start();
    let rt = H::handle(&owner);
    if !H::CAPS.ends {
        return skip(SHARED);
    }
    let log = Log::default();
    let says = |word: &'static str| {
        let log = log.clone();
        move || say(&log, word)
    };
    let ran = rt.on_stop(says("ran before")).unwrap();
    let alive = OnDrop::new({
        let log = log.clone();
        move || say(&log, "the task is dropped")
    });
    owner.block_on(async {
        rt.spawn(async move {
            let _alive = alive;
            pending::<()>().await;
        })
        .detach();
        yield_once().await;
    });
    let late = rt.on_stop(says("late")).unwrap();
    let removed = rt.on_stop(says("removed")).unwrap();
    assert!(removed.remove());
    let _ = H::shutdown(owner, LONG);
    let said = log.lock().unwrap().clone();
    assert_eq!(said[..2], ["ran before", "late"]);
    assert!(!ran.is_registered() && !late.is_registered());
    let NeverStops(_) = rt.on_stop(|| ()).unwrap_err();
}
