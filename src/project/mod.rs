//! What a project is: its root, its manifest, the answers remembered for this machine, and its place in Git.

pub mod answers;
pub mod git;
pub mod hub_version;
pub mod ignored;
pub mod manifest;
pub mod manifest_edit;
pub mod model_entry;
pub mod problem;
pub mod root;

pub use manifest::Manifest;
pub use root::Project;
