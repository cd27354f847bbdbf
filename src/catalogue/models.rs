//! The well-known models as data: what a bare name means, how large it is, who reads it, and what its files are.
//!
//! The data is `templates/catalogue/models/*.toml`, checked and made static by `build.rs`.

use crate::platform::recommend::Settings;
use crate::support::nearest;

static MODELS: &[Known] = include!(concat!(env!("OUT_DIR"), "/models.rs"));

/// A model that many projects use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its bare name: `whisper-large-v3`.
    pub name: &'static str,
    /// Further bare names, and further specs that mean the same.
    pub aliases: &'static [&'static str],
    /// What a manifest says in full: `openai-whisper:large-v3`.
    pub spec: &'static str,
    /// The id of the library that reads it.
    pub reader: &'static str,
    /// About how many bytes it has; unknown where nobody published it.
    pub size: Option<u64>,
    /// Its licence, as an SPDX identifier, where it is known.
    pub license: Option<&'static str>,
    /// Whether the Hub gives it only to who accepted its conditions.
    pub gated: bool,
    /// The answer of `recommended_settings.whisper_model` that means this one.
    pub whisper: Option<&'static str>,
    /// What else a person should know.
    pub note: Option<&'static str>,
    /// Its files, where they have URLs of their own.
    pub files: &'static [KnownFile],
    /// The repositories of the Hub that it is made of, where its source takes it from there.
    pub parts: &'static [KnownPart],
}

/// One file of a well-known model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFile {
    /// Its path in the library's folder, or in the repository.
    pub path: &'static str,
    /// Where it is; the Hub says that itself.
    pub url: Option<&'static str>,
    /// In bytes, where it is known.
    pub size: Option<u64>,
    /// What its bytes are, where it is known: `sha256:…` or `git:…`.
    pub digest: Option<&'static str>,
}

/// A repository of the Hub that a well-known model is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownPart {
    /// `owner/name`, as the library asks for it.
    pub repo: &'static str,
    /// The commit at which `files` were seen.
    pub commit: Option<&'static str>,
    /// The patterns by which the library takes files from it; all of them, if there are none.
    pub include: &'static [&'static str],
    /// The patterns of what the library never reads.
    pub exclude: &'static [&'static str],
    /// Whether the Hub gives it only to who accepted its conditions.
    pub gated: bool,
    /// Whether some versions of the library do without it.
    pub optional: bool,
    /// Its files at `commit`, as far as they are known.
    pub files: &'static [KnownFile],
}

/// Every well-known model, in the order of the catalogue's files.
pub fn all() -> &'static [Known] {
    MODELS
}

/// The model with this name, alias or spec, in any letter case: the build refuses two that differ by it alone.
pub fn find(name: &str) -> Option<&'static Known> {
    MODELS.iter().find(|known| known.names().any(|own| own.eq_ignore_ascii_case(name)))
}

/// The name, alias or spec that resembles `name` most, if one resembles it at all.
pub fn nearest(name: &str) -> Option<&'static str> {
    nearest::nearest(name, MODELS.iter().flat_map(Known::names))
}

/// The models with `word` in a name, alias, spec, reader or note; those whose name begins with it first.
pub fn search(word: &str) -> Vec<&'static Known> {
    let lower = word.to_lowercase();
    let holds = |text: &str| text.to_lowercase().contains(&lower);
    let mut found: Vec<_> = MODELS
        .iter()
        .filter(|known| known.names().any(holds) || holds(known.reader) || known.note.is_some_and(holds))
        .collect();
    found.sort_by_key(|known| !known.name.to_lowercase().starts_with(&lower));
    found
}

/// The Whisper that a machine with these settings should use, in the form that `reader` reads.
/// `None` where not even the smallest fits, or `reader` has none of that size.
pub fn whisper_for(settings: &Settings, reader: &str) -> Option<&'static Known> {
    let size = settings.whisper_model.value.as_deref()?;
    MODELS.iter().find(|known| known.reader == reader && known.whisper == Some(size))
}

/// Whether the catalogue knows a file with this digest, written `sha256:…` or `git:…`.
pub fn has_file(digest: &str) -> bool {
    let parts = MODELS.iter().flat_map(|known| known.parts).flat_map(|part| part.files);
    MODELS.iter().flat_map(|known| known.files).chain(parts).any(|file| file.digest == Some(digest))
}

impl Known {
    /// Its name, its spec, and its aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.name, self.spec].into_iter().chain(self.aliases.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_an_alias_and_a_spec_mean_the_same_model() {
        let large = find("whisper-large-v3").unwrap();
        for name in ["whisper-large", "openai-whisper:large", "openai-whisper:large-v3", "Whisper-Large-V3"] {
            assert_eq!(find(name), Some(large), "{name}");
        }
        assert_eq!((large.reader, large.size, large.license), ("openai-whisper", Some(3_087_371_615), Some("MIT")));
        assert_eq!(find("large-v3"), None, "three libraries have a large-v3");
    }

    #[test]
    fn a_pipeline_knows_its_repositories_and_who_is_gated() {
        let pipeline = find("speaker-diarization-3.1").unwrap();
        let parts: Vec<_> = pipeline.parts.iter().map(|part| (part.repo, part.gated, part.optional)).collect();
        assert_eq!(
            parts,
            [
                ("pyannote/speaker-diarization-3.1", true, false),
                ("pyannote/segmentation-3.0", true, false),
                ("pyannote/wespeaker-voxceleb-resnet34-LM", false, false),
                ("pyannote/speaker-diarization-community-1", true, true),
            ]
        );
        assert!(pipeline.gated && find("speaker-diarization-community-1").unwrap().gated);
        assert!(!find("wespeaker-voxceleb-resnet34-LM").unwrap().gated);
    }

    #[test]
    fn a_misspelt_model_is_told_the_nearest_one() {
        assert_eq!(nearest("whisper-large-v33"), Some("whisper-large-v3"));
        assert_eq!(nearest("silero_vad"), Some("silero-vad"));
        assert_eq!(nearest("openai-whisper:turbp"), Some("openai-whisper:turbo"));
        assert_eq!(nearest("qqqq"), None);
    }

    #[test]
    fn a_word_finds_models_by_name_reader_and_note() {
        assert_eq!(search("htdemucs").iter().map(|known| known.name).collect::<Vec<_>>().len(), 3);
        assert_eq!(search("VAD").first().map(|known| known.name), Some("silero-vad"));
        assert_eq!(search("Slovak").iter().map(|known| known.name).collect::<Vec<_>>(), ["whisperx-align-sk"]);
        assert!(search("nothing like this").is_empty());
    }

    #[test]
    fn each_recommended_size_of_whisper_is_there_for_each_reader() {
        for reader in ["openai-whisper", "faster-whisper", "mlx"] {
            for size in ["large-v3", "turbo", "medium", "small", "base", "tiny"] {
                let fitting = MODELS.iter().filter(|known| known.reader == reader && known.whisper == Some(size));
                assert_eq!(fitting.count(), 1, "{reader} {size}");
            }
        }
    }

    #[test]
    fn a_known_digest_is_recognised() {
        assert!(has_file("sha256:366edf44f4c80889a3eb7a9d7bdf02c4aede3127f7dd15e274dcdb826b143c56"));
        assert!(has_file("git:5402e3ca79b6cfa5b0ec283eed920cafe45ee39b"));
        assert!(!has_file("sha256:0000000000000000000000000000000000000000000000000000000000000000"));
    }
}
