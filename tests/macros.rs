//! What `#[anyrt::test]` makes of a function, and what it fails a test for.
//!
//! Tests that must fail are not run here: the hidden runners that the macro calls are called instead,
//! or this program is run again with such a test selected.

// The expansion must be clean by the strictest rules of the crate it lands in.
#![deny(
    warnings,
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    clippy::all
)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use anyrt::__testing::{self as testing, Settings};
use anyrt::{Runtime, Task};

// --- forms that the function may have

/// Documented, as the lint for missing documentation may ask.
#[anyrt::test]
async fn takes_the_runtime(rt: impl Runtime) {
    assert_eq!(rt.spawn(async { 42 }).await.unwrap(), 42);
}

#[anyrt::test]
async fn takes_nothing() {
    let rt = anyrt::current().unwrap();
    assert_eq!(rt.spawn(async { 42 }).await.unwrap(), 42);
}

#[anyrt::test]
async fn ignores_the_runtime(_: impl Runtime) {}

#[anyrt::test]
async fn returns_a_result(rt: impl Runtime) -> Result<(), Box<dyn std::error::Error>> {
    rt.spawn(async {}).await?;
    Ok(())
}

#[anyrt::test]
async fn returns_an_impl(_rt: impl Runtime) -> impl std::process::Termination {
    std::process::ExitCode::SUCCESS
}

#[anyrt::test]
async fn returns_a_type_by_a_relative_path(_rt: impl Runtime) -> private::Private {
    private::Private
}

mod private {
    pub(super) struct Private;

    impl std::process::Termination for Private {
        fn report(self) -> std::process::ExitCode {
            std::process::ExitCode::SUCCESS
        }
    }

    #[anyrt::test]
    async fn is_in_a_module(mut rt: impl anyrt::Runtime + Clone) {
        rt = rt.clone();
        rt.spawn(async {}).await.unwrap();
    }
}

#[anyrt::test]
#[should_panic(expected = "out of cheese")]
async fn should_panic_is_forwarded(_rt: impl Runtime) {
    panic!("out of cheese");
}

#[anyrt::test]
#[should_panic(expected = "the body")]
async fn a_panic_of_the_body_wins(rt: impl Runtime) {
    rt.spawn(pending::<()>()).detach();
    panic_unseen(&rt).await;
    panic!("the body");
}

#[anyrt::test]
#[cfg(any())]
async fn is_not_there(rt: impl NoSuchTrait) {}

#[anyrt::test]
#[ignore = "to see that this is forwarded"]
async fn ignore_is_forwarded(_rt: impl Runtime) {}

/// Fails only where `an_error_fails_the_test` runs it.
#[anyrt::test]
async fn returns_an_error_if_asked(_rt: impl Runtime) -> Result<(), String> {
    match std::env::var(FAIL) {
        Ok(message) => Err(message),
        Err(_) => Ok(()),
    }
}

const FAIL: &str = "ANYRT_TEST_MACROS_FAIL";

extern crate anyrt as renamed;

#[anyrt::test(crate = "renamed")]
async fn finds_a_renamed_crate(rt: impl Runtime) {
    rt.spawn(async {}).await.unwrap();
}

#[anyrt::test(crate = "crate::deps::anyrt_of_ours")]
async fn finds_a_crate_by_a_path(rt: impl Runtime) {
    rt.spawn(async {}).await.unwrap();
}

mod deps {
    pub(crate) use anyrt as anyrt_of_ours;
}

/// Names that the expansion must not pick up.
mod hygiene {
    #![expect(non_camel_case_types, reason = "they shadow what is so called")]
    #![allow(
        dead_code,
        unused_macros,
        reason = "nothing uses them: that is the test"
    )]

    use ::anyrt::Runtime;

    mod anyrt {}
    mod core {}
    mod std {}
    struct Settings;
    struct Option;
    struct on_builtin;
    struct bool;
    struct usize;
    fn run() {}
    macro_rules! test {
        () => {};
    }
    macro_rules! __on_builtin {
        () => {};
    }

    #[::anyrt::test]
    async fn survives_shadowing(rt: impl Runtime) {
        rt.spawn(async {}).await.unwrap();
    }

    #[::anyrt::test(allow_leftover_tasks, allow_lost_panics)]
    async fn test(rt: impl Runtime) {
        rt.spawn(async {}).await.unwrap();
    }
}

