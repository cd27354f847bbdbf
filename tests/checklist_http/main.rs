//! The Hub's checklist, 18 to 35: what is asked of the server, in which order, and what comes of every fault.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[path = "../support/desk.rs"]
mod desk;
#[path = "../support/hub/mod.rs"]
mod hub;
#[path = "../support/project.rs"]
mod project;
#[path = "../support/python.rs"]
mod python;

mod access;
mod faults;
mod order;
mod resume;
