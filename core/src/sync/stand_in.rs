//! What a model needs and loom has not, or not quite as the standard library does.

use std::sync::OnceLock as Value;

use atomic::{AtomicBool, Ordering};

/// Loom's atomics, with two things added.
///
/// Before each access, a store that nobody reads, so that any two accesses of one atomic depend on each
/// other. Loom compares an access with the last one alone: a read is forgotten when another thread reads
/// too and then writes, and the order in which the read comes last is never tried.
///
/// The fences that a processor would need where core orders with `SeqCst` accesses. Loom takes such an
/// access for an acquire or a release, and would find wake-ups lost that are not.
pub(crate) mod atomic {
    use loom::sync::atomic as loom;

    pub(crate) use loom::{Ordering, fence};

    macro_rules! atomic {
        ($name:ident, $type:ty, { $($fetch:ident)* }) => {
            #[derive(Debug)]
            pub(crate) struct $name {
                turn: loom::AtomicBool,
                value: loom::$name,
            }

            impl $name {
                pub(crate) fn new(value: $type) -> Self {
                    $name {
                        turn: loom::AtomicBool::new(false),
                        value: loom::$name::new(value),
                    }
                }

                /// An access that reads if there is a fence before it, and writes if there is one after.
                fn access<T>(
                    &self,
                    before: Option<Ordering>,
                    after: Option<Ordering>,
                    access: impl FnOnce(&loom::$name) -> T,
                ) -> T {
                    let fenced = |order| {
                        if order == Some(Ordering::SeqCst) {
                            fence(Ordering::SeqCst);
                        }
                    };
                    fenced(before);
                    self.turn.store(false, Ordering::Relaxed);
                    let given = access(&self.value);
                    fenced(after);
                    given
                }

                pub(crate) fn load(&self, order: Ordering) -> $type {
                    self.access(Some(order), None, |value| value.load(order))
                }

                pub(crate) fn store(&self, new: $type, order: Ordering) {
                    self.access(None, Some(order), |value| value.store(new, order));
                }

                pub(crate) fn compare_exchange(
                    &self,
                    current: $type,
                    new: $type,
                    order: Ordering,
                    failure: Ordering,
                ) -> Result<$type, $type> {
                    self.access(Some(order), Some(order), |value| {
                        value.compare_exchange(current, new, order, failure)
                    })
                }

                pub(crate) fn compare_exchange_weak(
                    &self,
                    current: $type,
                    new: $type,
                    order: Ordering,
                    failure: Ordering,
                ) -> Result<$type, $type> {
                    self.compare_exchange(current, new, order, failure)
                }

                pub(crate) fn fetch_update(
                    &self,
                    order: Ordering,
                    failure: Ordering,
                    mut change: impl FnMut($type) -> Option<$type>,
                ) -> Result<$type, $type> {
                    let mut now = self.load(failure);
                    while let Some(next) = change(now) {
                        match self.compare_exchange(now, next, order, failure) {
                            Ok(before) => return Ok(before),
                            Err(other) => now = other,
                        }
                    }
                    Err(now)
                }

                $(
                    pub(crate) fn $fetch(&self, by: $type, order: Ordering) -> $type {
                        self.access(Some(order), Some(order), |value| value.$fetch(by, order))
                    }
                )*
            }

            impl Default for $name {
                fn default() -> Self {
                    Self::new(Default::default())
                }
            }
        };
    }

    atomic!(AtomicBool, bool, { swap });
    atomic!(AtomicU16, u16, { fetch_add fetch_sub });
    atomic!(AtomicU32, u32, { fetch_or fetch_and });
    atomic!(AtomicU8, u8, { swap });
    atomic!(AtomicU64, u64, {});
    atomic!(AtomicUsize, usize, { fetch_add fetch_sub fetch_max });
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
