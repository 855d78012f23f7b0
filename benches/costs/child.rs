//! Running this program once more, alone or under a tool.

use std::env;
use std::ffi::OsStr;
use std::process::{Command, Output};

/// Runs this program with `args` and gives what it printed.
pub(crate) fn own_output(args: &[String]) -> Result<String, String> {
    let exe = env::current_exe().map_err(|error| error.to_string())?;
    let output = run(Command::new(exe).args(args))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs this program with `args` under `tool` and gives what the tool printed to standard error.
pub(crate) fn under(tool: &str, options: &[&str], args: &[String]) -> Result<String, String> {
    let exe = env::current_exe().map_err(|error| error.to_string())?;
    let all = options.iter().map(OsStr::new).chain([exe.as_os_str()]);
    let output = run(Command::new(tool).args(all).args(args))?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(output),
        false => Err(format!(
            "{command:?}: {}, {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}
