//! What `anyrt` costs: each backend through `anyrt` against the same runtime without it.
//!
//! ```text
//! cargo bench --bench costs                     # every row
//! cargo bench --bench costs -- spawn builtin    # rows whose name contains it, on that backend
//! ```
//!
//! Prints a line for each row and backend, and at the end the rows that are over their limit. Exit
//! status 0 unless a row could not be measured: a busy machine is no error.

#![allow(missing_docs, reason = "a program")]

use std::env;
use std::process::ExitCode;
use std::time::Duration;

mod arms;
mod bridge;
mod caches;
mod child;
mod clock;
mod coroutines;
mod inherited;
mod instructions;
mod labs;
mod limits;
mod maps;
mod measure;
mod memory;
mod peers;
mod rows;
mod simulated;
mod timers;
mod tokens;
mod works;

use labs::{Lab, OnAsyncStd, OnBuiltin, OnSmol, OnTokio, Side};
use measure::{Limit, Report, pairs};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["--once", row, backend, side, ops] => once(row, backend, side, ops),
        ["--parked", backend, side, body] => parked(backend, side, body),
        _ => return table(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Calls a function with the type parameter that a backend's name stands for.
macro_rules! with_lab {
    ($name:expr, $call:ident($($arg:expr),*)) => {
        match $name {
            n if n == OnTokio::<false>::NAME => $call::<OnTokio<false>>($($arg),*),
            n if n == OnTokio::<true>::NAME => $call::<OnTokio<true>>($($arg),*),
            n if n == OnBuiltin::NAME => $call::<OnBuiltin>($($arg),*),
            n if n == OnSmol::NAME => $call::<OnSmol>($($arg),*),
            n if n == OnAsyncStd::NAME => $call::<OnAsyncStd>($($arg),*),
            n => Err(format!("no backend is called {n:?}")),
        }
    };
}

/// The whole table.
fn table(filter: &[String]) -> ExitCode {
    let report = Report::default();
    let wanted = |name: &str, backend: &str| {
        let has = |word: &String| name.contains(word.as_str()) || backend == word;
        filter.iter().all(has)
    };
    if wanted("poll", "by-hand") {
        let cost = pairs(50_000, rows::poll_by_hand);
        report.add("poll", "by-hand", Limit::Extra(6.0), &cost);
    }
    if wanted("poll_through_a_shield", "by-hand") {
        let cost = pairs(50_000, rows::poll_through_a_shield);
        report.add("poll_through_a_shield", "by-hand", Limit::None, &cost);
    }
    backend::<OnTokio<false>>(&report, &wanted);
    backend::<OnBuiltin>(&report, &wanted);
    backend::<OnSmol>(&report, &wanted);
    peers(&report, &wanted);
    backend::<OnTokio<true>>(&report, &wanted);
    backend::<OnAsyncStd>(&report, &wanted);
    match report.end() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn backend<L: Lab>(report: &Report, wanted: &dyn Fn(&str, &str) -> bool) {
    let gate = |limit| if L::GATED { limit } else { Limit::None };
    let add = |name, limit, cost| match cost {
        Ok(cost) => report.add(name, L::NAME, gate(limit), &cost),
        Err(why) => report.unmeasured(name, L::NAME, why),
    };
    let rows = rows::rows::<L>();
    if rows.iter().any(|row| wanted(row.name, L::NAME)) {
        let lab = L::open();
        for row in rows.iter().filter(|row| wanted(row.name, L::NAME)) {
            let cost = pairs(row.ops, |side, ops| (row.run)(&lab, side, ops));
            add(row.name, row.limit, Ok(cost));
        }
    }
    if wanted("parked_task_bytes", L::NAME) {
        add(
            "parked_task_bytes",
            Limit::Extra(200.0),
            memory::parked_task::<L>(),
        );
    }
    // Several threads make no two runs alike.
    if !L::GATED || !instructions::available() {
        return;
    }
    for (name, row, limit) in [
        ("spawn_raw_instructions", "spawn_raw", Limit::Ratio(1.02)),
        (
            "spawn_join_batch_instructions",
            "spawn_join_batch",
            Limit::None,
        ),
        ("spawn_join_one_instructions", "spawn_join_one", Limit::None),
        ("poll_instructions", "poll", Limit::None),
        ("sleep_instructions", "sleep", Limit::None),
    ] {
        if wanted(name, L::NAME) {
            add(name, limit, instructions::count::<L>(row));
        }
    }
}

/// The rows against other libraries.
fn peers(report: &Report, wanted: &dyn Fn(&str, &str) -> bool) {
    type OneThread = OnTokio<false>;
    let rows = peers::rows();
    if rows.iter().any(|row| wanted(row.name, OneThread::NAME)) {
        let lab = OneThread::open();
        for row in rows.iter().filter(|row| wanted(row.name, OneThread::NAME)) {
            let cost = pairs(row.ops, |side, ops| (row.run)(&lab, side, ops));
            report.add(row.name, OneThread::NAME, row.limit, &cost);
        }
    }
}

/// Does the work of one row once: what a profiler is started with.
fn once(row: &str, backend: &str, side: &str, ops: &str) -> Result<(), String> {
    fn on<L: Lab>(name: &str, side: Side, ops: usize) -> Result<Duration, String> {
        let rows = rows::rows::<L>();
        let row = rows.iter().find(|row| row.name == name);
        let row = row.ok_or_else(|| format!("no row is called {name:?}"))?;
        Ok((row.run)(&L::open(), side, ops))
    }
    let (side, ops) = (side_of(side)?, number(ops)?);
    if let Some(row) = peers::rows().iter().find(|peer| peer.name == row) {
        (row.run)(&peers::OneThread::open(), side, ops);
        return Ok(());
    }
    with_lab!(backend, on(row, side, ops)).map(|_| ())
}

fn parked(backend: &str, side: &str, body: &str) -> Result<(), String> {
    let (side, body) = (side_of(side)?, number(body)?);
    fn on<L: Lab>(side: Side, body: usize) -> Result<f64, String> {
        memory::park::<L>(side, body)
    }
    println!("{}", with_lab!(backend, on(side, body))?);
    Ok(())
}

fn side_of(word: &str) -> Result<Side, String> {
    match word {
        "ours" => Ok(Side::Ours),
        "theirs" => Ok(Side::Theirs),
        _ => Err(format!("a side is `ours` or `theirs`, not {word:?}")),
    }
}

fn number(word: &str) -> Result<usize, String> {
    word.parse().map_err(|_| format!("{word:?} is no number"))
}
