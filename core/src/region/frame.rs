//! The thread-local that says in which region this thread is running, and under how many masks.
//!
//! A region inside a task is *made* (allocated, opened in the one around) when code inside first needs it:
//! to defer, to shield, to open a scope. Until then it is a [`Sketch`] on this thread's stack of them,
//! for as long as it is polled; most regions end without ever having been more.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::Arc;

use super::inline::{self, Plan};
use super::state::flag;
use super::{Member, Region};
use crate::runtime::{Instant, earlier};
use crate::sync::thread_local;

struct Frame {
    /// Looked at in its place: to take it out and put it back stalls, as it is two words, written one by one and
    /// read as one.
    member: RefCell<Option<Arc<dyn Member>>>,
    stack: Cell<Stack>,
    /// Regions that are being polled and are not made, inside of `member`: the last `stack.sketches`.
    sketches: RefCell<Vec<Sketch>>,
}

/// A region that is being polled and may not be made yet.
struct Sketch {
    plan: Plan,
    /// What the poll stack was when it was entered.
    before: Stack,
    /// The region around, once this one is made and has taken its place.
    around: Option<Arc<dyn Member>>,
    made: bool,
}

/// What the poll stack of this thread amounts to since the innermost region was entered.
#[derive(Clone, Copy)]
struct Stack {
    /// How many masks lie on the stack. A request is due only where this is zero: counted on the stack
    /// and not in the region, because a sibling arm of a join may hold a shield of its own.
    mask: u32,
    /// Whether the innermost region is being polled; a blocking job runs in a region and is not.
    polling: bool,
    /// How many regions that are not made lie on top of the innermost one that is. All masks lie below
    /// them: before there is one more, they are made.
    sketches: u32,
    /// Whether one of those is a task that has begun where it was spawned: what looks outwards from in
    /// there must not find what is around it.
    eager: bool,
}

impl Stack {
    /// Right inside a region that has just been made.
    const INSIDE: Stack = Stack {
        mask: 0,
        polling: true,
        sketches: 0,
        eager: false,
    };
}

thread_local! {
    static FRAME: Frame = const {
        Frame {
            member: RefCell::new(None),
            stack: Cell::new(Stack { mask: 0, polling: false, sketches: 0, eager: false }),
            sketches: RefCell::new(Vec::new()),
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
        let sketches = 0;
        let stack = swap(
            member,
            Stack {
                mask,
                polling,
                sketches,
                eager: false,
            },
        );
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
        std::mem::swap(&mut *frame.member.borrow_mut(), member);
        frame.stack.replace(stack)
    });
    before.unwrap_or(stack)
}

/// A region that is polled without being made, until this is dropped.
///
/// What was made of it meanwhile is then in `made`, or nothing.
pub(crate) struct Unmade<'a> {
    made: &'a mut Option<Arc<dyn Member>>,
}

impl<'a> Unmade<'a> {
    #[inline]
    pub(crate) fn enter(made: &'a mut Option<Arc<dyn Member>>, plan: &Plan) -> Self {
        let _ = FRAME.try_with(|frame| frame.sketch(plan));
        Unmade { made }
    }

    /// The same of a task that begins where it is spawned.
    // Planned in here: a plan that has just been written in parts, and is copied as a whole, stalls.
    #[inline]
    pub(crate) fn enter_eager(
        made: &'a mut Option<Arc<dyn Member>>,
        location: &'static Location<'static>,
    ) -> Self {
        let _ = FRAME.try_with(|frame| frame.sketch(&Plan::eager(location)));
        Unmade { made }
    }

    /// The same, unless a request is due where this is polled.
    #[inline]
    pub(crate) fn enter_unless_stopping(
        made: &'a mut Option<Arc<dyn Member>>,
        plan: &Plan,
    ) -> Option<Self> {
        let entered = FRAME.try_with(|frame| {
            if frame.stack.get().mask == 0 {
                let around = frame.member.borrow();
                let is_asked = |around: &Arc<dyn Member>| around.region().has(flag::ASKED);
                let stopping = around.as_ref().is_some_and(is_asked);
                if stopping {
                    return false;
                }
            }
            frame.sketch(plan);
            true
        });
        // Not `then_some`: one that is not wanted would leave when it is dropped.
        entered.unwrap_or(true).then(|| Unmade { made })
    }
}

impl Drop for Unmade<'_> {
    #[inline]
    fn drop(&mut self) {
        let _ = FRAME.try_with(|frame| {
            let sketches = &mut *frame.sketches.borrow_mut();
            let Some(sketch) = sketches.last_mut() else {
                return;
            };
            if sketch.made {
                *self.made = frame.member.replace(sketch.around.take());
            }
            frame.stack.set(sketch.before);
            // In place: moved out, it would be copied as a whole.
            sketches.truncate(sketches.len() - 1);
        });
    }
}

