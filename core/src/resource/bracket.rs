//! The use of one resource: acquired before, released after, whatever happens.

use std::fmt::{self, Display};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use pin_project::pin_project;

use super::ends::Ends;
use super::exit::{Exit, ExitKind};
use super::lent::Lent;
use super::resource::Resource;
use crate::region::inline::NoValue;
use crate::region::{Inline, defer, shield};
use crate::scope::Outcome;

/// Acquires, runs `body` with what was acquired, and releases it however the body ends.
///
/// ```text
/// acquire (shielded) ── body(it, lent) ── release(it, how it ended) ── ready
///                          ├── an error, a panic ──► release ── goes on
///                          └── a request, dropped ─► release, as a clean-up of the region
/// ```
///
/// | the body … | `release` | then |
/// |---|---|---|
/// | gives a value | runs | the value; the error of the release, if it gives one |
/// | gives an error | runs, and may change or suppress it | the error |
/// | panics | runs | the panic goes on |
/// | is stopped by a request around it | runs before what is around goes | nothing: it is being dropped |
/// | is dropped, as a losing arm of `select!` | runs beside the region around | nothing |
///
/// It is a region of its own. The release runs in it as its last clean-up: shielded, and within the
/// clean-up deadline. It owns what it releases, which is why that is `'static`; the body may borrow from
/// around. An acquisition that fails runs neither of the two.
///
/// The acquisition is [shielded](crate::shield), and between its end and the release being registered
/// nothing suspends: a request that comes meanwhile takes effect where the body first suspends. Only
/// dropping this future half-way stops an acquisition.
///
/// A release that fails after an error, a panic or a request has nobody to give its error to: it is
/// reported beside that outcome, see [`Phase::Release`](crate::Phase::Release).
///
/// It needs no runtime. In code that runs in no task of this library, dropping it half-way leaves nobody to
/// run the release, and that is reported as [`Phase::LostCleanUp`](crate::Phase::LostCleanUp).
///
/// Not cancel safe: dropping it drops the body where it is.
///
/// # Errors
///
/// That of the acquisition, of the body, or, after a value, of the release.
///
/// # Panics
///
/// With a panic of the body, once all is released; and when it is polled again after it was ready.
///
/// # Examples
///
/// ```
/// use anyrt::{ExitKind, bracket};
///
/// # futures::executor::block_on(async {
/// let result: Result<usize, String> = bracket(
///     async { Ok(vec!["connected"]) },
///     async |mut connection| {
///         connection.push("queried");
///         Ok(connection.len())
///     },
///     async |connection, exit| {
///         assert_eq!(exit.kind(), ExitKind::Value);
///         assert_eq!(connection, ["connected", "queried"]);
///     },
/// )
/// .await;
/// assert_eq!(result, Ok(2));
/// # });
/// ```
#[track_caller]
#[doc(alias = "async with")]
#[doc(alias = "actxmgr")]
#[doc(alias = "asynccontextmanager")]
pub fn bracket<F, A, E, U, B, T, C, Fut>(
    acquire: F,
    body: U,
    release: C,
) -> Bracket<E, impl Future<Output = Option<T>>>
where
    F: Future<Output = Result<A, E>>,
    A: Send + 'static,
    E: Display + Send + 'static,
    U: FnOnce(Lent<A>) -> B,
    B: Future<Output = Result<T, E>>,
    C: FnOnce(A, Exit<E>) -> Fut + Send + 'static,
    Fut: Future<Output: Outcome<E>> + Send + 'static,
{
    let acquire = async move {
        let acquired = acquire.await?;
        let release = |acquired, exit| {
            let releasing = release(acquired, exit);
            async move { releasing.await.into_result().map(drop) }
        };
        Ok((acquired, release))
    };
    of(Location::caller(), acquire, body)
}

/// Acquires a resource, runs `body` with it, and releases it however the body ends.
///
/// As [`bracket`] does; how to acquire and release, a [`Resource`] says.
///
/// Not cancel safe: dropping it drops the body where it is.
///
/// # Errors
///
/// That of the acquisition, of the body, or, after a value, of the release.
///
/// # Panics
///
/// With a panic of the body, once all is released; and when it is polled again after it was ready.
///
/// # Examples
///
/// See [`Resource`].
#[track_caller]
#[doc(alias = "async_ctx_manager")]
#[doc(alias = "AsyncContextManager")]
pub fn using<R, U, B, T>(
    mut resource: R,
    body: U,
) -> Bracket<R::Error, impl Future<Output = Option<T>>>
where
    R: Resource,
    U: FnOnce(Lent<R::Held>) -> B,
    B: Future<Output = Result<T, R::Error>>,
{
    let acquire = async move {
        let held = resource.acquire().await?;
        Ok((held, move |held, exit| resource.release(held, exit)))
    };
    of(Location::caller(), acquire, body)
}

