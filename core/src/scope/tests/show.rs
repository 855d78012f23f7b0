//! Exact texts.

use std::error::Error;
use std::fmt;
use std::io;

use super::super::scope_error::Stop;
use super::{at, body, child, failure, group, named, panicked, place, seen};
use crate::{ChildError, ErrorGroup, Origin, ScopeError};

/// As it is derived, and as it is displayed: two different texts.
#[derive(Debug)]
struct Unreadable {
    path: &'static str,
    source: Refused,
}

#[derive(Debug)]
struct Refused;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {}", self.path)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection refused")
    }
}

impl Error for Refused {}

impl Error for Unreadable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

const UNREADABLE: Unreadable = Unreadable {
    path: "a.toml",
    source: Refused,
};

/// A group of all that can be in one.
fn mixed() -> ErrorGroup<Unreadable> {
    let place = place(Origin::BlockingChild, 3, "reader");
    let reader = ChildError::error_of(place, UNREADABLE, vec![failure("late")]);
    group([reader, panicked(5, "boom"), body(UNREADABLE)])
}

#[test]
fn one_line() {
    assert_eq!(
        seen(mixed().to_string()),
        "the scope's body and 2 of its children failed: \
         cannot read a.toml (blocking child 3 `reader`, spawned at AT); \
         panicked: boom (child 5, spawned at AT); \
         cannot read a.toml (the scope's body, opened at AT)"
    );
}

#[test]
fn one_line_of_one() {
    let one = |child: ChildError<&str>| seen(group([child]).to_string());
    assert_eq!(
        one(child(0, "refused")),
        "1 of the scope's children failed: refused (child 0, spawned at AT)"
    );
    assert_eq!(
        one(body("refused")),
        "the scope's body failed: refused (the scope's body, opened at AT)"
    );
    assert_eq!(
        seen(child(0, "refused").to_string()),
        "refused (child 0, spawned at AT)"
    );
    assert_eq!(
        ErrorGroup::from_errors(["a"]).unwrap().to_string(),
        "1 error: a"
    );
}

#[test]
fn a_tree() {
    assert_eq!(
        seen(format!("{:#}", mixed())),
        "\
the scope's body and 2 of its children failed
  blocking child 3 `reader`, spawned at AT
    cannot read a.toml
    also: clean-up panicked in task `reader` (spawned at AT): late
  child 5, spawned at AT
    panicked: boom
  the scope's body, opened at AT
    cannot read a.toml"
    );
}

