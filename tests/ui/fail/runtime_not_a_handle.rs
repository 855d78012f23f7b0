//! Spawning on what is no runtime.

use anyrt::{Runtime, prelude::*};

struct NotARuntime;

fn start<R: Runtime>(rt: &R) {
    rt.spawn_detached(async {});
}

fn main() {
    start(&NotARuntime);
    NotARuntime.spawn(async {}).detach();
}
