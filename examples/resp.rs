//! Learn: a parser that is written as a plain loop, and is fed by whoever has the bytes.
//!
//! The parser of RESP (what Redis speaks) is a coroutine: where it needs more bytes it yields, and goes on
//! where it was when it is given some, in the middle of a line or of a nested array. It knows neither
//! sockets nor a runtime; a reader that blocks and one that awaits drive the same code.
//!
//! `cargo run --example resp`

#![allow(clippy::unwrap_used, reason = "an example, which asserts")]

use std::io::{self, Read};
use std::pin::Pin;

use anyrt::backend::builtin::BuiltinRuntime;
use anyrt::prelude::*;
use anyrt::{Co, Step, await_sync, coroutine};
use futures::io::{AsyncRead, AsyncReadExt};

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Option<Vec<u8>>),
    Array(Vec<Value>),
}

/// Why there is no value.
#[derive(Debug, PartialEq)]
enum Broken {
    /// The input ended in the middle.
    Ended,
    Syntax(&'static str),
}

/// The parser asks for bytes with a yield, and is given them, or `None` at the end of the input.
struct Input<'a> {
    co: &'a Co<(), Option<Vec<u8>>>,
    bytes: Vec<u8>,
    at: usize,
}

impl Input<'_> {
    async fn byte(&mut self) -> Result<u8, Broken> {
        while self.at == self.bytes.len() {
            self.bytes = self.co.yield_(()).await.ok_or(Broken::Ended)?;
            self.at = 0;
        }
        self.at += 1;
        Ok(self.bytes[self.at - 1])
    }

    async fn line(&mut self) -> Result<String, Broken> {
        let mut line = Vec::new();
        loop {
            match self.byte().await? {
                b'\r' if self.byte().await? == b'\n' => break,
                b'\r' => return Err(Broken::Syntax("a bare return")),
                byte => line.push(byte),
            }
        }
        String::from_utf8(line).map_err(|_| Broken::Syntax("not UTF-8"))
    }

    async fn number(&mut self) -> Result<i64, Broken> {
        let line = self.line().await?;
        line.parse().map_err(|_| Broken::Syntax("not a number"))
    }

    /// Recursion as in any other code: the yield is however deep the array is.
    fn value(&mut self) -> Pin<Box<dyn Future<Output = Result<Value, Broken>> + Send + '_>> {
        Box::pin(async move {
            Ok(match self.byte().await? {
                b'+' => Value::Simple(self.line().await?),
                b'-' => Value::Error(self.line().await?),
                b':' => Value::Integer(self.number().await?),
                b'$' => match usize::try_from(self.number().await?) {
                    Err(_) => Value::Bulk(None),
                    Ok(length) => {
                        let mut bulk = Vec::new();
                        for _ in 0..length {
                            bulk.push(self.byte().await?);
                        }
                        match self.line().await?.is_empty() {
                            true => Value::Bulk(Some(bulk)),
                            false => return Err(Broken::Syntax("a bulk that does not end")),
                        }
                    }
                },
                b'*' => {
                    let mut values = Vec::new();
                    for _ in 0..self.number().await? {
                        values.push(self.value().await?);
                    }
                    Value::Array(values)
                }
                _ => return Err(Broken::Syntax("an unknown kind")),
            })
        })
    }
}

async fn parse(co: Co<(), Option<Vec<u8>>>) -> Result<Value, Broken> {
    let mut input = Input {
        co: &co,
        bytes: Vec::new(),
        at: 0,
    };
    input.value().await
}

/// Drives the parser with a reader that blocks.
fn read_sync(mut from: impl Read) -> Result<Value, Broken> {
    let driven = coroutine(parse).drive(|()| {
        let mut chunk = vec![0; 7];
        let length = from.read(&mut chunk).unwrap_or(0);
        chunk.truncate(length);
        (length > 0).then_some(chunk)
    });
    await_sync(driven).unwrap()
}

/// Drives the same parser with a reader that awaits.
async fn read_async(mut from: impl AsyncRead + Unpin) -> io::Result<Result<Value, Broken>> {
    let mut parser = coroutine(parse);
    let mut step = parser.run().await;
    loop {
        match step.unwrap() {
            Step::Done(value) => return Ok(value),
            Step::Yield(()) => {
                let mut chunk = vec![0; 3];
                let length = from.read(&mut chunk).await?;
                chunk.truncate(length);
                step = parser.resume((length > 0).then_some(chunk)).await;
            }
        }
    }
}

fn main() {
    let text = b"*4\r\n+OK\r\n:-42\r\n$5\r\nhe\r\nl\r\n*2\r\n$-1\r\n-no such key\r\n";
    let value = Value::Array(vec![
        Value::Simple("OK".into()),
        Value::Integer(-42),
        Value::Bulk(Some(b"he\r\nl".to_vec())),
        Value::Array(vec![Value::Bulk(None), Value::Error("no such key".into())]),
    ]);

    assert_eq!(read_sync(&text[..]), Ok(value.clone()));

    let owner = BuiltinRuntime::new();
    let parsed = owner.block_on(read_async(&text[..])).unwrap();
    assert_eq!(parsed, Ok(value.clone()));

    // Byte by byte, and cut off in the middle.
    let mut parser = coroutine(parse);
    await_sync(parser.run()).unwrap().unwrap();
    let mut last = None;
    for byte in text {
        last = await_sync(parser.resume(Some(vec![*byte])))
            .unwrap()
            .unwrap()
            .done();
    }
    assert_eq!(last.unwrap(), Ok(value));
    assert_eq!(read_sync(&text[..20]), Err(Broken::Ended));
    assert_eq!(read_sync(&b"?"[..]), Err(Broken::Syntax("an unknown kind")));
    println!("sync, async and byte by byte: all read the same");
}
