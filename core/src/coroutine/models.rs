//! A coroutine and who yields to it from elsewhere, in all interleavings.

use std::future::Future;

use super::{Co, Coroutine, Step, coroutine};
use crate::sync::model::{Polled, model, never, thread};

/// A coroutine that itself never yields, and a handle of it.
fn of_others() -> (
    Coroutine<u8, u8, impl Future<Output = ()> + Send + 'static>,
    Co<u8, u8>,
) {
    let mut handle = None;
    let co = coroutine(|co| {
        handle = Some(co);
        never()
    });
    (co, handle.unwrap())
}

#[test]
fn a_yield_from_elsewhere_is_handed_out_and_answered() {
    model(|| {
        let (mut co, handle) = of_others();
        let mut driver = Polled::new(async move {
            let step = co.run().await.unwrap();
            assert_eq!(step, Step::Yield(1));
            drop(co.resume(5).await);
        });
        let mut yields = Polled::new(async move { handle.try_yield(1).await });
        let drives = thread::spawn(move || {
            driver.poll();
            driver
        });
        yields.poll();
        let mut driver = drives.join().unwrap();
        while driver.poll_if_woken() | yields.poll_if_woken() {}
        assert_eq!(yields.end().unwrap(), 5);
    });
}

#[test]
fn an_answer_meets_who_waits_for_it_with_a_new_waker() {
    model(|| {
        let (mut co, handle) = of_others();
        let mut yields = Polled::new(async move { handle.try_yield(1).await });
        yields.poll();
        let mut driver = Polled::new(async move {
            co.run().await.unwrap();
            drop(co.resume(5).await);
        });
        let drives = thread::spawn(move || {
            driver.poll();
            driver
        });
        let mut yields = yields.with_new_waker();
        yields.poll();
        let mut driver = drives.join().unwrap();
        while driver.poll_if_woken() | yields.poll_if_woken() {}
        assert_eq!(yields.end().unwrap(), 5);
    });
}

#[test]
fn two_yields_from_elsewhere_are_both_answered() {
    model(|| {
        let (mut co, handle) = of_others();
        let mut driver = Polled::new(async move {
            let mut step = co.run().await.unwrap();
            while let Step::Yield(value) = step {
                step = co.resume(value + 1).await.unwrap();
            }
        });
        driver.poll();
        let second = handle.clone();
        let mut one = Polled::new(async move { handle.try_yield(1).await });
        let mut two = Polled::new(async move { second.try_yield(10).await });
        let other = thread::spawn(move || {
            one.poll();
            one
        });
        two.poll();
        let mut one = other.join().unwrap();
        while driver.poll_if_woken() | one.poll_if_woken() | two.poll_if_woken() {}
        assert_eq!((one.end().unwrap(), two.end().unwrap()), (2, 11));
    });
}

#[test]
fn who_yields_as_the_coroutine_goes_does_not_wait_for_ever() {
    model(|| {
        let (mut co, handle) = of_others();
        Polled::new(co.run()).poll();
        let mut yields = Polled::new(async move { handle.try_yield(1).await });
        let drops = thread::spawn(move || drop(co));
        yields.poll();
        drops.join().unwrap();
        assert!(yields.end().unwrap_err().is_over());
    });
}