#[test]
fn what_main_prints_has_more() {
    assert_eq!(
        seen(format!("{:?}", mixed())),
        "\
the scope's body and 2 of its children failed
  blocking child 3 `reader`, spawned at AT
    cannot read a.toml
    debug: Unreadable { path: \"a.toml\", source: Refused }
    also: clean-up panicked in task `reader` (spawned at AT): late
  child 5, spawned at AT
    panicked: boom
  the scope's body, opened at AT
    cannot read a.toml
    debug: Unreadable { path: \"a.toml\", source: Refused }"
    );
}

#[test]
fn what_main_prints_of_text_and_of_reports_is_said_once() {
    let text = |error: &dyn fmt::Debug| seen(format!("{error:?}"));
    assert_eq!(
        text(&group([child(0, "refused")])),
        "1 of the scope's children failed\n  child 0, spawned at AT\n    refused"
    );
    let report = anyhow::Error::new(Refused).context("cannot read");
    let shown = text(&group([child(0, report)]));
    let report = "
    cannot read
    Caused by:
        connection refused";
    let head = "1 of the scope's children failed\n  child 0, spawned at AT";
    // A backtrace may follow, where it is switched on.
    assert!(shown.starts_with(&format!("{head}{report}")), "{shown}");
    assert_eq!(shown.matches("cannot read").count(), 1, "{shown}");

    let report = eyre::Report::new(Refused).wrap_err("cannot read");
    let shown = text(&group([child(0, report)]));
    assert_eq!(shown.matches("cannot read").count(), 1, "{shown}");
    assert!(shown.contains("connection refused"), "{shown}");
}

#[test]
fn anyhows_chain_is_in_the_tree() {
    let report = anyhow::Error::new(Refused).context("cannot read");
    let group = group([child(0, report)]);
    let shown = seen(format!("{group:#}"));
    assert!(
        shown.ends_with("    cannot read: connection refused"),
        "{shown}"
    );
}

#[test]
fn sources_are_shown_where_they_are_asked_for() {
    let group = group([child(0, UNREADABLE), child(1, UNREADABLE)]).with_sources();
    let tree = "\
2 of the scope's children failed
  child 0, spawned at AT
    cannot read a.toml
    caused by: connection refused
  child 1, spawned at AT
    cannot read a.toml
    caused by: connection refused";
    assert_eq!(seen(format!("{group:#}")), tree);
    assert_eq!(seen(format!("{group:?}")), tree);
    let (first, second) = group.split(|child| child.index() == Some(0));
    assert!(format!("{:#}", first.unwrap()).contains("caused by"));
    let error = ScopeError::from(second.unwrap());
    assert!(format!("{error:#}").contains("caused by"));
}

#[test]
fn the_fields_are_there_for_who_wants_them() {
    let shown = format!("{:#?}", ScopeError::from(mixed()));
    for word in [
        "ScopeError {",
        "elapsed: false",
        "ErrorGroup {",
        "ChildError {",
        "Unreadable {",
    ] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    for word in [
        "panicked: Some(",
        "index: None",
        "origin: BlockingChild",
        "omitted: 0",
    ] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
}

#[test]
fn a_stopped_scope_says_which_and_why() {
    let stop = || Stop::Cancelled(Some("shutting down".into()));
    let error = ScopeError::<&str>::stopped(stop(), None, at());
    let text = "the scope opened at AT was cancelled: shutting down";
    assert_eq!(seen(error.to_string()), text);
    assert_eq!(seen(format!("{error:#}")), text);
    assert_eq!(seen(format!("{error:?}")), text);
    let error = ScopeError::<&str>::stopped(Stop::Cancelled(None), None, at());
    let error = error.of_scope(Some("ingest".into()), at());
    assert_eq!(
        seen(error.to_string()),
        "scope `ingest` (opened at AT) was cancelled"
    );
    let error = ScopeError::<&str>::stopped(Stop::Elapsed, None, at());
    assert_eq!(
        seen(error.to_string()),
        "the scope opened at AT ran out of time"
    );
}

#[test]
fn a_stopped_scope_says_what_failed_too() {
    let errors = group([child(0, "refused"), body("gone")]);
    let error =
        ScopeError::stopped(Stop::Elapsed, Some(errors), at()).beside(vec![failure("late")]);
    assert_eq!(
        seen(error.to_string()),
        "the scope opened at AT ran out of time; its body and 1 of its children failed: \
         refused (child 0, spawned at AT); gone (the scope's body, opened at AT)"
    );
    let tree = "\
the scope opened at AT ran out of time
  its body and 1 of its children failed
    child 0, spawned at AT
      refused
    the scope's body, opened at AT
      gone
  also: clean-up panicked in task `reader` (spawned at AT): late";
    assert_eq!(seen(format!("{error:#}")), tree);
    assert_eq!(seen(format!("{error:?}")), tree);
}

#[test]
fn groups_in_groups_are_trees_in_trees() {
    let inner = || ScopeError::from(group([child(0, UNREADABLE), panicked(1, "boom")]));
    let outer = group([named(7, "server", inner())]);
    assert_eq!(
        seen(outer.to_string()),
        "1 of the scope's children failed: 2 of the scope's children failed: \
         cannot read a.toml (child 0, spawned at AT); panicked: boom (child 1, spawned at AT) \
         (child 7 `server`, spawned at AT)"
    );
    let tree = "\
1 of the scope's children failed
  child 7 `server`, spawned at AT
    2 of the scope's children failed
      child 0, spawned at AT
        cannot read a.toml
      child 1, spawned at AT
        panicked: boom";
    assert_eq!(seen(format!("{outer:#}")), tree);
    let line = "        debug: Unreadable { path: \"a.toml\", source: Refused }\n      child 1";
    assert_eq!(
        seen(format!("{outer:?}")),
        tree.replace("      child 1", line)
    );
    let deeper = group([body(ErrorGroup::from_errors([outer]).unwrap())]);
    assert!(
        format!("{deeper:#}").contains("            child 1, spawned at"),
        "{deeper:#}"
    );
}

#[test]
fn an_empty_name_is_none() {
    assert_eq!(
        seen(named(0, "", "a").to_string()),
        "a (child 0, spawned at AT)"
    );
    assert_eq!(named(0, "", "a").name(), Some(""));
    let error = ScopeError::<&str>::stopped(Stop::Elapsed, None, at());
    let error = error.of_scope(Some("".into()), at());
    assert_eq!(
        seen(error.to_string()),
        "the scope opened at AT ran out of time"
    );
}

#[test]
fn a_panic_without_text_and_a_lost_child() {
    let error = ChildError::<&str>::panic_of(place(Origin::Child, 0, "-"), Box::new(()), vec![]);
    assert_eq!(seen(error.to_string()), "panicked (child 0, spawned at AT)");
    let region = crate::region::Region::new(at(), 0);
    let join = crate::JoinError::lost(&region);
    let error = ChildError::<&str>::from_join(Origin::Child, 0, join).unwrap();
    assert_eq!(
        seen(error.to_string()),
        "lost: its runtime is gone (child 0, spawned at AT)"
    );
}

#[test]
fn ten_thousand_errors_are_a_few() {
    let mut group = group((0..10_000).map(|index| child(index, "refused")));
    assert_eq!(
        seen(group.to_string()),
        "10000 of the scope's children failed: refused (child 0, spawned at AT); \
         refused (child 1, spawned at AT); refused (child 2, spawned at AT); and 9997 more"
    );
    let tree = format!("{group:#}");
    assert_eq!(tree.lines().count(), 1 + 2 * 50 + 1);
    assert!(tree.ends_with("\n  and 9950 more"), "{tree}");
    assert_eq!(format!("{group:?}"), tree);

    group.keep(child(10_000, "refused"), 10_000).unwrap();
    assert!(group.to_string().starts_with("10001 of"), "{group}");
    assert!(group.to_string().ends_with("; and 9998 more"), "{group}");
    assert!(format!("{group:#}").ends_with("\n  and 1 more that were not kept"));
}

#[test]
fn a_line_is_one_line_whatever_is_in_it() {
    let group = group([
        named(0, "two\nlines", "\n first \r\n\r\n\t second\u{2028}third\n"),
        panicked(1, "boom\nbang"),
    ]);
    assert_eq!(
        seen(group.to_string()),
        "2 of the scope's children failed: first second third (child 0 `two lines`, spawned at AT); \
         panicked: boom bang (child 1, spawned at AT)"
    );
    let stop = Stop::Cancelled(Some("a\nb".into()));
    let error = ScopeError::<&str>::stopped(stop, None, at());
    assert!(error.to_string().ends_with("cancelled: a b"), "{error}");
}

#[test]
fn a_line_has_an_end() {
    struct Endless;
    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("é\n")?;
            }
        }
    }
    let line = seen(child(0, Endless).to_string());
    assert!(
        line.starts_with("é é é ") && line.ends_with("… (child 0, spawned at AT)"),
        "{line}"
    );
    assert!(line.chars().count() < 450, "{line}");
}

