//! The Hugging Face Hub: what a repository holds at a commit, and its files in exactly the layout of the official cache.
//!
//! Resolving asks a server (`api`, `search`); everything else is paths and small writes below the Hub's cache. Readers use
//! only `refs/` and `snapshots/`, so those are written last, and correctness never depends on a lock.

pub mod api;
pub mod claims;
pub mod error;
pub mod formats;
mod gguf;
pub mod layout;
mod link;
mod listing;
pub mod locks;
pub mod marks;
pub mod names;
pub mod no_exist;
mod origin;
pub mod patterns;
pub mod place;
pub mod refs;
mod refusal;
pub mod remove;
mod resolve;
pub mod search;
pub mod settings;
pub mod state;
pub mod store;
pub mod symlinks;
pub mod trees;
mod weights;

pub use error::Error;
pub use refusal::explain;
pub use resolve::{HubAsk, Resolved, resolve};
pub use settings::Settings;
