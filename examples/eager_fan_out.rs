//! Learn: eager tasks send a whole tree of requests out depth first, and what is cached needs no task.
//!
//! A page needs its parts, and parts need parts of their own. `spawn_eager` runs each as far as its first
//! wait before the next one begins: all requests are on their way when the first answer comes, in the order
//! in which the page names them. With `spawn` the order would be level by level, one turn of the runtime
//! for each level. What is in the cache is there at once.
//!
//! `cargo run --example eager_fan_out`

#![allow(clippy::unwrap_used, reason = "an example, which asserts")]

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::prelude::*;
use anyrt::{Eager, Runtime};

/// A server that takes a while, and a cache before it.
#[derive(Clone, Default)]
struct Client {
    cached: Arc<HashSet<&'static str>>,
    sent: Arc<Mutex<Vec<&'static str>>>,
}

impl Client {
    async fn get<R: Runtime>(&self, rt: &R, name: &'static str) -> usize {
        if !self.cached.contains(name) {
            self.sent.lock().unwrap().push(name);
            rt.sleep(5.millis()).await;
        }
        name.len()
    }
}

fn parts_of(name: &str) -> &'static [&'static str] {
    match name {
        "page" => &["header", "article", "footer"],
        "header" => &["logo", "menu"],
        "article" => &["text", "image"],
        _ => &[],
    }
}

/// The size of a part with all that is in it. Its parts are requested before it is.
fn load<R: Runtime>(
    rt: R,
    client: Client,
    name: &'static str,
    eagerly: bool,
) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        let load = |part: &'static str| load(rt.clone(), client.clone(), part, eagerly);
        let mut size = 0;
        if eagerly {
            let parts: Vec<Eager<usize>> = parts_of(name)
                .iter()
                .map(|part| rt.spawn_eager(load(part)))
                .collect();
            size += client.get(&rt, name).await;
            for part in parts {
                size += part.await.unwrap();
            }
        } else {
            let parts: Vec<_> = parts_of(name)
                .iter()
                .map(|part| rt.spawn(load(part)))
                .collect();
            size += client.get(&rt, name).await;
            for part in parts {
                size += part.await.unwrap();
            }
        }
        size
    })
}

fn main() {
    let owner = BuiltinRuntime::builder().threads(1).build().unwrap();
    let rt = owner.handle();
    let mut sizes = Vec::new();
    for eagerly in [true, false] {
        let client = Client {
            cached: Arc::new(HashSet::from(["logo"])),
            ..Client::default()
        };
        let size = owner.block_on(load(rt.clone(), client.clone(), "page", eagerly));
        let sent = client.sent.lock().unwrap().clone();
        println!(
            "{:<12} {}",
            if eagerly { "spawn_eager:" } else { "spawn:" },
            sent.join(" ")
        );
        if eagerly {
            let depth_first = [
                "menu", "header", "text", "image", "article", "footer", "page",
            ];
            assert_eq!(sent, depth_first);
        } else {
            assert_eq!(sent[0], "page", "the parts have their turn later");
        }
        sizes.push(size);
    }
    assert_eq!(sizes, [40, 40]);

    // What is ready at once never was a task.
    owner.block_on(async {
        let cached = rt.spawn_eager(async { "from the cache" });
        assert!(cached.is_finished());
        assert_eq!(cached.into_ready().unwrap().unwrap(), "from the cache");
    });
}
