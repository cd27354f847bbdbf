//! What resolving and placing models depend on, gathered once.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::homes::Homes;
use super::hub::Settings;
use crate::fetch::{Client, Credential};

/// The network, the folders and the switches that models are resolved and placed with.
#[derive(Debug, Clone)]
pub struct World {
    /// Where the libraries look.
    pub homes: Homes,
    /// The Hub: its endpoint, the layout's switches.
    pub hub: Settings,
    /// The Hub's token as the engine sends it: to the Hub's endpoint only.
    pub credential: Option<Arc<Credential>>,
    /// GitHub's token, for `api.github.com` only.
    pub github: Option<Arc<Credential>>,
    /// Everything that is asked of a server goes through it.
    pub client: Client,
    /// A mark of the project, for the references that protect its models.
    pub project: String,
    /// The names of the project's models: only what it names is held in the cache for it.
    pub named: HashSet<String>,
    /// The Python environments that the manifest names, absolute.
    pub environments: Vec<(String, PathBuf)>,
}
