//! Each word that names a backend gives that backend.

use anyrt::Runtime;
use anyrt::backend::async_std::AsyncStd;
use anyrt::backend::builtin::Builtin;
use anyrt::backend::smol::Smol;
use anyrt::backend::tokio::Tokio;

async fn runs_on<R: Runtime>(rt: impl Runtime) {
    assert!(rt.erased().downcast_ref::<R>().is_some());
    assert_eq!(rt.spawn(async { 42 }).await.unwrap(), 42);
}

fn workers(rt: &impl Runtime) -> usize {
    let rt = rt.erased();
    let tokio = rt.downcast_ref::<Tokio>().unwrap().as_tokio();
    tokio.metrics().num_workers()
}

#[anyrt::main]
async fn without_a_word(rt: impl Runtime) {
    runs_on::<Builtin>(rt).await;
}

#[anyrt::main(builtin)]
async fn on_builtin(rt: impl Runtime) {
    runs_on::<Builtin>(rt).await;
}

#[anyrt::main(threads = 1, builtin)]
async fn on_builtin_with_threads(rt: impl Runtime) {
    let ids = [(); 20].map(|()| rt.spawn(async { std::thread::current().id() }));
    let mut seen = Vec::new();
    for id in ids {
        seen.push(id.await.unwrap());
    }
    seen.dedup();
    assert_eq!(seen.len(), 1);
}

#[anyrt::main(tokio)]
async fn on_tokio(rt: impl Runtime) {
    runs_on::<Tokio>(rt).await;
}

#[anyrt::main(tokio, threads = 3)]
async fn on_tokio_with_threads(rt: impl Runtime) {
    assert_eq!(workers(&rt), 3);
}

#[anyrt::main(tokio_current)]
async fn on_tokio_current(rt: impl Runtime) {
    let here = std::thread::current().id();
    let there = rt.spawn(async { std::thread::current().id() });
    assert_eq!(there.await.unwrap(), here);
    runs_on::<Tokio>(rt).await;
}

#[anyrt::main(smol)]
async fn on_smol(rt: impl Runtime) {
    runs_on::<Smol>(rt).await;
}

#[anyrt::main(async_std)]
async fn on_async_std(rt: impl Runtime) {
    runs_on::<AsyncStd>(rt).await;
}

fn main() {
    without_a_word();
    on_builtin();
    on_builtin_with_threads();
    on_tokio();
    on_tokio_with_threads();
    on_tokio_current();
    on_smol();
    on_async_std();
}
