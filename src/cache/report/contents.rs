//! What the scan does not keep: the files of the largest models, and which contents lie on the disk more than once as far as their
//! names tell. Nothing is hashed here: `dedupe` does that.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::payloads;
use crate::cache::hub::{BlobKind, FileKind, Hub, Repository};
use crate::cache::inventory::{Found, Inventory, Unit, UnitKind};
use crate::cache::places::Kind;
use crate::cache::stamp::Stamp;
use crate::fetch::Digest;
use crate::support::interrupt;
use crate::support::quoted;

/// The files of so many models are read.
const MODELS: usize = 400;

/// So many names of a folder are looked at.
const NAMES: usize = 4000;

/// So many files of a model are shown by name; the others are one.
const FILES: usize = 24;

/// No model has folders in folders in so many folders.
const DEEPEST: usize = 32;

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// What it is called in the model.
    pub name: String,
    /// What it takes on the disk, in bytes; nothing, if its bytes are drawn under another name.
    pub disk: u64,
    /// Its device and inode, where others may lead to it.
    pub id: Option<(u64, u64)>,
}

/// A content that lies on the disk several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The files, sorted.
    pub paths: Vec<PathBuf>,
    /// What all but one take on the disk, in bytes.
    pub bytes: u64,
}

/// What the largest models hold.
#[derive(Debug, Default)]
pub struct Contents {
    /// The files of each model, by its path, the largest first.
    pub files: HashMap<PathBuf, Vec<Leaf>>,
    /// What lies there twice, the largest first. Whoever knows more (`dedupe`, from the bytes) may put it here instead.
    pub duplicates: Vec<Duplicate>,
}

/// A file with a name that says what it holds.
struct Named {
    id: (u64, u64),
    path: PathBuf,
    disk: u64,
}

/// Those of each content, whose two names of one file are one. Most have one alone, of which there may be a million.
type Copies = HashMap<Digest, Vec<Named>>;

/// Reads the largest models of `inventory`.
pub fn read(inventory: &Inventory) -> Contents {
    let shared = |found: &Found| matches!(found.place.kind, Kind::Shell { .. });
    let units = inventory.places.iter().flat_map(|found| found.units.iter().map(move |unit| (unit, shared(found))));
    let mut units: Vec<(&Unit, bool)> = units.filter(|(unit, _)| unit.sizes.disk > 0).collect();
    units.sort_by(|(one, _), (other, _)| other.sizes.disk.cmp(&one.sizes.disk).then_with(|| one.path.cmp(&other.path)));
    let mut contents = Contents::default();
    let mut copies = Copies::new();
    let mut stores: BTreeSet<PathBuf> = BTreeSet::new();
    let mut read: BTreeMap<PathBuf, Vec<Leaf>> = BTreeMap::new();
    for (unit, is_shared) in units.into_iter().take(MODELS) {
        if interrupt::requested() {
            break;
        }
        // What a variable of the shell leads to, `dedupe` leaves alone.
        let mut nobodys = Copies::new();
        let copies = if is_shared { &mut nobodys } else { &mut copies };
        let leaves = match &unit.kind {
            UnitKind::Repository(_) => repository(&unit.path, copies),
            UnitKind::Folder => folder(&unit.path, copies),
            UnitKind::Ollama => {
                stores.extend(layers(&unit.path).filter(|_| !is_shared));
                continue;
            }
            UnitKind::File => alone(&unit.path),
            UnitKind::Store => payloads::of_nobody(&unit.path),
            UnitKind::Rest | UnitKind::Own => continue,
        };
        read.insert(unit.path.clone(), leaves);
    }
    once(&mut read);
    // A model that is one file is drawn whole.
    let drawn = read.into_iter().filter(|(path, _)| !path.is_file());
    contents.files = drawn.map(|(path, leaves)| (path, largest(leaves))).collect();
    for store in stores {
        folder(&store, &mut copies);
    }
    contents.duplicates = copies.into_values().filter(|copies| copies.len() > 1).map(duplicate).collect();
    contents.duplicates.retain(|one| one.bytes > 0);
    contents.duplicates.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.paths.cmp(&other.paths)));
    contents
}

