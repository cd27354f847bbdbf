//! What the cache holds after each step.

use super::*;
use crate::models::locked::RepoType;

pub(in crate::models::hub) fn homes(hub: &Path) -> Homes {
    let other = PathBuf::from("/unused");
    Homes {
        root: other.clone(),
        hub: hub.to_path_buf(),
        whisper: other.clone(),
        torch_hub: other.clone(),
        wheels: other.clone(),
        files: other,
    }
}

pub(in crate::models::hub) fn place() -> HubPlace {
    HubPlace {
        repo_type: RepoType::Model,
        repo: "org/name".to_owned(),
        requested: "main".to_owned(),
        commit: "c".repeat(40),
        complete: false,
    }
}
