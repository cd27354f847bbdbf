//! Which of the gathered files have the same bytes: by what their names say of them (a blob of 64 digits is called by its SHA-256),
//! else by reading them, on all cores, so that the index can name every content before the first is written.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use sha2::{Digest as _, Sha256};

use super::gather::{Bytes, Gathered, Thing};
use super::index::{Entry, Head, Index, SCHEMA, Sum, What, unhex};
use super::names::{self, Name, Role};
use crate::cache::stamp::Stamp;
use crate::platform::Os;
use crate::support::interrupt;

/// Below this, a second name costs as much as the bytes again.
const WORTH_A_LINK: u64 = 512;
/// How much is read at once.
const ROOM: usize = 256 << 10;

/// What is to be written.
#[derive(Debug, Default)]
pub struct Plan {
    /// The archive's index.
    pub index: Index,
    /// Of each member with a content: where its bytes are, and whether its digest was read (else its name says it).
    pub sources: Vec<Option<(Bytes, bool)>>,
    /// What could not be read, and why.
    pub problems: Vec<(PathBuf, io::Error)>,
}

/// What an index says of the archive, besides its members.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The tool's version.
    pub tool: String,
    /// Now, in RFC 3339.
    pub now: String,
    /// Whether the names of blobs are taken for their digests.
    pub trust_names: bool,
}

