//! Who is left, in words.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::sync::Arc;

use crate::region::Member;
use crate::region::failure::describe;
use crate::region::state::flag;
use crate::runtime::AnyRuntime;
use crate::scope::NurseryHandle;

/// How many kinds of tasks are named.
const NAMED: usize = 10;

/// The tasks of an application that have not ended, those of the scopes in them included.
///
/// Found by going down from the application, when somebody asks: so a task pays nothing for it.
pub(super) struct Left {
    /// What each kind is called, and how many there are: the largest first.
    kinds: Vec<(String, usize)>,
    /// Those of the application that nothing is known of: they have not suspended since they were spawned.
    unlisted: usize,
    tasks: usize,
}

impl Left {
    pub(super) fn of(home: &NurseryHandle<AnyRuntime>) -> Self {
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        let mut tasks = 0;
        let mut direct = 0;
        // A list of its own: as deep as the tasks stand, and that may be very deep.
        let mut open = home.region().members_inside();
        while let Some(member) = open.pop() {
            let region = member.region();
            open.extend(region.members_inside());
            if !region.has(flag::INLINE) && !region.is_done() {
                tasks += 1;
                let of = member.scope_region();
                direct += usize::from(of.is_some_and(|of| std::ptr::eq(of, home.region())));
                *kinds.entry(Named(&member).to_string()).or_default() += 1;
            }
        }
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        // Stable: those of one size by name.
        kinds.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        // Who begins or ends meanwhile may be counted in one place only.
        let unlisted = home.live().saturating_sub(direct);
        Left {
            kinds,
            unlisted,
            tasks: tasks + unlisted,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks == 0
    }

    pub(super) fn tasks(&self) -> usize {
        self.tasks
    }

    /// One line for each kind, at most so many and a last one.
    pub(super) fn lines(&self) -> Vec<String> {
        let named = self.kinds.iter().take(NAMED);
        let mut lines: Vec<_> = named
            .map(|(kind, count)| match count {
                1 => kind.clone(),
                _ => format!("{count} × {kind}"),
            })
            .collect();
        let others: usize = self.kinds.iter().skip(NAMED).map(|(_, count)| count).sum();
        if others > 0 {
            lines.push(format!("and {others} others"));
        }
        if self.unlisted > 0 {
            let some = self.unlisted;
            lines.push(format!("{some} × a task that has not suspended yet"));
        }
        lines
    }
}

/// A task: its name, and where it was spawned.
struct Named<'a>(&'a Arc<dyn Member>);

impl Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let region = self.0.region();
        describe(f, region.name().as_deref(), region.location())
    }
}
