//! openai-whisper's models: one `.pt` each, whose SHA-256 the library has in its source and checks at every load.

use super::Error;
use super::torchaudio::listed;
use crate::models::locked::{FilesHome, Part};

/// What the model `name` is, such as `large-v3` or `turbo`. No server is asked.
///
/// # Errors
/// When the library has no such model.
pub fn resolve(name: &str) -> Result<Part, Error> {
    listed("openai-whisper", name, FilesHome::Whisper)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::locked::{File, Place};

    #[test]
    fn an_alias_is_the_file_that_the_library_reads() {
        let turbo = resolve("turbo").unwrap();
        assert_eq!(turbo, resolve("large-v3-turbo").unwrap());
        let digits = "aff26ae408abcba5fbf8813c21e62b0941638c5f6eebfb145be0c9839262a19a";
        let file = File {
            path: "large-v3-turbo.pt".to_owned(),
            size: Some(1_617_941_637),
            digest: format!("sha256:{digits}").parse().ok(),
            url: Some(format!("https://openaipublic.azureedge.net/main/whisper/models/{digits}/large-v3-turbo.pt")),
        };
        assert_eq!(turbo, Part { place: Place::Files { home: FilesHome::Whisper }, files: vec![file].into() });
    }

    #[test]
    fn an_unknown_model_is_told_the_nearest_one() {
        let said = resolve("large-v4").unwrap_err().to_string();
        assert_eq!(said, "openai-whisper has no model `large-v4`; did you mean `large-v1`?");
        assert_eq!(resolve("zzz").unwrap_err().to_string(), "openai-whisper has no model `zzz`");
    }
}
