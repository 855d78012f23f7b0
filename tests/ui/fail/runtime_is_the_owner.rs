//! Spawning on the owner of a runtime, which is no handle.

use anyrt::{Runtime, backend::builtin::BuiltinRuntime, prelude::*};

fn start<R: Runtime>(rt: &R) {
    rt.spawn_detached(async {});
}

fn main() {
    let owner = BuiltinRuntime::new();
    start(&owner);
    owner.spawn(async {}).detach();
}
