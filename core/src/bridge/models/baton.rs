//! Batons in all interleavings. Here threads do wait: a turn that is lost leaves one waiting for ever, and the
//! model says so.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::bridge::baton::BatonGroup;
use crate::bridge::park::parked;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::model::{Count, model, thread};

/// Somebody who must be alone.
#[derive(Default)]
struct Alone {
    inside: AtomicBool,
}

impl Alone {
    fn check(&self) {
        assert!(!self.inside.load(Ordering::Relaxed), "two have the baton");
        self.inside.store(true, Ordering::Relaxed);
        thread::yield_now();
        self.inside.store(false, Ordering::Relaxed);
    }
}

#[test]
fn a_baton_is_held_by_one_and_reaches_all() {
    model(|| {
        let (group, alone, ran) = (BatonGroup::new(), Arc::new(Alone::default()), Count::new());
        let other = {
            let (group, alone, ran) = (group.clone(), Arc::clone(&alone), Arc::clone(&ran));
            thread::spawn(move || {
                group.run(|| alone.check());
                ran.add();
            })
        };
        group.run(|| {
            alone.check();
            // Passed on, and taken back.
            parked(|| ());
            alone.check();
        });
        other.join().unwrap();
        assert_eq!((ran.get(), group.waiting()), (1, 0));
    });
}

#[test]
fn one_that_leaves_the_line_takes_nobodys_turn() {
    model(|| {
        let group = BatonGroup::new();
        let mut call = group.call(|| ());
        let other = {
            let group = group.clone();
            thread::spawn(move || group.run(|| ()))
        };
        let polled = Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(()) | Poll::Pending));
        drop(call);
        other.join().unwrap();
        assert_eq!(group.waiting(), 0);
    });
}
