//! The main job: detect, decide, plan. Everything here is a function of data; `plan::apply` does the writing.
//!
//! [`Layout`] settles where the cache is and which libraries use it (flags before remembered answers before the
//! manifest before the default); [`Scene`] adds what the machine is; each file in [`parts`] says what one part of setup
//! wants on the disk.

pub mod cache_root;
pub mod disk_notes;
pub mod layout;
pub mod outside;
pub mod parts;

pub use layout::{Layout, Overrides};
pub use parts::{Part, Scene};
