//! The list of bindings: immutable, shared, innermost first.

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::current;

pub(super) type Value = Arc<dyn Any + Send + Sync>;

/// A variable and its value; or that it has none.
#[derive(Clone)]
pub(super) struct Binding {
    /// The number of the variable.
    pub(super) var: usize,
    pub(super) name: &'static str,
    pub(super) reach: Reach,
    pub(super) value: Option<Value>,
}

struct Node {
    binding: Binding,
    next: Option<Arc<Node>>,
}

impl Drop for Node {
    /// A loop and not a recursion: a chain may be longer than a stack is deep. Innermost first.
    fn drop(&mut self) {
        drop(self.binding.value.take());
        let mut next = self.next.take();
        while let Some(mut node) = next.and_then(Arc::into_inner) {
            next = node.next.take();
        }
    }
}

/// What is bound, and which part of it the task has from its parent.
#[derive(Clone, Default)]
pub(crate) struct Chain {
    head: Option<Arc<Node>>,
    /// The address of the node at which the inherited part begins; zero where there is none. To compare
    /// only: that node is in this chain, so it lives.
    base: usize,
    /// How many tasks have handed it down since it was last cut down to what can be seen.
    generation: u32,
}

/// How many tasks hand a chain down before it is cut down. A lineage in which each task binds a variable
/// and starts the next one inside would otherwise keep every value that it ever had.
const GENERATIONS: u32 = 32;

fn address(link: Option<&Arc<Node>>) -> usize {
    link.map_or(0, |node| Arc::as_ptr(node).addr())
}

impl Chain {
    pub(crate) const EMPTY: Chain = Chain {
        head: None,
        base: 0,
        generation: 0,
    };

    /// One binding, to be put in front of others by [`link`](Chain::link).
    pub(super) fn of(binding: Binding) -> Self {
        Chain {
            head: Some(Arc::new(Node {
                binding,
                next: None,
            })),
            ..Chain::EMPTY
        }
    }

    /// What is bound here and now.
    pub(crate) fn capture() -> Self {
        current::look(Chain::clone).unwrap_or_default()
    }

    /// What a task that is started here inherits.
    pub(crate) fn inherit() -> Self {
        let mut inherited = Chain::capture();
        inherited.generation += 1;
        if inherited.generation == GENERATIONS {
            inherited = inherited.cut_down();
        }
        inherited.base = address(inherited.head.as_ref());
        inherited
    }

    /// The same without what a child task cannot see: what is shadowed, unbound, or not inherited.
    pub(super) fn cut_down(&self) -> Self {
        let mut seen = BTreeSet::new();
        let mut visible = Vec::new();
        let mut at = self.head.as_ref();
        while let Some(node) = at {
            let binding = &node.binding;
            let inherited = binding.reach == Reach::Children && seen.insert(binding.var);
            if inherited && binding.value.is_some() {
                visible.push(binding.clone());
            }
            at = node.next.as_ref();
        }
        let mut chain = Chain::EMPTY;
        for binding in visible.into_iter().rev() {
            let next = chain.head.take();
            chain.head = Some(Arc::new(Node { binding, next }));
        }
        chain
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Puts the newest binding of this chain in front of what is bound here and now.
    ///
    /// Nearly always it stands there already, since the last poll. A future that was moved finds
    /// something else; and who still looks at the node as it was, a child or a clean-up, keeps that.
    pub(super) fn link(&mut self) {
        let Some(node) = &mut self.head else { return };
        let seen = current::look(|here| {
            let same = address(node.next.as_ref()) == address(here.head.as_ref());
            let around = (here.base, here.generation);
            (around, (!same).then(|| here.head.clone()))
        });
        let Some((around, changed)) = seen else {
            return;
        };
        (self.base, self.generation) = around;
        let Some(next) = changed else { return };
        if let Some(own) = Arc::get_mut(node) {
            own.next = next;
        } else {
            let binding = node.binding.clone();
            *node = Arc::new(Node { binding, next });
        }
    }

    /// Finds the innermost value of a variable.
    pub(super) fn find(&self, var: usize, reach: Reach) -> Option<Value> {
        let mut at = self.head.as_ref();
        while let Some(node) = at {
            if matches!(reach, Reach::ThisTask) && address(at) == self.base {
                return None;
            }
            if node.binding.var == var {
                return node.binding.value.clone();
            }
            at = node.next.as_ref();
        }
        None
    }

    /// The name of the variable that was bound last.
    pub(super) fn newest(&self) -> Option<&'static str> {
        Some(self.head.as_ref()?.binding.name)
    }
}

/// How far a look-up goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Through all that is bound: child tasks inherit the variable.
    Children,
    /// Through what was bound in the task itself.
    ThisTask,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        let mut at = self.head.as_ref();
        while let Some(node) = at {
            list.entry(&node.binding.name);
            at = node.next.as_ref();
        }
        list.finish()
    }
}
