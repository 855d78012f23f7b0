//! The façade: what it exports, where it looks for a runtime, which of its types may go where.

use std::future::{Pending, Ready};
use std::rc::Rc;

use anyrt::backend::builtin::{Builtin, BuiltinRuntime, BuiltinSleep};
use anyrt::backend::tokio::{Tokio, TokioRuntime, TokioSleep};
use anyrt::prelude::*;
use anyrt::{AnyRuntime, find, find_or, install, rooted};

fn is<R: anyrt::Runtime>(rt: &AnyRuntime) -> bool {
    rt.downcast_ref::<R>().is_some()
}

/// One test, because what is installed is so for the whole process.
#[test]
fn a_runtime_is_looked_for_in_the_order_that_is_printed() {
    let error = find().unwrap_err().to_string();
    let places = ["explicitly", "task of anyrt", "Tokio context", "install"];
    let found: Vec<_> = places.iter().map(|place| error.find(place)).collect();
    assert!(found.iter().all(Option::is_some), "{error}");
    assert!(found.is_sorted(), "{error}");

    let (builtin, tokio) = (BuiltinRuntime::new(), TokioRuntime::multi_thread().unwrap());
    install(builtin.handle()).unwrap();
    let again = install(tokio.handle()).unwrap_err();
    assert!(again.to_string().contains("once"), "{again}");
    assert!(is::<Builtin>(&find().unwrap()), "what is installed");

    let foreign = tokio.handle().as_tokio().enter();
    assert!(
        is::<Tokio>(&find().unwrap()),
        "a foreign context before what is installed"
    );
    builtin.block_on(async {
        assert!(
            is::<Builtin>(&find().unwrap()),
            "the region before a foreign context"
        );
        let explicit = Some(tokio.handle().erased());
        assert!(
            is::<Tokio>(&find_or(explicit).unwrap()),
            "what was given before all"
        );
    });
    drop(foreign);

    let task = find()
        .unwrap()
        .spawn(async { is::<Builtin>(&find().unwrap()) });
    assert!(builtin.block_on(task).unwrap());
    let job = tokio
        .handle()
        .spawn_blocking(|| is::<Tokio>(&find().unwrap()));
    assert!(
        tokio.block_on(job).unwrap(),
        "a blocking job knows its runtime"
    );
}

#[test]
fn futures_and_handles_may_go_where_their_parts_may() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    fn unpin<T: Unpin>() {}
    fn statics<T: 'static>() {}

    // A handle of a task goes anywhere, also where its value may not be shared.
    type Value = std::cell::Cell<u8>;
    send::<anyrt::Task<Value>>();
    sync::<anyrt::Task<Value>>();
    unpin::<anyrt::Task<Value>>();
    send::<anyrt::CancelAndWait<Value>>();
    sync::<anyrt::CancelAndWait<Value>>();
    unpin::<anyrt::CancelAndWait<Value>>();
    unpin::<anyrt::Task<std::marker::PhantomPinned>>();

    send::<anyrt::JoinError>();
    sync::<anyrt::JoinError>();
    statics::<anyrt::JoinError>();
    send::<anyrt::Failure>();
    sync::<anyrt::Failure>();
    send::<anyrt::ScopeError<Box<dyn std::error::Error + Send + Sync>>>();
    sync::<anyrt::ScopeError<Box<dyn std::error::Error + Send + Sync>>>();
    send::<anyrt::ErrorGroup<String>>();
    sync::<anyrt::ChildError<String>>();
    send::<anyrt::NoRuntime>();
    sync::<anyrt::NoRuntime>();

    send::<anyrt::CancelToken>();
    sync::<anyrt::CancelToken>();
    unpin::<anyrt::CancelToken>();
    statics::<anyrt::CancelToken>();
    send::<anyrt::Cancelled<'_>>();
    sync::<anyrt::Cancelled<'_>>();
    unpin::<anyrt::Cancelled<'_>>();
    send::<anyrt::CancelledOwned>();
    sync::<anyrt::CancelledOwned>();
    unpin::<anyrt::CancelledOwned>();
    statics::<anyrt::CancelledOwned>();
    send::<anyrt::OnCancel>();
    sync::<anyrt::OnCancel>();
    send::<anyrt::CancelGuard>();
    sync::<anyrt::CancelGuard>();

    send::<anyrt::LocalScope<'_>>();
    sync::<anyrt::LocalScope<'_>>();
    send::<anyrt::TryLocalScope<'_, String>>();
    sync::<anyrt::TryLocalScope<'_, String>>();
    send::<anyrt::LocalChild<Value>>();
    sync::<anyrt::LocalChild<Value>>();
    unpin::<anyrt::LocalChild<std::marker::PhantomPinned>>();
    send::<anyrt::LocalResult<Value>>();
    unpin::<anyrt::LocalResult<std::marker::PhantomPinned>>();
    send::<anyrt::NoValue>();
    sync::<anyrt::NoValue>();
    statics::<anyrt::NoValue>();
    type Arms = (Ready<Result<u8, String>>, Ready<Result<u8, String>>);
    send::<anyrt::Gathering<Arms>>();
    send::<anyrt::TryGathering<Arms>>();
    send::<anyrt::GatheringAll<Arms>>();
    send::<anyrt::Racing<Arms>>();
    send::<anyrt::RacingOk<Arms>>();
    send::<anyrt::Racing<Vec<Pending<()>>>>();
    // Each arm of an array or a vector has a place of its own.
    unpin::<anyrt::Racing<[Ready<std::marker::PhantomPinned>; 3]>>();
    send::<anyrt::RaceError<String>>();
    sync::<anyrt::RaceError<String>>();
    send::<anyrt::Finally<Ready<()>, fn() -> Ready<()>, Ready<()>>>();

    send::<AnyRuntime>();
    sync::<AnyRuntime>();
    send::<anyrt::AnySleep>();
    sync::<anyrt::AnySleep>();
    unpin::<anyrt::AnySleep>();
    send::<BuiltinSleep>();
    sync::<BuiltinSleep>();
    send::<TokioSleep>();
    sync::<TokioSleep>();

    send::<anyrt::Rooted<Builtin, Pending<()>>>();
    send::<anyrt::OutsideRegions<Ready<()>>>();
    sync::<anyrt::OutsideRegions<Ready<()>>>();
    send::<anyrt::Rebound<Ready<()>>>();
    sync::<anyrt::Rebound<Ready<()>>>();
    unpin::<anyrt::Rebound<Ready<()>>>();
    send::<anyrt::ContextVar<Value>>();
    sync::<anyrt::ContextVar<Value>>();
    type Attempt = fn() -> Ready<Result<(), Value>>;
    type Attempts = anyrt::Retry<Builtin, anyrt::DefaultDelays, Attempt, Ready<Result<(), Value>>>;
    send::<Attempts>();
    send::<anyrt::RetryError<Value>>();
    sync::<anyrt::RetryError<u8>>();
    send::<anyrt::RetryDelayer>();
    sync::<anyrt::RetryDelayer>();
    unpin::<anyrt::RetryDelayer>();
    send::<anyrt::RetrySleep<'static, Builtin, anyrt::DefaultDelays>>();
    sync::<anyrt::RetrySleep<'static, Builtin, anyrt::DefaultDelays>>();
    send::<anyrt::Interval<Builtin>>();
    sync::<anyrt::Interval<Builtin>>();
    unpin::<anyrt::Interval<Builtin>>();
    send::<anyrt::NextTick<'static, Builtin>>();
    sync::<anyrt::NextTick<'static, Builtin>>();
    unpin::<anyrt::NextTick<'static, Builtin>>();
    send::<anyrt::Every<'static, Builtin>>();
    send::<anyrt::Ticking<Builtin, fn(anyrt::Tick) -> Ready<()>>>();
    send::<anyrt::Impatient<Builtin, Ready<()>>>();
    send::<anyrt::ReportCompletion<Builtin, Ready<()>>>();
    send::<anyrt::WarnPolls<Builtin, Ready<()>>>();
    send::<BuiltinRuntime>();
    sync::<BuiltinRuntime>();
    send::<TokioRuntime>();
    sync::<TokioRuntime>();
}

