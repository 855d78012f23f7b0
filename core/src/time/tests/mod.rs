//! Time, moved by hand.

mod delayer;
mod every;
mod interval;
mod reports;
mod retry;
mod timeout;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::region::tests::by_hand::{Clocked, Play};
use crate::region::tests::poll_once;
use crate::runtime::{Instant, Timer};

/// What was said, and how many milliseconds after the beginning.
#[derive(Clone)]
struct Log {
    rt: Clocked,
    start: Instant,
    lines: Arc<Mutex<Vec<(u128, String)>>>,
}

impl Log {
    fn new(rt: &Clocked) -> Self {
        Log {
            rt: rt.clone(),
            start: rt.now(),
            lines: Arc::default(),
        }
    }

    fn say(&self, what: impl Into<String>) {
        let at = (self.rt.now() - self.start).as_millis();
        self.lines.lock().unwrap().push((at, what.into()));
    }

    /// When this was said.
    fn times(&self, what: &str) -> Vec<u128> {
        let lines = self.lines.lock().unwrap();
        let said = lines.iter().filter(|(_, line)| line == what);
        said.map(|(at, _)| *at).collect()
    }

    fn lines(&self) -> Vec<(u128, String)> {
        self.lines.lock().unwrap().clone()
    }
}

/// Moves the clock on in small steps, and lets everybody run after each.
fn pass(play: &mut Play, time: Duration) {
    let step = Duration::from_millis(50);
    let mut left = time;
    play.turns(12);
    while !left.is_zero() {
        let step = step.min(left);
        play.rt.advance(step);
        left -= step;
        play.turns(12);
    }
}
