//! What panicked in a run: for who runs a thousand of them, and wants to see one.

use std::cell::Cell;
use std::panic::{self, PanicHookInfo};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use super::inside;

/// The panics of one run, in the order in which they happened.
#[derive(Debug, Default)]
pub(super) struct Notes {
    seen: Mutex<Vec<Note>>,
    sound: Sound,
}

/// Whether panics are also shown as they happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sound {
    #[default]
    Quiet,
    Loud,
}

/// One panic.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) place: String,
    pub(super) message: String,
}

/// How many panics of a run are kept.
const KEPT: usize = 100;

thread_local! {
    static HERE: Cell<Option<Arc<Notes>>> = const { Cell::new(None) };
}

impl Notes {
    pub(super) fn new(sound: Sound) -> Self {
        Notes {
            seen: Mutex::default(),
            sound,
        }
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Vec<Note>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this thread panics with is noted, until this is dropped; and what the entities of a simulation do
/// that was told of the same notes, on any thread.
pub(super) struct Noting(Option<Arc<Notes>>);

impl Noting {
    pub(super) fn new(notes: &Arc<Notes>) -> Self {
        install();
        Noting(HERE.replace(Some(Arc::clone(notes))))
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        HERE.set(self.0.take());
    }
}

/// A hook is the only one that learns of a panic's place, and that can keep a thousand of them from being
/// printed. It goes round the hook that was there, once in the process.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| match current() {
            None => before(info),
            Some(notes) => {
                note(&notes, info);
                if notes.sound == Sound::Loud {
                    before(info);
                }
            }
        }));
    });
}

fn current() -> Option<Arc<Notes>> {
    inside::notes().or_else(|| {
        let looked = HERE.try_with(|here| {
            let notes = here.take();
            here.set(notes.clone());
            notes
        });
        looked.ok().flatten()
    })
}

fn note(notes: &Notes, info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let place = info.location();
    let mut seen = notes.seen();
    if seen.len() < KEPT {
        seen.push(Note {
            place: place.map_or_else(|| "an unknown place".to_owned(), ToString::to_string),
            message: text.unwrap_or("a payload that is no text").to_owned(),
        });
    }
}
