//! Who owns the folders that models are fetched into: lets proven files in, and makes the links that go with them.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

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
    /// The files, by [`Artifact::key`].
    files: Vec<(&'a Part, &'a File)>,
    /// Two paths of a repository may have the same content, and then the same blob: the others, by the first.
    twins: HashMap<usize, Vec<usize>>,
    /// The locks that a running Python waits for, held from a blob's proof to its link.
    locks: Mutex<HashMap<PathBuf, Guard>>,
    /// By key: what came in this run, and was looked into on its way.
    admitted: Mutex<HashSet<usize>>,
}

/// Where a content can be looked into.
#[derive(Debug, Clone, Copy)]
enum Content<'a> {
    File(&'a Path),
    Bytes(&'a [u8]),
}

impl<'a> Keeper<'a> {
    /// A keeper for `models`, and what must be fetched for them: one artifact for each final name.
    ///
    /// # Errors
    /// When a name in a model is refused.
    pub fn of(world: &'a World, models: &[&'a Model], trust: &'a Trust) -> Result<(Self, Vec<Artifact>)> {
        let count = models.iter().flat_map(|model| &model.parts).map(|part| part.files.len()).sum();
        let (mut files, mut artifacts) = (Vec::with_capacity(count), Vec::<Artifact>::with_capacity(count));
        for (group, model) in models.iter().enumerate() {
            for part in &model.parts {
                for file in &part.files {
                    let mut artifact = placement::artifact(world, part, file, group)?;
                    artifact.key = files.len();
                    // What was put together piece by piece has up to as much room again.
                    artifact.url.shrink_to_fit();
                    artifact.destination.shrink_to_fit();
                    if let Some(last) = artifacts.last().filter(|last| last.partials == artifact.partials) {
                        artifact.partials = Arc::clone(&last.partials);
                    }
                    files.push((part, file));
                    artifacts.push(artifact);
                }
            }
        }
        let twins = twins(&artifacts);
        let others: HashSet<usize> = twins.values().flatten().copied().collect();
        artifacts.retain(|artifact| !others.contains(&artifact.key));
        Ok((Self { world, trust, files, twins, locks: Mutex::default(), admitted: Mutex::default() }, artifacts))
    }

    /// The files that `artifact` is the content of.
    fn sharing<'s>(&'s self, artifact: &'s Artifact) -> impl Iterator<Item = (&'a Part, &'a File)> + use<'a, 's> {
        let others = self.twins.get(&artifact.key).into_iter().flatten();
        std::iter::once(&artifact.key).chain(others).filter_map(|key| self.files.get(*key).copied())
    }

    /// A part that `artifact` belongs to.
    pub fn owner(&self, artifact: &Artifact) -> Option<&'a Part> {
        self.sharing(artifact).next().map(|(part, _)| part)
    }

    /// Looks into a file that nobody has vouched for.
    fn look(&self, artifact: &Artifact, at: Content<'_>, computed: Option<Digest>) -> Result<(), String> {
        let vouched = |digest: &Digest| {
            self.trust.known.contains(digest) || crate::catalogue::models::has_file(&digest.to_string())
        };
        if self.trust.allow_pickle || [computed, artifact.digest].iter().flatten().any(vouched) {
            return Ok(());
        }
        let report = match at {
            Content::File(path) => pickle::scan(path),
            Content::Bytes(bytes) => pickle::scan_bytes(bytes),
        };
        let report = report.map_err(|error| format!("it cannot be read again: {error}"))?;
        if report.is_acceptable() {
            return Ok(());
        }
        let sibling = self.sharing(artifact).filter_map(|(part, file)| Self::sibling(part, file)).next();
        let next = match sibling {
            Some(path) => format!("the same folder has {path}: `weights = \"safetensors\"` takes only that"),
            None => "if you trust its author, `--allow-pickle` takes it".to_owned(),
        };
        Err(format!("{report}\n    {next}"))
    }

    /// Takes the lock of the blob, as Python does; its own patience ends, since correctness rests on the rename.
    fn hold(&self, artifact: &Artifact) {
        let found = self.sharing(artifact).filter_map(|(part, file)| placement::lock(self.world, part, file)).next();
        if let (Some(guard), Ok(mut locks)) = (found.filter(Guard::is_held), self.locks.lock()) {
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

/// The keys of all but the first of those that have one final name, by the first's.
fn twins(artifacts: &[Artifact]) -> HashMap<usize, Vec<usize>> {
    let mut first = HashMap::with_capacity(artifacts.len());
    let mut twins: HashMap<usize, Vec<usize>> = HashMap::new();
    for artifact in artifacts {
        // As text: to compare paths part by part takes several times as long.
        match first.entry(artifact.destination.as_os_str()) {
            Entry::Vacant(free) => drop(free.insert(artifact.key)),
            Entry::Occupied(taken) => twins.entry(*taken.get()).or_default().push(artifact.key),
        }
    }
    twins
}

impl Steward for Keeper<'_> {
    fn admit(&self, artifact: &Artifact, file: &Path, bytes: Option<&[u8]>, proof: &Proof) -> Result<(), String> {
        self.look(artifact, bytes.map_or(Content::File(file), Content::Bytes), Some(proof.digest))?;
        self.hold(artifact);
        if let Ok(mut admitted) = self.admitted.lock() {
            admitted.insert(artifact.key);
        }
        Ok(())
    }

    fn settle(&self, artifact: &Artifact) -> io::Result<()> {
        // What was there before, nobody has looked into: a clone or another user of the cache may have brought it.
        if !self.admitted.lock().is_ok_and(|admitted| admitted.contains(&artifact.key)) {
            self.look(artifact, Content::File(&artifact.destination), None).map_err(io::Error::other)?;
        }
        for (part, file) in self.sharing(artifact) {
            placement::settle(self.world, part, file)?;
        }
        self.release(artifact);
        Ok(())
    }
}
