//! Which addresses may bring files into a folder that a library shares between projects.
//!
//! A lock comes with the project. Were any address allowed there, somebody else's lock could put its own weights under the name of
//! a well-known checkpoint, where every other project that shares the cache loads them, or install its own package.

use super::spacy;
use crate::catalogue::models::{self, KnownFile};
use crate::models::locked::{FilesHome, Place};

/// Whether `url` may bring `path` to `place`.
///
/// # Errors
/// Where it should come from, in words that follow "it".
pub fn check(place: &Place, path: &str, url: &str) -> Result<(), String> {
    let source = match place {
        Place::Wheel { .. } if spacy::wheel_url(path).as_deref() == Some(url) => return Ok(()),
        Place::Wheel { .. } => return Err("does not come from spaCy's own releases".to_owned()),
        Place::Files { home: FilesHome::Whisper } => "openai-whisper:",
        Place::Files { home: FilesHome::TorchCheckpoints | FilesHome::TorchaudioAssets } => "torchaudio:",
        // Each address has a folder of its own; the others' addresses are made from what the place says.
        Place::Files { home: FilesHome::Files } | Place::Hub(_) | Place::TorchHub { .. } => return Ok(()),
    };
    let own = models::all().iter().filter(|known| known.spec.starts_with(source)).flat_map(|known| known.files);
    let mut origins = own.filter_map(|file: &KnownFile| origin(file.url?));
    if origin(url).is_some_and(|origin| origins.any(|own| own == origin)) {
        return Ok(());
    }
    Err(format!("does not come from where {} has its files", source.trim_end_matches(':')))
}

/// `https://host`
fn origin(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    Some(&url[..host + url[host..].find('/')?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_library_has_its_own_servers() {
        let files = |home| Place::Files { home };
        let whisper = "https://openaipublic.azureedge.net/main/whisper/models/00/x.pt";
        let torch = "https://download.pytorch.org/torchaudio/models/x.pt";
        let wheel = "https://github.com/explosion/spacy-models/releases/download/en_x-1.0/en_x-1.0-py3-none-any.whl";
        let name = "en_x-1.0-py3-none-any.whl";
        for (place, path, url, good) in [
            (files(FilesHome::Whisper), "x.pt", whisper, true),
            (files(FilesHome::Whisper), "x.pt", torch, false),
            (files(FilesHome::Whisper), "x.pt", "http://openaipublic.azureedge.net/x.pt", false),
            (files(FilesHome::Whisper), "x.pt", "https://openaipublic.azureedge.net.evil.example/x.pt", false),
            (files(FilesHome::TorchCheckpoints), "x.pt", torch, true),
            (files(FilesHome::TorchaudioAssets), "x.pt", "https://evil.example/x.pt", false),
            (files(FilesHome::Files), "x.pt", "https://anything.example/x.pt", true),
            (Place::Wheel { environment: None }, name, wheel, true),
            (Place::Wheel { environment: None }, "en_y-1.0-py3-none-any.whl", wheel, false),
            (Place::Wheel { environment: None }, name, &wheel.replace("explosion", "evil"), false),
            (Place::Wheel { environment: None }, &name.replace("en_x", "json"), &wheel.replace("en_x", "json"), false),
        ] {
            assert_eq!(check(&place, path, url).is_ok(), good, "{place:?} {url}");
        }
    }

    #[test]
    fn the_catalogues_own_files_are_at_home() {
        for known in models::all() {
            let home = match known.spec.split(':').next() {
                Some("openai-whisper") => FilesHome::Whisper,
                Some("torchaudio") => FilesHome::TorchCheckpoints,
                _ => continue,
            };
            for file in known.files {
                assert_eq!(check(&Place::Files { home }, file.path, file.url.unwrap()), Ok(()), "{}", known.spec);
            }
        }
    }
}
