//! Requests to stop that code passes around, against those of tokio-util.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use anyrt::CancelToken;
use tokio_util::sync::CancellationToken;

use super::labs::Side;
use super::peers::{OneThread, row};
use super::rows::Row;

pub(crate) fn rows() -> Vec<Row<OneThread>> {
    vec![
        row("token_is_cancelled", 50_000, is_cancelled),
        row("token_cancel_tree", 1_000, cancel_tree),
        row("token_make_tree", 1_000, make_tree),
    ]
}

fn is_cancelled(_: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => {
            let token = CancelToken::new();
            looked_at(ops, || token.is_cancelled())
        }
        Side::Theirs => {
            let token = CancellationToken::new();
            looked_at(ops, || token.is_cancelled())
        }
    }
}

fn looked_at(ops: usize, look: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    for _ in 0..ops {
        black_box(look());
    }
    begun.elapsed()
}

/// A root, its children, and a wait on each of them that has been polled.
struct Tree<T, W> {
    root: T,
    _waits: Vec<(T, Pin<Box<W>>)>,
}

fn tree<T, W: Future>(
    root: T,
    children: usize,
    child: impl Fn(&T) -> T,
    wait: impl Fn(&T) -> W,
) -> Tree<T, W> {
    let mut cx = Context::from_waker(Waker::noop());
    let waits = (0..children).map(|_| {
        let child = child(&root);
        let mut wait = Box::pin(wait(&child));
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        (child, wait)
    });
    Tree {
        _waits: waits.collect(),
        root,
    }
}

fn our_tree(children: usize) -> Tree<CancelToken, impl Future> {
    let wait = CancelToken::cancelled_owned;
    tree(CancelToken::new(), children, CancelToken::child, wait)
}

fn their_tree(children: usize) -> Tree<CancellationToken, impl Future> {
    let wait = |token: &CancellationToken| token.clone().cancelled_owned();
    let child = CancellationToken::child_token;
    tree(CancellationToken::new(), children, child, wait)
}

/// Only the request itself is timed.
fn cancel_tree(_: &OneThread, side: Side, children: usize) -> Duration {
    match side {
        Side::Ours => {
            let tree = our_tree(children);
            let begun = Instant::now();
            tree.root.cancel("measured");
            begun.elapsed()
        }
        Side::Theirs => {
            let tree = their_tree(children);
            let begun = Instant::now();
            tree.root.cancel();
            begun.elapsed()
        }
    }
}

/// What comes before and after a request: making the tree, listening, and dropping it all.
fn make_tree(_: &OneThread, side: Side, children: usize) -> Duration {
    let begun = Instant::now();
    match side {
        Side::Ours => drop(our_tree(children)),
        Side::Theirs => drop(their_tree(children)),
    }
    begun.elapsed()
}
