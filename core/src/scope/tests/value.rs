//! What can be asked of them.

use std::any::Any;

use super::super::scope_error::Stop;
use super::{at, body, child, failure, group, named, panicked, place};
use crate::region::{Phase, Reason, Region};
use crate::{ChildError, ErrorGroup, JoinError, Origin, ScopeError};

#[test]
fn a_child_knows_who_it_is() {
    let error = named(3, "reader", "refused");
    assert_eq!(error.index(), Some(3));
    assert_eq!(error.name(), Some("reader"));
    assert_eq!(error.location(), at());
    assert_eq!(error.origin(), Origin::Child);
    assert!(!error.is_body() && !error.is_panic() && !error.is_lost());
    assert!(error.failures().is_empty());
    assert_eq!(error.panic_message(), None);
    assert_eq!(
        error.into_panic().unwrap_err().into_error().unwrap(),
        "refused"
    );
}

#[test]
fn a_body_has_no_index() {
    let error = body("refused");
    assert!(error.is_body());
    assert_eq!(error.index(), None);
    assert_eq!(error.origin(), Origin::Body);
}

#[test]
fn a_panic_keeps_its_payload() {
    let error = panicked::<&str>(5, "boom");
    assert!(error.is_panic());
    assert_eq!(error.error(), None);
    assert_eq!(error.panic_message().as_deref(), Some("boom"));
    let payload = error.into_error().unwrap_err().into_panic().unwrap();
    assert_eq!(*payload.downcast::<&str>().unwrap(), "boom");

    let place = place(Origin::Child, 0, "-");
    let error = ChildError::<&str>::panic_of(place, Box::new(17_u8), Vec::new());
    assert_eq!(error.panic_message(), None);
    assert_eq!(*error.into_panic().unwrap().downcast::<u8>().unwrap(), 17);
}

fn region() -> Region {
    let region = Region::new(at(), 0);
    region.dress(Some("reader".into()), None);
    region
}

#[test]
fn a_joins_panic_becomes_a_member_with_all_it_has() {
    let region = region();
    region.fail(Phase::CleanUp, Box::new("late"));
    let join = JoinError::panicked(&region, Box::new(17_u8));
    let error = ChildError::<&str>::from_join(Origin::BlockingChild, 7, join).unwrap();

    assert!(error.is_panic());
    assert_eq!((error.index(), error.name()), (Some(7), Some("reader")));
    assert_eq!(error.location(), at());
    assert_eq!(error.origin(), Origin::BlockingChild);
    assert_eq!(error.failures()[0].message(), Some("late"));
    assert_eq!(*error.into_panic().unwrap().downcast::<u8>().unwrap(), 17);
}

#[test]
fn a_lost_child_is_a_member_and_a_cancelled_one_is_not() {
    let lost = ChildError::<&str>::from_join(Origin::Child, 0, JoinError::lost(&region())).unwrap();
    assert!(lost.is_lost() && !lost.is_panic());

    let region = region();
    region.fail(Phase::CleanUp, Box::new("late"));
    region.ask(Some(&Reason::from("enough")));
    let join = JoinError::cancelled(&region);
    let join = ChildError::<&str>::from_join(Origin::Child, 0, join).unwrap_err();
    assert_eq!(join.reason().unwrap().as_str(), "enough");
    assert_eq!(join.failures().len(), 1);
}

#[test]
fn a_group_is_in_the_order_in_which_the_errors_came() {
    let group = group([child(4, "a"), panicked(1, "boom"), child(0, "b")]);
    assert_eq!(group.len(), 3);
    assert_eq!(group.first().index(), Some(4));
    let indices = [4, 1, 0].map(Some);
    assert!(group.iter().map(ChildError::index).eq(indices));
    assert!((&group).into_iter().map(ChildError::index).eq(indices));
    assert!(group.errors().eq(&["a", "b"]));
    assert!(group.panics().map(ChildError::index).eq([Some(1)]));
    assert_eq!(group.find(ChildError::is_panic).unwrap().index(), Some(1));
    assert!(group.find(ChildError::is_body).is_none());
    assert_eq!(group.find_error(|error| *error > "a"), Some(&"b"));
    let mut owned = group.into_iter();
    assert_eq!(owned.next().unwrap().into_error().unwrap(), "a");
    assert_eq!(owned.len(), 2);
}

#[test]
fn no_errors_are_no_group() {
    assert!(ErrorGroup::from_errors(Vec::<String>::new()).is_none());
}

#[test]
fn a_collected_error_knows_the_caller() {
    let (group, line) = (ErrorGroup::from_errors(["a", "b"]), line!());
    let group = group.unwrap();
    assert_eq!(group.first().location().line(), line);
    assert_eq!(group.first().location().file(), file!());
    assert_eq!(
        group.find(|c| c.index() == Some(1)).unwrap().error(),
        Some(&"b")
    );
}

#[test]
fn beyond_the_limit_errors_are_counted_and_given_back() {
    let mut group = ErrorGroup::new(child(0, "a"));
    assert!(group.keep(child(1, "b"), 2).is_none());
    let back = group.keep(child(2, "c"), 2).unwrap();
    assert!(group.keep(panicked(3, "boom"), 2).unwrap().is_panic());
    assert_eq!((group.len(), group.omitted()), (2, 2));

    let [failure] = &back.into_failures()[..] else {
        panic!("one error is one failure");
    };
    assert_eq!(failure.phase(), Phase::NotKept);
    assert_eq!(failure.message(), Some("c"));
    assert!(failure.take_payload().unwrap().is::<&str>());
}

