//! Puts proven bytes in the place of damaged ones. The damaged file keeps its name until the right bytes are here and have been
//! read again or hashed on their way; then one rename replaces it, so that there is no moment without the file.

mod held;
mod place;

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha1::{Digest as _, Sha1};

use self::held::{Held, above, within};
use self::place::place;
use super::hub::layout::Repository;
use super::keeper::Trust;
use super::locked::{File, HubPlace};
use super::pickle;
use super::world::World;
use crate::fetch::{self, Artifact, Credential, Digest, Error, Event, Options, Proof, Steward};
use crate::support::stamp::Stamp;
use crate::support::{escape, nofollow};

/// So many folders are held open at once for new bytes: some systems give a program only 256 open files.
const MOST_HELD: usize = 100;

/// A file that is damaged or missing, and what mends it.
#[derive(Debug, Clone)]
pub struct Wound {
    /// Its names: all of them get the new bytes, as one file. The first one need not be there.
    pub paths: Vec<PathBuf>,
    /// What the disk said of the damaged file: another one is left alone.
    pub seen: Option<Stamp>,
    /// Whether the new bytes get the damaged file's time: a program takes a later one for an edit.
    pub keeps_time: bool,
    /// The folders that none of them may lie outside of, links followed.
    pub inside: Vec<PathBuf>,
    /// What its bytes must be.
    pub digest: Digest,
    /// How many there must be.
    pub size: Option<u64>,
    /// Where they come from.
    pub cure: Cure,
    /// What a person calls it.
    pub label: String,
    /// The file of a revision that must lead to it.
    pub link: Option<Box<Linked>>,
}

/// A file of a revision.
#[derive(Debug, Clone)]
pub struct Linked {
    /// The hub that it lies in.
    pub hub: PathBuf,
    /// Its repository and commit.
    pub place: HubPlace,
    /// The file.
    pub file: File,
}

/// Where the right bytes come from.
#[derive(Debug, Clone)]
pub enum Cure {
    /// A file that has them.
    Copy(PathBuf),
    /// A server.
    Fetch {
        /// Their address.
        url: String,
        /// The token for it.
        credential: Option<Arc<Credential>>,
    },
}

/// Mends `wounds`; the results come in their order, with those of their names that stand for another file by now, and keep it.
/// Events are those of the fetches alone, whose indices count the wounds that are fetched.
pub fn mend(
    world: &World,
    wounds: &[Wound],
    trust: &Trust,
    options: &Options,
    events: &(dyn Fn(Event) + Sync),
) -> Vec<Result<Vec<PathBuf>, String>> {
    let mut results = Vec::with_capacity(wounds.len());
    let mut rest = wounds;
    let mut fetched = 0;
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(batch(rest));
        results.extend(mend_batch(world, batch, trust, options, &|at, event| events(event.at(fetched + at))));
        fetched += batch.iter().filter(|wound| matches!(wound.cure, Cure::Fetch { .. })).count();
        rest = later;
    }
    results
}

/// How many of `wounds` are mended at once.
fn batch(wounds: &[Wound]) -> usize {
    let mut folders = HashSet::new();
    let fits = |wound: &&Wound| {
        folders.insert(partials(wound));
        folders.len() <= MOST_HELD
    };
    wounds.iter().take_while(fits).count()
}

