//! A fetcher that asks its server once for each page, however many want it, and again when the page is old.
//!
//! ```text
//! cargo run --features cache --example cached_fetcher
//! ```
//!
//! Runs in virtual time: an hour of visits takes a moment. Look at what is *not* there: no lock, no flag that says
//! that somebody fetches already, and nothing to do where that somebody goes away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::{Cache, CacheError, Runtime, VirtualClock, prelude::*};

/// A server far away: a page takes a second, and the third request fails.
struct Server<R> {
    rt: R,
    requests: AtomicU32,
}

impl<R: Runtime> Server<R> {
    async fn page(&self, path: &'static str) -> Result<Arc<str>, String> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        self.rt.sleep(1.secs()).await;
        match number {
            3 => Err("503 busy".to_owned()),
            n => Ok(format!("{path}, version {n}").into()),
        }
    }
}

struct Fetcher<R> {
    server: Arc<Server<R>>,
    pages: Cache<&'static str, Arc<str>, String>,
}

impl<R: Runtime> Fetcher<R> {
    fn new(rt: &R) -> Self {
        Fetcher {
            server: Arc::new(Server {
                rt: rt.clone(),
                requests: AtomicU32::new(0),
            }),
            pages: Cache::on(rt).capacity(1_000).expire_after(60.secs()).open(),
        }
    }

    async fn page(&self, path: &'static str) -> Result<Arc<str>, CacheError<String>> {
        let server = Arc::clone(&self.server);
        self.pages
            .get(path, move || async move { server.page(path).await })
            .await
    }
}

async fn visits<R: Runtime>(rt: &R) -> Result<(), CacheError<String>> {
    let fetcher = Arc::new(Fetcher::new(rt));

    // A hundred at once: one request.
    let start = rt.now();
    let visitors = (0..100).map(|_| fetcher.clone());
    let pages = rt
        .map(visitors, 100, async |fetcher| fetcher.page("/news").await)
        .await;
    assert!(
        pages
            .iter()
            .all(|page| page.as_deref().ok() == Some("/news, version 1"))
    );
    assert_eq!(rt.now() - start, 1.secs());
    println!("100 visitors: {:?}", fetcher.pages.info());

    // It is kept for a minute, counted from when it came.
    rt.sleep(59.secs()).await;
    assert_eq!(&*fetcher.page("/news").await?, "/news, version 1");
    rt.sleep(1.secs()).await;
    assert_eq!(&*fetcher.page("/news").await?, "/news, version 2");

    // A failure is told, and not kept.
    let failed = fetcher.page("/weather").await;
    println!("{failed:?}");
    assert!(failed.is_err_and(|error| error.error().is_some()));
    assert_eq!(&*fetcher.page("/weather").await?, "/weather, version 4");

    // Who gives up leaves the request to the others; the last stops it.
    let impatient = rt.timeout(100.millis(), fetcher.page("/slow")).await;
    assert!(impatient.is_err());
    assert!(!fetcher.pages.contains("/slow"));
    fetcher.pages.close().await;
    Ok(())
}

fn main() -> Result<(), CacheError<String>> {
    let clock = VirtualClock::on(BuiltinRuntime::new());
    clock.block_on(visits(clock.handle()))
}
