//! Who owns the folders that models are fetched into: lets proven files in, and makes the links that go with them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::Result;

use super::hub::locks::Guard;
use super::locked::{File, Model, Part};
use super::pickle;
use super::placement;
use super::world::World;
use crate::fetch::{Artifact, Digest, Proof, Steward};

/// What may come into the cache without being looked into.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Contents that somebody has vouched for: the lock as it was committed.
    pub known: HashSet<Digest>,
    /// `--allow-pickle`: pickles that import anything may come.
    pub allow_pickle: bool,
}

/// The engine's [`Steward`] for models.
#[derive(Debug)]
pub struct Keeper<'a> {
    world: &'a World,
    trust: &'a Trust,
    /// By final name: two paths of a repository may have the same content, and then the same blob.
    places: HashMap<PathBuf, Vec<(&'a Part, &'a File)>>,
    /// The locks that a running Python waits for, held from a blob's proof to its link.
    locks: Mutex<HashMap<PathBuf, Guard>>,
}

impl<'a> Keeper<'a> {
    /// A keeper for `models`, and what must be fetched for them: one artifact for each final name.
    ///
    /// # Errors
    /// When a name in a model is refused.
    pub fn of(world: &'a World, models: &[&'a Model], trust: &'a Trust) -> Result<(Self, Vec<Artifact>)> {
        let mut keeper = Self { world, trust, places: HashMap::new(), locks: Mutex::default() };
        let mut artifacts = Vec::new();
        for (group, model) in models.iter().enumerate() {
            for part in &model.parts {
                for file in &part.files {
                    let artifact = placement::artifact(world, part, file, group)?;
                    let sharing = keeper.places.entry(artifact.destination.clone()).or_default();
                    sharing.push((part, file));
                    if sharing.len() == 1 {
                        artifacts.push(artifact);
                    }
                }
            }
        }
        Ok((keeper, artifacts))
    }

    /// A part that `artifact` belongs to.
    pub fn owner(&self, artifact: &Artifact) -> Option<&'a Part> {
        self.places.get(&artifact.destination).and_then(|owners| owners.first()).map(|(part, _)| *part)
    }

    /// Takes the lock of the blob, as Python does; its own patience ends, since correctness rests on the rename.
    fn hold(&self, artifact: &Artifact) {
        let owners = self.places.get(&artifact.destination).into_iter().flatten();
        let found = owners.filter_map(|(part, file)| placement::lock(self.world, part, file)).next();
        if let (Some(guard), Ok(mut locks)) = (found, self.locks.lock()) {
            locks.insert(artifact.destination.clone(), guard);
        }
    }

    fn release(&self, artifact: &Artifact) {
        if let Ok(mut locks) = self.locks.lock() {
            locks.remove(&artifact.destination);
        }
    }

    /// A safetensors file beside `file`: what could be taken in its place.
    fn sibling(part: &Part, file: &File) -> Option<String> {
        let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
        let same = |other: &&File| other.path.ends_with(".safetensors") && folder(&other.path) == folder(&file.path);
        part.files.iter().find(same).map(|other| other.path.clone())
    }
}

impl Steward for Keeper<'_> {
    fn admit(&self, artifact: &Artifact, file: &Path, proof: &Proof) -> Result<(), String> {
        let vouched = |digest: &Digest| {
            self.trust.known.contains(digest) || crate::catalogue::models::has_file(&digest.to_string())
        };
        let computed = Digest::Sha256(proof.sha256);
        if self.trust.allow_pickle || vouched(&computed) || artifact.digest.as_ref().is_some_and(vouched) {
            self.hold(artifact);
            return Ok(());
        }
        let report = pickle::scan(file).map_err(|error| format!("it cannot be read again: {error}"))?;
        if report.is_acceptable() {
            self.hold(artifact);
            return Ok(());
        }
        let sibling = self.places.get(&artifact.destination).into_iter().flatten();
        let sibling = sibling.filter_map(|(part, file)| Self::sibling(part, file)).next();
        let next = match sibling {
            Some(path) => format!("the same folder has {path}: `weights = \"safetensors\"` takes only that"),
            None => "if you trust its author, `--allow-pickle` takes it".to_owned(),
        };
        Err(format!("{report}\n    {next}"))
    }

    fn settle(&self, artifact: &Artifact) -> io::Result<()> {
        for (part, file) in self.places.get(&artifact.destination).into_iter().flatten() {
            placement::settle(self.world, part, file)?;
        }
        self.release(artifact);
        Ok(())
    }
}