/// Puts what was gathered in order.
///
/// # Errors
/// When the person asked to stop.
pub fn plan(
    gathered: Gathered,
    about: &About,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Plan, interrupt::Interrupted> {
    let Gathered { things, stores, problems, .. } = gathered;
    let payloads = if about.trust_names { payloads(&things, &stores) } else { HashMap::new() };
    let mut plan = Plan { problems, ..Plan::default() };
    // Hard links have one content, which is looked at once.
    let mut first: HashMap<(u64, u64), usize> = HashMap::new();
    let mut files: Vec<(Name, Bytes, Option<usize>)> = Vec::new();
    let mut others = Vec::new();
    for (name, thing) in things {
        match thing {
            Thing::File(bytes) => {
                let at = files.len();
                let group = match &bytes {
                    Bytes::Disk(file) if file.stamp.names > 1 && file.stamp.id != (0, 0) => {
                        Some(*first.entry(file.stamp.id).or_insert(at)).filter(|first| *first != at)
                    }
                    _ => None,
                };
                files.push((name, bytes, group));
            }
            other => others.push((name, other)),
        }
    }
    let known = |name: &Name| match name.role(&stores) {
        Role::Blob if about.trust_names => digest_in(name),
        _ => payloads.get(name).copied(),
    };
    let mut found: Vec<Option<(Sum, bool)>> =
        files.iter().map(|(name, ..)| known(name).map(|sum| (sum, false))).collect();
    drop(payloads);
    let unknown: Vec<usize> = (0..files.len()).filter(|at| found[*at].is_none() && files[*at].2.is_none()).collect();
    let read = sums(&unknown, &files, progress);
    if interrupt::requested() {
        return Err(interrupt::Interrupted("stopped; nothing was written".to_owned()));
    }
    for (at, sum) in unknown.into_iter().zip(read) {
        match sum {
            Ok(sum) => found[at] = Some((sum, true)),
            // It went while the cache was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => plan.problems.push((path_of(&files[at].1), error)),
        }
    }
    let mut entries = members(files, &found, &stores);
    entries.extend(others.into_iter().map(|(name, thing)| {
        let what = match thing {
            Thing::Link(to) => What::Link { to: to.into() },
            _ => What::Folder,
        };
        (Entry { name, mtime: 0, mode: 0o644, what }, None)
    }));
    finish(entries, &stores, about, &mut plan);
    Ok(plan)
}

fn path_of(bytes: &Bytes) -> PathBuf {
    match bytes {
        Bytes::Disk(file) => file.path(),
        Bytes::Memory(_) => PathBuf::new(),
    }
}

type Source = Option<(Bytes, bool)>;

/// The members of all files: each content under its first name, the others as second names of it. `of` counts files for now.
fn members(
    files: Vec<(Name, Bytes, Option<usize>)>,
    found: &[Option<(Sum, bool)>],
    stores: &[Vec<u8>],
) -> Vec<(Entry, Source)> {
    let mut holder: HashMap<(Sum, u64), usize> = HashMap::new();
    // Of each file: the member that holds its content, and its own.
    let mut place: Vec<Option<(usize, usize)>> = Vec::with_capacity(files.len());
    let mut entries: Vec<(Entry, Source)> = Vec::with_capacity(files.len());
    for (name, bytes, group) in files {
        let at = place.len();
        let Some((sum, was_read)) = found[group.unwrap_or(at)] else {
            place.push(None);
            continue;
        };
        let (size, mtime, mode) = match &bytes {
            Bytes::Disk(file) => {
                let stamp = &file.stamp;
                let mtime = i64::try_from(stamp.modified.div_euclid(1_000_000_000)).unwrap_or(0);
                (stamp.size, mtime.max(0), if stamp.mode == 0 { 0o644 } else { (stamp.mode & 0o777) as u16 })
            }
            Bytes::Memory(bytes) => (bytes.len() as u64, 0, 0o644),
        };
        let shares = size >= WORTH_A_LINK && name.role(stores) != Role::Reference;
        // A hard link stays one, however small.
        let linked = group.and_then(|group| place[group]).filter(|_| name.role(stores) != Role::Reference);
        let of = linked.map(|(holder, _)| holder).or_else(|| holder.get(&(sum, size)).copied().filter(|_| shares));
        let what = match of {
            Some(of) => What::Same { of, with: linked.map_or(entries.len(), |(_, first)| first) },
            None => What::File { size, sum },
        };
        if of.is_none() {
            holder.insert((sum, size), entries.len());
        }
        place.push(Some((of.unwrap_or(entries.len()), entries.len())));
        let source = of.is_none().then_some((bytes, was_read));
        entries.push((Entry { name, mtime, mode, what }, source));
    }
    entries
}

/// Sorts all members, and counts again of which one a second name is.
fn finish(mut entries: Vec<(Entry, Source)>, stores: &[Vec<u8>], about: &About, plan: &mut Plan) {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_unstable_by(|one, other| entries[*one].0.name.cmp(&entries[*other].0.name));
    let mut new = vec![0; entries.len()];
    for (at, old) in order.into_iter().enumerate() {
        new[old] = at;
    }
    let mut bytes = 0;
    for (entry, _) in &mut entries {
        match &mut entry.what {
            What::Same { of, with } => (*of, *with) = (new[*of], new[*with]),
            What::File { size, .. } => bytes += *size,
            _ => {}
        }
    }
    drop(new);
    // No two have one name. In place: another list of a million is room that nobody has.
    entries.sort_unstable_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    let (entries, sources): (Vec<Entry>, Vec<Source>) = entries.into_iter().unzip();
    let head = Head {
        schema: SCHEMA.to_owned(),
        tool: about.tool.clone(),
        created_at: about.now.clone(),
        stores: stores.iter().map(|hub| names::encode(hub)).collect(),
        entries: entries.len() as u64,
        bytes,
    };
    plan.index = Index { head, entries };
    plan.sources = sources;
}

/// What a blob's name says of its content, where that is 64 digits.
fn digest_in(blob: &Name) -> Option<Sum> {
    std::str::from_utf8(blob.last()).ok().and_then(unhex)
}

/// The digests of the payloads that a blob with 64 digits leads to.
fn payloads(things: &BTreeMap<Name, Thing>, stores: &[Vec<u8>]) -> HashMap<Name, Sum> {
    let mut named = HashMap::new();
    if stores.is_empty() {
        return named;
    }
    for (name, thing) in things.iter().filter(|(name, _)| name.role(stores) == Role::Blob) {
        let (Thing::Link(to), Some(sum)) = (thing, digest_in(name)) else { continue };
        let to = names::resolve(name.folder(), to).and_then(|to| Name::of(&to, Os::current()).ok());
        if let Some(payload) = to.filter(|to| to.role(stores) == Role::Payload) {
            named.insert(payload, sum);
        }
    }
    named
}

/// The digests of the files `which`, on all cores, the largest first.
fn sums(
    which: &[usize],
    files: &[(Name, Bytes, Option<usize>)],
    progress: &(dyn Fn(u64) + Sync),
) -> Vec<io::Result<Sum>> {
    let sources: Vec<&Bytes> = which.iter().map(|at| &files[*at].1).collect();
    read_all(&sources, progress)
}

/// The digests of `sources`, on all cores, the largest first. Those that were not read when the person asked to stop are errors.
pub fn read_all(sources: &[&Bytes], progress: &(dyn Fn(u64) + Sync)) -> Vec<io::Result<Sum>> {
    let size = |bytes: &Bytes| match bytes {
        Bytes::Disk(file) => file.stamp.size,
        Bytes::Memory(bytes) => bytes.len() as u64,
    };
    let mut order: Vec<usize> = (0..sources.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(size(sources[*at])));
    let results: Vec<Mutex<Option<io::Result<Sum>>>> = sources.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut buffer = vec![0; ROOM];
        while let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            let sum = sum(sources[at], &mut buffer, progress);
            *results[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(sum);
        }
    };
    let cores = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(sources.len().div_ceil(16).max(sources.len().min(4)));
    thread::scope(|scope| {
        for _ in 1..cores {
            scope.spawn(work);
        }
        work();
    });
    let missing = || Err(io::ErrorKind::Interrupted.into());
    results
        .into_iter()
        .map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(missing))
        .collect()
}

fn sum(bytes: &Bytes, buffer: &mut [u8], progress: &dyn Fn(u64)) -> io::Result<Sum> {
    let mut sum = Sha256::new();
    match bytes {
        Bytes::Memory(bytes) => sum.update(bytes),
        Bytes::Disk(found) => {
            let mut file = open(&found.path())?;
            loop {
                if interrupt::requested() {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                match file.read(buffer) {
                    Ok(0) => break,
                    Ok(count) => {
                        sum.update(&buffer[..count]);
                        progress(count as u64);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            if !Stamp::of(&file.metadata()?).is_same_content(&found.stamp) {
                return Err(io::Error::other("it was changed while it was read"));
            }
        }
    }
    Ok(sum.finalize().into())
}

/// Opens a file that was one when it was looked at: nothing else that stands there now is waited for or followed.
///
/// # Errors
/// What the disk says.
#[cfg(unix)]
pub fn open(path: &std::path::Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(crate::support::quiet::open(|quiet| rustix::fs::open(path, flags | quiet, Mode::empty()))?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file any more")) }
}

/// Opens a file that was one when it was looked at.
///
/// # Errors
/// What the disk says.
#[cfg(not(unix))]
pub fn open(path: &std::path::Path) -> io::Result<File> {
    File::open(path)
}
