//! Streams, polled by hand.

use std::pin::pin;

use futures::stream::{self, FusedStream, Stream, StreamExt};

use crate::region::tests::finish;
use crate::stream::{Enumerated, iter_until, try_iter_until};
use crate::task::tests::tick;

#[test]
fn numbers_begin_where_they_are_told_to_and_go_on_after_a_break() {
    let mut numbered = stream::iter("abc".chars()).fuse().enumerate_from(5);
    assert_eq!((numbered.index(), numbered.size_hint()), (5, (1, Some(3))));
    finish(pin!(async {
        while let Some((index, item)) = numbered.next().await {
            if item == 'b' {
                assert_eq!(index, 6);
                break;
            }
        }
        assert_eq!(numbered.index(), 7);
        assert_eq!(numbered.next().await, Some((7, 'c')));
        assert_eq!(numbered.next().await, None);
        assert!(numbered.is_terminated());
        assert_eq!(numbered.index(), 8);
        assert_eq!(numbered.into_inner().next().await, None);
    }));
}

#[test]
fn numbers_of_nothing_and_beyond_the_last_are_total() {
    let mut empty = stream::empty::<()>().enumerate_from(3);
    assert_eq!(finish(pin!(empty.next())).0, None);
    assert_eq!(empty.index(), 3);
    let last = stream::iter([(); 3]).enumerate_from(usize::MAX - 1);
    let numbers: Vec<usize> = finish(pin!(last.map(|(index, ())| index).collect())).0;
    assert_eq!(numbers, [usize::MAX - 1, usize::MAX, usize::MAX]);
}

#[test]
fn a_function_is_called_until_it_gives_the_sentinel() {
    let mut calls = 0;
    let mut numbers = Box::pin(iter_until(
        || {
            calls += 1;
            let number = calls;
            async move {
                tick().await;
                (number < 4).then_some(number)
            }
        },
        None,
    ));
    let given: Vec<_> = finish(pin!(numbers.by_ref().collect::<Vec<_>>())).0;
    assert_eq!(given, [Some(1), Some(2), Some(3)]);
    assert!(numbers.is_terminated());
    assert_eq!(finish(pin!(numbers.next())).0, None);
    drop(numbers);
    assert_eq!(calls, 4);
}

#[test]
fn an_error_is_the_last_item() {
    let mut results = vec![Ok(3), Err("no"), Ok(1)].into_iter().rev();
    let mut given = Box::pin(try_iter_until(
        || std::future::ready(results.next().unwrap()),
        9,
    ));
    let all: Vec<_> = finish(pin!(given.by_ref().collect::<Vec<_>>())).0;
    assert_eq!(all, [Ok(1), Err("no")]);
    assert!(given.is_terminated());
    let ends = Box::pin(try_iter_until(|| std::future::ready(Ok::<_, ()>(9)), 9));
    assert!(finish(pin!(ends.collect::<Vec<_>>())).0.is_empty());
}

#[test]
fn a_next_that_is_dropped_loses_nothing() {
    let mut calls = 0;
    let mut numbers = Box::pin(iter_until(
        || {
            calls += 1;
            let number = calls;
            async move {
                tick().await;
                number
            }
        },
        3,
    ));
    {
        let mut next = numbers.next();
        assert!(crate::region::tests::poll_once(pin!(&mut next)).is_pending());
    }
    let given: Vec<_> = finish(pin!(numbers.collect::<Vec<_>>())).0;
    assert_eq!(given, [1, 2]);
}