// --- in virtual time

#[anyrt::test(virtual_time)]
async fn an_hour_takes_no_time(rt: impl Runtime) {
    let start = rt.now();
    rt.sleep(Duration::from_secs(3600)).await;
    assert_eq!(rt.now() - start, Duration::from_secs(3600));
}

#[anyrt::test(virtual_time)]
async fn takes_nothing_in_virtual_time() -> Result<(), Box<dyn std::error::Error>> {
    let rt = anyrt::current()?;
    rt.sleep(Duration::from_secs(86_400)).await;
    rt.spawn(async {}).await?;
    Ok(())
}

#[anyrt::test(virtual_time)]
async fn a_cleanup_that_sleeps_may_end_after_the_body(rt: impl Runtime) {
    let (inner, (started, has_started)) = (rt.clone(), mpsc::channel());
    let task = rt.spawn(async move {
        let there = inner.clone();
        anyrt::defer(async move { there.sleep(Duration::from_millis(500)).await });
        started.send(()).unwrap();
        inner.sleep(Duration::from_secs(3600)).await;
    });
    rt.sleep(Duration::from_secs(1)).await;
    has_started.recv().unwrap();
    task.cancel("enough");
    task.detach();
}

#[test]
fn what_is_left_in_virtual_time_fails_the_test() {
    let left = failure(|| testing::virtually::on_builtin(Settings::new(), leaves_a_task));
    assert!(left.unwrap().starts_with("the test left 1 task behind:"));
}

// --- in the simulator

#[anyrt::test(sim)]
async fn runs_under_many_seeds(rt: impl Runtime) {
    let start = rt.now();
    rt.sleep(Duration::from_secs(3600)).await;
    assert_eq!(rt.now() - start, Duration::from_secs(3600));
}

#[anyrt::test(sim, seeds = 20, twice)]
async fn takes_nothing_in_the_simulator() -> Result<(), Box<dyn std::error::Error>> {
    let rt = anyrt::current()?;
    rt.spawn(async {}).await?;
    Ok(())
}

/// Reads a number, lets others run, writes it back plus one: twice at once.
async fn loses_an_update(rt: impl Runtime) -> u32 {
    let total = std::sync::atomic::AtomicU32::new(0);
    let add = async || {
        let seen = total.load(std::sync::atomic::Ordering::Relaxed);
        rt.spawn(async {}).await.unwrap();
        total.store(seen + 1, std::sync::atomic::Ordering::Relaxed);
    };
    anyrt::gather((add(), add())).await;
    total.into_inner()
}

#[anyrt::test(sim, seeds = 100)]
#[should_panic(expected = "an update was lost")]
async fn finds_a_race(rt: impl Runtime) {
    assert_eq!(loses_an_update(rt).await, 2, "an update was lost");
}

#[anyrt::test(sim, seed = 3)]
#[should_panic(expected = "ANYRT_SEED=3")]
async fn says_which_seed(_rt: impl Runtime) {
    panic!("always");
}

#[anyrt::test(sim, allow_leftover_tasks, seeds = 3)]
async fn leftover_tasks_can_be_allowed_in_the_simulator(rt: impl Runtime) {
    rt.spawn_detached(pending());
}

