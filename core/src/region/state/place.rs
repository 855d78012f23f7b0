//! What a region is open in, and what is open in it: counts, shields, and whose requests it shares.

use std::sync::{Arc, Weak};

use super::{Parts, Region, flag};
use crate::region::Member;
use crate::sync::atomic::{Ordering, fence};

/// Where an inline region stands: looked up again at each of its polls.
#[derive(Default)]
pub(super) struct Place {
    /// The region that it was polled in last.
    pub(super) up: Option<Arc<dyn Member>>,
    /// Whether requests of the region around it are its own: decided when it came there.
    pub(super) linked: bool,
    /// Whether it is counted as unwinding in `up`.
    pub(super) told: bool,
}

impl Region {
    /// How many linked regions are open directly inside, made or not, and how many are on their way out.
    #[inline]
    pub(crate) fn inside(&self) -> (usize, usize) {
        let unmade = usize::from(self.unmade.load(Ordering::Acquire));
        if !self.has(flag::OPEN) {
            return (unmade, 0);
        }
        let (open, unwinding) = self
            .rare_if_any(|rare| (rare.open, rare.unwinding))
            .unwrap_or_default();
        (open + unmade, unwinding)
    }

    /// Counts a region that is open directly inside and not made; unless there are too many to count.
    pub(crate) fn count_unmade(&self) -> bool {
        let count = |count: u16| count.checked_add(1);
        self.unmade
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, count)
            .is_ok()
    }

    /// Counts one less.
    pub(crate) fn uncount_unmade(&self) {
        self.unmade.fetch_sub(1, Ordering::AcqRel);
        // Where it was dropped elsewhere, nobody else would look again.
        if self.has(flag::ASKED) {
            self.wake_runner();
        }
    }

    /// The region around this one, if it is an inline one.
    pub(crate) fn up(&self) -> Option<Arc<dyn Member>> {
        if !self.has(flag::INLINE) {
            return None;
        }
        self.rare_if_any(|rare| rare.place.up.clone()).flatten()
    }

    /// The same, if its requests are ours too.
    pub(crate) fn up_if_linked(&self) -> Option<Arc<dyn Member>> {
        self.rare_if_any(|rare| rare.place.up.clone().filter(|_| rare.place.linked))
            .flatten()
    }

    /// Says where somebody waits for this job or root: who waits for that one from in here waits for itself.
    pub(crate) fn set_beneath(&self, waits: Option<&Arc<dyn Member>>) {
        if waits.is_none() && !self.has(flag::BENEATH) {
            return;
        }
        let before = self.rare(|rare| {
            match waits.is_some() {
                true => self.set(flag::BENEATH),
                false => self.clear(flag::BENEATH),
            }
            std::mem::replace(&mut rare.beneath, waits.map(Arc::downgrade))
        });
        drop(before);
    }

    /// The region in which somebody waits for this job or root.
    pub(crate) fn beneath(&self) -> Option<Arc<dyn Member>> {
        if !self.has(flag::BENEATH) {
            return None;
        }
        self.rare_if_any(|rare| rare.beneath.clone())
            .flatten()?
            .upgrade()
    }

    /// Whether requests of the region around are its own.
    pub(crate) fn is_linked(&self) -> bool {
        self.rare_if_any(|rare| rare.place.linked).unwrap_or(false)
    }

    /// Opens `kid` in the region `up`. Linked, it is asked whenever `up` is.
    pub(crate) fn open(kid: &Arc<dyn Member>, up: Option<&Arc<dyn Member>>, linked: bool) {
        kid.region().rare(|rare| {
            rare.place.up = up.cloned();
            rare.place.linked = linked;
        });
        kid.region().inherit_from(up);
        if let Some(up) = up.filter(|_| linked) {
            Moved::OPEN.into(up.region());
            up.region().link(kid);
        }
    }

    /// Notes whether there is anything to inherit from further out: asked at each spawn inside.
    fn inherit_from(&self, up: Option<&Arc<dyn Member>>) {
        let inherited = flag::INHERITED | flag::INHERITED_AROUND;
        match up.is_some_and(|up| up.region().has(inherited)) {
            true => self.set(flag::INHERITED_AROUND),
            false => self.clear(flag::INHERITED_AROUND),
        }
    }

    /// From here on, who asks this region asks `kid` too; at once, if it was asked already.
    fn link(&self, kid: &Arc<dyn Member>) {
        let asked = self.rare(|rare| {
            if rare.kids.len() == rare.kids.capacity() {
                rare.kids.retain(|kid| kid.strong_count() > 0);
                // As many may come as have stayed: else a list that is nearly full is swept at each.
                rare.kids.reserve(rare.kids.len());
            }
            rare.kids.push(Arc::downgrade(kid));
            // Read after the kid is listed: a request finds it there, or it finds the request here.
            fence(Ordering::SeqCst);
            self.has(flag::ASKING)
        });
        if asked {
            self.ask_alike(kid.region());
        }
    }

    /// Puts a child into its scope's list of those to be asked.
    pub(crate) fn enlist(kid: &Arc<dyn Member>) {
        kid.region().clear(flag::UNLISTED);
        if let Some(scope) = kid.scope() {
            scope.region().link(kid);
            if let Some(reason) = kid.asked_as_child() {
                kid.region().ask(Some(&reason));
            }
        }
    }

    /// Sweeps the dead out of the list of kids, if they are half of it. Says whether they were.
    pub(crate) fn sweep(&self, dead: usize) -> bool {
        let swept = self.rare(|rare| {
            if dead.saturating_mul(2) < rare.kids.len() {
                return None;
            }
            let (live, dead) = std::mem::take(&mut rare.kids)
                .into_iter()
                .partition(|kid| kid.strong_count() > 0);
            rare.kids = live;
            Some::<Vec<_>>(dead)
        });
        // The last of a cell may be freed here: outside the lock.
        swept.is_some()
    }

    fn unlink(&self, kid: &Arc<dyn Member>) {
        let kid = Arc::downgrade(kid);
        self.rare(|rare| rare.kids.retain(|other| !Weak::ptr_eq(other, &kid)));
    }

    /// Moves an inline region to where it is polled now, with its shields and counts. Whose requests
    /// are its own is decided again: those of the region around it, if no mask is between.
    pub(crate) fn move_to(me: &Arc<dyn Member>, now: Option<&Arc<dyn Member>>, linked: bool) {
        let (before, out, into) = me.region().rare(|rare| {
            let before = std::mem::replace(&mut rare.place.up, now.cloned());
            let out = Moved::of(rare);
            rare.place.linked = linked;
            (before, out, Moved::of(rare))
        });
        me.region().inherit_from(now);
        if let Some(before) = before {
            out.out_of(before.region());
            before.region().unlink(me);
        }
        if let Some(now) = now {
            into.into(now.region());
            if linked {
                now.region().link(me);
            }
        }
    }

    /// Leaves the region around: this one has ended.
    pub(crate) fn leave(&self) {
        let (up, moved) = self.rare(|rare| {
            let moved = Moved::of(rare);
            rare.place.told = false;
            (rare.place.up.take(), moved)
        });
        if let Some(up) = up {
            moved.out_of(up.region());
        }
    }

    /// Tells the region around that this one is on its way out, once.
    pub(crate) fn tell(&self) {
        if !self.has(flag::INLINE) {
            return;
        }
        let up = self.rare(|rare| match std::mem::replace(&mut rare.place.told, true) {
            true => None,
            false => rare.place.up.clone(),
        });
        if let Some(up) = up {
            let up = up.region();
            up.rare(|rare| {
                count(&mut rare.unwinding, 1);
                up.set(flag::OPEN);
            });
        }
    }

    fn fewer_inside(&self, open: usize, unwinding: usize) {
        self.rare(|rare| {
            rare.open = rare.open.saturating_sub(open);
            rare.unwinding = rare.unwinding.saturating_sub(unwinding);
            if rare.open == 0 && rare.unwinding == 0 {
                self.clear(flag::OPEN);
            }
        });
        // Where something inside was dropped elsewhere, nobody else would look again.
        if self.has(flag::ASKED) {
            self.wake_runner();
        }
    }

    /// Opens a shield in this region, or closes one. Only the first and the last count further out.
    pub(crate) fn shield(&self, change: Shields) {
        let mut up = self.shield_here(change);
        while let Some(member) = up {
            up = member.region().shield_here(change);
        }
    }

    /// The region around, if it has to be told.
    fn shield_here(&self, change: Shields) -> Option<Arc<dyn Member>> {
        let (edge, up) = self.rare(|rare| {
            let edge = match change {
                Shields::OneMore => {
                    count(&mut rare.shields, 1);
                    self.set(flag::SHIELDED);
                    rare.shields == 1
                }
                Shields::OneLess => {
                    rare.shields = rare.shields.saturating_sub(1);
                    if rare.shields == 0 {
                        self.clear(flag::SHIELDED);
                    }
                    rare.shields == 0
                }
            };
            // In one go with the count: who moves this region meanwhile takes the same count along.
            (edge, rare.place.up.clone().filter(|_| edge))
        });
        if edge && matches!(change, Shields::OneLess) && self.has(flag::ASKED) {
            self.wake_runner();
        }
        up
    }

    /// Who is asked when this one is, and not yet gone.
    pub(crate) fn members_inside(&self) -> Vec<Arc<dyn Member>> {
        let listed = |rare: &mut Parts| rare.kids.iter().filter_map(Weak::upgrade).collect();
        self.rare_if_any(listed).unwrap_or_default()
    }

    /// How many regions are listed as linked, and for how many there is room before the next sweep.
    #[cfg(test)]
    pub(crate) fn kids(&self) -> (usize, usize) {
        self.rare(|rare| (rare.kids.len(), rare.kids.capacity()))
    }

    /// Plays the part of regions that are open inside.
    #[cfg(test)]
    pub(crate) fn set_inside(&self, open: usize, unwinding: usize) {
        self.set(flag::OPEN);
        self.rare(|rare| (rare.open, rare.unwinding) = (open, unwinding));
    }
}

