//! What is seen: the sums on stdout; the progress bar and the failures on stderr.

use std::cmp::Ordering;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use crate::hash::Sum;
use crate::walk::Failure;

/// Compares paths as `LC_ALL=C sort` does; `Path`'s own order goes by components.
pub(crate) fn by_bytes(a: &Path, b: &Path) -> Ordering {
    let (a, b) = (a.as_os_str(), b.as_os_str());
    a.as_encoded_bytes().cmp(b.as_encoded_bytes())
}

/// Returns the line that shows the search: only on a terminal, it is silent elsewhere.
pub(crate) fn search_line() -> ProgressBar {
    match io::stderr().is_terminal() {
        true => ProgressBar::no_length().with_style(style("{pos} files found, {elapsed}")),
        false => ProgressBar::hidden(),
    }
}

/// Turns the line into the progress bar of the hashing.
pub(crate) fn into_progress_bar(line: &ProgressBar, files: usize) {
    line.set_position(0);
    line.set_length(files as u64);
    line.set_style(style("{wide_bar} {pos} of {len} files, {elapsed}"));
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well-formed")
}

/// Prints the sums. A reader that has gone has seen enough: that is no error.
pub(crate) fn print(sums: &[(PathBuf, Sum)]) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = sums
        .iter()
        .try_for_each(|(path, sum)| line(&mut out, sum, path))
        .and_then(|()| out.flush());
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes one line as `sha256sum` does: a backslash in front says that the name is escaped.
fn line(out: &mut impl Write, sum: &Sum, path: &Path) -> io::Result<()> {
    let name = path.as_os_str().as_encoded_bytes();
    if name
        .iter()
        .any(|byte| matches!(byte, b'\\' | b'\n' | b'\r'))
    {
        out.write_all(b"\\")?;
    }
    for byte in sum {
        write!(out, "{byte:02x}")?;
    }
    out.write_all(b"  ")?;
    for byte in name {
        match byte {
            b'\\' => out.write_all(b"\\\\")?,
            b'\n' => out.write_all(b"\\n")?,
            b'\r' => out.write_all(b"\\r")?,
            byte => out.write_all(&[*byte])?,
        }
    }
    out.write_all(b"\n")
}

/// Reports what could not be read. Names are quoted: they may hold what a terminal obeys.
pub(crate) fn report(failures: &[Failure]) {
    for (path, error) in failures {
        say(format_args!("{path:?}: {error}"));
    }
}

/// Writes a message to stderr; `eprintln!` would panic where nobody reads it.
pub(crate) fn say(message: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "treesum: {message}");
}
