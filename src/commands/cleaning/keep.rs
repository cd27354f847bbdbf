//! What `prune --keep` names: models of the cache. What lies elsewhere prune never takes: to keep it is no mistake, and needs nothing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Scene, is_home};
use crate::cache::select::picks::Pick;
use crate::cache::select::words::Meaning;
use crate::commands::Usage;
use crate::support::{paths, quoted};

impl Scene<'_> {
    /// What `words` mean, which stays.
    ///
    /// # Errors
    /// That one of them means nothing.
    pub(in crate::commands) fn kept(&self, words: &[OsString]) -> Result<Vec<Pick>> {
        let mut picks = Vec::new();
        for word in words {
            // What could be meant stays, each of it.
            let literal = quoted::literal(word).and_then(|literal| self.meaning(&literal).ok());
            let found = match (self.meaning(&quoted::given(word)), literal) {
                (Err(_), None) if self.stays_anyway(word) => {
                    self.context.output.remark(format!(
                        "--keep {}: prune takes nothing from there in any case",
                        quoted::shown(quoted::given(word))
                    ));
                    continue;
                }
                (Err(error), None) => return Err(Usage(self.no_model(word, &error)).into()),
                (found, literal) => found.into_iter().chain(literal),
            };
            for meaning in found {
                if let Meaning::Picks(found) = meaning {
                    picks.extend(found.iter());
                }
            }
        }
        // Who keeps a link means what it leads to.
        let links: Vec<PathBuf> =
            picks.iter().filter_map(|pick| self.stock.path(pick)).filter(|path| path.is_symlink()).collect();
        for real in links.iter().filter_map(|link| link.canonicalize().ok()) {
            if let Ok(Meaning::Picks(found)) = self.meaning(&quoted::text(&real)) {
                picks.extend(found.iter());
            }
        }
        Ok(picks)
    }

    fn there(&self, word: &OsString) -> Option<PathBuf> {
        let path = self.as_path(&quoted::given(word)).ok()??;
        path.symlink_metadata().ok().map(|_| path)
    }

    /// Whether something is there that lies outside of the cache, and does not hold it.
    fn stays_anyway(&self, word: &OsString) -> bool {
        let Some(path) = self.there(word) else { return false };
        let homes = self.survey.places.iter().filter(|place| is_home(&self.survey, place)).map(|place| &place.real);
        let mut caches = self.cache_root().into_iter().chain(homes.cloned());
        caches.all(|cache| !path.starts_with(&cache) && !cache.starts_with(&path))
    }

    fn cache_root(&self) -> Option<PathBuf> {
        paths::real_place(&self.survey.layout.cache_root)
    }

    fn no_model(&self, word: &OsString, error: &anyhow::Error) -> String {
        let holds = |path: &Path| self.cache_root().is_some_and(|root| root != *path && root.starts_with(path));
        match self.there(word).filter(|path| holds(path)) {
            Some(path) => {
                let places = self.lie_in(&path).filter(|place| is_home(&self.survey, place));
                let places = places.map(|place| format!("\n  {}", self.word_for(&place.path)));
                format!(
                    "--keep: {} holds the whole cache: name a model, or a place in it{}",
                    quoted::shown(quoted::given(word)),
                    places.collect::<String>()
                )
            }
            None => format!("--keep: {error}"),
        }
    }
}
