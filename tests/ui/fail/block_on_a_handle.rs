//! Blocking on a handle, which does not own the runtime.

use anyrt::{BlockOn, backend::tokio::Tokio, prelude::*};

fn wait<D: BlockOn>(owner: &D) {
    owner.block_on(async {});
}

fn main() {
    wait(&Tokio::current());
    Tokio::current().block_on(async {});
}
