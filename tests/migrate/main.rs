//! `modelstrap migrate`: what lies outside of the cache comes into it, once, and nothing is lost on the way.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so and stops")]

#[path = "../support/strace.rs"]
mod strace;
#[path = "../support/stray.rs"]
mod stray;
#[path = "../support/mod.rs"]
mod support;

mod again;
mod asked;
mod dedupes_links;
mod disks;
mod hubs;
mod last_use;
mod linkless;
mod mixed;
mod names_of_one;
mod others;
mod own_links;
mod proven;
mod stays;
mod whole;
mod words;