#[test]
fn a_simulated_test_is_named_after_the_simulator() {
    let listed = again(&["--list", "--format", "terse"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("runs_under_many_seeds::on_sim: test"));
    assert!(!listed.contains("runs_under_many_seeds::on_builtin"));
}

#[test]
fn one_seed_is_replayed_by_the_environment() {
    let ran = Command::new(std::env::current_exe().unwrap())
        .args(["finds_a_race::", "--show-output"])
        .env("ANYRT_SEED", "12345678901")
        .output()
        .unwrap();
    let told = String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap();
    assert!(
        told.contains("seed 12345678901 fails (after 0 that pass)"),
        "{told}"
    );
}

#[test]
fn what_is_left_in_the_simulator_fails_the_test_with_its_seed() {
    use testing::Seeds;
    let seeds = Seeds::new().count(5);
    let left = failure(|| testing::on_sim(Settings::new(), seeds, leaves_a_task));
    let left = left.unwrap();
    assert!(
        left.starts_with("seed 0 fails (after 0 that pass): the test left 1 task behind:"),
        "{left}"
    );
    assert!(left.contains("task `stray` (spawned at "), "{left}");

    let lost =
        failure(|| testing::on_sim(Settings::new(), seeds, async |rt| panic_unseen(&rt).await));
    assert!(lost.unwrap().contains("lost 1 failure that nobody saw"));

    let stalls =
        failure(|| testing::on_sim(Settings::new(), seeds, async |_| pending::<()>().await));
    let stalls = stalls.unwrap();
    assert!(
        stalls.contains("the simulation has stalled") && stalls.contains("ANYRT_SEED=0"),
        "{stalls}"
    );

    let failed = async |_| Err::<(), _>("out of cheese");
    let failed = failure(|| testing::on_sim(Settings::new(), seeds, failed));
    assert!(failed.unwrap().contains("the test returned an error"));
}

#[test]
fn each_backend_has_a_test_named_after_it() {
    let listed = again(&["--list", "--format", "terse"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    for test in ["takes_the_runtime", "private::is_in_a_module"] {
        let prefix = format!("{test}::");
        let mut names: Vec<_> = listed
            .lines()
            .filter_map(|line| line.strip_prefix(&prefix)?.strip_suffix(": test"))
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "on_async_std",
                "on_builtin",
                "on_smol",
                "on_tokio_current",
                "on_tokio_multi"
            ],
            "{listed}"
        );
    }
    assert!(!listed.contains("is_not_there"), "{listed}");
}

#[test]
fn ignored_tests_are_ignored() {
    let ran = again(&["ignore_is_forwarded::"]);
    assert!(ran.status.success());
    let told = String::from_utf8(ran.stdout).unwrap();
    assert!(told.contains("; 5 ignored;"), "{told}");
    assert!(told.contains("to see that this is forwarded"), "{told}");
}

#[test]
fn an_error_fails_the_test() {
    let ran = again(&["returns_an_error_if_asked::"]);
    assert!(!ran.status.success());
    let told = String::from_utf8(ran.stdout).unwrap();
    assert!(told.contains("Error: \"out of cheese\""), "{told}");
    assert!(told.contains("; 5 failed;"), "{told}");
}

#[test]
fn an_error_is_not_hidden_by_what_else_failed() {
    struct Told(mpsc::Sender<()>);
    impl std::process::Termination for Told {
        fn report(self) -> std::process::ExitCode {
            self.0.send(()).unwrap();
            std::process::ExitCode::FAILURE
        }
    }
    let (tell, told) = mpsc::channel();
    let complaint = failure(|| {
        testing::on_builtin(Settings::new(), async |rt| {
            leaves_a_task(rt).await;
            Told(tell)
        });
    });
    assert!(complaint.unwrap().contains("left 1 task behind"));
    told.try_recv().unwrap();
}

/// Runs this program once more, with other arguments.
fn again(args: &[&str]) -> std::process::Output {
    Command::new(std::env::current_exe().unwrap())
        .args(args)
        .env(FAIL, "out of cheese")
        .output()
        .unwrap()
}

// --- what fails a test

/// Runs a body as `#[anyrt::test]` does, on all backends at once, and gives what each test fails with.
macro_rules! on_each_backend {
    ($settings:expr, $body:expr) => {{
        let settings = $settings;
        std::thread::scope(|s| {
            [
                (
                    "builtin",
                    s.spawn(|| failure(|| testing::on_builtin(settings, $body))),
                ),
                (
                    "tokio_multi",
                    s.spawn(|| failure(|| testing::on_tokio_multi(settings, $body))),
                ),
                (
                    "tokio_current",
                    s.spawn(|| failure(|| testing::on_tokio_current(settings, $body))),
                ),
                (
                    "smol",
                    s.spawn(|| failure(|| testing::on_smol(settings, $body))),
                ),
                (
                    "async_std",
                    s.spawn(|| failure(|| testing::on_async_std(settings, $body))),
                ),
            ]
            .map(|(backend, ran)| (backend, ran.join().unwrap()))
        })
    }};
}

fn failure(test: impl FnOnce()) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(test)).err()?;
    Some(*payload.downcast::<String>().expect("it fails with text"))
}

