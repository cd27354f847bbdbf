//! modelstrap makes a machine-learning project ready on any machine: one cache for every library.
//!
//! The rooms below are listed from the top of the house to its foundations, and imports point
//! downwards only; `tests/laws/` holds that. `ARCHITECTURE.md` says what each room is for.

pub mod cli;
pub mod commands;
pub mod ui;

pub mod environments;
pub mod fetch;
pub mod generate;
pub mod models;
pub mod setup;

pub mod cache;
pub mod catalogue;
pub mod plan;
pub mod platform;
pub mod project;
pub mod support;