struct Bad(fn() -> fmt::Result);

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half ")?;
        self.0()
    }
}

impl fmt::Debug for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[test]
fn an_error_that_cannot_be_written_does_no_harm() {
    let group = group([
        child(0, Bad(|| panic!("in display"))),
        child(1, Bad(|| Err(fmt::Error))),
    ]);
    assert_eq!(
        seen(group.to_string()),
        "2 of the scope's children failed: half (formatting it panicked) (child 0, spawned at AT); \
         half (formatting it failed) (child 1, spawned at AT)"
    );
    for shown in [format!("{group:#}"), format!("{group:?}")] {
        assert!(
            shown.contains("\n    half (formatting it panicked)\n"),
            "{shown}"
        );
        assert!(
            shown.ends_with("\n    half (formatting it failed)"),
            "{shown}"
        );
    }
}

#[test]
fn io_errors_read_well() {
    let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
    let error = ScopeError::from(group([named(3, "reader", refused()), panicked(5, "boom")]));
    assert_eq!(
        seen(error.to_string()),
        "2 of the scope's children failed: connection refused (child 3 `reader`, spawned at AT); \
         panicked: boom (child 5, spawned at AT)"
    );
    assert_eq!(
        seen(format!("{error:?}")),
        "\
2 of the scope's children failed
  child 3 `reader`, spawned at AT
    connection refused
    debug: Custom { kind: ConnectionRefused, error: \"connection refused\" }
  child 5, spawned at AT
    panicked: boom"
    );
}
