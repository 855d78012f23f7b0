//! What a parked task weighs, measured in a process of its own.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyrt::prelude::*;

use super::child;
use super::labs::{Lab, Own, Side};
use super::measure::Cost;

/// Bodies of these sizes are parked; the row is the mean over them.
const BODIES: [usize; 4] = [0, 64, 200, 400];
const TASKS: usize = 200_000;

/// A body of `N` bytes that never ends.
struct Parked<const N: usize>([u8; N]);

impl<const N: usize> Future for Parked<N> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        black_box(&self.0);
        Poll::Pending
    }
}

/// Measures all bodies, each side in children of its own.
pub(crate) fn parked_task<L: Lab>() -> Result<Cost, String> {
    let (mut ours, mut theirs, mut each) = (0.0, 0.0, Vec::new());
    for body in BODIES {
        let weigh = |side: &str| {
            let args = ["--parked", L::NAME, side, &body.to_string()].map(str::to_owned);
            let out = child::own_output(&args)?;
            let bytes: f64 = out
                .trim()
                .parse()
                .map_err(|_| format!("the child said {out:?}"))?;
            Ok::<_, String>(bytes)
        };
        let (a, b) = (weigh("ours")?, weigh("theirs")?);
        each.push(format!("body{body}=+{:.0}", a - b));
        ours += a / BODIES.len() as f64;
        theirs += b / BODIES.len() as f64;
    }
    Ok(Cost::counted(ours, theirs, "B").and(each.join(" ")))
}

/// In the child: parks tasks and gives the bytes of resident memory that each has taken.
pub(crate) fn park<L: Lab>(side: Side, body: usize) -> Result<f64, String> {
    let lab = L::open();
    match body {
        0 => park_bodies::<L, 0>(&lab, side),
        64 => park_bodies::<L, 64>(&lab, side),
        200 => park_bodies::<L, 200>(&lab, side),
        400 => park_bodies::<L, 400>(&lab, side),
        _ => Err(format!("no body of {body} bytes is parked")),
    }
}

fn park_bodies<L: Lab, const N: usize>(lab: &L, side: Side) -> Result<f64, String> {
    let (rt, own) = (lab.handle(), lab.own());
    let (before, after) = match side {
        Side::Ours => lab.in_ours(async move {
            // Whatever the first task brings along is there before the count.
            black_box(rt.spawn(async {}).await).expect("it ends");
            let before = resident();
            let parked: Vec<_> = (0..TASKS).map(|_| rt.spawn(Parked([0; N]))).collect();
            // Taken in order: when this one has run, the others have been polled.
            black_box(rt.spawn(async {}).await).expect("it ends");
            let after = resident();
            std::mem::forget(parked);
            (before, after)
        }),
        Side::Theirs => lab.in_theirs(async move {
            black_box(own.spawn(async {}).await);
            let before = resident();
            let parked: Vec<_> = (0..TASKS).map(|_| own.spawn(Parked([0; N]))).collect();
            black_box(own.spawn(async {}).await);
            let after = resident();
            std::mem::forget(parked);
            (before, after)
        }),
    };
    Ok((after? - before?) / TASKS as f64)
}

/// The resident memory of this process in bytes. Read as text in kilobytes, so that the size of a
/// page need not be known.
fn resident() -> Result<f64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: Option<f64> =
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    kilobytes
        .map(|kilobytes| kilobytes * 1024.0)
        .ok_or_else(|| "no VmRSS in /proc/self/status".to_owned())
}
