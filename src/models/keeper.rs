//! Who owns the folders that models are fetched into: lets proven files in, and makes the links that go with them.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context as _, Result};

use super::hub::locks::Guard;
use super::locked::{File, Model, Part};
use super::pickle;
use super::placement;
use super::web_page;
use super::world::World;
use crate::fetch::{Artifact, Digest, Proof, Steward};

/// What may come into the cache without being looked into, and what of it is not to be believed.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Contents that somebody has vouched for: the lock as it was committed.
    pub known: HashSet<Digest>,
    /// `--allow-pickle`: pickles that import anything may come.
    pub allow_pickle: bool,
    /// Final names whose files were read and are damaged: they are fetched although they are here.
    pub stale: HashSet<PathBuf>,
}

/// The engine's [`Steward`] for models.
#[derive(Debug)]
pub struct Keeper<'a> {
    world: &'a World,
    trust: &'a Trust,
    /// The files, by [`Artifact::key`].
    files: Vec<Wanted<'a>>,
    /// Two paths of a repository may have the same content, and then the same blob: the others, by the first.
    twins: HashMap<usize, Vec<usize>>,
    /// The locks that a running Python waits for, held from a blob's proof to its link.
    locks: Mutex<HashMap<PathBuf, Guard>>,
    /// By key: what came in this run, and was looked into on its way.
    admitted: Mutex<HashSet<usize>>,
}

/// A file of a model; its artifact is made anew each time that somebody asks.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    part: &'a Part,
    file: &'a File,
    group: u32,
    moved: bool,
}

/// Where a content can be looked into.
#[derive(Debug, Clone, Copy)]
enum Content<'a> {
    File(&'a Path),
    Bytes(&'a [u8]),
}

impl<'a> Keeper<'a> {
    /// A keeper for `models`, the keys of what must be fetched for them (one artifact for each final name), and which of those
    /// are not here, as far as names and sizes tell.
    ///
    /// # Errors
    /// When a name in a model is refused.
    pub fn of(world: &'a World, models: &[&'a Model], trust: &'a Trust) -> Result<(Self, Vec<u32>, Vec<usize>)> {
        let count = models.iter().flat_map(|model| &model.parts).map(|part| part.files.len()).sum();
        let mut files = Vec::with_capacity(count);
        for (group, model) in (0..).zip(models) {
            for part in &model.parts {
                for file in &part.files {
                    placement::check(part, file)?;
                    files.push(Wanted { part, file, group, moved: placement::is_moved(world, part, file) });
                }
            }
        }
        let (locks, admitted) = (Mutex::default(), Mutex::default());
        let mut keeper = Self { world, trust, files, twins: HashMap::new(), locks, admitted };
        let (keys, missing) = keeper.without_twins()?;
        Ok((keeper, keys, missing))
    }

    /// The keys of the first with each final name; the others become their twins. Names are known by their hash until two agree.
    fn without_twins(&mut self) -> Result<(Vec<u32>, Vec<usize>)> {
        let hasher = RandomState::new();
        let mut first: HashMap<u64, usize> = HashMap::with_capacity(self.files.len());
        let (mut keys, mut missing) = (Vec::with_capacity(self.files.len()), Vec::new());
        for key in 0..self.files.len() {
            let artifact = self.made(key)?;
            let destination = &artifact.destination;
            // As text: to compare paths part by part takes several times as long.
            match first.entry(hasher.hash_one(destination.as_os_str())) {
                Entry::Occupied(one) if self.made(*one.get())?.destination == *destination => {
                    self.twins.entry(*one.get()).or_default().push(key);
                    continue;
                }
                Entry::Occupied(_) => {}
                Entry::Vacant(free) => drop(free.insert(key)),
            }
            if !self.is_here(&artifact) {
                missing.push(keys.len());
            }
            keys.push(u32::try_from(key)?);
        }
        Ok((keys, missing))
    }

    /// Whether it is here, as far as its name and size tell.
    pub(super) fn is_here(&self, artifact: &Artifact) -> bool {
        let found = std::fs::metadata(&artifact.destination);
        found.is_ok_and(|found| found.is_file() && artifact.size.is_none_or(|size| size == found.len()))
            && !self.is_stale(artifact)
    }

    fn made(&self, key: usize) -> Result<Artifact> {
        let Wanted { part, file, group, moved } = *self.files.get(key).context("no such file")?;
        let made = placement::checked_artifact(self.world, part, file, group as usize, moved)?;
        Ok(Artifact { key, ..made })
    }

    /// The artifact with this key.
    pub fn artifact(&self, key: u32) -> Artifact {
        // Every name was checked in `of`: an artifact without an address is one that fails.
        self.made(key as usize).unwrap_or_else(|_| Artifact {
            label: String::new(),
            group: 0,
            url: String::new(),
            size: None,
            digest: None,
            destination: PathBuf::new(),
            partials: Path::new("").into(),
            credential: None,
            key: key as usize,
        })
    }

    /// The file with this key, and the index of its model.
    pub fn file(&self, key: u32) -> Option<(&'a File, usize)> {
        self.files.get(key as usize).map(|wanted| (wanted.file, wanted.group as usize))
    }

    /// The files that `artifact` is the content of.
    fn sharing<'s>(&'s self, artifact: &'s Artifact) -> impl Iterator<Item = (&'a Part, &'a File)> + use<'a, 's> {
        let others = self.twins.get(&artifact.key).into_iter().flatten();
        std::iter::once(&artifact.key)
            .chain(others)
            .filter_map(|key| self.files.get(*key).map(|one| (one.part, one.file)))
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

impl Steward for Keeper<'_> {
    fn is_stale(&self, artifact: &Artifact) -> bool {
        self.trust.stale.contains(&artifact.destination)
    }

    fn admit(&self, artifact: &Artifact, file: &Path, bytes: Option<&[u8]>, proof: &Proof) -> Result<(), String> {
        if artifact.digest.is_none() {
            web_page::refuse(&artifact.label, file, bytes)?;
        }
        self.look(artifact, bytes.map_or(Content::File(file), Content::Bytes), Some(proof.digest))?;
        for (part, _) in self.sharing(artifact) {
            // Where it cannot be noted, the file may come all the same: it is not believed later.
            let _ = placement::admit(self.world, part, &proof.digest);
        }
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