#[test]
fn what_is_given_back_has_nothing_less() {
    let place = || place(Origin::Child, 0, "reader");
    let error = ChildError::error_of(place(), 17_u8, vec![failure("late")]);
    let phases = |error: ChildError<u8>| -> Vec<_> {
        let failures = error.into_failures();
        failures
            .iter()
            .map(|f| (f.phase(), f.name().map(str::to_owned)))
            .collect()
    };
    let name = || Some(String::from("reader"));
    assert_eq!(
        phases(error),
        [(Phase::NotKept, name()), (Phase::CleanUp, name())]
    );
    let payload: Box<dyn Any + Send> = Box::new("boom");
    let error = ChildError::panic_of(place(), payload, vec![failure("late")]);
    assert_eq!(
        phases(error),
        [(Phase::Body, name()), (Phase::CleanUp, name())]
    );
    let lost = ChildError::from_join(Origin::Child, 0, JoinError::lost(&region())).unwrap();
    assert_eq!(phases(lost), [(Phase::NotKept, name())]);
}

#[test]
fn map_changes_errors_and_nothing_else() {
    let mut from = group([named(3, "reader", "1"), panicked(1, "boom"), body("2")]);
    from.keep(child(9, "3"), 3).unwrap();
    let to = from.map(|text| text.parse::<u8>().unwrap());
    assert!(to.errors().eq(&[1, 2]));
    assert_eq!((to.len(), to.omitted()), (3, 1));
    assert_eq!(to.first().name(), Some("reader"));
    assert_eq!(to.first().index(), Some(3));
    assert_eq!(
        to.panics().next().unwrap().panic_message().as_deref(),
        Some("boom")
    );
    assert!(to.find(ChildError::is_body).is_some());
}

#[test]
fn split_keeps_order_and_counts_what_was_omitted_once() {
    let make = || {
        let mut group = group([child(0, 1), panicked(1, "boom"), child(2, 2), child(3, 3)]);
        group.keep(child(4, 4), 4).unwrap();
        group
    };
    let (odd, rest) = make().split(|child| child.error().is_some_and(|e| e % 2 == 1));
    let (odd, rest) = (odd.unwrap(), rest.unwrap());
    assert!(odd.errors().eq(&[1, 3]));
    assert!(rest.iter().map(ChildError::index).eq([Some(1), Some(2)]));
    assert_eq!((odd.omitted(), rest.omitted()), (0, 1));

    let (all, none) = make().split(|_| true);
    assert_eq!(all.unwrap().omitted(), 1);
    assert!(none.is_none());
    let (none, all) = make().split(|_| false);
    assert!(none.is_none());
    assert_eq!(all.unwrap().omitted(), 1);
}

#[test]
fn the_first_error_is_not_the_first_panic() {
    let make = || group([panicked(0, "boom"), child(1, "a"), child(2, "b")]);
    assert!(make().into_first().is_panic());
    assert_eq!(make().into_first_error().unwrap(), "a");
    assert_eq!(ScopeError::from(make()).into_first_error().unwrap(), "a");

    let only_panics = group([panicked::<&str>(0, "boom")]);
    let back = only_panics.into_first_error().unwrap_err();
    assert!(back.first().is_panic());
    let back = ScopeError::from(back).into_first_error().unwrap_err();
    assert!(
        back.errors().unwrap().first().is_panic(),
        "nothing is lost on the way"
    );
}

#[test]
fn a_deadline_and_errors_are_kept_both() {
    let errors = group([child(0, "a")]);
    let error = ScopeError::stopped(Stop::Elapsed, Some(errors), at());
    assert!(error.is_elapsed() && !error.is_cancelled());
    assert_eq!(error.errors().unwrap().len(), 1);
    let error = error.map(str::len);
    assert!(error.is_elapsed());
    assert_eq!(error.into_first_error().unwrap(), 1);
}

#[test]
fn a_cancel_has_its_reason() {
    let stop = Stop::Cancelled(Some("shutting down".into()));
    let error = ScopeError::<&str>::stopped(stop, None, at())
        .of_scope(Some("ingest".into()), at())
        .beside(vec![failure("late")]);
    assert!(error.is_cancelled() && !error.is_elapsed());
    assert_eq!(error.reason().unwrap().as_str(), "shutting down");
    assert_eq!((error.name(), error.location()), (Some("ingest"), at()));
    assert_eq!(error.failures()[0].phase(), Phase::CleanUp);
    let error = error
        .into_errors()
        .unwrap_err()
        .into_first_error()
        .unwrap_err();
    assert_eq!(error.failures().len(), 1, "nothing is lost on the way");
    let error = ScopeError::<&str>::stopped(Stop::Cancelled(None), None, at());
    assert!(error.is_cancelled() && error.reason().is_none());
}

#[test]
fn a_scope_that_failed_was_not_stopped() {
    let error = ScopeError::failed(group([child(0, "a"), body("b")]));
    assert!(!error.is_elapsed() && !error.is_cancelled() && error.reason().is_none());
    assert_eq!(error.into_errors().unwrap().len(), 2);
}

#[test]
fn results_stay_small() {
    assert_eq!(size_of::<ScopeError<[u64; 64]>>(), size_of::<usize>());
    assert_eq!(
        size_of::<Result<(), ScopeError<String>>>(),
        size_of::<usize>()
    );
    assert!(size_of::<ErrorGroup<String>>() <= 5 * size_of::<usize>());
}
