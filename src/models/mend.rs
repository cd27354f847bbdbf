//! Puts proven bytes in the place of damaged ones. The damaged file keeps its name until the right bytes are here and have been
//! read again or hashed on their way; then one rename replaces it, so that there is no moment without the file.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha1::{Digest as _, Sha1};

use super::hub::place;
use super::keeper::Trust;
use super::locked::{File, HubPlace};
use super::pickle;
use super::rehash::{self, Finding, Item};
use super::world::World;
use crate::fetch::{self, Artifact, Credential, Digest, Event, Options, Proof, Steward};
use crate::support::escape;
use crate::support::lock::Lock;
use crate::support::paths::real_place;

/// How long another program is waited for that holds a blob's lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// A file that is damaged or missing, and what mends it.
#[derive(Debug, Clone)]
pub struct Wound {
    /// Its names: all of them get the new bytes, as one file. The first one need not be there.
    pub paths: Vec<PathBuf>,
    /// How long the damaged file was, and when it was changed last, in nanoseconds since 1970: another one is left alone.
    pub seen: Option<(u64, i128)>,
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

/// Mends `wounds`; the results come in their order, with how many bytes came over the network. Events are those of the fetches
/// alone, whose indices count the wounds that are fetched.
pub fn mend(
    world: &World,
    wounds: &[Wound],
    trust: &Trust,
    options: &Options,
    events: &(dyn Fn(Event) + Sync),
) -> Vec<Result<u64, String>> {
    let mut results: Vec<Result<u64, String>> = wounds.iter().map(|_| Ok(0)).collect();
    let (mut artifacts, mut whose) = (Vec::new(), Vec::new());
    for (at, wound) in wounds.iter().enumerate() {
        let prepared = prepare(wound);
        let (Ok(side), Some(result)) = (&prepared, results.get_mut(at)) else {
            if let (Err(error), Some(result)) = (prepared, results.get_mut(at)) {
                *result = Err(error.to_string());
            }
            continue;
        };
        match &wound.cure {
            // The bytes are here and only the link is not.
            Cure::Copy(from) if wound.paths.first() == Some(from) => {
                *result = link(world, wound).map(|()| 0).map_err(|error| error.to_string());
            }
            Cure::Copy(from) => *result = copy(world, wound, from, side).map(|()| 0).map_err(|error| error.to_string()),
            Cure::Fetch { url, credential } => {
                artifacts.push(Artifact {
                    label: wound.label.clone(),
                    group: 0,
                    url: url.clone(),
                    size: wound.size,
                    digest: Some(wound.digest)
                        .filter(|digest| wound.size.is_some() || matches!(digest, Digest::Sha256(_))),
                    destination: side.clone(),
                    partials: partials(side).into(),
                    credential: credential.clone(),
                    key: at,
                });
                whose.push(at);
            }
        }
    }
    let surgeon = Surgeon { world, wounds, trust };
    let outcomes = fetch::fetch(&world.client, &artifacts, &surgeon, options, events);
    for (at, outcome) in whose.into_iter().zip(outcomes) {
        if let Some(result) = results.get_mut(at) {
            *result = outcome.result.map(|_| outcome.received).map_err(|error| error.to_string());
        }
    }
    tidy(wounds);
    results
}

/// Where the new bytes come to lie first: in the folder of ours that is nearest, on the same disk.
fn side(wound: &Wound) -> PathBuf {
    let folder = match &wound.link {
        Some(link) => super::hub::layout::Repository::of(&link.place, &link.hub).private(),
        None => wound.paths.first().and_then(|path| path.parent()).unwrap_or(Path::new("")).join(".modelstrap"),
    };
    folder.join("renewed").join(wound.digest.hex())
}

/// Where unfinished bytes lie.
fn partials(side: &Path) -> PathBuf {
    side.parent().unwrap_or(side).with_file_name("partials")
}

fn prepare(wound: &Wound) -> io::Result<PathBuf> {
    let side = side(wound);
    stays_inside(wound, &side)?;
    let parent = side.parent().unwrap_or(&side);
    fs::create_dir_all(parent)?;
    // What a killed run left; it is fetched or copied again, since nobody knows how far it came.
    match fs::remove_file(&side) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(side),
    }
}

