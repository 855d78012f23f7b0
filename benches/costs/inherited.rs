//! A value that a task finds without being handed it.

use std::hint::black_box;
use std::time::Duration;

use anyrt::{ContextVar, Runtime};

use super::labs::{Lab, Side};
use super::peers::{OneThread, row, timed};
use super::rows::Row;

pub(crate) fn rows() -> Vec<Row<OneThread>> {
    vec![row("spawn_inherited", 4_000, spawn)]
}

static OURS: ContextVar<u64> = ContextVar::new("ours");

tokio::task_local! {
    static THEIRS: u64;
}

/// Tasks that read what was bound around their spawn. A task-local of Tokio is not inherited: it is bound
/// again around each.
fn spawn(lab: &OneThread, side: Side, tasks: usize) -> Duration {
    match side {
        Side::Ours => {
            let rt = lab.handle();
            lab.in_ours(timed(OURS.scope(5, async move {
                let read = || async { OURS.get().expect("it is inherited") };
                let tasks: Vec<_> = (0..tasks).map(|_| rt.spawn(read())).collect();
                for task in tasks {
                    black_box(task.await).expect("it ends");
                }
            })))
        }
        Side::Theirs => lab.in_theirs(timed(THEIRS.scope(5, async move {
            let spawn = |_| tokio::spawn(THEIRS.scope(THEIRS.get(), async { THEIRS.get() }));
            let tasks: Vec<_> = (0..tasks).map(spawn).collect();
            for task in tasks {
                black_box(task.await).expect("it ends");
            }
        }))),
    }
}
