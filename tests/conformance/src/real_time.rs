//! The cases that wait for a real clock. Each takes some milliseconds.
#![expect(missing_docs, reason = "a case says what it proves by its name")]
#![allow(clippy::unwrap_used, reason = "a case is a test")]

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use anyrt_core::{Runtime, Sleep, Timer};

use crate::Harness;
use crate::faults::{CountingWaker, poll_once};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub async fn a_sleep_is_never_early<H: Harness>(rt: H::Handle) {
    for micros in [1, 50, 900, 1_000, 1_100, 5_000] {
        let before = rt.now();
        rt.sleep(Duration::from_micros(micros)).await;
        assert!(rt.now() - before >= Duration::from_micros(micros));
    }
}

pub async fn a_sleep_made_on_another_thread_ends_here<H: Harness>(rt: H::Handle) {
    let other = rt.clone();
    let sleep = thread::spawn(move || other.sleep(ms(5))).join().unwrap();
    sleep.await;
}

pub async fn a_sleep_polled_on_another_thread_ends_there<H: Harness>(rt: H::Handle) {
    let mut sleep = Box::pin(rt.sleep(ms(5)));
    let task = rt.spawn(async move {
        poll_fn(|cx| sleep.as_mut().poll(cx)).await;
        1
    });
    assert_eq!(task.await.unwrap(), 1);
}

pub async fn a_sleep_is_reset_later_and_earlier_and_after_its_end<H: Harness>(rt: H::Handle) {
    let start = rt.now();
    let mut sleep = pin!(rt.sleep(ms(2)));
    // Under load it may be due already; it is moved all the same.
    let _ = poll_once(sleep.as_mut());
    sleep.as_mut().reset(start + ms(20));
    sleep.as_mut().await;
    assert!(rt.now() - start >= ms(20), "moved later");

    let start = rt.now();
    let mut sleep = pin!(rt.sleep(Duration::from_secs(3_600)));
    assert!(poll_once(sleep.as_mut()).is_pending());
    sleep.as_mut().reset(start + ms(5));
    sleep.as_mut().await;
    assert!(rt.now() - start >= ms(5), "moved earlier");

    let start = rt.now();
    sleep.as_mut().reset(start + ms(5));
    sleep.as_mut().await;
    assert!(rt.now() - start >= ms(5), "armed again after its end");

    let mut zero = pin!(rt.sleep(Duration::ZERO));
    assert!(poll_once(zero.as_mut()).is_ready());
    let start = rt.now();
    zero.as_mut().reset(start + ms(5));
    zero.as_mut().await;
    assert!(
        rt.now() - start >= ms(5),
        "armed again after it was ready at once"
    );
}

pub async fn a_sleep_wakes_its_last_waker<H: Harness>(rt: H::Handle) {
    for wait in [5, 50, 500, 5_000] {
        let (count, waker) = CountingWaker::new();
        let deadline = rt.now() + ms(wait);
        let mut sleep = pin!(rt.sleep_until(deadline));
        let first = sleep.as_mut().poll(&mut Context::from_waker(&waker));
        let second = poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx))).await;
        // Under load the first waker may have been due before the second came.
        let in_time = first.is_pending() && second.is_pending() && rt.now() < deadline;
        if second.is_pending() {
            sleep.await;
        }
        if in_time {
            assert_eq!(count.count(), 0);
            return;
        }
    }
    panic!("two polls took five seconds");
}

pub async fn many_sleeps_end<H: Harness>(rt: H::Handle) {
    let tasks: Vec<_> = (0..H::CAPS.many as u64)
        .map(|n| {
            let duration = if n % 2 == 0 {
                ms(10)
            } else {
                Duration::from_micros(n * 7_919 % 20_000)
            };
            let rt2 = rt.clone();
            rt.spawn(async move { rt2.sleep(duration).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

pub async fn a_storm_of_resets_ends<H: Harness>(rt: H::Handle) {
    let start = rt.now();
    let mut sleep: Pin<Box<_>> = Box::pin(rt.sleep(Duration::from_secs(3_600)));
    for n in 0..10_000_u64 {
        sleep
            .as_mut()
            .reset(start + Duration::from_secs(60 + n * 7_919 % 3_600));
        if n % 3 == 0 {
            assert!(poll_once(sleep.as_mut()).is_pending());
        }
    }
    sleep.as_mut().reset(rt.now() + ms(2));
    sleep.await;
}

pub async fn sleeps_far_apart_end_in_order<H: Harness>(rt: H::Handle) {
    // Polled by one task, so that the order seen is the timer's and not a scheduler's; the latest
    // first, so that where it is due, the others polled after it in the same pass are due as well.
    let start = rt.now();
    let mut sleeps = [30, 20, 10].map(|n| (n, Box::pin(rt.sleep_until(start + ms(n))), None));
    let mut pass = 0;
    poll_fn(|cx| {
        pass += 1;
        for (n, sleep, ended) in &mut sleeps {
            if ended.is_none() && sleep.as_mut().poll(cx).is_ready() {
                assert!(rt.now() - start >= ms(*n));
                *ended = Some(pass);
            }
        }
        match sleeps.iter().all(|(_, _, ended)| ended.is_some()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    let [(_, _, late), (_, _, middle), (_, _, early)] = &sleeps;
    assert!(early <= middle && middle <= late);
}
