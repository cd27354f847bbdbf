//! Where the libraries look: the folders that models are placed into.

use std::path::{Path, PathBuf};

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

impl Homes {
    /// The homes in the cache root `root`, with no variable that says otherwise.
    pub fn under(root: &Path) -> Self {
        Self::led_by(root, |_| None)
    }

    /// The homes of a project whose cache root is `root`, where `variable` is the value that a library will see: a
    /// library whose variable leads elsewhere is followed there, by the library's own order of precedence.
    pub fn led_by(root: &Path, variable: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let hub = variable("HF_HUB_CACHE")
            .or_else(|| variable("HF_HOME").map(|home| home.join("hub")))
            .unwrap_or_else(|| root.join("huggingface").join("hub"));
        let torch = variable("TORCH_HOME").unwrap_or_else(|| root.join("torch"));
        Self {
            hub,
            torch_hub: torch.join("hub"),
            whisper: root.join("whisper"),
            wheels: root.join("wheels"),
            files: root.join("files"),
            root: root.to_path_buf(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_leads_elsewhere_is_followed() {
        let root = Path::new("cache");
        let plain = Homes::under(root);
        assert_eq!(plain.hub, root.join("huggingface").join("hub"));
        assert_eq!(plain.torch_hub, root.join("torch").join("hub"));
        let led = Homes::led_by(root, |name| match name {
            "HF_HOME" => Some("hf".into()),
            "TORCH_HOME" => Some("torch".into()),
            _ => None,
        });
        assert_eq!((led.hub, led.torch_hub), (Path::new("hf").join("hub"), Path::new("torch").join("hub")));
        assert_eq!(Homes::led_by(root, |name| (name == "HF_HUB_CACHE").then(|| "h".into())).hub, Path::new("h"));
    }
}
