//! The policy, without any futures.

use crate::combine::policy::{How, Policy, Ruling, Ties, Verdict};

#[test]
fn each_policy_stops_the_others_when_its_table_says_so() {
    use How::{Error, Panic, Stopped, Value};
    let table = [
        (Policy::FailFast, [Error, Panic].as_slice()),
        (Policy::Collect, &[]),
        (Policy::First, &[Value, Error, Panic]),
        (Policy::FirstOk, &[Value]),
    ];
    for (policy, stops) in table {
        for how in [Value, Error, Panic, Stopped] {
            let expected = match stops.contains(&how) {
                true => Verdict::Stop,
                false => Verdict::GoOn,
            };
            assert_eq!(policy.verdict(how), expected, "{policy:?} {how:?}");
        }
    }
}

#[test]
fn only_failures_are_kept_once_the_verdict_has_fallen() {
    for policy in [Policy::FailFast, Policy::FirstOk] {
        assert!(policy.keeps_late(How::Error) && policy.keeps_late(How::Panic));
        assert!(!policy.keeps_late(How::Value));
    }
    for how in [How::Value, How::Error, How::Panic] {
        assert!(!Policy::First.keeps_late(how));
        assert!(Policy::Collect.keeps_late(how));
    }
}

#[test]
fn the_first_verdict_stands_and_failures_are_listed_as_they_come() {
    let mut ruling = Ruling::new(Policy::FailFast, Ties::InOrder, 4);
    ruling.ended(3, How::Value);
    assert_eq!(ruling.decided(), None);
    ruling.ended(2, How::Error);
    ruling.ended(0, How::Panic);
    assert!(!ruling.is_over());
    ruling.ended(1, How::Stopped);
    assert!(ruling.is_over());
    assert_eq!(ruling.decided(), Some(2));
    assert_eq!(ruling.failed(), [2, 0]);
    assert_eq!(ruling.stops().unwrap().as_str(), "another arm failed");
}

#[test]
fn a_seed_gives_one_order_and_all_orders_come_up() {
    let orders = |seed| {
        let mut ruling = Ruling::new(Policy::First, Ties::Seeded(seed), 3);
        let mut indexes = [2, 0, 1];
        ruling.order(&mut indexes);
        indexes
    };
    let seen: std::collections::BTreeSet<_> = (0..100).map(orders).collect();
    assert_eq!(seen.len(), 6);
    assert_eq!(orders(7), orders(7));
    let mut indexes = [2, 0, 1];
    Ruling::new(Policy::First, Ties::InOrder, 3).order(&mut indexes);
    assert_eq!(indexes, [0, 1, 2]);
}
