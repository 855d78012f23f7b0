//! Reports about waits and polls that take long.

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use super::poll_once;
use crate::region::tests::by_hand::{Clocked, Play};
use crate::region::tests::counted::{listen, reported};
use crate::task::tests::tick;
use crate::time::Durations;
use crate::{OnCompletion, Phase, Reportable, Runtime, WaitEvent, WaitReport};

type Reports = Arc<Mutex<Vec<(WaitEvent, Duration)>>>;

fn into(reports: &Reports) -> impl FnMut(&WaitReport) + Send + 'static {
    let reports = Arc::clone(reports);
    move |report| {
        let event = (report.event(), report.elapsed());
        reports.lock().unwrap().push(event);
    }
}

fn taken(reports: &Reports) -> Vec<(WaitEvent, Duration)> {
    std::mem::take(&mut reports.lock().unwrap())
}

/// What is reported of a future that takes so long and is looked at every second.
fn run(takes: u64, after: Duration, mode: Option<OnCompletion>) -> Vec<(WaitEvent, Duration)> {
    let rt = Clocked::default();
    let reports = Reports::default();
    let waits = rt
        .sleep(takes.secs())
        .impatient(&rt, after)
        .report_to(into(&reports));
    let mut waits = pin!(match mode {
        Some(mode) => waits.on_completion(mode),
        None => waits,
    });
    while poll_once(waits.as_mut()).is_pending() {
        rt.advance(1.secs());
    }
    taken(&reports)
}

#[test]
fn each_mode_reports_what_it_says() {
    use OnCompletion::{AfterLongWait, Always, Never};
    use WaitEvent::{Completed, StillWaiting};

    let waiting = (StillWaiting, 3.secs());
    let (short, long) = ((Completed, 2.secs()), (Completed, 5.secs()));
    assert_eq!(run(2, 3.secs(), None), []);
    assert_eq!(run(5, 3.secs(), None), [waiting, long]);
    assert_eq!(run(2, 3.secs(), Some(Never)), []);
    assert_eq!(run(5, 3.secs(), Some(Never)), [waiting]);
    assert_eq!(run(2, 3.secs(), Some(AfterLongWait)), []);
    assert_eq!(run(5, 3.secs(), Some(AfterLongWait)), [waiting, long]);
    assert_eq!(run(2, 3.secs(), Some(Always)), [short]);
    assert_eq!(run(5, 3.secs(), Some(Always)), [waiting, long]);
}

#[test]
fn what_is_there_when_the_time_is_up_was_no_long_wait() {
    assert_eq!(run(3, 3.secs(), None), []);
}

#[test]
fn patience_may_be_none_and_endless() {
    let waiting = (WaitEvent::StillWaiting, Duration::ZERO);
    assert_eq!(run(2, Duration::ZERO, Some(OnCompletion::Never)), [waiting]);
    assert_eq!(run(0, Duration::ZERO, Some(OnCompletion::Never)), []);
    assert_eq!(run(2, Duration::MAX, None), []);
}

#[test]
fn the_time_counts_from_the_first_poll() {
    let rt = Clocked::default();
    let reports = Reports::default();
    let waits = rt.sleep(9.secs()).impatient(&rt, 3.secs());
    let mut waits = pin!(waits.report_to(into(&reports)));
    rt.advance(5.secs());
    assert!(poll_once(waits.as_mut()).is_pending());
    rt.advance(2.secs());
    assert!(poll_once(waits.as_mut()).is_pending());
    assert_eq!(taken(&reports), []);
    rt.advance(2.secs());
    assert!(poll_once(waits.as_mut()).is_ready());
    assert_eq!(taken(&reports), [], "it was ready first");
}

#[test]
fn the_completion_alone_may_be_reported() {
    let rt = Clocked::default();
    let reports = Reports::default();
    let waits = rt
        .sleep(9.secs())
        .report_completion(&rt)
        .report_to(into(&reports));
    let mut waits = pin!(waits.name("nine"));
    assert!(poll_once(waits.as_mut()).is_pending());
    rt.advance(9.secs());
    assert!(poll_once(waits.as_mut()).is_ready());
    assert_eq!(taken(&reports), [(WaitEvent::Completed, 9.secs())]);
    assert_eq!(rt.sleeps(), 1, "that of the future itself");
}

#[test]
fn a_report_names_the_callers_line_and_shows_two_digits() {
    let rt = Clocked::default();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let said = Arc::clone(&lines);
    let line = line!() + 1;
    let waits = rt.sleep(125.secs()).impatient(&rt, 1_234.millis());
    let waits = waits.name("the answer");
    let mut waits = pin!(waits.report_to(move |report| {
        assert_eq!(report.location().line(), line);
        assert_eq!(report.name(), Some("the answer"));
        said.lock().unwrap().push(report.to_string());
    }));
    assert!(poll_once(waits.as_mut()).is_pending());
    rt.advance(1_234.millis());
    assert!(poll_once(waits.as_mut()).is_pending());
    rt.advance(124.secs());
    assert!(poll_once(waits.as_mut()).is_ready());
    let at = format!("`the answer` at {}:{line}:", file!());
    let lines = lines.lock().unwrap();
    assert!(
        lines[0].starts_with(&format!("still waiting for {at}")),
        "{lines:?}"
    );
    assert!(lines[0].ends_with(" after 1.2 s"), "{lines:?}");
    assert!(
        lines[1].starts_with(&format!("waited 130 s for {at}")),
        "{lines:?}"
    );
}