/// One shield more or less.
#[derive(Clone, Copy)]
pub(crate) enum Shields {
    OneMore,
    OneLess,
}

/// What an inline region counts for in the one around it.
#[derive(Clone, Copy)]
struct Moved {
    open: usize,
    unwinding: usize,
    shielded: bool,
}

impl Moved {
    /// A linked region that has just been opened.
    const OPEN: Moved = Moved {
        open: 1,
        unwinding: 0,
        shielded: false,
    };

    fn of(rare: &Parts) -> Self {
        Moved {
            open: usize::from(rare.place.linked),
            unwinding: usize::from(rare.place.told),
            shielded: rare.shields > 0,
        }
    }

    fn out_of(self, region: &Region) {
        if self.shielded {
            region.shield(Shields::OneLess);
        }
        if self.open + self.unwinding > 0 {
            region.fewer_inside(self.open, self.unwinding);
        }
    }

    fn into(self, region: &Region) {
        if self.shielded {
            region.shield(Shields::OneMore);
        }
        if self.open + self.unwinding > 0 {
            region.rare(|rare| {
                count(&mut rare.open, self.open);
                count(&mut rare.unwinding, self.unwinding);
                region.set(flag::OPEN);
            });
        }
    }
}

fn count(counter: &mut usize, more: usize) {
    *counter = counter.saturating_add(more);
}
