//! The thread-local that says in which region this thread is running, and under how many masks.

use std::cell::Cell;
use std::sync::Arc;

use super::Member;

struct Frame {
    member: Cell<Option<Arc<dyn Member>>>,
    stack: Cell<Stack>,
}

/// What the poll stack of this thread amounts to since the innermost region was entered.
#[derive(Clone, Copy)]
struct Stack {
    /// How many masks lie on the stack. A request is due only where this is zero: counted on the stack
    /// and not in the region, because a sibling arm of a join may hold a shield of its own.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "first read by the shields to come")
    )]
    mask: u32,
    /// Whether the innermost region is being polled; a blocking job runs in a region and is not.
    polling: bool,
}

thread_local! {
    static FRAME: Frame = const {
        Frame {
            member: Cell::new(None),
            stack: Cell::new(Stack { mask: 0, polling: false }),
        }
    };
}

/// A region entered on this thread; [`leave`](Entered::leave) gives the member back.
pub(crate) struct Entered {
    around: Option<Arc<dyn Member>>,
    stack: Stack,
    /// The member itself, where the thread is ending and has no thread-locals any more.
    kept: Option<Arc<dyn Member>>,
}

impl Entered {
    /// Enters `member` to poll it, below `mask` masks.
    ///
    /// Moves the `Arc` rather than cloning it: the difference is measurable on each poll. The caller
    /// contains all panics before it leaves, so no guard is needed.
    pub(crate) fn poll(member: Arc<dyn Member>, mask: u32) -> Self {
        Self::enter(
            Some(member),
            Stack {
                mask,
                polling: true,
            },
        )
    }

    /// Enters `member` to run a blocking job in it.
    pub(crate) fn job(member: Arc<dyn Member>) -> Self {
        Self::enter(
            Some(member),
            Stack {
                mask: 0,
                polling: false,
            },
        )
    }

    /// Enters no region at all. The thread polls all the same, so it still must not block.
    pub(crate) fn outside() -> Self {
        Self::enter(
            None,
            Stack {
                mask: 0,
                polling: is_polling(),
            },
        )
    }

    fn enter(mut member: Option<Arc<dyn Member>>, stack: Stack) -> Self {
        let before = FRAME.try_with(|frame| {
            (
                frame.member.replace(member.take()),
                frame.stack.replace(stack),
            )
        });
        match before {
            Ok((around, stack)) => Entered {
                around,
                stack,
                kept: None,
            },
            Err(_) => Entered {
                around: None,
                stack,
                kept: member,
            },
        }
    }

    /// Restores what was there before.
    pub(crate) fn leave(self) -> Option<Arc<dyn Member>> {
        let Entered {
            around,
            stack,
            kept,
        } = self;
        let restored = FRAME.try_with(move |frame| {
            frame.stack.set(stack);
            frame.member.replace(around)
        });
        restored.ok().flatten().or(kept)
    }
}

/// The region that this thread runs in.
pub(crate) fn current() -> Option<Arc<dyn Member>> {
    look(|member| Some(Arc::clone(member?)))
}

/// Looks at the region that this thread runs in. `f` is our own code and small: while it runs, the
/// thread looks as if it ran in none.
pub(crate) fn look<T>(f: impl FnOnce(Option<&Arc<dyn Member>>) -> T) -> T {
    let mut f = Some(f);
    let seen = FRAME.try_with(|frame| {
        let member = frame.member.take();
        let value = f.take().map(|f| f(member.as_ref()));
        frame.member.set(member);
        value
    });
    match (seen, f) {
        (Ok(Some(value)), _) => value,
        (_, Some(f)) => f(None),
        (_, None) => unreachable!("`look` calls its closure once"),
    }
}

/// Whether this thread is polling a region of ours.
pub(crate) fn is_polling() -> bool {
    FRAME
        .try_with(|frame| frame.stack.get().polling)
        .unwrap_or(false)
}

/// How many masks lie on this thread's poll stack.
#[cfg(test)]
pub(crate) fn mask() -> u32 {
    FRAME.try_with(|frame| frame.stack.get().mask).unwrap_or(0)
}
