//! Whether the code that runs on this thread is driven by sync code.

use std::cell::Cell;

use super::frame;

thread_local! {
    static DRIVEN: Cell<Driven> = const { Cell::new(Driven::NOT) };
}

#[derive(Clone, Copy)]
struct Driven {
    /// How many drives this thread is in.
    depth: u32,
    /// Whether the outermost of them is in a poll of ours.
    in_poll: bool,
}

impl Driven {
    const NOT: Driven = Driven {
        depth: 0,
        in_poll: false,
    };
}

/// Another depth on this thread, until this is dropped.
pub(crate) struct Depth(Driven);

impl Depth {
    /// One more drive.
    pub(crate) fn one_more() -> Self {
        let before = driven();
        let in_poll = match before.depth {
            0 => frame::is_polling(),
            _ => before.in_poll,
        };
        Self::set(Driven {
            depth: before.depth + 1,
            in_poll,
        })
    }

    /// No drive at all: what runs there is sync code, or a task.
    #[inline]
    pub(crate) fn none() -> Self {
        Self::set(Driven::NOT)
    }

    #[inline]
    fn set(driven: Driven) -> Self {
        let before = DRIVEN.try_with(|here| here.replace(driven));
        Depth(before.unwrap_or(Driven::NOT))
    }
}

impl Drop for Depth {
    #[inline]
    fn drop(&mut self) {
        let _ = DRIVEN.try_with(|here| here.set(self.0));
    }
}

fn driven() -> Driven {
    DRIVEN.try_with(Cell::get).unwrap_or(Driven::NOT)
}

/// Whether this thread is in a drive.
pub(crate) fn is_driven() -> bool {
    driven().depth > 0
}

/// Whether the sync code that drives runs itself in a poll, where it must not block.
pub(crate) fn is_driven_in_poll() -> bool {
    driven().in_poll
}