fn mend_batch(
    world: &World,
    wounds: &[Wound],
    trust: &Trust,
    options: &Options,
    events: &(dyn Fn(usize, Event) + Sync),
) -> Vec<Result<Vec<PathBuf>, String>> {
    let mut held = HashMap::new();
    let stages: Vec<io::Result<Stage>> = wounds.iter().map(|wound| prepare(wound, &mut held)).collect();
    let surgeon = Surgeon { world, wounds, stages: &stages, trust, kept: Mutex::default() };
    let mut results: Vec<Result<Vec<PathBuf>, String>> = Vec::with_capacity(wounds.len());
    // Of each artifact its wound, and its number among the wounds that are fetched.
    let (mut artifacts, mut whose, mut number) = (Vec::new(), Vec::new(), 0);
    for (at, (wound, stage)) in wounds.iter().zip(&stages).enumerate() {
        let fetch = matches!(wound.cure, Cure::Fetch { .. });
        results.push(match (stage, &wound.cure) {
            (Err(error), _) => Err(error.to_string()),
            // The bytes are here and only the link is not.
            (Ok(_), Cure::Copy(from)) if wound.paths.first() == Some(from) => {
                said(place::link(world, wound).map(|()| Vec::new()))
            }
            (Ok(stage), Cure::Copy(from)) => said(copy(world, wound, from, stage)),
            (Ok(stage), Cure::Fetch { url, credential }) => {
                artifacts.push(artifact(wound, stage, url, credential.as_ref(), at));
                whose.push((at, number));
                Ok(Vec::new())
            }
        });
        number += usize::from(fetch);
    }
    let heard = |event: Event| {
        let of = whose.get(event.index()).and_then(|(at, number)| Some((stages.get(*at)?.as_ref().ok()?, *number)));
        if let Some((stage, number)) = of {
            events(number, named(event, stage));
        }
    };
    let outcomes = fetch::fetch(&world.client, &artifacts, &surgeon, options, &heard);
    for ((at, _), outcome) in whose.iter().zip(outcomes) {
        if let (Some(result), Some(Ok(stage))) = (results.get_mut(*at), stages.get(*at)) {
            let kept = || surgeon.kept().remove(at).unwrap_or_default();
            *result = outcome.result.map(|_| kept()).map_err(|error| shown(error, stage).to_string());
        }
    }
    drop(artifacts);
    wounds.iter().zip(&stages).filter(|(_, stage)| stage.is_ok()).for_each(|(wound, _)| tidy(wound));
    results
}

fn said(done: io::Result<Vec<PathBuf>>) -> Result<Vec<PathBuf>, String> {
    done.map_err(|error| error.to_string())
}

/// Where the new bytes of a wound come to lie first: in a folder of ours on the same disk, held open until they have their place.
struct Stage {
    held: Arc<Held>,
    name: OsString,
}

fn artifact(wound: &Wound, stage: &Stage, url: &str, credential: Option<&Arc<Credential>>, key: usize) -> Artifact {
    Artifact {
        label: wound.label.clone(),
        group: 0,
        url: url.to_owned(),
        size: wound.size,
        digest: Some(wound.digest).filter(|digest| wound.size.is_some() || matches!(digest, Digest::Sha256(_))),
        destination: stage.held.way(&stage.name),
        partials: stage.held.itself().into(),
        credential: credential.cloned(),
        key,
    }
}

/// `error` with the path that a person knows.
fn shown(error: Error, stage: &Stage) -> Error {
    match error {
        Error::Disk { path, source } => Error::Disk { path: stage.held.shown(&path), source },
        Error::NoRoom { path, needed, free } => Error::NoRoom { path: stage.held.shown(&path), needed, free },
        other => other,
    }
}

/// The same for what is shown while it happens.
fn named(event: Event, stage: &Stage) -> Event {
    let Event::Failed { index, why } = event else { return event };
    let (way, path) = (stage.held.itself(), stage.held.shown(stage.held.itself()));
    Event::Failed { index, why: why.replace(&escape::path(way), &escape::path(&path)) }
}

/// The folder of ours that is nearest, for unfinished and for new bytes.
fn partials(wound: &Wound) -> PathBuf {
    match &wound.link {
        Some(link) => Repository::of(&link.place, &link.hub).partials(),
        None => {
            let beside = wound.paths.first().and_then(|path| path.parent()).unwrap_or(Path::new(""));
            beside.join(".modelstrap").join("partials")
        }
    }
}

fn prepare(wound: &Wound, held: &mut HashMap<PathBuf, Arc<Held>>) -> io::Result<Stage> {
    stays_inside(wound)?;
    let name = OsString::from(format!("{}.renewed", wound.digest.hex()));
    let folder = partials(wound);
    // One that is open already stays the same for equal contents, which the engine tells by their path.
    let held = match held.get(&folder) {
        Some(held) => Arc::clone(held),
        None => {
            let opened = Arc::new(above(&wound.inside, &folder.join(&name), true)?.0);
            held.insert(folder, Arc::clone(&opened));
            opened
        }
    };
    // What a killed run left; it is fetched or copied again, since nobody knows how far it came.
    match held.folder.unlink(&name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(Stage { held, name }),
    }
}

