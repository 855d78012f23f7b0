//! The conformance suite on every backend, on `AnyRuntime` over each, and on an adapter that a third
//! party might have written.

use anyrt_conformance::{Erased, conformance};

mod harness;
mod toy;

use harness::{OnAsyncStd, OnBuiltin, OnSmol, OnTokioCurrent, OnTokioMulti};

conformance!(on_builtin, OnBuiltin);
conformance!(on_tokio_multi, OnTokioMulti);
conformance!(on_tokio_current, OnTokioCurrent);
conformance!(on_smol, OnSmol);
conformance!(on_async_std, OnAsyncStd);

conformance!(on_any_builtin, Erased<OnBuiltin>);
conformance!(on_any_tokio_multi, Erased<OnTokioMulti>);
conformance!(on_any_tokio_current, Erased<OnTokioCurrent>);
conformance!(on_any_smol, Erased<OnSmol>);
conformance!(on_any_async_std, Erased<OnAsyncStd>);

conformance!(on_toy, toy::OnToy);
conformance!(on_any_toy, Erased<toy::OnToy>);