/// A file that is a model: what others may have as well.
fn alone(path: &Path) -> Vec<Leaf> {
    let stamp = Stamp::at(path).ok().filter(|stamp| stamp.names > 1);
    stamp.map(|stamp| Leaf { name: String::new(), disk: stamp.disk, id: id(&stamp) }).into_iter().collect()
}

/// By what a file with several names is known.
pub(super) fn id(stamp: &Stamp) -> Option<(u64, u64)> {
    (stamp.names > 1 && stamp.id != (0, 0)).then_some(stamp.id)
}

/// Lets each file count once: with the model that is the first by its path, as the inventory has it.
fn once(read: &mut BTreeMap<PathBuf, Vec<Leaf>>) {
    let mut seen: BTreeSet<(u64, u64)> = BTreeSet::new();
    for leaf in read.values_mut().flatten() {
        if leaf.id.is_some_and(|id| !seen.insert(id)) {
            leaf.disk = 0;
        }
    }
}

fn duplicate(copies: Vec<Named>) -> Duplicate {
    let total: u64 = copies.iter().map(|copy| copy.disk).fold(0, u64::saturating_add);
    let most = copies.iter().map(|copy| copy.disk).max().unwrap_or(0);
    let mut paths: Vec<PathBuf> = copies.into_iter().map(|copy| copy.path).collect();
    paths.sort_unstable();
    Duplicate { paths, bytes: total - most }
}

/// The SHA-256 that a file is named by: as the Hub's clients do, and as ollama does.
fn named_digest(name: &OsStr) -> Option<Digest> {
    let name = name.to_str()?;
    let digest = Digest::from_hex(&name.strip_prefix("sha256-").unwrap_or(name).to_ascii_lowercase())?;
    matches!(digest, Digest::Sha256(_)).then_some(digest)
}

fn note(copies: &mut Copies, name: &OsStr, path: &Path, stamp: &Stamp) {
    let Some(digest) = named_digest(name) else { return };
    let copies = copies.entry(digest).or_insert_with(|| Vec::with_capacity(1));
    // Where the system has no inodes, a path is a file.
    if stamp.id == (0, 0) || copies.iter().all(|copy| copy.id != stamp.id) {
        copies.push(Named { id: stamp.id, path: path.to_path_buf(), disk: stamp.disk });
    }
}

/// The folder of Ollama's layers: of a model, whose path is its manifest, beside the manifests.
fn layers(path: &Path) -> Option<PathBuf> {
    let manifests = path.ancestors().find(|above| above.file_name().is_some_and(|name| name == "manifests"));
    Some(manifests.map_or_else(|| path.to_path_buf(), |manifests| manifests.with_file_name("blobs")))
        .filter(|at| at.is_dir())
}

fn repository(path: &Path, copies: &mut Copies) -> Vec<Leaf> {
    let hub = Hub::at(path.parent().unwrap_or(path));
    let found = Repository::read(path, &hub);
    let mut names: HashMap<&OsStr, String> = HashMap::new();
    let mut leaves = Vec::new();
    for revision in &found.revisions {
        for file in &revision.files {
            match &file.kind {
                FileKind::Blob(blob) => {
                    names.entry(blob).or_insert_with(|| quoted::shown(&file.path));
                }
                FileKind::Own(stamp) => {
                    leaves.push(Leaf { name: quoted::shown(&file.path), disk: stamp.disk, id: id(stamp) });
                }
                FileKind::Dangling(_) | FileKind::Foreign(_) => {}
            }
        }
    }
    for (name, blob) in &found.blobs {
        let (disk, id) = match &blob.kind {
            BlobKind::Own => {
                note(copies, name, &found.blob(name), &blob.stamp);
                (blob.stamp.disk, id(&blob.stamp))
            }
            // Other repositories may lead there, however many names it has.
            BlobKind::Shared(_, payload) => payload.map_or((0, None), |payload| (payload.disk, Some(payload.id))),
            BlobKind::Foreign => (0, None),
        };
        let orphan = || format!("{} (no revision)", quoted::shown(name));
        leaves.push(Leaf { name: names.get(name.as_os_str()).cloned().unwrap_or_else(orphan), disk, id });
    }
    for (path, stamp) in &found.unfinished {
        let name = quoted::shown(path.file_name().unwrap_or_default());
        leaves.push(Leaf { name: format!("{name} (unfinished)"), disk: stamp.disk, id: id(stamp) });
    }
    leaves
}

