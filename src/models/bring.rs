//! Brings resolved models onto the disk: what is missing is fetched, links and references are made, and what was trusted on
//! first use is written down.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;

use super::keeper::{Keeper, Trust};
use super::locked::{File, Model, Place};
use super::placement;
use super::world::World;
use super::{bounds, hub};
use crate::fetch::{self, Artifact, Digest, Error, Event, Options, Order, Outcome, Proof, Steward as _};
use crate::support::escape::printable;

/// A file that did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its path in the model; foreign text.
    pub label: String,
    /// Why, in words for a person, safe to print.
    pub why: String,
    /// Nobody was asked for it: the network is switched off.
    pub offline: bool,
}

/// What came of one model.
#[derive(Debug)]
pub struct Brought {
    /// The model, with the digests of what was trusted on first use.
    pub model: Model,
    /// How many bytes came over the network.
    pub received: u64,
    /// What did not come. Empty when the whole model is here.
    pub failures: Vec<Failure>,
    /// Why the links and references could not be made, when every file is here.
    pub unfinished: Option<String>,
}

impl Brought {
    /// Whether the whole model is here.
    pub fn is_whole(&self) -> bool {
        self.failures.is_empty() && self.unfinished.is_none()
    }
}

/// Work that is decided: what to fetch for which models.
#[derive(Debug)]
pub struct Delivery<'a> {
    world: &'a World,
    models: Vec<&'a Model>,
    keeper: Keeper<'a>,
    /// Which of `keys` were not here, as far as names and sizes tell; ascending.
    missing: Vec<usize>,
    /// By model: why nothing of it can be written.
    blocked: Vec<Option<String>>,
    /// What is not fetched, since its model is blocked.
    withheld: Vec<PathBuf>,
    /// What is fetched, or found to be here, as the keeper knows it.
    keys: Vec<u32>,
}

impl Order for Delivery<'_> {
    fn count(&self) -> usize {
        self.keys.len()
    }

    fn size(&self, index: usize) -> Option<u64> {
        self.file(index).and_then(|(file, _)| file.size)
    }

    fn artifact(&self, index: usize) -> Artifact {
        self.keeper.artifact(self.keys[index])
    }
}

