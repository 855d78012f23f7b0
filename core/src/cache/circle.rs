//! Which computations wait for which: in a circle they would wait for ever.
//!
//! Only who asks from inside a computation is in here, of whatever cache.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::context::{ContextVar, Rebound};

/// Something that computes.
pub(super) trait Computation: Send + Sync {
    /// Whether the code that runs here is part of it.
    fn is_around(&self) -> bool;
}

/// The computation that code belongs to or comes from, be it that a task of its own runs it.
static FROM: ContextVar<Weak<dyn Computation>> = ContextVar::new("anyrt::Cache");

/// For each that waits, those that it waits for. A leaf: no code of others runs under it.
static WAITS: Mutex<BTreeMap<usize, Vec<usize>>> = Mutex::new(BTreeMap::new());

fn waits() -> MutexGuard<'static, BTreeMap<usize, Vec<usize>>> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has what is called in `future` know whose code it is.
pub(super) fn inside<F: Future>(computation: Weak<dyn Computation>, future: F) -> Rebound<F> {
    FROM.scope(computation, future)
}

/// A computation waits for another, until this is dropped.
pub(super) struct Waits {
    from: usize,
    to: usize,
}

/// The other one waits for this one.
#[derive(Debug)]
pub(super) struct Circle;

impl Waits {
    /// Has the computation that runs here, if there is one, wait for that with this address. It is kept alive as
    /// long.
    pub(super) fn begin(to: usize) -> Result<Option<Self>, Circle> {
        let Some(computation) = FROM.get().and_then(|computation| computation.upgrade()) else {
            return Ok(None);
        };
        if !computation.is_around() {
            return Ok(None);
        }
        let from = Arc::as_ptr(&computation).cast::<()>().addr();
        let mut waits = waits();
        let mut next = vec![to];
        let mut seen = Vec::new();
        while let Some(one) = next.pop() {
            if one == from {
                return Err(Circle);
            }
            if !seen.contains(&one) {
                seen.push(one);
                next.extend(waits.get(&one).into_iter().flatten());
            }
        }
        waits.entry(from).or_default().push(to);
        Ok(Some(Waits { from, to }))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        let mut waits = waits();
        if let Some(all) = waits.get_mut(&self.from) {
            if let Some(at) = all.iter().position(|to| *to == self.to) {
                all.swap_remove(at);
            }
            if all.is_empty() {
                waits.remove(&self.from);
            }
        }
    }
}
