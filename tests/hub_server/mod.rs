//! The test hub is right: the real Python clients download from it, and each of its faults is what it says.
//!
//! `MODELSTRAP_TEST_PYTHON` names an interpreter with huggingface_hub 2.4.0, `MODELSTRAP_TEST_PYTHON_OLD` one with
//! 0.36.0. Python's clients make links in their cache, so that part is for Unix.

#[cfg(unix)]
mod clients;
mod faults;
mod protocol;
mod proxies;
mod raw;
mod serve;
