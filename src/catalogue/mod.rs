//! The libraries as data, and the variables that lead them into the cache root.
//!
//! The data is `templates/catalogue`, checked and made static by `build.rs`: nothing is parsed at run time.

pub mod conflicts;
mod library;
pub mod models;
mod places;
pub mod variables;

use crate::platform::Os;
use crate::support::nearest;
pub use library::{Env, Library, PerOs, Policy, Switch};
use thiserror::Error;

/// The libraries of a project that names none.
pub const DEFAULT_LIBRARIES: &[&str] = &["huggingface", "torch", "mlx", "openai-whisper"];

static LIBRARIES: &[Library] = include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// One folder of a library under the cache root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home {
    /// Its path relative to the cache root, with `/`.
    pub folder: &'static str,
    /// The id of the library that first asked for it.
    pub library: &'static str,
}

/// A name that is neither an id nor an alias.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown library `{id}`{}", nearest.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default())]
pub struct UnknownLibrary {
    /// The name as it was given.
    pub id: String,
    /// The known name that resembles it most.
    pub nearest: Option<&'static str>,
}

/// Every library, in the order of the catalogue's files.
pub fn libraries() -> &'static [Library] {
    LIBRARIES
}

/// The library with this id or alias.
pub fn library(id_or_alias: &str) -> Option<&'static Library> {
    LIBRARIES.iter().find(|library| library.id == id_or_alias || library.aliases.contains(&id_or_alias))
}

/// The libraries of these ids or aliases, each once, in the order given.
pub fn select(ids: &[impl AsRef<str>]) -> Result<Vec<&'static Library>, UnknownLibrary> {
    let mut chosen = Vec::new();
    for id in ids {
        let id = id.as_ref();
        let found = library(id).ok_or_else(|| UnknownLibrary { id: id.to_owned(), nearest: nearest(id) })?;
        push_once(&mut chosen, found);
    }
    Ok(chosen)
}

/// The id or alias that resembles `id` most, if one resembles it at all.
pub fn nearest(id: &str) -> Option<&'static str> {
    let names = LIBRARIES.iter().flat_map(|library| std::iter::once(&library.id).chain(library.aliases));
    nearest::nearest(id, names.copied())
}

/// `chosen` with what they inherit, each once, the inherited ones first.
pub fn with_inherited(chosen: &[&'static Library]) -> Vec<&'static Library> {
    let mut all = Vec::new();
    for library in chosen {
        // The build refuses a library that inherits itself, so this ends.
        for inherited in with_inherited(&library.inherits.iter().filter_map(|id| self::library(id)).collect::<Vec<_>>())
        {
            push_once(&mut all, inherited);
        }
        push_once(&mut all, library);
    }
    all
}

/// The folders that `chosen` and what they inherit need under the cache root, parents before children.
pub fn homes(chosen: &[&'static Library]) -> Vec<Home> {
    let mut homes: Vec<Home> = Vec::new();
    for library in with_inherited(chosen) {
        for home in library.homes {
            let ends = home.match_indices('/').map(|(at, _)| at).chain([home.len()]);
            for folder in ends.map(|end| &home[..end]) {
                if homes.iter().all(|known| known.folder != folder) {
                    homes.push(Home { folder, library: library.id });
                }
            }
        }
    }
    homes
}

fn push_once(list: &mut Vec<&'static Library>, library: &'static Library) {
    if list.iter().all(|known| known.id != library.id) {
        list.push(library);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_has_its_libraries_and_the_default_four() {
        assert_eq!(libraries().len(), 62);
        assert_eq!(select(DEFAULT_LIBRARIES).unwrap().iter().map(|l| l.id).collect::<Vec<_>>(), DEFAULT_LIBRARIES);
    }

    #[test]
    fn an_alias_means_its_library() {
        assert_eq!(library("huggingface-hub"), library("huggingface"));
        assert_eq!(library("torch-hub").map(|l| l.id), Some("torch"));
        assert_eq!(select(&["torch", "torch-hub"]).unwrap().len(), 1);
    }

    #[test]
    fn a_misspelt_library_is_told_the_nearest_one() {
        assert_eq!(nearest("hugingface"), Some("huggingface"));
        assert_eq!(nearest("openai_whisper"), Some("openai-whisper"));
        assert_eq!(nearest("Torch"), Some("torch"));
        assert_eq!(nearest("qqqq"), None);
        assert_eq!(select(&["touch"]).unwrap_err().to_string(), "unknown library `touch`; did you mean `torch`?");
        assert_eq!(select(&["qqqq"]).unwrap_err().to_string(), "unknown library `qqqq`");
    }

    #[test]
    fn the_default_homes_come_with_their_parents_before_them() {
        let folders: Vec<_> =
            homes(&select(DEFAULT_LIBRARIES).unwrap()).iter().map(|home| (home.folder, home.library)).collect();
        assert_eq!(
            folders,
            [
                ("huggingface", "huggingface"),
                ("huggingface/hub", "huggingface"),
                ("torch", "torch"),
                ("torch/hub", "torch"),
                ("torch/hub/checkpoints", "torch"),
                ("mlx", "mlx"),
                ("whisper", "openai-whisper"),
            ]
        );
    }

    #[test]
    fn what_is_inherited_comes_first_and_once() {
        let ids: Vec<_> =
            with_inherited(&select(&["whisperx", "transformers"]).unwrap()).iter().map(|l| l.id).collect();
        assert_eq!(ids, ["huggingface", "torch", "nltk", "whisperx", "transformers"]);
    }
}