fn folder(root: &Path, copies: &mut Copies) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    let mut waiting = vec![(root.to_path_buf(), 0)];
    let mut left = NAMES;
    while let Some((folder, depth)) = waiting.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            let Some(rest) = left.checked_sub(1) else { return leaves };
            left = rest;
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            if kind.is_dir() && depth < DEEPEST {
                waiting.push((path, depth + 1));
            } else if let (true, Ok(stamp)) = (kind.is_file(), Stamp::at(&path)) {
                note(copies, &entry.file_name(), &path, &stamp);
                let name = quoted::shown(path.strip_prefix(root).unwrap_or(&path));
                leaves.push(Leaf { name, disk: stamp.disk, id: id(&stamp) });
            }
        }
    }
    leaves
}

/// The largest by name, the others as one.
fn largest(mut leaves: Vec<Leaf>) -> Vec<Leaf> {
    leaves.retain(|leaf| leaf.disk > 0);
    leaves.sort_by(|one, other| other.disk.cmp(&one.disk).then_with(|| one.name.cmp(&other.name)));
    if leaves.len() > FILES {
        let rest = leaves.split_off(FILES - 1);
        let disk = rest.iter().map(|leaf| leaf.disk).fold(0, u64::saturating_add);
        leaves.push(Leaf { name: format!("{} smaller files", rest.len()), disk, id: None });
    }
    leaves
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::cache::places::Place;
    use crate::cache::scan;

    fn put(path: PathBuf, size: usize) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![1; size]).unwrap();
    }

    #[test]
    fn files_are_named_as_in_their_revision_and_equal_names_of_contents_are_found() {
        let room = tempfile::tempdir().unwrap();
        let (one, two) = ("a".repeat(64), "b".repeat(64));
        let repository = room.path().join("huggingface/hub/models--o--m");
        put(repository.join("blobs").join(&one), 90_000);
        put(repository.join("blobs").join(&two), 50_000);
        put(repository.join("blobs/x.1.incomplete"), 40_000);
        let snapshot = repository.join("snapshots").join("c".repeat(40));
        fs::create_dir_all(&snapshot).unwrap();
        std::os::unix::fs::symlink(format!("../../blobs/{one}"), snapshot.join("model.bin")).unwrap();
        put(room.path().join("ollama/blobs").join(format!("sha256-{one}")), 90_000);
        let linked = room.path().join("again/blobs");
        fs::create_dir_all(&linked).unwrap();
        fs::hard_link(repository.join("blobs").join(&two), linked.join(&two)).unwrap();
        let place = |name: &str| Place::at(name.into(), room.path().join(name), Kind::Home);
        let inventory = scan::scan(vec![place("huggingface"), place("ollama"), place("again")]);
        let contents = read(&inventory);
        let names: Vec<_> = contents.files[&repository].iter().map(|leaf| leaf.name.as_str()).collect();
        assert_eq!(
            names,
            ["model.bin", "x.1.incomplete (unfinished)"],
            "the orphan is drawn where its path comes first"
        );
        let again: Vec<_> = contents.files[&linked].iter().map(|leaf| leaf.name.as_str()).collect();
        assert_eq!(again, [two.as_str()]);
        let [duplicate] = &contents.duplicates[..] else { panic!("{:?}", contents.duplicates) };
        assert_eq!(duplicate.paths.len(), 2, "a hard link is no copy");
        assert!(duplicate.bytes >= 90_000 && duplicate.bytes < 100_000);
    }

    #[test]
    fn many_files_are_a_few_and_the_rest() {
        let leaves = (0..100).map(|n| Leaf { name: format!("{n:03}"), disk: n, id: None }).collect();
        let found = largest(leaves);
        assert_eq!((found.len(), found[0].disk, found[FILES - 1].name.as_str()), (FILES, 99, "76 smaller files"));
        assert_eq!(found.iter().map(|leaf| leaf.disk).sum::<u64>(), 99 * 100 / 2);
    }
}