#[test]
fn a_panic_passes_and_is_reported_as_one() {
    let rt = Clocked::default();
    let reports = Reports::default();
    let panics = poll_fn(|_| -> Poll<()> { panic!("inside") });
    let mut waits = Box::pin(
        panics
            .report_completion(&rt)
            .report_drop()
            .report_to(into(&reports)),
    );
    let panic = catch_unwind(AssertUnwindSafe(|| poll_once(waits.as_mut()))).unwrap_err();
    assert_eq!(*panic.downcast::<&str>().unwrap(), "inside");
    drop(waits);
    assert_eq!(taken(&reports), [(WaitEvent::Panicked, Duration::ZERO)]);
}

#[test]
fn a_drop_is_reported_if_that_is_asked_for() {
    for (asked, polled, expected) in [(true, true, 1), (true, false, 0), (false, true, 0)] {
        let rt = Clocked::default();
        let reports = Reports::default();
        let waits = pending::<()>()
            .report_completion(&rt)
            .report_to(into(&reports));
        let waits = if asked { waits.report_drop() } else { waits };
        let mut waits = Box::pin(waits);
        if polled {
            assert!(poll_once(waits.as_mut()).is_pending());
        }
        rt.advance(2.secs());
        drop(waits);
        let expected: Vec<_> = vec![(WaitEvent::Dropped, 2.secs()); expected];
        assert_eq!(taken(&reports), expected);
    }
}

#[test]
fn dropping_it_drops_its_future_in_both_phases() {
    for advance in [0.secs(), 5.secs()] {
        let rt = Clocked::default();
        let held = Arc::new(());
        let inside = Arc::clone(&held);
        let waits = async move {
            let _inside = inside;
            pending::<()>().await;
        };
        let mut waits = Box::pin(waits.impatient(&rt, 1.secs()).report_to(|_| ()));
        assert!(poll_once(waits.as_mut()).is_pending());
        rt.advance(advance);
        assert!(poll_once(waits.as_mut()).is_pending());
        drop(waits);
        assert_eq!((Arc::strong_count(&held), rt.waiting()), (1, 0));
    }
}

#[test]
fn a_panic_of_the_sink_goes_to_the_hook() {
    listen();
    let rt = Clocked::default();
    let waits = async { 5 }.report_completion(&rt);
    let mut waits = pin!(waits.report_to(|_| panic!("a sink that leaks")));
    assert!(matches!(poll_once(waits.as_mut()), Poll::Ready(5)));
    assert_eq!(reported("a sink that leaks"), [Phase::Callback]);
}

#[test]
#[should_panic(expected = "an `Impatient` future was polled after it was ready")]
fn it_panics_when_it_is_polled_after_it_was_ready() {
    let rt = Clocked::default();
    let mut waits = pin!(async {}.impatient(&rt, 1.secs()));
    assert!(poll_once(waits.as_mut()).is_ready());
    let _ = poll_once(waits);
}

#[test]
fn polls_that_take_long_are_reported_with_how_many_there_were() {
    let rt = Clocked::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (blocks, said) = (rt.clone(), Arc::clone(&seen));
    let busy = async move {
        for millis in [10, 11, 3, 25] {
            blocks.advance(Duration::from_millis(millis));
            tick().await;
        }
    };
    let line = line!() + 1;
    let watched = busy.warn_polls_over(&rt, 10.millis()).name("busy");
    let mut watched = pin!(watched.report_to(move |slow| {
        assert_eq!((slow.location().line(), slow.limit()), (line, 10.millis()));
        said.lock()
            .unwrap()
            .push((slow.took(), slow.count(), slow.polls(), slow.to_string()));
    }));
    while poll_once(watched.as_mut()).is_pending() {}
    let seen = seen.lock().unwrap();
    let figures: Vec<_> = seen
        .iter()
        .map(|(took, count, polls, _)| (*took, *count, *polls))
        .collect();
    assert_eq!(figures, [(11.millis(), 1, 2), (25.millis(), 2, 4)]);
    let start = format!(
        "a poll took 11 ms (more than 10 ms) in `busy` at {}:{line}:",
        file!()
    );
    assert!(seen[0].3.starts_with(&start), "{}", seen[0].3);
    assert!(seen[0].3.ends_with(": 1 of 2 so far"), "{}", seen[0].3);
}

#[test]
fn waiting_is_no_long_poll() {
    let rt = Clocked::default();
    let watched = rt.sleep(1.hours()).warn_polls_over(&rt, Duration::ZERO);
    let mut watched = pin!(watched.report_to(|slow| panic!("{slow}")));
    assert!(poll_once(watched.as_mut()).is_pending());
    rt.advance(1.hours());
    assert!(poll_once(watched.as_mut()).is_ready());
}

#[test]
fn a_task_may_be_watched_from_its_spawn_on() {
    let mut play = Play::default();
    let rt = play.rt.clone();
    let spawn = rt.spawn_with().name("parser").warn_polls_over(1.secs());
    let (line, task) = (line!(), spawn.spawn(async { 5 }));
    assert_eq!(
        (task.name().as_deref(), task.location().line()),
        (Some("parser"), line)
    );
    let detached = rt.spawn_with().warn_polls_over(1.secs());
    detached.spawn_detached(async {});
    play.turns(2);
    assert_eq!(play.live(), 0);
    assert!(task.is_finished());
}
