//! Waiting awake, for what comes sooner than a sleep and a wake-up would take.

#[cfg(not(loom))]
pub(crate) use awake::{Moments, yielding};
#[cfg(loom)]
pub(crate) use model::{Moments, yielding};

#[cfg(not(loom))]
mod awake {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, Instant};

    /// What a thread that others need may lose at a time. To be woken on an idle core takes ten times as long.
    const MOMENT: Duration = Duration::from_micros(3);

    /// So many moments in vain one after the other, and others are spared.
    const PATIENCE: u32 = 8;

    /// One in so many is tried all the same.
    const AGAIN: u32 = 64;

    /// Moments of one kind: whether they pay is learnt from those that were.
    #[derive(Debug)]
    pub(crate) struct Moments {
        in_vain: AtomicU32,
    }

    impl Moments {
        pub(crate) const fn new() -> Self {
            Moments {
                in_vain: AtomicU32::new(0),
            }
        }

        /// Looks for a moment, without giving the core away, whether it `is_there`.
        pub(crate) fn spend(&self, is_there: impl Fn() -> bool) {
            let in_vain = self.in_vain.load(Ordering::Relaxed);
            let pays = in_vain < PATIENCE || in_vain % AGAIN == 0;
            if is_there() || !others_run() {
                return;
            }
            if pays && awake(is_there) {
                self.in_vain.store(0, Ordering::Relaxed);
            } else {
                self.in_vain
                    .store(in_vain.wrapping_add(1).max(1), Ordering::Relaxed);
            }
        }
    }

    fn awake(is_there: impl Fn() -> bool) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < MOMENT {
            if is_there() {
                return true;
            }
            std::hint::spin_loop();
        }
        is_there()
    }

    /// Where there is one core, nothing comes while this thread has it.
    fn others_run() -> bool {
        static CORES: OnceLock<bool> = OnceLock::new();
        *CORES.get_or_init(|| {
            let cores = std::thread::available_parallelism();
            cores.is_ok_and(|cores| cores.get() > 1)
        })
    }

    /// Looks up to so many times, and lets others run between: whoever brings it may want this very core.
    pub(crate) fn yielding(looks: usize, is_there: impl Fn() -> bool) {
        for _ in 0..looks {
            if is_there() {
                return;
            }
            std::thread::yield_now();
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::cell::Cell;

        #[test]
        fn moments_that_are_in_vain_are_spared_and_one_that_is_not_brings_them_back() {
            if !others_run() {
                return;
            }
            let moments = Moments::new();
            let looks = Cell::new(0_u32);
            let tried = |comes: bool| {
                looks.set(0);
                moments.spend(|| {
                    looks.set(looks.get() + 1);
                    comes && looks.get() == 2
                });
                looks.get() > 1
            };
            let in_vain = (0..PATIENCE).filter(|_| tried(false)).count();
            assert_eq!(in_vain, PATIENCE as usize);
            let spared = (0..1000).take_while(|_| !tried(false)).count();
            assert_eq!(spared, (AGAIN - PATIENCE) as usize);
            while !tried(true) {}
            assert!(tried(false), "as one has paid");
        }
    }
}

/// A model would explore each look.
#[cfg(loom)]
mod model {
    #[derive(Debug)]
    pub(crate) struct Moments;

    impl Moments {
        pub(crate) const fn new() -> Self {
            Moments
        }

        pub(crate) fn spend(&self, _: impl Fn() -> bool) {}
    }

    pub(crate) fn yielding(_: usize, _: impl Fn() -> bool) {}
}
