//! The list of bindings: immutable, shared, innermost first.

use std::any::Any;
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
}

fn address(link: Option<&Arc<Node>>) -> usize {
    link.map_or(0, |node| Arc::as_ptr(node).addr())
}

impl Chain {
    pub(crate) const EMPTY: Chain = Chain {
        head: None,
        base: 0,
    };

    /// One binding, to be put in front of others by [`link`](Chain::link).
    pub(super) fn of(binding: Binding) -> Self {
        Chain {
            head: Some(Arc::new(Node {
                binding,
                next: None,
            })),
            base: 0,
        }
    }

    /// What is bound here and now.
    pub(crate) fn capture() -> Self {
        current::look(Chain::clone).unwrap_or_default()
    }

    /// What a task that is started here inherits.
    pub(crate) fn inherit() -> Self {
        let head = Chain::capture().head;
        let base = address(head.as_ref());
        Chain { head, base }
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
            (here.base, (!same).then(|| here.head.clone()))
        });
        let Some((base, changed)) = seen else { return };
        self.base = base;
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
