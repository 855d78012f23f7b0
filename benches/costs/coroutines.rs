//! Futures that are started where they are spawned, and code that is fed in the middle.

use std::hint::black_box;
use std::pin::pin;
use std::time::Duration;

use anyrt::{Co, Coroutine, Runtime, Started, Step, coroutine};
use futures::poll;
use tokio::sync::mpsc;

use super::labs::{Lab, Own, Side};
use super::measure::Limit;
use super::peers::{OneThread, row, timed};
use super::rows::{Row, ours, theirs};

pub(crate) fn rows() -> Vec<Row<OneThread>> {
    vec![
        row("eager_ready_against_poll", 4_000, eager_against_poll),
        row("started_ready_against_poll", 4_000, started_against_poll),
        Row {
            name: "parser_against_channels",
            limit: Limit::Ratio(0.2),
            ops: 4_000,
            run: against_channels,
        },
        row("parser_against_state_machine", 4_000, against_state_machine),
    ]
}

/// An eager future that is ready at once, against a task that is spawned and joined.
pub(crate) fn eager_ready<L: Lab>(lab: &L, side: Side, ops: usize) -> Duration {
    let (rt, own) = (lab.handle(), lab.own());
    match side {
        Side::Ours => ours(lab, async move {
            for _ in 0..ops {
                black_box(rt.spawn_eager(async {}).await).expect("it ends");
            }
        }),
        Side::Theirs => theirs(lab, async move {
            for _ in 0..ops {
                black_box(own.spawn(async {}).await);
            }
        }),
    }
}

/// An eager future that suspends once, against a task.
pub(crate) fn eager_pending<L: Lab>(lab: &L, side: Side, ops: usize) -> Duration {
    let (rt, own) = (lab.handle(), lab.own());
    match side {
        Side::Ours => ours(lab, async move {
            for _ in 0..ops {
                black_box(rt.spawn_eager(suspends()).await).expect("it ends");
            }
        }),
        Side::Theirs => theirs(lab, async move {
            for _ in 0..ops {
                black_box(own.spawn(suspends()).await);
            }
        }),
    }
}

async fn suspends() {
    let mut over = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut over, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

async fn polled(ops: usize) {
    for _ in 0..ops {
        black_box(poll!(pin!(async {})).is_ready());
    }
}

fn eager_against_poll(lab: &OneThread, side: Side, ops: usize) -> Duration {
    let rt = lab.handle();
    match side {
        Side::Ours => lab.in_ours(timed(async move {
            for _ in 0..ops {
                black_box(rt.spawn_eager(async {}).await).expect("it ends");
            }
        })),
        Side::Theirs => lab.in_ours(timed(polled(ops))),
    }
}

fn started_against_poll(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => lab.in_ours(timed(async move {
            for _ in 0..ops {
                black_box(Started::now(async {}).take()).expect("it is ready");
            }
        })),
        Side::Theirs => lab.in_ours(timed(polled(ops))),
    }
}

// --- a parser that is fed in chunks: it adds up the numbers in lines, wherever a chunk ends

/// Eleven bytes, so that chunks end in all places of a line.
const CHUNKS: [&[u8]; 4] = [
    b"12\n345\n6789",
    b"0\n1\n22\n333\n",
    b"4444\n55555\n",
    b"6\n77\n8\n99\n",
];

type Chunk = &'static [u8];

fn chunks(ops: usize) -> impl Iterator<Item = Chunk> {
    CHUNKS.into_iter().cycle().take(ops)
}

/// What the parser has, where it is written as code that waits for its next byte.
struct Input {
    chunk: Chunk,
    sum: u64,
}

async fn parse(co: Co<u64, Chunk>) {
    let mut input = Input { chunk: &[], sum: 0 };
    loop {
        let mut number = 0;
        loop {
            let Some((byte, rest)) = input.chunk.split_first() else {
                input.chunk = co.yield_(input.sum).await;
                continue;
            };
            input.chunk = rest;
            match byte {
                b'\n' => break,
                digit => number = number * 10 + u64::from(digit - b'0'),
            }
        }
        input.sum += number;
    }
}

async fn fed<F: Future<Output = ()>>(mut parser: Coroutine<u64, Chunk, F>, ops: usize) -> u64 {
    let mut sum = 0;
    parser.run().await.expect("it is new");
    for chunk in chunks(ops) {
        match parser.resume(chunk).await.expect("it waits for a chunk") {
            Step::Yield(so_far) => sum = so_far,
            Step::Done(()) => unreachable!("it parses for ever"),
        }
    }
    sum
}

async fn on_channels(ops: usize) -> u64 {
    let (feed, mut chunks_in) = mpsc::channel::<Chunk>(1);
    let (tell, mut told) = mpsc::channel::<u64>(1);
    let parser = tokio::spawn(async move {
        let (mut sum, mut number) = (0, 0);
        while let Some(chunk) = chunks_in.recv().await {
            for byte in chunk {
                match byte {
                    b'\n' => sum += std::mem::take(&mut number),
                    digit => number = number * 10 + u64::from(digit - b'0'),
                }
            }
            if tell.send(sum).await.is_err() {
                return;
            }
        }
    });
    let mut sum = 0;
    for chunk in chunks(ops) {
        feed.send(chunk).await.expect("the parser runs");
        sum = told.recv().await.expect("the parser runs");
    }
    drop(feed);
    parser.await.expect("it ends");
    sum
}

fn against_channels(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => lab.in_ours(timed(async move {
            black_box(fed(coroutine(parse), ops).await);
        })),
        Side::Theirs => lab.in_theirs(timed(async move {
            black_box(on_channels(ops).await);
        })),
    }
}

#[derive(Default)]
struct StateMachine {
    sum: u64,
    number: u64,
}

impl StateMachine {
    #[inline(never)]
    fn feed(&mut self, chunk: Chunk) -> u64 {
        for byte in chunk {
            match byte {
                b'\n' => self.sum += std::mem::take(&mut self.number),
                digit => self.number = self.number * 10 + u64::from(digit - b'0'),
            }
        }
        self.sum
    }
}

fn against_state_machine(lab: &OneThread, side: Side, ops: usize) -> Duration {
    match side {
        Side::Ours => lab.in_ours(timed(async move {
            black_box(fed(coroutine(parse), ops).await);
        })),
        Side::Theirs => lab.in_ours(timed(async move {
            let mut machine = StateMachine::default();
            for chunk in chunks(ops) {
                black_box(machine.feed(chunk));
            }
        })),
    }
}
