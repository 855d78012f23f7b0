//! A plugin interface that is sync, and calls back into async code.
//!
//! Who writes a plugin writes plain functions: no `async`, no runtime. The host is a server with many connections;
//! each request goes through the plugins on a thread, and what a plugin asks of the host is answered by the very task
//! that serves the request: with its deadline, its context, its place in the log.
//!
//! ```text
//! cargo run --example plugin
//! ```

use std::sync::Arc;

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::{ContextVar, Elapsed, FromThreadError, Runtime, from_thread, prelude::*, to_thread};

static USER: ContextVar<&'static str> = ContextVar::new("user");

/// What a plugin implements.
trait Plugin: Send + Sync {
    fn page(&self, path: &str, host: &dyn Host) -> Result<String, FromThreadError>;
}

/// What a plugin may ask for. Sync, too.
trait Host {
    fn lookup(&self, key: &str) -> Result<String, FromThreadError>;
}

struct Greeter;

impl Plugin for Greeter {
    fn page(&self, path: &str, host: &dyn Host) -> Result<String, FromThreadError> {
        let greeting = host.lookup("greeting")?;
        Ok(format!("{greeting}, {path}"))
    }
}

struct Sleepyhead;

impl Plugin for Sleepyhead {
    fn page(&self, _: &str, host: &dyn Host) -> Result<String, FromThreadError> {
        host.lookup("something that never comes")
    }
}

/// The host of one request.
struct Request<R> {
    rt: R,
}

impl<R: Runtime> Host for Request<R> {
    fn lookup(&self, key: &str) -> Result<String, FromThreadError> {
        let (rt, key) = (self.rt.clone(), key.to_owned());
        // In the task of the request: it still knows who asks.
        from_thread(async move {
            match key.as_str() {
                "greeting" => rt.sleep(1.millis()).await,
                _ => std::future::pending().await,
            }
            format!("Good morning {}", USER.get().unwrap_or("stranger"))
        })
    }
}

async fn serve<R: Runtime>(
    rt: &R,
    plugin: Arc<dyn Plugin>,
    path: &'static str,
) -> Result<Result<String, FromThreadError>, Elapsed> {
    let request = Request { rt: rt.clone() };
    // A plugin that hangs in a lookup is stopped there; one that hangs by itself is left behind, and listed.
    to_thread(move || plugin.page(path, &request))
        .timeout(rt, 100.millis())
        .await
}

fn main() {
    let owner = BuiltinRuntime::new();
    let rt = owner.handle();
    owner.block_on(async {
        let page = USER
            .scope("Ada", serve(rt, Arc::new(Greeter), "/home"))
            .await;
        let page = page.expect("it is in time").expect("it is awaited");
        println!("{page}");
        assert_eq!(page, "Good morning Ada, /home");

        let late = serve(rt, Arc::new(Sleepyhead), "/").await;
        println!("{}", late.expect_err("its lookup never ends"));
    });
}
