//! The thread-local that says in which region this thread is running, and under how many masks.

use std::cell::Cell;
use std::sync::Arc;

use super::Member;
use super::state::flag;
use crate::sync::thread_local;

struct Frame {
    member: Cell<Option<Arc<dyn Member>>>,
    stack: Cell<Stack>,
}

/// What the poll stack of this thread amounts to since the innermost region was entered.
#[derive(Clone, Copy)]
struct Stack {
    /// How many masks lie on the stack. A request is due only where this is zero: counted on the stack
    /// and not in the region, because a sibling arm of a join may hold a shield of its own.
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

/// A region entered on this thread, until this is dropped.
///
/// The region is *moved* into the thread-local, and what was there moves to where it came from, for as
/// long: cloning the `Arc` instead would be measurable on each poll. On a thread that is ending and has
/// no thread-locals any more, nothing moves.
pub(crate) struct Entered<'a> {
    /// The region around, until it is restored.
    around: &'a mut Option<Arc<dyn Member>>,
    stack: Stack,
}

impl<'a> Entered<'a> {
    /// Enters `member` to poll it, below `mask` masks.
    #[inline]
    pub(crate) fn poll(member: &'a mut Option<Arc<dyn Member>>, mask: u32) -> Self {
        Self::enter(member, mask, true)
    }

    /// Enters `member` to run a blocking job in it.
    pub(crate) fn job(member: &'a mut Option<Arc<dyn Member>>) -> Self {
        Self::enter(member, 0, false)
    }

    /// Enters `member` to drop a blocking job that never ran: on a pool's thread, or inside a poll.
    pub(crate) fn unrun(member: &'a mut Option<Arc<dyn Member>>) -> Self {
        Self::enter(member, 0, is_polling())
    }

    /// Enters no region at all; `nothing` is where the region around is kept. The thread polls all the
    /// same, so it still must not block.
    pub(crate) fn outside(nothing: &'a mut Option<Arc<dyn Member>>) -> Self {
        debug_assert!(nothing.is_none(), "no region is entered");
        Self::enter(nothing, 0, is_polling())
    }

    #[inline]
    fn enter(member: &'a mut Option<Arc<dyn Member>>, mask: u32, polling: bool) -> Self {
        let stack = swap(member, Stack { mask, polling });
        Entered {
            around: member,
            stack,
        }
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        swap(self.around, self.stack);
    }
}

/// Exchanges what this thread runs in for `member` and `stack`.
#[inline]
fn swap(member: &mut Option<Arc<dyn Member>>, stack: Stack) -> Stack {
    let before = FRAME.try_with(|frame| {
        frame.member.swap(Cell::from_mut(member));
        frame.stack.replace(stack)
    });
    before.unwrap_or(stack)
}

/// The region that this thread runs in.
pub(crate) fn current() -> Option<Arc<dyn Member>> {
    look(|member| Some(Arc::clone(member?)))
}

/// Looks at the region that this thread runs in. `f` is our own code and small: while it runs, the
/// thread looks as if it ran in none.
#[inline]
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

/// How many masks lie on this thread's poll stack since the innermost region was entered.
pub(crate) fn mask() -> u32 {
    FRAME.try_with(|frame| frame.stack.get().mask).unwrap_or(0)
}

/// Whether what is polled here must not open anything new: the region was asked to stop, and no mask
/// lies on the poll stack.
pub(crate) fn is_stopping() -> bool {
    mask() == 0 && look(|member| member.is_some_and(|member| member.region().has(flag::ASKED)))
}

/// Whether what is polled here is stopped in this poll or soon: the request is on its way, which goes
/// from the inside out, and no mask lies on the poll stack.
pub(crate) fn is_about_to_stop() -> bool {
    mask() == 0 && look(|member| member.is_some_and(|member| member.region().has(flag::ASKING)))
}

/// Which region this thread runs in, to compare; zero for none.
pub(crate) fn place() -> usize {
    look(|member| member.map_or(0, |member| Arc::as_ptr(member).cast::<()>().addr()))
}

/// Another number of masks on this thread's poll stack, until this is dropped.
pub(crate) struct Masks(u32);

impl Masks {
    /// Puts one more on.
    pub(crate) fn one_more() -> Self {
        Self::set(mask() + 1)
    }

    /// Takes one off.
    pub(crate) fn one_less() -> Self {
        Self::set(mask().saturating_sub(1))
    }

    fn set(mask: u32) -> Self {
        let before = FRAME.try_with(|frame| {
            let stack = frame.stack.get();
            frame.stack.set(Stack { mask, ..stack });
            stack.mask
        });
        Masks(before.unwrap_or(0))
    }
}

impl Drop for Masks {
    fn drop(&mut self) {
        let _ = FRAME.try_with(|frame| {
            let stack = frame.stack.get();
            frame.stack.set(Stack {
                mask: self.0,
                ..stack
            });
        });
    }
}
