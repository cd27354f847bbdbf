//! `modelstrap verify`: whatever is cached and has a known digest is read again, offline; `--fix` mends what is damaged and nothing else.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[path = "../support/hub/mod.rs"]
mod hub;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/zoo.rs"]
mod zoo;

mod caches;
mod found;
#[cfg(target_os = "linux")]
mod memory;
mod mended;
mod words;
