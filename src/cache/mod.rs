//! What the caches hold, and how they are kept healthy.
//!
//! `places` says where cached data may lie, `scan` reads those folders once and gives an [`Inventory`], and every verb works on
//! that: nothing here asks the disk a second time what the scan has seen.

pub mod archive;
pub mod duplicates;
pub mod filter;
pub mod hollow;
pub mod hub;
pub mod inventory;
pub mod link;
pub mod migrate;
pub mod notes;
pub mod ollama;
pub mod others;
pub mod parts;
pub mod places;
pub mod remove;
pub mod report;
pub mod roll;
pub mod scan;
pub mod select;
pub mod sizes;
pub use crate::support::stamp;
pub mod trust;
pub mod verify;
mod weights;

pub use inventory::Inventory;
pub use places::{Kind, Place};
pub use sizes::Sizes;
pub use stamp::Stamp;
