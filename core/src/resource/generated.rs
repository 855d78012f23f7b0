//! A resource as one function: what acquires it, one `yield_`, what releases it.

use std::fmt::{self, Display};
use std::future::Future;

use super::exit::Exit;
use super::resource::Resource;
use crate::coroutine::{Co, Coroutine, Step, coroutine};

/// Makes a [`Resource`] of a function that yields once: it acquires before, and releases after.
///
/// What it yields is lent to the use; the answer is that, back, with how the use ended. An error before the
/// yield is that of the acquisition, one after it that of the release.
///
/// Its locals live from the acquisition to the release. It is a region of its own: what it
/// [defers](crate::defer) runs when the function has ended.
///
/// # Panics
///
/// Its resource panics, and says so, when the function ends without having yielded, or yields a second time.
///
/// # Examples
///
/// ```
/// use anyrt::{Co, Exit, resource_from, using};
///
/// async fn connection(co: Co<String, (String, Exit<String>)>) -> Result<(), String> {
///     let conn = "connected".to_owned();
///     let (conn, exit) = co.yield_(conn).await;
///     println!("{conn}, and closed: {}", exit.kind());
///     Ok(())
/// }
///
/// # futures::executor::block_on(async {
/// let length = using(resource_from(connection), async |conn| Ok(conn.len())).await;
/// assert_eq!(length, Ok(9));
/// # });
/// ```
#[doc(alias = "actxmgr")]
#[doc(alias = "asynccontextmanager")]
pub fn resource_from<A, E, B, F>(body: B) -> ResourceFrom<A, E, B, F>
where
    A: Send + 'static,
    E: Display + Send + 'static,
    B: FnOnce(Co<A, (A, Exit<E>)>) -> F + Send + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
{
    ResourceFrom(Stage::New(body))
}

/// The resource that [`resource_from`] makes of a function.
pub struct ResourceFrom<A, E, B, F: Future>(Stage<A, E, B, F>);

enum Stage<A, E, B, F: Future> {
    New(B),
    Yielded(Coroutine<A, (A, Exit<E>), F>),
    Over,
}

impl<A, E, B, F> Resource for ResourceFrom<A, E, B, F>
where
    A: Send + 'static,
    E: Display + Send + 'static,
    B: FnOnce(Co<A, (A, Exit<E>)>) -> F + Send + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
{
    type Held = A;
    type Error = E;

    async fn acquire(&mut self) -> Result<A, E> {
        let Stage::New(body) = std::mem::replace(&mut self.0, Stage::Over) else {
            panic!("a resource that was made of a function is acquired once only");
        };
        let mut running = coroutine(body);
        match running.run().await {
            Ok(Step::Yield(held)) => {
                self.0 = Stage::Yielded(running);
                Ok(held)
            }
            Ok(Step::Done(Err(error))) => Err(error),
            Ok(Step::Done(Ok(()))) => {
                panic!("a function that a resource is made of ended and has not yielded")
            }
            Err(error) => panic!("{error}"),
        }
    }

    async fn release(self, held: A, exit: Exit<E>) -> Result<(), E> {
        let Stage::Yielded(mut running) = self.0 else {
            return Ok(());
        };
        match running.resume((held, exit)).await {
            Ok(Step::Done(released)) => released,
            Ok(Step::Yield(second)) => {
                drop(second);
                running.close().await;
                panic!("a function that a resource is made of has yielded a second time")
            }
            Err(error) => panic!("{error}"),
        }
    }
}

impl<A, E, B, F: Future> fmt::Debug for ResourceFrom<A, E, B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.0 {
            Stage::New(_) => "new",
            Stage::Yielded(_) => "yielded",
            Stage::Over => "over",
        };
        f.debug_struct("ResourceFrom")
            .field("stage", &stage)
            .finish()
    }
}
