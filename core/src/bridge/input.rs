//! Lines from standard input, in a future that can be dropped.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::region::frame;
use crate::runtime::{Timer, after};

/// How long nobody looks whether there is something to read.
const STEP: Duration = Duration::from_millis(20);
/// How much is read in one poll, so that others have their turn.
const MOST: usize = 1 << 14;

/// Prints `prompt` without a line break, and gives the next line of standard input.
///
/// `None` is the end of the input. Of the line, the line break at its end is taken off, `\n` or `\r\n`, and
/// nothing else. A last line without one is given as it is.
///
/// No thread waits in a read: the input is looked at every 20 milliseconds by the clock of `rt`. So dropping the
/// future ends it, the process ends when `main` does, and what is typed later is there for the next who
/// reads. What was read of a line by then, where the terminal gives it in parts, is kept for the next call.
/// It reads no further than to the end of the line; but it does not see what [`std::io::stdin`] has read
/// already, so a program uses one of them.
///
/// Cancel safe: nothing of the input is lost. The prompt is printed at the first poll.
///
/// # Errors
///
/// What reading or writing gives; [`InvalidData`](io::ErrorKind::InvalidData), and the line is gone, where it
/// is not UTF-8. On systems other than Unix: [`Unsupported`](io::ErrorKind::Unsupported), always.
///
/// # Panics
///
/// When it is polled again after it was ready.
///
/// # Examples
///
/// ```no_run
/// use anyrt::{backend::builtin::BuiltinRuntime, line_input, prelude::*};
///
/// let owner = BuiltinRuntime::new();
/// let rt = owner.handle();
/// owner.block_on(async {
///     match line_input(rt, "your name? ").timeout(rt, 10.secs()).await {
///         Ok(Ok(Some(name))) => println!("hello {name}"),
///         Ok(Ok(None)) => println!("\nbye"),
///         Ok(Err(error)) => eprintln!("{error}"),
///         Err(_) => println!("\nnobody is there"),
///     }
/// });
/// ```
#[doc(alias = "a_input")]
#[doc(alias = "read_line")]
pub fn line_input<R: Timer>(rt: &R, prompt: impl Into<String>) -> LineInput<R> {
    /// What was read of a line that nobody has got yet.
    static BEGUN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    LineInput {
        input: Input {
            begun: &BEGUN,
            read: source::read_stdin,
        },
        rt: rt.clone(),
        stage: Stage::New(prompt.into()),
    }
}

/// The future of [`line_input`].
#[must_use = "nothing is asked and read unless this is awaited"]
pub struct LineInput<R: Timer> {
    input: Input<fn() -> io::Result<Read>>,
    rt: R,
    stage: Stage<R::Sleep>,
}

enum Stage<S> {
    New(String),
    Looking(Pin<Box<S>>),
    Over,
}

impl<R: Timer> LineInput<R> {
    /// What there is by now, or how long to wait for more.
    fn look(&mut self) -> Poll<io::Result<Option<String>>> {
        if let Stage::New(prompt) = &mut self.stage {
            let prompt = std::mem::take(prompt);
            source::print(&prompt)?;
        }
        self.input.line()
    }
}

// What is pinned is in a box.
impl<R: Timer> Unpin for LineInput<R> {}

impl<R: Timer> Future for LineInput<R> {
    type Output = io::Result<Option<String>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match &mut this.stage {
            Stage::Over => panic!("a `line_input` was polled after it was ready"),
            Stage::New(_) if frame::is_stopping() => return Poll::Pending,
            Stage::New(_) => {}
            Stage::Looking(sleep) => {
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        }
        if let Poll::Ready(line) = this.look() {
            this.stage = Stage::Over;
            return Poll::Ready(line);
        }
        let deadline = after(this.rt.now(), STEP);
        let mut sleep = Box::pin(this.rt.sleep_until(deadline));
        // Registers the waker. A clock that has passed the moment by now is looked at once more.
        if sleep.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        this.stage = Stage::Looking(sleep);
        Poll::Pending
    }
}

impl<R: Timer> fmt::Debug for LineInput<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::New(_) => "new",
            Stage::Looking(_) => "looking",
            Stage::Over => "over",
        };
        f.debug_struct("LineInput")
            .field("stage", &stage)
            .finish_non_exhaustive()
    }
}

/// What a look at the input gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Byte(u8),
    /// Nothing for now.
    Nothing,
    End,
}

/// Lines out of something that gives one byte at a time, and never waits.
pub(super) struct Input<F> {
    pub(super) begun: &'static Mutex<Vec<u8>>,
    pub(super) read: F,
}

impl<F: FnMut() -> io::Result<Read>> Input<F> {
    /// The next line, if it is there by now.
    pub(super) fn line(&mut self) -> Poll<io::Result<Option<String>>> {
        // All that others do with it is this.
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..MOST {
            match (self.read)()? {
                Read::Byte(b'\n') => {
                    if begun.last() == Some(&b'\r') {
                        begun.pop();
                    }
                    return Poll::Ready(text(std::mem::take(&mut *begun)).map(Some));
                }
                Read::Byte(byte) => begun.push(byte),
                Read::Nothing => return Poll::Pending,
                Read::End if begun.is_empty() => return Poll::Ready(Ok(None)),
                Read::End => return Poll::Ready(text(std::mem::take(&mut *begun)).map(Some)),
            }
        }
        Poll::Pending
    }
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(unix)]
pub(super) mod source {
    //! What there is to read, without waiting.

    use std::io::{self, Write};
    use std::os::fd::AsFd;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;

    use super::Read;

    pub(super) fn print(prompt: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(prompt.as_bytes())?;
        out.flush()
    }

    pub(super) fn read_stdin() -> io::Result<Read> {
        read(io::stdin())
    }

    /// One byte: what comes after the line is left where it is, for whoever reads next.
    pub(in crate::bridge) fn read(from: impl AsFd) -> io::Result<Read> {
        loop {
            let mut fds = [PollFd::new(&from, PollFlags::IN)];
            let ready = match poll(&mut fds, Some(&Timespec::default())) {
                Ok(ready) => ready,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            if ready == 0 {
                return Ok(Read::Nothing);
            }
            let mut byte = [0];
            match rustix::io::read(&from, &mut byte) {
                Ok(0) => return Ok(Read::End),
                Ok(_) => return Ok(Read::Byte(byte[0])),
                Err(Errno::INTR) => {}
                // Somebody else has taken it.
                Err(Errno::AGAIN) => return Ok(Read::Nothing),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(not(unix))]
mod source {
    //! Here nothing tells whether a read would wait.

    use std::io;

    use super::Read;

    pub(super) fn print(_: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn read_stdin() -> io::Result<Read> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
