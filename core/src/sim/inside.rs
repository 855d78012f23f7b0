//! Which simulation this thread is a part of at the moment.

use std::cell::Cell;
use std::sync::Arc;

use super::entity::Entity;
use super::gate::Gate;
use super::notes::Notes;
use super::ready::Key;

struct Here {
    entity: Option<Arc<Entity>>,
    /// The address of a gate, to compare; zero for none.
    gate: usize,
}

thread_local! {
    static HERE: Cell<Here> = const { Cell::new(Here { entity: None, gate: 0 }) };
}

/// This thread runs an entity, or is the gate itself, until this is dropped.
pub(super) struct Inside(Option<Here>);

impl Inside {
    pub(super) fn entity(entity: &Arc<Entity>) -> Self {
        Self::enter(Here {
            entity: Some(Arc::clone(entity)),
            gate: address(&entity.gate),
        })
    }

    /// The gate's own work: waking who waited for a time, dropping who is left.
    pub(super) fn time(gate: &Arc<Gate>) -> Self {
        Self::enter(Here {
            entity: None,
            gate: address(gate),
        })
    }

    /// No simulation: while a job waits for something that is none of the gate's business.
    pub(super) fn nothing() -> Self {
        Self::enter(Here {
            entity: None,
            gate: 0,
        })
    }

    fn enter(here: Here) -> Self {
        // On a thread that is ending there is no such thing.
        Inside(HERE.try_with(|cell| cell.replace(here)).ok())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Some(around) = self.0.take() {
            let here = HERE.try_with(|cell| cell.replace(around));
            // The last count of an entity may go with it: not inside the thread-local.
            drop(here);
        }
    }
}

fn address(gate: &Arc<Gate>) -> usize {
    Arc::as_ptr(gate).addr()
}

fn look<T>(f: impl FnOnce(&Here) -> T) -> Option<T> {
    HERE.try_with(|cell| {
        let here = cell.replace(Here {
            entity: None,
            gate: 0,
        });
        let value = f(&here);
        cell.set(here);
        value
    })
    .ok()
}

/// Whether this thread is a part of that simulation.
pub(super) fn is_in(gate: &Arc<Gate>) -> bool {
    let address = address(gate);
    look(|here| here.gate == address).unwrap_or(false)
}

/// The entity that this thread runs for that simulation.
pub(super) fn entity_of(gate: &Arc<Gate>) -> Option<Arc<Entity>> {
    of_entity(gate, Arc::clone)
}

/// Who is told of a panic here instead of the hook.
pub(super) fn notes() -> Option<Arc<Notes>> {
    look(|here| here.entity.as_ref()?.gate.notes.clone()).flatten()
}

/// Its number.
pub(super) fn number_in(gate: &Arc<Gate>) -> Option<u32> {
    of_entity(gate, |entity| entity.number)
}

/// Its place in the gate's table.
pub(super) fn key_in(gate: &Arc<Gate>) -> Option<Key> {
    of_entity(gate, |entity| entity.key)
}

fn of_entity<T>(gate: &Arc<Gate>, f: impl FnOnce(&Arc<Entity>) -> T) -> Option<T> {
    let address = address(gate);
    look(|here| match here.gate == address {
        true => here.entity.as_ref().map(f),
        false => None,
    })
    .flatten()
}
