//! The test hub is right: the real Python clients download from it, and each of its faults is what it says.
//!
//! `MODELSTRAP_TEST_PYTHON` names an interpreter with huggingface_hub 2.4.0, `MODELSTRAP_TEST_PYTHON_OLD` one with
//! 0.36.0. Python's clients make links in their cache, so that part is for Unix.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[cfg(unix)]
mod clients;
mod faults;
#[path = "../support/hub/mod.rs"]
mod hub;
mod protocol;
mod proxies;
#[cfg(unix)]
#[path = "../support/python.rs"]
mod python;
mod raw;
mod serve;
