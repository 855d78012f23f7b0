//! Virtual time on every backend, and the conformance suite in virtual time.

use anyrt_conformance::{InVirtualTime, conformance, virtual_time};

mod harness;
mod toy;

use harness::{OnAsyncStd, OnBuiltin, OnSmol, OnTokioCurrent, OnTokioMulti};

virtual_time!(on_builtin, OnBuiltin);
virtual_time!(on_tokio_multi, OnTokioMulti);
virtual_time!(on_tokio_current, OnTokioCurrent);
virtual_time!(on_smol, OnSmol);
virtual_time!(on_async_std, OnAsyncStd);
virtual_time!(on_toy, toy::OnToy);

conformance!(on_virtual_builtin, InVirtualTime<OnBuiltin>);
conformance!(on_virtual_tokio_multi, InVirtualTime<OnTokioMulti>);
