//! Where the libraries look: the folders that models are placed into.

use std::path::PathBuf;

/// The folders that models are placed into, as the project's variables lead the libraries there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Homes {
    /// The cache root.
    pub root: PathBuf,
    /// `HF_HUB_CACHE`: the Hub's cache.
    pub hub: PathBuf,
    /// openai-whisper's folder.
    pub whisper: PathBuf,
    /// `TORCH_HOME/hub`: holds `checkpoints` and unpacked repositories.
    pub torch_hub: PathBuf,
    /// Wheels of models that are Python packages.
    pub wheels: PathBuf,
    /// Files of `url:` models.
    pub files: PathBuf,
}
