//! The Hub's checklist, 6 to 17: what lies in the cache after a download, name by name and byte by byte.
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

mod files;
mod names;
mod scanner;
mod store;
