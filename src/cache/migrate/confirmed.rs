//! Whether somebody else says of commits what a folder that `local_dir=` made says of itself.

use std::path::Path;

use super::known::{Known, Sources};
use super::notes::{LISTINGS, notes};
use super::{Part, Shape};
use crate::cache::verify::tree;
use crate::fetch::Digest;
use crate::support::paths;

impl Part {
    /// Whether the hubs that `sources` believe have every file of which the folder has a note, under the same commit and with the same
    /// digest: it tells the cache nothing that is not known there.
    pub fn is_confirmed(&self, sources: &Sources) -> bool {
        let folder = self.to.file_name().and_then(|name| name.to_str()).filter(|_| self.shape == Shape::Local);
        // Where nothing is doubted the lock counts, too, and nobody asks.
        let (Some(folder), true) = (folder, sources.doubted.is_some()) else { return false };
        let Ok(dir) = self.source() else { return false };
        let (known, notes) = (Known::of(sources, folder), notes(&dir));
        let is_known = notes.iter().all(|note| {
            let path = paths::portable(Path::new(""), &note.file);
            Digest::from_hex(&note.etag).is_some_and(|digest| known.has(&note.commit, &path, &digest, None))
        });
        is_known && !notes.is_empty() && notes.iter().all(|note| self.adds_no_listing(&note.commit, &known))
    }

    /// Whether the folder has no listing of the commit that would come, or one of which all is known.
    fn adds_no_listing(&self, commit: &str, known: &Known) -> bool {
        let name = format!("{commit}.json");
        if self.to.join("trees").join(&name).symlink_metadata().is_ok() {
            return true;
        }
        let own = self.from.join(LISTINGS).join(&name);
        if own.symlink_metadata().is_err() {
            return true;
        }
        let Ok(Some(files)) = tree::read(&own) else { return false };
        files
            .iter()
            .all(|(path, node)| node.digest.is_some_and(|digest| known.has(commit, path, &digest, Some(node.size))))
    }
}
