//! `main` behind names that shadow what the expansion could have picked up.

#![allow(dead_code, non_camel_case_types)]

use ::anyrt::Runtime;
use ::std::process::ExitCode;

mod anyrt {}
mod core {}
mod std {}
struct Settings;
struct Option;
struct usize;
fn on_builtin() {}

#[::anyrt::main(builtin, threads = 2, crate = "::anyrt")]
async fn main(rt: impl Runtime) -> ExitCode {
    rt.spawn(async {}).await.unwrap();
    ExitCode::SUCCESS
}
