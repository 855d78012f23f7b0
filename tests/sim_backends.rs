//! The conformance suite on the simulator: alone, and on a runtime with several threads.

use anyrt_conformance::conformance;

mod harness;

use harness::{OnSim, OnTokioMulti, Simulated};

conformance!(on_sim, OnSim);
conformance!(on_sim_tokio_multi, Simulated<OnTokioMulti>);
