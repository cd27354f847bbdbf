//! What a person answered on this machine and the manifest does not say: remembered, so that it is asked once.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// The file in `.modelstrap/`.
pub const FILE: &str = "answers.json";

/// Answers that differ from the manifest; `None` leaves the manifest's word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answers {
    /// Where the cache is: as `[cache] base_dir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_dir: Option<String>,
    /// Which libraries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub libraries: Option<Vec<String>>,
    /// Which rc files: as `--profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Whether `~/.cache/whisper` is linked into the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_whisper: Option<bool>,
}

impl Answers {
    /// The answers kept in `state_folder`; none when there are none or they cannot be read.
    pub fn load(state_folder: &Path) -> Self {
        std::fs::read(state_folder.join(FILE))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// The file's content.
    pub fn render(&self) -> String {
        // Strings and a flag always serialise.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}
