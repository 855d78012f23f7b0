//! A small pool of database-like connections, and replicas that are used as one group.
//!
//! ```text
//! cargo run --example pool
//! ```
//!
//! Look at `Checkout`: how a connection is taken from the pool and goes back, rolled back where its use did not
//! end well, is said once, and holds for a value, an error, a panic and a request to stop.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::sync::{Semaphore, SemaphoreGuardArc};
use anyrt::{Exit, ExitKind, GroupExit, Resource, Runtime, prelude::*, using, using_all};

#[derive(Debug, PartialEq)]
enum DbError {
    Down(u32),
    Conflict,
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DbError::Down(n) => write!(f, "replica {n} is down"),
            DbError::Conflict => f.write_str("conflict"),
        }
    }
}

/// A connection, and the statements of its open transaction.
#[derive(Debug, Default)]
struct Connection {
    pending: Vec<String>,
    committed: Vec<String>,
}

/// At most `n` connections, made when they are needed.
#[derive(Clone)]
struct Pool {
    seats: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Pool {
    fn new(n: usize) -> Self {
        Pool {
            seats: Arc::new(Semaphore::new(n)),
            idle: Arc::default(),
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One connection, for one transaction. The wait is here and not in the acquisition, which no request stops.
    async fn checkout(&self) -> Checkout {
        let seat = self.seats.acquire_arc().await;
        Checkout {
            pool: self.clone(),
            _seat: seat,
        }
    }
}

struct Checkout {
    pool: Pool,
    _seat: SemaphoreGuardArc,
}

impl Resource for Checkout {
    type Held = Connection;
    type Error = DbError;

    async fn acquire(&mut self) -> Result<Connection, DbError> {
        Ok(self.pool.idle().pop().unwrap_or_default())
    }

    async fn release(self, mut conn: Connection, exit: Exit<DbError>) -> Result<(), DbError> {
        let mut pending = std::mem::take(&mut conn.pending);
        if exit.kind() == ExitKind::Value {
            conn.committed.append(&mut pending);
        }
        self.pool.idle().push(conn);
        Ok(()) // its seat goes with `self`
    }
}

async fn transfer<R: Runtime>(rt: &R, pool: &Pool, from: &str, to: &str) -> Result<(), DbError> {
    using(pool.checkout().await, async |mut conn| {
        conn.pending.push(format!("debit {from}"));
        rt.sleep(1.millis()).await; // the server is not near
        if from == to {
            return Err(DbError::Conflict);
        }
        conn.pending.push(format!("credit {to}"));
        Ok(())
    })
    .await
}

/// One of several servers; the second is down.
struct Replica(u32);

impl Resource for Replica {
    type Held = Connection;
    type Error = DbError;

    async fn acquire(&mut self) -> Result<Connection, DbError> {
        match self.0 {
            2 => Err(DbError::Down(2)),
            _ => Ok(Connection::default()),
        }
    }

    async fn release(self, _: Connection, _: Exit<DbError>) -> Result<(), DbError> {
        Ok(())
    }
}

async fn run<R: Runtime>(rt: &R) {
    let pool = Pool::new(2);

    // Twenty transfers at a time, two connections.
    let transfers = (0..20).map(|n| (n, rt.clone(), pool.clone()));
    let done = rt
        .map(transfers, 20, async |(n, rt, pool)| {
            let to = if n % 5 == 0 { "ann" } else { "bob" };
            transfer(&rt, &pool, "ann", to).await
        })
        .await;
    let failed = done.iter().filter(|result| result.is_err()).count();
    assert_eq!(failed, 4);

    // One that is stopped in the middle of its transaction rolls back, and gives its connection back.
    let stopped = rt.spawn({
        let pool = pool.clone();
        async move {
            using(pool.checkout().await, async |mut conn| {
                conn.pending.push("debit everybody".to_owned());
                std::future::pending::<Result<(), DbError>>().await
            })
            .await
        }
    });
    rt.sleep(10.millis()).await;
    assert!(stopped.cancel_and_wait().await.is_err());

    let connections = std::mem::take(&mut *pool.idle());
    let statements: usize = connections.iter().map(|conn| conn.committed.len()).sum();
    assert!(connections.len() <= 2);
    assert!(connections.iter().all(|conn| conn.pending.is_empty()));
    println!(
        "16 transfers: {statements} statements, over {} connections",
        connections.len()
    );
    assert_eq!(statements, 32);

    // A write to all replicas that are there: entered at once, left at once.
    let end = using_all((1..=3).map(Replica), async |mut replicas| {
        let mut written = 0;
        for conn in replicas.iter_mut().flatten() {
            conn.committed.push("write".to_owned());
            written += 1;
        }
        Ok::<_, DbError>(written)
    })
    .await;
    let down = end.exits().iter().filter_map(|exit| match exit {
        GroupExit::NotAcquired(error) => Some(error.to_string()),
        _ => None,
    });
    println!(
        "written to {:?} replicas; {}",
        end.result(),
        down.collect::<Vec<_>>().join(", ")
    );
    assert_eq!(end.result(), &Ok(2));
}

fn main() {
    let owner = BuiltinRuntime::new();
    owner.block_on(run(owner.handle()));
}
