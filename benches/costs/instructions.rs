//! Instructions for one operation, counted by callgrind where valgrind is installed.
//!
//! A count does not depend on how busy the machine is, and says what a ratio of times cannot: which
//! function it is. `callgrind_annotate` shows that after
//! `valgrind --tool=callgrind target/release/deps/costs-… --once spawn_raw tokio-current ours 10000`.

use super::child;
use super::labs::Lab;
use super::measure::Cost;

/// Two runs that differ in this many operations: what the process does otherwise cancels out.
const FEW: usize = 4_000;
const MANY: usize = 12_000;

/// Counts one row on one backend.
pub(crate) fn count<L: Lab>(row: &str) -> Result<Cost, String> {
    let side = |side: &str| {
        let run = |ops: usize| {
            let args = ["--once", row, L::NAME, side, &ops.to_string()].map(str::to_owned);
            let options = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
            collected(&child::under("valgrind", &options, &args)?)
        };
        Ok::<_, String>((run(MANY)? - run(FEW)?) / (MANY - FEW) as f64)
    };
    Ok(Cost::counted(
        side("ours")?,
        side("theirs")?,
        "instructions",
    ))
}

/// Reads callgrind's `Collected : 12345`.
fn collected(said: &str) -> Result<f64, String> {
    let number = said.lines().find_map(|line| {
        let (_, after) = line.split_once("Collected :")?;
        after.trim().parse().ok()
    });
    number.ok_or_else(|| format!("no count in what callgrind said: {said}"))
}

/// Whether valgrind is there. Without it these rows are left out; the times stand by themselves.
pub(crate) fn available() -> bool {
    std::process::Command::new("valgrind")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}