/// Refuses to begin where a link leads out of the cache: the bytes may take an hour to come.
fn stays_inside(wound: &Wound) -> io::Result<()> {
    let pointer = wound
        .link
        .as_ref()
        .map(|link| Repository::of(&link.place, &link.hub).pointer(&link.place.commit, &link.file.path));
    wound.paths.iter().chain(&pointer).try_for_each(|path| within(&wound.inside, path).map(|_| ()))
}

fn copy(world: &World, wound: &Wound, from: &Path, stage: &Stage) -> io::Result<Vec<PathBuf>> {
    let done = copy_bytes(wound, from, &stage.held, &stage.name);
    let done = done.and_then(|()| place(world, wound, &stage.held, &stage.name));
    if done.is_err() {
        let _ = stage.held.folder.unlink(&stage.name);
    }
    done
}

fn copy_bytes(wound: &Wound, from: &Path, held: &Held, name: &OsStr) -> io::Result<()> {
    let mut source = nofollow::open(OpenOptions::new().read(true), from)?;
    let mut new = held.folder.create(name, 0o666)?;
    io::copy(&mut source, &mut new)?;
    new.set_permissions(source.metadata()?.permissions())?;
    new.sync_all()?;
    if place::is_good(&held.way(name), wound) {
        return Ok(());
    }
    Err(io::Error::other(format!("{} changed while it was copied", escape::path(from))))
}

/// Takes our folders away again where nothing is left in them; those of a repository stay, as after a download.
fn tidy(wound: &Wound) {
    if wound.link.is_some() {
        return;
    }
    let partials = partials(wound);
    for folder in [Some(partials.as_path()), partials.parent()].into_iter().flatten() {
        if let Ok((held, name)) = above(&wound.inside, folder, false) {
            // Only an empty one goes.
            let _ = held.folder.remove_folder(&name);
        }
    }
}

/// Git's name of what was fetched.
fn git_name(file: &Path, bytes: Option<&[u8]>) -> Result<Digest, String> {
    let Some(bytes) = bytes else {
        let hashed = fetch::hash_file(file, &Digest::Git([0; 20]), &mut vec![0; fetch::BLOCK], &|_| ());
        let proof = hashed.map_err(|error| format!("it cannot be read again: {error}"))?;
        return proof.map(|proof| proof.digest).ok_or_else(|| "stopped".to_owned());
    };
    let hash = Sha1::new_with_prefix(format!("blob {}\0", bytes.len())).chain_update(bytes);
    Ok(Digest::Git(hash.finalize().into()))
}

/// Lets the fetched bytes in, and puts them into their place.
struct Surgeon<'a> {
    world: &'a World,
    wounds: &'a [Wound],
    stages: &'a [io::Result<Stage>],
    trust: &'a Trust,
    /// By wound, which names are left alone.
    kept: Mutex<HashMap<usize, Vec<PathBuf>>>,
}

impl Surgeon<'_> {
    fn kept(&self) -> MutexGuard<'_, HashMap<usize, Vec<PathBuf>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Steward for Surgeon<'_> {
    fn admit(&self, artifact: &Artifact, file: &Path, bytes: Option<&[u8]>, _: &Proof) -> Result<(), String> {
        let vouched = |digest: &Digest| {
            self.trust.known.contains(digest) || crate::catalogue::models::has_file(&digest.to_string())
        };
        let wound = self.wounds.get(artifact.key).ok_or("nobody has asked for it")?;
        // Git's name of some bytes begins with their number, and nobody has said that before they came.
        if artifact.digest.is_none() && git_name(file, bytes)? != wound.digest {
            return Err(format!("it has the wrong content; expected {}", wound.digest));
        }
        if self.trust.allow_pickle || vouched(&wound.digest) {
            return Ok(());
        }
        let report = bytes.map_or_else(|| pickle::scan(file), pickle::scan_bytes);
        let report = report.map_err(|error| format!("it cannot be read again: {error}"))?;
        if report.is_acceptable() {
            return Ok(());
        }
        Err(format!("{report}\n    if you trust its author, `--allow-pickle` takes it"))
    }

    fn settle(&self, artifact: &Artifact) -> io::Result<()> {
        if let (Some(wound), Some(Ok(stage))) = (self.wounds.get(artifact.key), self.stages.get(artifact.key)) {
            let kept = place(self.world, wound, &stage.held, &stage.name)?;
            self.kept().insert(artifact.key, kept);
        }
        Ok(())
    }
}
