//! Through `?` into the errors of others and back, and which of them may go where.

use std::error::Error;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::{body, child, group, panicked};
use crate::{ChildError, ErrorGroup, Origin, ScopeError};

type BoxError = Box<dyn Error + Send + Sync>;

/// Through `?` into each, and out again as what it was.
macro_rules! goes_everywhere {
    ($($name:ident: $error:ty = $make:expr;)*) => {$(
        #[test]
        fn $name() {
            fn group_of() -> ErrorGroup<$error> {
                group([panicked(0, "boom"), child(1, $make)])
            }
            fn scope() -> ScopeError<$error> {
                group_of().into()
            }

            fn anyhow_scope() -> anyhow::Result<()> { Err(scope())? }
            fn anyhow_group() -> anyhow::Result<()> { Err(group_of())? }
            fn eyre_scope() -> eyre::Result<()> { Err(scope())? }
            fn eyre_group() -> eyre::Result<()> { Err(group_of())? }
            fn box_scope() -> Result<(), BoxError> { Err(scope())? }
            fn box_group() -> Result<(), BoxError> { Err(group_of())? }
            fn plain_box() -> Result<(), Box<dyn Error>> { Err(scope())? }
            fn scope_of_group() -> Result<(), ScopeError<$error>> { Err(group_of())? }

            let text = scope().to_string();
            assert!(text.contains("out of cheese"), "{text}");
            let error = anyhow_scope().unwrap_err();
            assert_eq!(error.to_string(), text);
            assert_eq!(error.downcast::<ScopeError<$error>>().unwrap().errors().unwrap().len(), 2);
            let error = anyhow_group().unwrap_err();
            assert_eq!(error.downcast::<ErrorGroup<$error>>().unwrap().len(), 2);
            let error = eyre_scope().unwrap_err();
            assert_eq!(error.to_string(), text);
            assert_eq!(error.downcast::<ScopeError<$error>>().unwrap().errors().unwrap().len(), 2);
            let error = eyre_group().unwrap_err();
            assert_eq!(error.downcast::<ErrorGroup<$error>>().unwrap().len(), 2);
            let error = box_scope().unwrap_err();
            assert_eq!(error.to_string(), text);
            assert_eq!(error.downcast::<ScopeError<$error>>().unwrap().errors().unwrap().len(), 2);
            let error = box_group().unwrap_err();
            assert_eq!(error.downcast::<ErrorGroup<$error>>().unwrap().len(), 2);
            assert!(plain_box().unwrap_err().is::<ScopeError<$error>>());
            assert_eq!(scope_of_group().unwrap_err().to_string(), text);
            assert!(scope().into_first_error().unwrap().to_string().contains("out of cheese"));
        }
    )*};
}

goes_everywhere! {
    with_io_errors: io::Error = io::Error::other("out of cheese");
    with_anyhows: anyhow::Error = anyhow::anyhow!("out of cheese");
    with_eyres: eyre::Report = eyre::eyre!("out of cheese");
    with_boxed_errors: BoxError = "out of cheese".into();
    with_strings: String = "out of cheese".to_owned();
    with_strs: &'static str = "out of cheese";
    with_groups: ErrorGroup<&'static str> = group([child(0, "out of cheese")]);
    with_scopes: ScopeError<anyhow::Error> = group([body(anyhow::anyhow!("out of cheese"))]).into();
}

#[test]
fn one_childs_error_has_its_source() {
    fn boxed() -> Result<(), BoxError> {
        Err(child(0, io::Error::other("out of cheese")))?
    }
    let error = boxed().unwrap_err();
    assert!(error.source().unwrap().is::<io::Error>());
    assert!(error.is::<ChildError<io::Error>>());
    assert!(panicked::<io::Error>(0, "boom").source().is_none());
}

#[test]
fn a_group_has_a_source_where_it_is_asked_for() {
    let make = || {
        group([
            panicked(0, "boom"),
            child(1, io::Error::other("out of cheese")),
        ])
    };
    assert!(make().source().is_none());
    assert!(ScopeError::from(make()).source().is_none());
    assert!(
        group([panicked::<io::Error>(0, "boom")])
            .with_sources()
            .source()
            .is_none()
    );

    fn find(error: &anyhow::Error) -> Option<&io::Error> {
        error.chain().find_map(|cause| cause.downcast_ref())
    }
    let error = anyhow::Error::new(ScopeError::from(make()).with_sources());
    assert_eq!(find(&error).unwrap().to_string(), "out of cheese");
    let nested = group([child(0, ScopeError::from(make()).with_sources())]).with_sources();
    assert!(find(&nested.into()).is_some(), "through a group in a group");
}

#[test]
fn they_may_go_where_their_errors_may() {
    fn everywhere<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static>() {}
    fn sends<T: Send + Sync + Unpin + 'static>() {}
    fn errors<T: Error + Send + Sync + 'static>() {}

    everywhere::<ChildError<String>>();
    everywhere::<ErrorGroup<String>>();
    everywhere::<ScopeError<String>>();
    everywhere::<Origin>();
    sends::<ChildError<BoxError>>();
    sends::<ErrorGroup<anyhow::Error>>();
    sends::<ScopeError<BoxError>>();
    errors::<ErrorGroup<anyhow::Error>>();
    errors::<ScopeError<BoxError>>();
    errors::<ScopeError<ScopeError<&'static str>>>();
    errors::<ChildError<io::Error>>();
}

/// Compiles only if neither needs a static, shared or displayed error.
#[test]
fn errors_may_be_anything() {
    struct Plain<'a>(&'a std::cell::Cell<u8>);
    let cell = std::cell::Cell::new(0);
    let error = ScopeError::from(group([child(0, Plain(&cell))]));
    error
        .into_first_error()
        .unwrap_or_else(|_| panic!("an error is in it"))
        .0
        .set(1);
    assert_eq!(cell.get(), 1);
}
