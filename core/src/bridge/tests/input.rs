//! Lines out of a source that gives bytes, and out of a socket.

use std::io::{self, ErrorKind};
use std::sync::Mutex;
use std::task::Poll;

use crate::bridge::input::{Input, Read};

type Line = Poll<io::Result<Option<String>>>;

/// An input of its own, with its own beginning of a line.
fn input<F: FnMut() -> io::Result<Read>>(read: F) -> Input<F> {
    Input {
        begun: Box::leak(Box::new(Mutex::new(Vec::new()))),
        read,
    }
}

/// Gives these bytes one by one; a `~` is a moment without any.
fn of(bytes: &'static [u8]) -> Input<impl FnMut() -> io::Result<Read>> {
    let mut bytes = bytes.iter();
    input(move || {
        Ok(match bytes.next() {
            Some(b'~') => Read::Nothing,
            Some(&byte) => Read::Byte(byte),
            None => Read::End,
        })
    })
}

fn line(polled: Line) -> Option<String> {
    match polled {
        Poll::Ready(line) => line.unwrap(),
        Poll::Pending => panic!("there is no line"),
    }
}

#[test]
fn a_line_comes_without_its_break_and_as_it_is() {
    let mut input = of(b" two words \t\nwindows\r\n\n\rlast");
    assert_eq!(line(input.line()).as_deref(), Some(" two words \t"));
    assert_eq!(line(input.line()).as_deref(), Some("windows"));
    assert_eq!(line(input.line()).as_deref(), Some(""));
    assert_eq!(line(input.line()).as_deref(), Some("\rlast"));
    assert_eq!(line(input.line()), None);
    assert_eq!(line(input.line()), None);
}

#[test]
fn what_has_come_of_a_line_is_kept_for_the_next_who_asks() {
    let mut first = of(b"hel~");
    assert!(first.line().is_pending());
    let mut second = Input {
        begun: first.begun,
        read: of(b"lo\n").read,
    };
    drop(first);
    assert_eq!(line(second.line()).as_deref(), Some("hello"));
}

#[test]
fn what_is_no_text_is_an_error_and_the_next_line_comes() {
    let mut input = of(b"\xff\nfine\n");
    let Poll::Ready(Err(error)) = input.line() else {
        panic!("it is no text");
    };
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(line(input.line()).as_deref(), Some("fine"));
}

#[test]
fn a_line_without_end_lets_others_have_their_turn() {
    let mut input = input(|| Ok(Read::Byte(b'a')));
    assert!(input.line().is_pending());
}

#[cfg(unix)]
mod sockets {
    use std::io::{Read as _, Write};
    use std::os::unix::net::UnixStream;

    use super::{input, line};
    use crate::bridge::input::source::read;

    #[test]
    fn nobody_waits_and_what_comes_after_the_line_is_left() {
        let (mut tx, mut rx) = UnixStream::pair().unwrap();
        let from = rx.try_clone().unwrap();
        let mut input = input(move || read(&from));
        assert!(input.line().is_pending());
        tx.write_all(b"par").unwrap();
        assert!(input.line().is_pending());
        tx.write_all(b"t\nfor others").unwrap();
        assert_eq!(line(input.line()).as_deref(), Some("part"));
        drop(tx);
        let mut left = String::new();
        rx.read_to_string(&mut left).unwrap();
        assert_eq!(left, "for others");
        assert_eq!(line(input.line()), None);
    }

    #[test]
    fn a_source_that_is_broken_is_an_error() {
        let folder = std::fs::File::open("/").unwrap();
        let mut input = input(move || read(&folder));
        assert!(matches!(input.line(), std::task::Poll::Ready(Err(_))));
    }
}