/// Spawns a task that panics, and drops the handle only once the panic is in it.
async fn panic_unseen<R: Runtime>(rt: &R) {
    let task = rt.spawn(async { panic!("nobody sees this") });
    finished(rt, &task).await;
    drop::<Task<()>>(task);
}

async fn finished<R: Runtime, T>(rt: &R, task: &Task<T>) {
    while !task.is_finished() {
        rt.sleep(Duration::from_millis(1)).await;
    }
}

async fn leaves_a_task(rt: impl Runtime) {
    rt.spawn_with()
        .name("stray")
        .spawn(pending::<()>())
        .detach();
}

#[test]
fn a_leftover_task_fails_the_test() {
    let line = line!() + 3;
    async fn body(rt: impl Runtime) {
        leaves_a_task(rt.clone()).await;
        rt.spawn_detached(pending());
    }
    for (backend, message) in on_each_backend!(Settings::new(), body) {
        let message = message.expect(backend);
        assert!(
            message.starts_with("the test left 2 tasks behind:\n"),
            "{backend}: {message}"
        );
        assert!(message.contains("task `stray` (spawned at "), "{message}");
        let place = format!("the task spawned at {}:{line}:", file!());
        assert!(message.contains(&place), "{place} in {message}");
        assert!(message.contains("allow_leftover_tasks"), "{message}");
        assert!(!message.contains("panic"), "{message}");
    }
}

#[test]
fn a_leftover_task_can_be_allowed() {
    let settings = Settings::new().allow_leftover_tasks();
    for (backend, message) in on_each_backend!(settings, leaves_a_task) {
        assert_eq!(message, None, "{backend}");
    }
}

#[anyrt::test(allow_leftover_tasks)]
async fn the_word_allows_leftover_tasks(rt: impl Runtime) {
    leaves_a_task(rt).await;
}

#[test]
fn a_lost_panic_fails_the_test() {
    async fn detached(rt: impl Runtime) {
        rt.spawn_detached(async { panic!("out of cheese") });
    }
    async fn dropped(rt: impl Runtime) {
        panic_unseen(&rt).await;
    }
    for (backend, message) in on_each_backend!(Settings::new(), detached) {
        let message = message.expect(backend);
        assert!(
            message.starts_with("the test lost 1 failure that nobody saw:\n"),
            "{backend}: {message}"
        );
        assert!(message.contains(": out of cheese"), "{message}");
        assert!(message.contains(file!()), "{message}");
        assert!(message.contains("allow_lost_panics"), "{message}");
    }
    for (backend, message) in on_each_backend!(Settings::new(), dropped) {
        let message = message.expect(backend);
        assert!(message.contains(": nobody sees this"), "{message}");
    }
}

#[test]
fn a_lost_panic_can_be_allowed() {
    async fn body(rt: impl Runtime) {
        panic_unseen(&rt).await;
    }
    let settings = Settings::new().allow_lost_panics();
    for (backend, message) in on_each_backend!(settings, body) {
        assert_eq!(message, None, "{backend}");
    }
}

#[anyrt::test(allow_lost_panics)]
async fn the_word_allows_lost_panics(rt: impl Runtime) {
    panic_unseen(&rt).await;
}

#[test]
fn both_complaints_are_made_at_once() {
    async fn body(rt: impl Runtime) {
        leaves_a_task(rt.clone()).await;
        panic_unseen(&rt).await;
    }
    for (backend, message) in on_each_backend!(Settings::new(), body) {
        let message = message.expect(backend);
        assert!(message.contains("left 1 task behind"), "{message}");
        assert!(message.contains("lost 1 failure"), "{message}");
    }
}