#[test]
fn a_rooted_future_need_not_be_send() {
    let owner = BuiltinRuntime::new();
    let here = Rc::new(5);
    let sum = rooted(owner.handle(), async { *here + 1 });
    assert_eq!(futures::executor::block_on(sum), 6);
}

#[test]
fn everything_debugs_to_something() {
    let owner = BuiltinRuntime::builder().threads(1).build().unwrap();
    let rt = owner.handle();
    let task = rt.spawn(async {});
    let shown = [
        format!("{owner:?}"),
        format!("{rt:?}"),
        format!("{:?}", rt.erased()),
        format!("{:?}", BuiltinRuntime::builder()),
        format!("{:?}", rt.spawn_with().name("x")),
        format!("{:?}", rt.sleep(std::time::Duration::ZERO)),
        format!("{:?}", rooted(rt, async {})),
        format!("{task:?}"),
        format!("{:?}", task.cancel_and_wait()),
        format!("{:?}", find_or(Some(rt.erased()))),
    ];
    assert!(shown.iter().all(|text| text.len() > 3), "{shown:?}");
}

#[test]
fn a_runtime_with_no_threads_is_refused() {
    let error = BuiltinRuntime::builder().threads(0).build().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    let error = BuiltinRuntime::builder().name("a\0b").build().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn the_delays_of_backon_are_delays() {
    use backon::{BackoffBuilder, ConstantBuilder, ExponentialBuilder, FibonacciBuilder};

    let owner = BuiltinRuntime::new();
    let rt = owner.handle();
    let exponential = ExponentialBuilder::default().with_min_delay(1.millis());
    let failing = rt.retry_with(exponential.with_max_times(3).build(), || {
        std::future::ready(Err::<(), _>("busy"))
    });
    let error = owner.block_on(failing).unwrap_err();
    assert_eq!(error.attempts(), 4);
    assert!(error.elapsed() >= 7.millis(), "1 + 2 + 4: {error}");

    let constant = ConstantBuilder::default()
        .with_delay(1.millis())
        .with_max_times(10);
    let mut left = 3;
    let works = rt.retry_with(constant.build(), || {
        left -= 1;
        std::future::ready(if left == 0 { Ok("hello") } else { Err("busy") })
    });
    assert_eq!(owner.block_on(works).unwrap(), "hello");

    let list: Vec<_> = constant.build().collect();
    let mut delayer = anyrt::RetryDelayer::new(list).unwrap();
    assert_eq!(delayer.next_delay(rt.now()), 1.millis());

    let fibonacci = FibonacciBuilder::default()
        .with_min_delay(1.secs())
        .with_jitter();
    let failing = rt.retry_with(fibonacci.build(), || {
        std::future::ready(Err::<(), _>("busy"))
    });
    let error = owner.block_on(failing.within(1.millis())).unwrap_err();
    assert_eq!(
        error.attempts(),
        1,
        "it does not wait for what would be too late"
    );
}