/// Refuses to write through a link that leads out of the cache.
fn stays_inside(wound: &Wound, side: &Path) -> io::Result<()> {
    let inside: Vec<PathBuf> = wound.inside.iter().filter_map(|folder| fs::canonicalize(folder).ok()).collect();
    // Whatever is written: the bytes, what is unfinished of them, and the link of the revision.
    let unfinished = partials(side).join("x");
    let pointer = wound.link.as_ref().map(|link| {
        super::hub::layout::Repository::of(&link.place, &link.hub).pointer(&link.place.commit, &link.file.path)
    });
    for path in wound.paths.iter().chain([&side.to_path_buf(), &unfinished]).chain(&pointer) {
        let real = real_place(path.parent().unwrap_or(path));
        if !real.is_some_and(|real| inside.iter().any(|folder| real.starts_with(folder))) {
            let shown = escape::path(path);
            return Err(io::Error::other(format!("{shown} is reached through a link that leads out of the cache")));
        }
    }
    Ok(())
}

fn copy(world: &World, wound: &Wound, from: &Path, side: &Path) -> io::Result<()> {
    fs::copy(from, side)?;
    let item = Item { path: side.to_path_buf(), size: wound.size, digest: Some(wound.digest) };
    if !matches!(rehash::verify(&[item], 1, &|_, _| ())[..], [Finding::Good]) {
        fs::remove_file(side)?;
        return Err(io::Error::other(format!("{} changed while it was copied", escape::path(from))));
    }
    fs::File::open(side)?.sync_all()?;
    place(world, wound, side)
}

/// Gives the proven bytes in `side` the wound's names.
fn place(world: &World, wound: &Wound, side: &Path) -> io::Result<()> {
    let Some((first, others)) = wound.paths.split_first() else { return Ok(()) };
    let _guard = guard(wound, first);
    // Once more, right before: the bytes may have taken an hour to come.
    stays_inside(wound, side)?;
    let there = fs::symlink_metadata(first).ok();
    if let (Some(seen), Some(there)) = (wound.seen, &there)
        && seen != (there.len(), changed(there))
    {
        return Err(io::Error::other(format!("{} was changed meanwhile, and is left alone", escape::path(first))));
    }
    if let Some(there) = there.filter(fs::Metadata::is_file) {
        // Who may read it stays as it was.
        let _ = fs::set_permissions(side, there.permissions());
    } else if let Some(folder) = first.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::rename(side, first)?;
    for other in others {
        let temporary = side.with_extension("link");
        let _ = fs::remove_file(&temporary);
        fs::hard_link(first, &temporary)?;
        fs::rename(&temporary, other)?;
    }
    link(world, wound)
}

fn changed(found: &fs::Metadata) -> i128 {
    let since = found.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(0, |since| i128::try_from(since.as_nanos()).unwrap_or(i128::MAX))
}

/// Makes the file of the revision lead to its bytes.
fn link(world: &World, wound: &Wound) -> io::Result<()> {
    let Some(link) = &wound.link else { return Ok(()) };
    let homes = super::homes::Homes { hub: link.hub.clone(), ..world.homes.clone() };
    place::settle(&link.place, &link.file, &homes, &world.hub)
}

/// The lock that Python takes around a blob, or around a payload of the shared store, where there is one. Correctness rests on the
/// rename: one that is held too long is passed by.
fn guard(wound: &Wound, path: &Path) -> Option<Lock> {
    let of_blob = wound
        .link
        .as_ref()
        .map(|link| super::hub::layout::Repository::of(&link.place, &link.hub).lock(&wound.digest.hex()));
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let lock = [Some(PathBuf::from(beside)), of_blob].into_iter().flatten().find(|lock| lock.is_file())?;
    Lock::acquire(&lock, PATIENCE, || ()).ok()
}

/// Takes our folders away again where nothing is left in them; those of a repository stay, as after a download.
fn tidy(wounds: &[Wound]) {
    let mut folders = HashSet::new();
    for wound in wounds {
        let side = side(wound);
        let renewed = side.parent().unwrap_or(&side).to_path_buf();
        let own = renewed.with_file_name("partials");
        folders.extend([(0, renewed.clone())]);
        if wound.link.is_none() {
            folders.extend([(0, own), (1, renewed.parent().unwrap_or(&renewed).to_path_buf())]);
        }
    }
    let mut folders: Vec<_> = folders.into_iter().collect();
    folders.sort();
    for (_, folder) in folders {
        // Only an empty one goes.
        let _ = fs::remove_dir(folder);
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
    trust: &'a Trust,
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
        self.wounds.get(artifact.key).map_or(Ok(()), |wound| place(self.world, wound, &artifact.destination))
    }
}
