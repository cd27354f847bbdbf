//! The snippets and the plain exports, proven by the shells themselves: what arrives in a child process.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so and stops")]

#[path = "../support/mod.rs"]
mod support;

mod programs;
mod run;
mod text;
