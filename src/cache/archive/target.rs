//! The cache that an archive is restored into: where each name lies in it.
//!
//! Below the cache root nothing is written through a link (`models/bounds.rs` says why); where a variable of the user's own leads a
//! library elsewhere, its names lie there.

use std::path::{Path, PathBuf};

use super::gather::Root;
use super::names::{self, Name};
use crate::models::homes::Homes;
use crate::support::paths;

/// The cache that an archive is restored into.
#[derive(Debug, Clone)]
pub struct Target {
    /// The cache root first, whose prefix is empty; then what lies elsewhere.
    roots: Vec<Root>,
}

/// A name's place: its root, and the way from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The root's folder.
    pub root: PathBuf,
    /// Below it.
    pub below: Vec<u8>,
}

impl Spot {
    /// Its path.
    pub fn path(&self) -> PathBuf {
        self.root.join(names::to_path(&self.below))
    }

    /// The folder that it lies in, below the root.
    pub fn folder(&self) -> &[u8] {
        let end = self.below.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        &self.below[..end]
    }

    /// Its last part.
    pub fn last(&self) -> &[u8] {
        self.below.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }
}

impl Target {
    /// The cache with these homes.
    pub fn of(homes: &Homes) -> Self {
        let real = |path: &Path| paths::real_place(path).unwrap_or_else(|| path.to_path_buf());
        let mut roots = vec![Root { prefix: Vec::new(), path: real(&homes.root) }];
        for (prefix, path) in [("huggingface/hub", &homes.hub), ("torch/hub", &homes.torch_hub)] {
            if *path != homes.root.join(prefix) {
                roots.push(Root { prefix: prefix.as_bytes().to_vec(), path: real(path) });
            }
        }
        Self { roots }
    }

    /// The cache root.
    pub fn root(&self) -> &Path {
        self.roots.first().map_or(Path::new(""), |root| &root.path)
    }

    /// Where the name `bytes` lies.
    pub fn spot(&self, bytes: &[u8]) -> Spot {
        let below = |root: &Root| -> Option<Vec<u8>> {
            if root.prefix.is_empty() {
                return Some(bytes.to_vec());
            }
            let rest = bytes.strip_prefix(&root.prefix[..])?;
            if rest.is_empty() { Some(Vec::new()) } else { rest.strip_prefix(b"/").map(<[u8]>::to_vec) }
        };
        let found =
            self.roots.iter().rev().find_map(|root| Some(Spot { root: root.path.clone(), below: below(root)? }));
        found.unwrap_or_else(|| Spot { root: self.root().to_path_buf(), below: bytes.to_vec() })
    }

    /// The folder in which what is to get `name` is made: on the same disk, where no client of a hub looks.
    pub fn staging(&self, name: &Name, stores: &[Vec<u8>]) -> Spot {
        let hub = name.repository().map(|(repository, _)| {
            let end = repository.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            repository[..end].to_vec()
        });
        let hub = hub.or_else(|| stores.iter().find(|hub| name.below(hub).is_some()).cloned());
        let (folder, inside): (Vec<u8>, &[u8]) = match hub {
            Some(hub) => (hub, b".locks/.modelstrap-restore"),
            None => {
                let elsewhere = self.roots.iter().skip(1).find(|root| name.below(&root.prefix).is_some());
                let first = || name.parts().next().unwrap_or_default().to_vec();
                (elsewhere.map_or_else(first, |root| root.prefix.clone()), b".modelstrap/restore")
            }
        };
        let mut spot = self.spot(&folder);
        if !spot.below.is_empty() {
            spot.below.push(b'/');
        }
        spot.below.extend_from_slice(inside);
        spot
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::platform::Os;

    fn name(text: &str) -> Name {
        Name::of(text.as_bytes(), Os::Linux).unwrap()
    }

    #[test]
    fn names_lie_where_the_libraries_look() {
        let mut homes = Homes::under(Path::new("/c"));
        homes.hub = "/data/hub".into();
        let target = Target::of(&homes);
        let path = |text: &str| target.spot(text.as_bytes()).path().display().to_string();
        assert_eq!(path("huggingface/hub/models--a/blobs/x"), "/data/hub/models--a/blobs/x");
        assert_eq!(path("huggingface/hubs/x"), "/c/huggingface/hubs/x");
        assert_eq!(path("torch/hub/checkpoints/x"), "/c/torch/hub/checkpoints/x");
        let staging = |text: &str| target.staging(&name(text), &[b"other/hub".to_vec()]).path().display().to_string();
        assert_eq!(staging("huggingface/hub/models--a/blobs/x"), "/data/hub/.locks/.modelstrap-restore");
        assert_eq!(staging("other/hub/blobs/ab/x"), "/c/other/hub/.locks/.modelstrap-restore");
        assert_eq!(staging("torch/hub/checkpoints/x"), "/c/torch/.modelstrap/restore");
        assert_eq!(staging("huggingface/hub/CACHEDIR.TAG"), "/data/hub/.modelstrap/restore");
    }
}