/// Makes the regions that this thread runs in, from the outside in.
#[inline]
fn make_all() {
    let _ = FRAME.try_with(|frame| {
        if frame.stack.get().sketches > 0 {
            frame.make_all();
        }
    });
}

impl Frame {
    /// Puts a region that is not made on top.
    #[inline]
    fn sketch(&self, plan: &Plan) {
        let before = self.stack.get();
        self.sketches.borrow_mut().push(Sketch {
            plan: *plan,
            before,
            around: None,
            made: false,
        });
        // Masked, one that is a task of its own: no request around it is due in it.
        self.stack.set(Stack {
            mask: before.mask + u32::from(plan.eager),
            polling: true,
            sketches: before.sketches + 1,
            eager: before.eager | plan.eager,
        });
    }

    #[cold]
    fn make_all(&self) {
        let stack = self.stack.get();
        self.stack.set(Stack {
            eager: false,
            ..stack
        });
        let count = stack.sketches as usize;
        let all = self.sketches.borrow().len();
        for index in all - count..all {
            let (plan, before) = {
                let sketch = &self.sketches.borrow()[index];
                (sketch.plan, sketch.before)
            };
            let around = self.member.take();
            let linked = around.is_some() && before.mask == 0 && !plan.eager;
            let member = inline::made(plan);
            Region::open(&member, around.as_ref(), linked);
            *self.member.borrow_mut() = Some(member);
            let sketches = &mut *self.sketches.borrow_mut();
            sketches[index].around = around;
            sketches[index].made = true;
            // The next one stands right inside this one, and so does whatever is on top of all.
            match sketches.get_mut(index + 1) {
                Some(next) => next.before = Stack::INSIDE,
                None => self.stack.set(Stack::INSIDE),
            }
        }
    }
}

/// The region that this thread runs in; it is made for that.
pub(crate) fn current() -> Option<Arc<dyn Member>> {
    make_all();
    made_around()
}

/// Looks at the innermost region that is made of those that this thread runs in. `f` is our own code and
/// small: while it runs, no region may be entered.
#[inline]
pub(crate) fn look<T>(f: impl FnOnce(Option<&Arc<dyn Member>>) -> T) -> T {
    let mut f = Some(f);
    let seen = FRAME.try_with(|frame| {
        if frame.stack.get().eager {
            frame.make_all();
        }
        let member = frame.member.borrow();
        f.take().map(|f| f(member.as_ref()))
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

/// Which region this thread runs in, to compare; zero for none. It is made for that.
pub(crate) fn place() -> usize {
    make_all();
    place_made()
}

/// The same of the innermost region that is made.
pub(crate) fn place_made() -> usize {
    look(|member| member.map_or(0, |member| Arc::as_ptr(member).cast::<()>().addr()))
}

/// Another number of masks on this thread's poll stack, until this is dropped.
pub(crate) struct Masks(u32);

impl Masks {
    /// Puts one more on.
    pub(crate) fn one_more() -> Self {
        make_all();
        Self::set(mask() + 1)
    }

    /// Takes one off.
    pub(crate) fn one_less() -> Self {
        make_all();
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

/// The earliest moment at which a deadline stops the code that runs here.
///
/// Those of the regions around, out to where a mask lies between: what is shielded is not stopped.
pub(crate) fn deadline() -> Option<Instant> {
    let mut earliest = None;
    let linked = FRAME.try_with(|frame| {
        let stack = frame.stack.get();
        let sketches = frame.sketches.borrow();
        let mut mask = match stack.sketches {
            0 => stack.mask,
            _ => 0,
        };
        for sketch in sketches.iter().rev().take(stack.sketches as usize) {
            earliest = earlier(earliest, sketch.plan.deadline);
            mask = sketch.before.mask;
            if sketch.plan.eager {
                return false;
            }
        }
        mask == 0
    });
    let mut around = linked.unwrap_or(false).then(made_around).flatten();
    while let Some(member) = around {
        let region = member.region();
        earliest = earlier(earliest, region.deadline());
        around = match region.has(flag::INLINE) {
            true => region.up_if_linked(),
            false => member.scope(),
        };
    }
    earliest
}

/// The innermost region that is made of those that this thread runs in.
pub(crate) fn made_around() -> Option<Arc<dyn Member>> {
    look(|member| Some(Arc::clone(member?)))
}
