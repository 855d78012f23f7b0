//! Shows, live, where the runtimes differ, and that `anyrt` behaves alike on all of them.
//!
//! ```text
//! cargo run --example differences                    # the whole table
//! cargo run --example differences -- --row 8 -v      # one row, with what its cells wrote to stderr
//! ```
//!
//! Each row is a small experiment, done by the book on each raw runtime (left), and once more through
//! `anyrt`, written **once** and generic over the backend (right). The numbers are those of
//! BACKENDS.md, the authors' list of 29 ways in which the runtimes differ, which is not in this
//! repository. Claimed here are 1 to 10, 12, 13, 15, 17, 20, 21, 23, 24 and 27 to 29: what the task
//! root and the adapters decide, as far as one process can observe it without luck. Not claimed:
//!
//! * 11, 14, 26: what drives a runtime stays its own affair. `anyrt` shows it in the types (only an
//!   owner has `block_on`) instead of hiding it.
//! * 16, 18, 19, 22: grain, order and fairness are the scheduler's.
//! * 25: a paused clock is Tokio's alone.
//!
//! Each cell runs in a child process of its own with a deadline, because some abort and others could
//! hang: such ends are seen from outside. All runtimes have one executor thread and one thread for
//! blocking jobs, so that "the worker is busy" and "the job is queued" are facts and not races.
//!
//! The last line counts what was seen. The exit status is 1 if `anyrt`'s cells differ in a row, or
//! show something else than the row promises.

mod backend;
mod child;
mod probe;
mod raw;
mod row;
mod rows;
mod table;

use std::process::ExitCode;

use row::{COLUMNS, Claim};
use table::Table;

const USAGE: &str = "usage: differences [--row N]... [--verbose | -v]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args[..] {
        [child::CELL, row, column] => be_a_cell(row, column),
        _ => show(&args),
    };
    result.unwrap_or_else(|complaint| {
        eprintln!("{complaint}\n{USAGE}");
        ExitCode::from(2)
    })
}

/// What a child process does: one cell.
fn be_a_cell(row: &str, column: &str) -> Result<ExitCode, String> {
    let claim = number(row).and_then(claim)?;
    let column = COLUMNS
        .iter()
        .position(|c| c.key == column)
        .ok_or_else(|| format!("no column {column}"))?;
    child::answer(&(claim.cells[column])());
    // At once: what the process' end would do to a runtime is no part of any row.
    std::process::exit(0);
}

fn show(args: &[&str]) -> Result<ExitCode, String> {
    let mut chosen = Vec::new();
    let mut verbose = false;
    let mut args = args.iter();
    while let Some(&arg) = args.next() {
        match arg {
            "--row" => {
                let row = args.next().ok_or("--row wants a number")?;
                chosen.push(number(row).and_then(claim)?);
            }
            "--verbose" | "-v" => verbose = true,
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(ExitCode::SUCCESS);
            }
            _ => return Err(format!("what is {arg:?}?")),
        }
    }
    if chosen.is_empty() {
        chosen = rows::claims();
    }

    let seen = child::run_all(&chosen)
        .map_err(|error| format!("cannot run this program again as a child: {error}"))?;
    if verbose {
        table::print_stderr(&chosen, &seen);
    }
    let table = Table::new(&chosen, &seen);
    print!("{table}");
    Ok(match table.keeps_its_promise() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn number(text: &str) -> Result<u8, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no row number"))
}

fn claim(number: u8) -> Result<Claim, String> {
    rows::claims()
        .into_iter()
        .find(|claim| claim.number == number)
        .ok_or_else(|| {
            format!(
                "row {number} is not claimed; these are: {}",
                rows::numbers()
            )
        })
}
