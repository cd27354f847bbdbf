//! What a person answered on this machine and the manifest does not say: remembered, so that it is asked once.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::support::bounded;

/// The file in `.modelstrap/`.
pub const FILE: &str = "answers.json";

/// An answers file above this size is not one.
const MAX_SIZE: u64 = 1 << 20;

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
    /// Models of the manifest that setup does not download here; `None` where nobody was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models_left_out: Option<Vec<String>>,
}

impl Answers {
    /// The answers kept in `state_folder`; none when there are none or they cannot be read. They may have come with a
    /// clone: [`Answers::unproven`] is what to believe of them unless the record says that this machine wrote them.
    pub fn load(state_folder: &Path) -> Self {
        let bytes = bounded::read(&state_folder.join(FILE), MAX_SIZE).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// The answers that reach nothing outside the project, which a manifest could give as well.
    #[must_use]
    pub fn unproven(self) -> Self {
        Self { profile: None, link_whisper: None, ..self }
    }

    /// The file's content.
    pub fn render(&self) -> String {
        // Strings and a flag always serialise.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}
