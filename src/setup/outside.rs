//! What lies outside of the cache when a project is set up for the first time: the libraries' default places, and `./models`.
//! Whether something is there at all is looked at, no more: what it holds is for `status` to find out.

use std::path::{Path, PathBuf};

use super::Layout;
use crate::cache::others::Own;
use crate::cache::places::{Kind, Place, disjoint};
use crate::support::vars::Vars;

/// The folder that scripts download to when they are told to use the project's.
const MODELS: &str = "models";

/// So many names in it are looked at.
const LIMIT: usize = 200;

/// Endings by which weights are known at a glance: `.bin` and `.h5` may be anything.
const ENDINGS: [&str; 7] = ["safetensors", "gguf", "pt", "pth", "ckpt", "onnx", "nemo"];

/// A folder that no variable leads to any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// Who put it there.
    pub whose: String,
    /// Where it is.
    pub path: PathBuf,
}

/// The folders outside of the cache of `layout` that are there and not empty; one within another is not named.
pub fn look(layout: &Layout, vars: &Vars) -> Vec<Outside> {
    let defaults = layout.default_locations(vars).into_iter();
    let mut found: Vec<(String, PathBuf)> = defaults.map(|(library, path)| (library.name.to_owned(), path)).collect();
    let own = Own::new(&layout.cache_root, &layout.root);
    let mut others = own.others();
    found.retain(|(_, path)| is_filled(path) && !layout.root.starts_with(path) && others.other(path).is_none());
    // The shorter first: `~/.cache/huggingface` before `~/.cache/huggingface/hub`.
    found.sort_by_key(|(_, path)| path.components().count());
    let models = layout.root.join(MODELS);
    if holds_weights(&models) {
        found.push(("this project".to_owned(), models));
    }
    let strays = found.into_iter().map(|(whose, path)| Place::at(String::new(), path, Kind::Stray { whose }));
    let root = Place::at(String::new(), layout.cache_root.clone(), Kind::Home);
    let places = disjoint(std::iter::once(root).chain(strays).collect());
    let outside = places.into_iter().filter_map(|place| match place.kind {
        Kind::Stray { whose } => Some(Outside { whose, path: place.path }),
        _ => None,
    });
    outside.collect()
}

fn is_filled(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

fn holds_weights(folder: &Path) -> bool {
    let mut names = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).take(LIMIT);
    names.any(|entry| {
        entry.path().extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending))
    })
}
