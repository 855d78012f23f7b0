//! The conformance suite on the simulator: alone, and on the threads of each runtime.
//!
//! `ANYRT_SIM_HOST=smol cargo test --test sim_backends on_sim_hosted` runs all cases on one of them.

use anyrt_conformance::conformance;

mod harness;

use harness::{OnSim, OnSimHosted};

conformance!(on_sim, OnSim);
conformance!(on_sim_hosted, OnSimHosted);
