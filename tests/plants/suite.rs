//! The part of the conformance suite that finds the plants: few runtimes, so that it builds fast.

use anyrt_conformance::{Erased, conformance, virtual_time};

#[path = "../harness/mod.rs"]
mod harness;

use harness::{OnBuiltin, OnTokioCurrent, OnTokioMulti};

conformance!(on_builtin, OnBuiltin);
conformance!(on_any_builtin, Erased<OnBuiltin>);
conformance!(on_tokio_multi, OnTokioMulti);
conformance!(on_tokio_current, OnTokioCurrent);
virtual_time!(clock_on_builtin, OnBuiltin);
virtual_time!(clock_on_tokio_multi, OnTokioMulti);