/// The use of what is acquired together with the way to release it.
pub(super) fn of<F, A, E, U, B, T, C, Fut>(
    location: &'static Location<'static>,
    acquire: F,
    body: U,
) -> Bracket<E, impl Future<Output = Option<T>>>
where
    F: Future<Output = Result<(A, C), E>>,
    A: Send + 'static,
    E: Display + Send + 'static,
    U: FnOnce(Lent<A>) -> B,
    B: Future<Output = Result<T, E>>,
    C: FnOnce(A, Exit<E>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
{
    let ends = Arc::new(Ends::new(location));
    let body = run(acquire, body, Arc::clone(&ends));
    Bracket {
        region: Inline::new(body, location),
        ends: Attended(ends),
    }
}

/// Acquires and runs the body, in the region that releases; the value, or nothing if there is an error.
async fn run<F, A, E, U, B, T, C, Fut>(acquire: F, body: U, ends: Arc<Ends<E>>) -> Option<T>
where
    F: Future<Output = Result<(A, C), E>>,
    A: Send + 'static,
    E: Send + 'static,
    U: FnOnce(Lent<A>) -> B,
    B: Future<Output = Result<T, E>>,
    C: FnOnce(A, Exit<E>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
{
    let (held, release) = match shield(acquire).await {
        Ok(acquired) => acquired,
        Err(error) => {
            ends.end_body(ExitKind::Error, Some(error));
            return None;
        }
    };
    // From here to `defer` nothing suspends.
    let (lent, slot) = Lent::new(held);
    defer({
        let ends = Arc::clone(&ends);
        async move {
            // It came back when the body was dropped, unless that moved it elsewhere.
            if let Some(held) = poll_fn(|cx| slot.poll_take(cx)).await {
                if let Err(error) = release(held, Exit::of(&ends)).await {
                    ends.release_failed(error);
                }
            }
        }
    });
    let ended = AssertUnwindSafe(async { body(lent).await })
        .catch_unwind()
        .await;
    match ended {
        Ok(Ok(value)) => {
            ends.end_body(ExitKind::Value, None);
            Some(value)
        }
        Ok(Err(error)) => {
            ends.end_body(ExitKind::Error, Some(error));
            None
        }
        Err(payload) => {
            ends.end_body(ExitKind::Panicked, None);
            resume_unwind(payload)
        }
    }
}

/// The future of [`bracket`] and [`using`].
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Bracket<E, F: Future> {
    #[pin]
    region: Inline<F>,
    /// After the region: what it leaves is there when this is dropped.
    ends: Attended<E>,
}

/// The end of a use is awaited, until this is dropped.
pub(super) struct Attended<E>(pub(super) Arc<Ends<E>>);

impl<E> Drop for Attended<E> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl<E, F: Future> Bracket<E, F> {
    /// Gives `None` in place of an error that the release [suppresses](Exit::suppress).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyrt::{Exit, bracket};
    ///
    /// # futures::executor::block_on(async {
    /// let ended = bracket(
    ///     async { Ok::<_, String>(()) },
    ///     async |_| Err::<i32, _>("not found".to_owned()),
    ///     async |(), mut exit: Exit<String>| exit.suppress(),
    /// );
    /// assert_eq!(ended.or_none().await, Ok(None));
    /// # });
    /// ```
    #[doc(alias = "suppress")]
    pub fn or_none(self) -> BracketOrNone<E, F> {
        BracketOrNone { bracket: self }
    }
}

impl<E, T, F: Future<Output = Option<T>>> Bracket<E, F> {
    /// The value, or the error and whether the release suppressed it.
    fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, (E, bool)>> {
        let this = self.project();
        assert!(
            !this.region.has_ended(),
            "a `Bracket` future was polled after it was ready"
        );
        let ended = ready!(this.region.poll_into(cx, |ended, _| ended));
        let ends = &this.ends.0;
        Poll::Ready(
            match value_of(ended, "use of a resource", ends.location()) {
                Some(value) => match ends.take_releases().pop() {
                    Some(error) => Err((error, false)),
                    None => Ok(value),
                },
                None => {
                    ends.report_releases();
                    let (_, error, suppressed) = ends.take_body();
                    let error =
                        error.expect("an `Exit` was neither dropped nor given back by its release");
                    Err((error, suppressed))
                }
            },
        )
    }
}

/// What a region gave, if it was not stopped.
pub(super) fn value_of<T>(
    ended: Result<T, NoValue>,
    what: &str,
    location: &'static Location<'static>,
) -> T {
    match ended {
        Ok(value) => value,
        Err(NoValue::Panicked(payload)) => resume_unwind(payload),
        Err(NoValue::Cancelled) => panic!(
            "the {what} at {location} was stopped by a request to the task in which it was begun, and was \
             then polled in another: it has no value there"
        ),
    }
}

impl<E, T, F: Future<Output = Option<T>>> Future for Bracket<E, F> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        self.poll_end(cx)
            .map(|ended| ended.map_err(|(error, _)| error))
    }
}

impl<E, F: Future> fmt::Debug for Bracket<E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bracket")
            .field("location", &self.ends.0.location())
            .field("ready", &self.region.has_ended())
            .finish_non_exhaustive()
    }
}

/// The future of [`Bracket::or_none`].
#[pin_project]
#[must_use = "a future does nothing unless it is awaited"]
pub struct BracketOrNone<E, F: Future> {
    #[pin]
    bracket: Bracket<E, F>,
}

impl<E, T, F: Future<Output = Option<T>>> Future for BracketOrNone<E, F> {
    type Output = Result<Option<T>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project()
            .bracket
            .poll_end(cx)
            .map(|ended| match ended {
                Ok(value) => Ok(Some(value)),
                Err((_, true)) => Ok(None),
                Err((error, false)) => Err(error),
            })
    }
}

impl<E, F: Future> fmt::Debug for BracketOrNone<E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BracketOrNone").field(&self.bracket).finish()
    }
}