#[anyrt::test]
async fn a_panic_that_is_received_is_fine(rt: impl Runtime) {
    let task: Task<()> = rt.spawn(async { panic!("seen") });
    assert!(task.await.unwrap_err().is_panic());
}

#[anyrt::test]
async fn a_cancelled_task_has_a_moment_to_go(rt: impl Runtime) {
    for _ in 0..1000 {
        drop(rt.spawn(pending::<()>()));
    }
}

#[anyrt::test]
async fn a_blocking_job_has_a_moment_to_end(rt: impl Runtime) {
    let (go, wait) = mpsc::channel();
    rt.spawn_blocking(move || wait.recv()).detach();
    go.send(()).unwrap();
}

#[test]
fn a_paused_clock_does_not_end_what_is_left() {
    async fn body(rt: impl Runtime) {
        tokio::time::pause();
        let sleep = rt.sleep(Duration::from_millis(300));
        rt.spawn(sleep).detach();
    }
    let message = failure(|| testing::on_tokio_current(Settings::new(), body));
    assert!(message.unwrap().contains("left 1 task behind"));
}

// --- who is blamed

#[test]
fn tests_on_a_global_runtime_do_not_blame_each_other() {
    let (left, is_left) = mpsc::channel();
    let strays = std::thread::spawn(|| {
        failure(|| {
            testing::on_smol(Settings::new(), async move |rt| {
                panic_unseen(&rt).await;
                leaves_a_task(rt).await;
                left.send(()).unwrap();
            });
        })
    });
    // From here on the stray lives for ever.
    is_left.recv().unwrap();
    let tidy = failure(|| {
        testing::on_smol(Settings::new(), async |rt| {
            assert_eq!(rt.spawn(async { 42 }).await.unwrap(), 42);
        });
    });
    assert_eq!(tidy, None);
    let message = strays.join().unwrap().unwrap();
    assert!(message.contains("left 1 task behind"), "{message}");
    assert!(message.contains("lost 1 failure"), "{message}");
}

#[test]
fn what_a_task_or_a_blocking_job_spawned_is_in_the_lineage() {
    async fn body(rt: impl Runtime) {
        let inner = rt.clone();
        rt.spawn(async move {
            let innermost = inner.clone();
            let job = move || {
                let left = innermost.spawn_with().name("by a job");
                left.spawn_detached(pending());
            };
            inner.spawn_blocking(job).await.unwrap();
            let left = inner.spawn_with().name("by a task");
            left.spawn_detached(pending());
        })
        .await
        .unwrap();
        // Also through the erased handle, and from a root made in place.
        let erased = rt.erased();
        let rooted = anyrt::rooted(&erased, async {
            let left = anyrt::current().unwrap();
            let left = left.spawn_with().name("by a root in place");
            left.spawn_detached(pending());
        });
        rooted.await;
    }
    for (backend, message) in on_each_backend!(Settings::new(), body) {
        let message = message.expect(backend);
        assert!(message.contains("left 3 tasks"), "{backend}: {message}");
        for name in ["by a job", "by a task", "by a root in place"] {
            assert!(message.contains(&format!("task `{name}`")), "{message}");
        }
    }
}

#[test]
fn any_owner_can_run_a_test() {
    let owner = anyrt::backend::tokio::TokioRuntime::with_threads(1).unwrap();
    let handle = owner.handle().clone();
    testing::run(owner, Settings::new(), async |rt| {
        rt.spawn(async {}).await.unwrap();
    });
    // It is ended with the test.
    let late = futures::executor::block_on(handle.spawn(async {}));
    assert!(late.unwrap_err().is_lost());
}

#[anyrt::main]
async fn builtin_main(rt: impl Runtime) -> u32 {
    rt.spawn(async { 42 }).await.unwrap()
}

#[test]
fn main_can_have_another_name() {
    assert_eq!(builtin_main(), 42);
}
