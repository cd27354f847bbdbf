//! The test hub is right: the real Python clients download from it, and each of its faults is what it says.
//!
//! `MODELSTRAP_TEST_PYTHON` names an interpreter with huggingface_hub 2.4.0, `MODELSTRAP_TEST_PYTHON_OLD` one with
//! 0.36.0. Python's clients make links in their cache, so that part is for Unix.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[cfg(unix)]
#[path = "hub_server/clients.rs"]
mod clients;
#[path = "hub_server/faults.rs"]
mod faults;
#[path = "support/hub/mod.rs"]
mod hub;
#[path = "hub_server/protocol.rs"]
mod protocol;
#[path = "hub_server/proxies.rs"]
mod proxies;
#[cfg(unix)]
#[path = "support/python.rs"]
mod python;
#[path = "hub_server/raw.rs"]
mod raw;
#[path = "hub_server/serve.rs"]
mod serve;
