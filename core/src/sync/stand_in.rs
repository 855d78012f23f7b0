//! What a model needs and loom has not, or not quite as the standard library does.

use std::sync::OnceLock as Value;

use atomic::{AtomicBool, Ordering};

/// Loom's atomics. Those that core orders with `SeqCst` accesses have the fences that a processor would
/// need for them: loom itself takes such an access for an acquire or a release, and would find wake-ups
/// lost that are not.
pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};

    #[derive(Debug, Default)]
    pub(crate) struct AtomicUsize(loom::sync::atomic::AtomicUsize);

    impl AtomicUsize {
        pub(crate) fn new(value: usize) -> Self {
            AtomicUsize(loom::sync::atomic::AtomicUsize::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> usize {
            fenced(order);
            self.0.load(order)
        }

        pub(crate) fn store(&self, value: usize, order: Ordering) {
            self.0.store(value, order);
            fenced(order);
        }

        pub(crate) fn fetch_add(&self, more: usize, order: Ordering) -> usize {
            fenced(order);
            let before = self.0.fetch_add(more, order);
            fenced(order);
            before
        }

        pub(crate) fn fetch_sub(&self, less: usize, order: Ordering) -> usize {
            fenced(order);
            let before = self.0.fetch_sub(less, order);
            fenced(order);
            before
        }

        pub(crate) fn compare_exchange(
            &self,
            current: usize,
            new: usize,
            success: Ordering,
            failure: Ordering,
        ) -> Result<usize, usize> {
            self.0.compare_exchange(current, new, success, failure)
        }
    }

    fn fenced(order: Ordering) {
        if order == Ordering::SeqCst {
            fence(order);
        }
    }
}

/// A value that is set once, with a flag of the model's to see that it is.
///
/// Weaker than the real one in this: of two that set it at the same time, the second may be told that it
/// is set and not see the value yet.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    is_set: AtomicBool,
    value: Value<T>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self::of(Value::new())
    }

    fn of(value: Value<T>) -> Self {
        OnceLock {
            is_set: AtomicBool::new(value.get().is_some()),
            value,
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        let is_set = self.is_set.load(Ordering::Acquire);
        self.value.get().filter(|_| is_set)
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        self.is_set.store(true, Ordering::Release);
        Ok(())
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        Self::of(Value::from(value))
    }
}

/// A box that is made when it is first needed: of two that make it at the same time, one drops its own.
#[derive(Debug)]
pub(crate) struct OnceBox<T> {
    is_made: AtomicBool,
    made: Value<Box<T>>,
}

impl<T> OnceBox<T> {
    pub(crate) fn new() -> Self {
        OnceBox {
            is_made: AtomicBool::new(false),
            made: Value::new(),
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        let is_made = self.is_made.load(Ordering::Acquire);
        self.made.get().filter(|_| is_made).map(|made| &**made)
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> Box<T>) -> &T {
        if let Some(made) = self.get() {
            return made;
        }
        // Who loses has the winner's: they are alike when they are new.
        let made = self.made.get_or_init(make);
        let _ = self
            .is_made
            .compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire);
        made
    }
}

/// Each thread of a model has its own, though all of them run on one of the system's.
macro_rules! own_thread_local {
    (static $name:ident: $type:ty = const $init:block;) => {
        loom::thread_local! {
            static $name: $type = $init;
        }
    };
}
pub(crate) use own_thread_local as thread_local;
