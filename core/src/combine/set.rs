//! The arms of a combinator, and how they are polled: many of one type, each by its own waker.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use futures::task::AtomicWaker;

use super::arm::{Arm, Kept};
use super::arms::Arms;
use super::policy::Ruling;
use crate::region::frame;

/// How many arms one poll polls before it lets others run.
const BUDGET: usize = 64;

/// Any number of arms of one type. Who is woken is polled, and nobody else.
pub struct Set<F: Future> {
    arms: Vec<Slot<F>>,
    bell: Arc<Bell>,
    /// Who was woken and is next, in the order of polling.
    batch: VecDeque<usize>,
    /// In which region the arms were polled last; compared only with one that a live arm holds.
    place: Option<usize>,
    /// The arms that were polled before the verdict have been put in line to be stopped.
    told: bool,
    /// The same for a request around: an arm whose region is not made is woken by nobody else.
    told_from_outside: bool,
}

struct Slot<F: Future> {
    arm: Pin<Box<Arm<F>>>,
    over: bool,
    alarm: Arc<Alarm>,
    waker: Waker,
}

/// Who was woken, and whom to tell.
#[derive(Default)]
struct Bell {
    woken: Mutex<Vec<usize>>,
    task: AtomicWaker,
}

/// The waker of one arm.
struct Alarm {
    index: usize,
    /// In line already: in `woken`, or in the batch.
    queued: AtomicBool,
    bell: Arc<Bell>,
}

impl Bell {
    fn woken(&self) -> MutexGuard<'_, Vec<usize>> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.bell.woken().push(self.index);
            self.bell.task.wake();
        }
    }
}

impl<F: Future> Set<F> {
    pub(super) fn new(arms: impl IntoIterator<Item = Arm<F>>) -> Self {
        let bell = Arc::<Bell>::default();
        let slot = |(index, arm)| {
            let alarm = Arc::new(Alarm {
                index,
                queued: AtomicBool::new(false),
                bell: Arc::clone(&bell),
            });
            Slot {
                arm: Box::pin(arm),
                over: false,
                waker: Waker::from(Arc::clone(&alarm)),
                alarm,
            }
        };
        Set {
            arms: arms.into_iter().enumerate().map(slot).collect(),
            bell,
            batch: VecDeque::new(),
            place: None,
            told: false,
            told_from_outside: false,
        }
    }

    /// Puts all that live in line, in order of their index.
    fn line_up_all(&mut self, ruling: &mut Ruling) {
        self.bell.woken().clear();
        let live = self.arms.iter().enumerate().filter(|(_, slot)| !slot.over);
        let mut line: Vec<usize> = live.map(|(index, _)| index).collect();
        for &index in &line {
            self.arms[index].alarm.queued.store(true, Ordering::Release);
        }
        ruling.order(&mut line);
        self.batch = line.into();
    }

    fn next_batch(&mut self, ruling: &mut Ruling) {
        let mut woken = std::mem::take(&mut *self.bell.woken());
        ruling.order(&mut woken);
        self.batch = woken.into();
    }
}

impl<F: Future> Arms for Set<F> {
    type Ends = Vec<Kept<F::Output>>;

    fn count(&self) -> usize {
        self.arms.len()
    }

    /// Polls those that were woken, up to a budget: a round of them, and the next one if it is due.
    fn turn(self: Pin<&mut Self>, ruling: &mut Ruling, cx: &mut Context<'_>) {
        let this = self.get_mut();
        // First: who is woken from here on wakes the task.
        this.bell.task.register(cx.waker());
        // Arms that are polled elsewhere move there, all of them: a request made there is theirs.
        let here = frame::place_made();
        let mut fresh = this.place.replace(here) != Some(here);
        fresh |= frame::is_stopping() && !std::mem::replace(&mut this.told_from_outside, true);
        if fresh {
            this.line_up_all(ruling);
        }
        let mut left = BUDGET;
        while !ruling.is_over() {
            if this.batch.is_empty() {
                // One round only: an arm that wakes itself must not keep us here.
                if std::mem::replace(&mut fresh, true) {
                    return;
                }
                this.next_batch(ruling);
            }
            let Some(&index) = this.batch.front() else {
                return;
            };
            // Without a budget where a request is due: whom this poll does not reach is dropped with the
            // body around, and could not unwind before it.
            if left == 0 && !frame::is_stopping() {
                return cx.waker().wake_by_ref();
            }
            this.batch.pop_front();
            left = left.saturating_sub(1);
            let slot = &mut this.arms[index];
            // A swap, so that what the waker saw is seen by the poll.
            slot.alarm.queued.swap(false, Ordering::AcqRel);
            if slot.over {
                continue;
            }
            let cx = &mut Context::from_waker(&slot.waker);
            if let Some(how) = slot.arm.as_mut().poll(ruling.stops(), cx) {
                slot.over = true;
                ruling.ended(index, how);
            }
            if ruling.stops().is_some() && !std::mem::replace(&mut this.told, true) {
                this.line_up_all(ruling);
                fresh = true;
            }
        }
    }

    fn take_ends(mut self: Pin<&mut Self>) -> Self::Ends {
        self.bell.task.take();
        let slots = std::mem::take(&mut self.arms);
        let take = |mut slot: Slot<F>| slot.arm.as_mut().take_end();
        slots.into_iter().map(take).collect()
    }
}

/// An arm's waker may outlive the arms, in a timer or a channel; it must not keep the task alive.
impl<F: Future> Drop for Set<F> {
    fn drop(&mut self) {
        self.bell.task.take();
    }
}