impl<'a> Delivery<'a> {
    /// Decides what `models` need.
    ///
    /// # Errors
    /// When a name in a model is refused.
    pub fn of(world: &'a World, models: &[&'a Model], trust: &'a Trust) -> Result<Self> {
        let (keeper, keys, mut missing) = Keeper::of(world, models, trust)?;
        let group = |key: &u32| keeper.file(*key).map_or(0, |(_, group)| group);
        let mut wanting = vec![false; models.len()];
        missing.iter().for_each(|at| wanting[group(&keys[*at])] = true);
        let blocked: Vec<Option<String>> = models
            .iter()
            .zip(wanting)
            .map(|(model, wanting)| {
                let astray = model.parts.iter().try_for_each(|part| bounds::check(world, part)).err();
                // What is here already may lie on a disk that nobody can write to.
                let obstacle = || if wanting { obstacle(world, model) } else { None };
                astray.map(|error| error.to_string()).or_else(obstacle)
            })
            .collect();
        let (keys, withheld): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| blocked[group(key)].is_none());
        if !withheld.is_empty() {
            missing = lacking(&keeper, &keys);
        }
        let withheld = withheld.into_iter().map(|key| keeper.artifact(key).destination).collect();
        Ok(Self { world, models: models.to_vec(), keeper, missing, blocked, withheld, keys })
    }

    /// The file that is the content of an artifact, and the index of its model.
    pub fn file(&self, index: usize) -> Option<(&'a File, usize)> {
        self.keeper.file(*self.keys.get(index)?)
    }

    /// The indices of the artifacts that were not here, as far as names and sizes tell; ascending.
    pub fn missing(&self) -> &[usize] {
        &self.missing
    }

    /// Fetches what is missing; the result has one entry a model, in their order.
    pub fn carry_out(&self, options: &Options, events: &(dyn Fn(Event) + Sync)) -> Vec<Brought> {
        let brought: Vec<Brought> = self
            .models
            .iter()
            .map(|model| Brought { model: (*model).clone(), received: 0, failures: Vec::new(), unfinished: None })
            .collect();
        let mut lacking: HashSet<PathBuf> = self.withheld.iter().cloned().collect();
        let so_far = Mutex::new((brought, Vec::new()));
        let ended = |artifact: &Artifact, index: usize, outcome: Outcome| {
            let mut so_far = so_far.lock().unwrap_or_else(PoisonError::into_inner);
            let (brought, failed) = &mut *so_far;
            match outcome.result {
                Err(error) => failed.push((index, artifact.clone(), outcome.received, error)),
                Ok(proof) => {
                    if let Some(one) = brought.get_mut(artifact.group) {
                        note(one, artifact, outcome.received, proof);
                    }
                }
            }
        };
        if self.missing.is_empty() {
            // Two thousand files are looked at in the time that it takes to start the engine's threads.
            for index in 0..self.count() {
                let artifact = self.artifact(index);
                ended(&artifact, index, self.settled(&artifact));
            }
        } else {
            fetch::fetch_each(&self.world.client, self, &self.keeper, options, events, &ended);
        }
        let (mut brought, mut failed) = so_far.into_inner().unwrap_or_else(PoisonError::into_inner);
        // They end in any order, and are told in the model's.
        failed.sort_by_key(|(index, ..)| *index);
        for (_, artifact, received, error) in failed {
            if let Some(one) = brought.get_mut(artifact.group) {
                one.received += received;
                let offline = matches!(error, Error::Offline(_));
                let why = self.explain(&artifact, error);
                one.failures.push(Failure { label: artifact.label.clone(), why, offline });
            }
            lacking.insert(artifact.destination);
        }
        for (one, blocked) in brought.iter_mut().zip(&self.blocked) {
            one.unfinished.clone_from(blocked);
        }
        self.share_failures(&mut brought, &lacking);
        for one in brought.iter_mut().filter(|one| one.is_whole()) {
            one.unfinished = placement::finish(self.world, &one.model).err().map(|error| format!("{error:#}"));
        }
        brought
    }

    /// A blob that two models need is fetched for the first: when it failed there, the second is not whole either.
    fn share_failures(&self, brought: &mut [Brought], lacking: &HashSet<PathBuf>) {
        if lacking.is_empty() {
            return;
        }
        for (model, one) in self.models.iter().zip(brought).filter(|(_, one)| one.is_whole()) {
            for part in &model.parts {
                let needs = |file: &&File| {
                    let artifact = placement::artifact(self.world, part, file, 0);
                    artifact.is_ok_and(|artifact| lacking.contains(&artifact.destination))
                };
                if let Some(file) = part.files.iter().find(needs) {
                    let why = format!(
                        "{}: another model needs the same file, and it could not be fetched",
                        printable(&file.path)
                    );
                    one.failures.push(Failure { label: file.path.clone(), why, offline: false });
                }
            }
        }
    }

    fn settled(&self, artifact: &Artifact) -> Outcome {
        let settled = self.keeper.settle(artifact);
        let result = settled.map_err(|source| Error::Disk { path: artifact.destination.clone(), source });
        Outcome { result: result.map(|()| None), received: 0, time: Duration::ZERO }
    }

    /// The Hub's refusals in the Hub's terms: who to ask for access, what was deleted.
    fn explain(&self, artifact: &Artifact, error: Error) -> String {
        match (self.keeper.owner(artifact).map(|part| &part.place), error) {
            (_, Error::Refused(why)) => format!("{}: {why}", printable(&artifact.label)),
            (Some(Place::Hub(place)), error @ Error::Status(_)) => {
                hub::explain(&self.world.hub, place, &artifact.label, error).to_string()
            }
            (_, error) => error.to_string(),
        }
    }
}

/// Notes what was learnt of a file that is here.
fn note(one: &mut Brought, artifact: &Artifact, received: u64, proof: Option<Proof>) {
    one.received += received;
    if artifact.digest.is_some() && artifact.size.is_some() {
        return;
    }
    let learnt = |file: &File| file.path == artifact.label && (file.digest.is_none() || file.size.is_none());
    let parts = one.model.parts.iter_mut().filter(|part| part.files.iter().any(learnt));
    let files = parts.flat_map(|part| part.files.to_mut()).filter(|file| learnt(file));
    if artifact.digest.is_some() {
        // Some sources name the bytes and not how many they are.
        let size = fs::metadata(&artifact.destination).ok().map(|found| found.len());
        files.for_each(|file| file.size = file.size.or(size));
        return;
    }
    // Trusted on first use: from now on it must be these bytes.
    let proof = proof.or_else(|| sha256_of(&artifact.destination));
    let Some(proof) = proof else { return };
    for file in files.filter(|file| file.digest.is_none()) {
        file.size = Some(proof.size);
        file.digest = Some(proof.digest);
    }
}

fn lacking(keeper: &Keeper<'_>, keys: &[u32]) -> Vec<usize> {
    (0..keys.len()).filter(|at| !keeper.is_here(&keeper.artifact(keys[*at]))).collect()
}

/// Why a model's folders cannot be made.
fn obstacle(world: &World, model: &Model) -> Option<String> {
    let made = model.parts.iter().try_for_each(|part| placement::prepare(world, model, part));
    made.err().map(|error| format!("the cache cannot be written to: {error}"))
}
/// A file's SHA-256, if it can be read.
fn sha256_of(path: &Path) -> Option<Proof> {
    fetch::hash_file(path, &Digest::Sha256([0; 32]), &mut vec![0; fetch::BLOCK], &|_| ()).ok().flatten()
}
