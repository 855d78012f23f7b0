//! The nurseries of this process that are open.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::any_error::AnyError;
use super::shared::Shared;
use crate::runtime::{Spawn, Timer};

/// All that were opened and whose memory is still held; some of them are over.
static OPEN: Mutex<Vec<Weak<dyn Listed>>> = Mutex::new(Vec::new());

fn list() -> MutexGuard<'static, Vec<Weak<dyn Listed>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

trait Listed: Send + Sync {
    fn info(&self) -> Option<NurseryInfo>;
}

impl<R: Spawn + Timer> Listed for Shared<R, AnyError> {
    fn info(&self) -> Option<NurseryInfo> {
        (!self.region.is_done()).then(|| NurseryInfo {
            name: self.region.name(),
            location: self.region.location(),
            live: self.live(),
        })
    }
}

/// Lists a nursery that was just opened.
pub(super) fn enlist<R: Spawn + Timer>(nursery: &Arc<Shared<R, AnyError>>) {
    let nursery = Arc::downgrade(nursery);
    let gone = {
        let mut list = list();
        if list.len() < list.capacity() {
            list.push(nursery);
            return;
        }
        // Swept when it is full, so that it is no longer than twice those that are open.
        let (open, gone) = std::mem::take(&mut *list)
            .into_iter()
            .partition(|one| one.strong_count() > 0);
        *list = open;
        list.push(nursery);
        let more = list.len();
        list.reserve(more);
        gone
    };
    // The last of a nursery's memory may go here: not under the lock.
    drop::<Vec<_>>(gone);
}

/// Returns the nurseries of this process that are open, oldest first.
///
/// For reports: what an application still does in the background, and where that was begun. A nursery is
/// listed until the last of its children is gone.
///
/// # Examples
///
/// ```
/// use std::future::pending;
/// use anyrt::{backend::builtin::BuiltinRuntime, nurseries, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let nursery = owner.handle().nursery_with().name("mail").open();
/// nursery.spawn(pending::<()>());
/// let open = nurseries();
/// let mail = open.iter().find(|nursery| nursery.name() == Some("mail")).unwrap();
/// assert_eq!(mail.live(), 1);
/// assert!(mail.to_string().starts_with("nursery `mail` (opened at "));
///
/// owner.block_on(nursery.close()).unwrap();
/// assert!(nurseries().iter().all(|nursery| nursery.name() != Some("mail")));
/// ```
#[doc(alias = "all_ptaskgroups")]
#[doc(alias = "all_tasks")]
pub fn nurseries() -> Vec<NurseryInfo> {
    let open: Vec<_> = list().iter().filter_map(Weak::upgrade).collect();
    open.iter().filter_map(|nursery| nursery.info()).collect()
}

/// What can be said of an open nursery: what [`nurseries`] gives.
#[derive(Clone, Debug)]
pub struct NurseryInfo {
    name: Option<Cow<'static, str>>,
    location: &'static Location<'static>,
    live: usize,
}

impl NurseryInfo {
    /// Returns the name that was given to it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns where it was opened.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Returns how many children it had when it was looked at.
    pub fn live(&self) -> usize {
        self.live
    }
}

impl fmt::Display for NurseryInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "nursery `{name}` (opened at {})", self.location)?,
            None => write!(f, "the nursery opened at {}", self.location)?,
        }
        write!(f, ", {} children", self.live)
    }
}
