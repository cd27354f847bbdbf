//! The models that a project names: what is meant (`spec`), what exactly that is (`lock`), and where its files go.
//!
//! A spec resolves, by its source, to [`locked::Model`]: commits, paths, sizes, digests. That is what the lock file keeps, and
//! it is all that placing, checking and exporting need: only resolving asks a server what something is.

pub mod diff;
pub mod export;
pub mod homes;
pub mod lock;
pub mod hub;
pub mod locked;
pub mod names;
pub mod request;
pub mod spec;
pub mod web;
pub mod when;
pub mod pickle;
pub mod rehash;
pub mod sources;
