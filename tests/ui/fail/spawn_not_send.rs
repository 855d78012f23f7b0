//! Spawning a future that cannot go to another thread.

use std::rc::Rc;

use anyrt::Runtime;

#[anyrt::main]
async fn main(rt: impl Runtime) {
    let count = Rc::new(1);
    rt.spawn_detached(async move { println!("{count}") });
}
