//! The models that a project names: what is meant (`spec`), what exactly that is (`lock`), and where its files go.
//!
//! A spec resolves, by its source, to [`locked::Model`]: commits, paths, sizes, digests. That is what the lock file keeps, and
//! it is all that placing, checking and exporting need: only resolving asks a server what something is.

pub mod bounds;
pub mod bring;
pub mod diff;
pub mod documents;
pub mod export;
pub mod footprint;
pub mod homes;
pub mod hub;
pub mod keeper;
pub mod lock;
pub mod locked;
pub mod mend;
pub mod names;
pub mod pickle;
pub mod placement;
pub mod rehash;
pub mod request;
pub mod resolve;
pub mod sources;
pub mod spec;
pub mod web;
mod web_page;
pub mod when;
pub mod world;
