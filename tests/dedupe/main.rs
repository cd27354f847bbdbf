//! `modelstrap dedupe`: what is stored twice becomes one, the hub's copy stays, and nothing is lost on the way.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so and stops")]

#[path = "../support/bytes.rs"]
mod bytes;
#[cfg(target_os = "linux")]
#[path = "../support/peak.rs"]
mod peak;
#[path = "../support/project.rs"]
mod project;
#[cfg(target_os = "linux")]
#[path = "../support/strace.rs"]
mod strace;

mod desk;
mod hostile;
mod killed;
#[cfg(target_os = "linux")]
mod memory;
mod one;
mod script;
mod systems;
