//! Every test is a part of this one program, a folder a subject: `cargo test prune` runs what has the word in its path.
//!
//! One program, since linking is what a test costs (a hundred programs took as long to build as to run), and since a long test
//! leaves the other cores to the rest only where the rest is in the same program.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so and stops")]
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, unused_imports, reason = "most tests are for Unix, some for Linux")
)]

mod backup;
mod bad_input;
mod catalogue;
mod checklist;
mod cleaning;
mod dedupe;
mod download;
mod hub_layout;
mod hub_server;
mod laws;
mod machines;
mod migrate;
mod models;
mod one_of_each;
mod setup;
mod shells;
mod status;
mod support;
mod verify;
