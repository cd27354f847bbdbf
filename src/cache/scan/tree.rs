//! Folders that are no repository: their files are counted, and the folders that bear models are told from those that only lead
//! to them.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::blob::is_part;
use super::folder::{Folder, Kind, Look, Name, NameBuf, name, text};
use super::pool::Pool;
use super::state::{RowId, RowKind, Tally};
use super::{Piece, STORE_MARK, Work, repository};
use crate::cache::inventory::Repository;
use crate::cache::parts::Part;
use crate::cache::places::OWN;
use crate::cache::{linked, ollama, places};
use crate::support::quoted;

/// Folders that lead to models and are none: `torch/hub/checkpoints/x.pt` is the model `x.pt`.
const LEADING: [&str; 6] = ["hub", "checkpoints", "huggingface", "transformers", "models", "snapshots"];

/// How deep they may lie.
const LEADING_DEPTH: u32 = 4;

/// A file above the units is one of its own from this size on, in bytes; smaller ones are the place's rest.
const MODEL_SIZE: u64 = 1 << 20;

/// Where this tool keeps what it removed, in a folder of its own.
const TRASH: &str = "trash";

/// What llama.cpp has not finished, in its folder of before 2026 (`common/download.cpp`).
pub const LLAMA_PART: &[u8] = b".downloadInProgress";

/// Deeper than any cache: a loop of mounts, or an attack.
const DEEPEST: u32 = 256;

/// Reads a place from its top.
pub(super) fn place(pool: &Pool, number: u32, room: &mut Vec<u8>) {
    let Some(place) = pool.places.get(number as usize) else { return };
    let folder = match Folder::open(&place.real, pool.mounted()) {
        Ok(folder) => Arc::new(folder),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => {
            // It is there all the same.
            pool.state().row(number, place.name.clone().into(), place.path.clone(), RowKind::Rest);
            return pool.problem(place.path.clone(), &error);
        }
    };
    let is_stray = matches!(place.kind, places::Kind::Stray { .. });
    if let Some(called) = place.path.file_name().and_then(called).filter(|_| is_stray) {
        return read_repository(pool, &folder, (number, &place.path), called, pool.hub());
    }
    let kind = if place.path.ends_with(OWN) { RowKind::Trash } else { RowKind::Rest };
    let row = pool.state().row(number, place.name.clone().into(), place.path.clone(), kind);
    let whole = matches!(place.kind, places::Kind::Application { .. }) || place.path.ends_with(OWN);
    let here = Here { number, row, in_unit: whole, depth: 0, path: &place.path };
    here.read(pool, &folder, room);
}

/// Reads a folder in a place.
pub(super) fn folder(pool: &Pool, piece: Piece, room: &mut Vec<u8>) {
    match piece.open(pool) {
        Ok(Some(folder)) => {
            let Piece { place: number, path, depth, row, in_unit, parent, .. } = piece;
            // The folder above is needed no longer.
            drop(parent);
            Here { number, row, in_unit, depth, path: &path }.read(pool, &Arc::new(folder), room);
        }
        Ok(None) => {}
        Err(error) => pool.problem(piece.path, &error),
    }
}

/// Reads a repository, as one piece.
pub(super) fn repository(pool: &Pool, piece: &Piece, hub: u32) {
    let Some((id, kind)) = called(text(&piece.name)) else { return };
    match piece.open(pool) {
        Ok(Some(folder)) => read_repository(pool, &folder, (piece.place, &piece.path), (id, kind), hub),
        Ok(None) => {}
        Err(error) => {
            // One of which nothing is known but that it is there: whoever cleans must know that it may use what it shares.
            let unread = Box::new(Repository { kind, ..Repository::default() });
            let kind = RowKind::Repository(unread, Vec::new());
            pool.state().row(piece.place, id, piece.path.clone(), kind);
            pool.problem(piece.path.clone(), &error);
        }
    }
}

/// `org/name` and the kind, if a folder of this name is a repository's.
fn called(folder: &OsStr) -> Option<(OsString, &'static str)> {
    let (id, kind) = repository::named(&quoted::text(folder))?;
    Some((quoted::path(&id).into_os_string(), kind))
}

fn read_repository(
    pool: &Pool,
    folder: &Folder,
    (place, path): (u32, &Path),
    (id, kind): (OsString, &'static str),
    hub: u32,
) {
    let row = pool.state().row(place, id, path.to_path_buf(), RowKind::Rest);
    [path.to_path_buf(), path.join("snapshots")].iter().for_each(|folder| pool.note_parts(folder));
    let full = |linked: &mut Vec<Look>| pool.state().link(row, linked);
    let shared = (&pool.keys, &pool.link_room);
    let mut read = repository::read(folder, path, hub, shared, &full);
    read.repository.kind = kind;
    let mut state = pool.state();
    for (path, error) in read.problems {
        state.problem(path, error.to_string());
    }
    if let Some(found) = state.rows.get_mut(row as usize) {
        found.kind = RowKind::Repository(Box::new(read.repository), read.via);
    }
    state.add(row, &read.tally);
}

/// A folder that is being read.
struct Here<'a> {
    number: u32,
    /// What its files belong to.
    row: RowId,
    /// Whether it is (in) a unit, or above the units.
    in_unit: bool,
    depth: u32,
    path: &'a Path,
}

impl Here<'_> {
    /// Whether the folder itself stays when all that is in it is cleared: that of a place, and those that only lead to its models. Those above
    /// what was removed go with the last of it, and no plan counts them.
    fn stays(&self) -> bool {
        let is = |path: &Path, name: &str| path.file_name().is_some_and(|found| found == name);
        let is_trash = |path: &Path| is(path, TRASH) && path.parent().is_some_and(|own| is(own, OWN));
        let leads = || is(self.path, OWN) || is_trash(self.path) || self.path.parent().is_some_and(is_trash);
        self.depth == 0 || !self.in_unit || leads()
    }

    fn read(&self, pool: &Pool, folder: &Arc<Folder>, room: &mut Vec<u8>) {
        let oldest = pool.places.get(self.number as usize).and_then(|place| place.kind.max_age());
        let oldest = oldest.map(|age| pool.now.saturating_sub(age));
        let mut tally = Tally::default();
        tally.folder(folder);
        if self.stays() {
            tally.frees_nothing(folder);
        }
        let mut folders: Vec<NameBuf> = Vec::new();
        let mut models: Vec<(NameBuf, Tally)> = Vec::new();
        let mut links: Vec<(NameBuf, Look)> = Vec::new();
        let outcome = folder.each(room, |name, kind| {
            if kind == Kind::Folder {
                folders.push(name.to_owned());
                return Ok(());
            }
            let look = match folder.look(name) {
                Ok(look) => look,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            };
            if kind == Kind::Link && !self.in_unit && called(text(name)).is_some() {
                links.push((name.to_owned(), look));
                return Ok(());
            }
            let is_large = || look.size >= MODEL_SIZE || Part::of(text(name)).is_some();
            let is_model = kind == Kind::File && is_large();
            if !self.in_unit && is_model && !text(name).as_encoded_bytes().ends_with(LLAMA_PART) {
                let mut own = Tally::default();
                own.count(&look, oldest);
                models.push((name.to_owned(), own));
            } else if (is_part(text(name).as_encoded_bytes()) && is_own(self.path))
                || text(name).as_encoded_bytes().ends_with(LLAMA_PART)
            {
                tally.unfinished(&look);
            } else {
                tally.count(&look, oldest);
            }
            if tally.is_full() {
                pool.state().link(self.row, &mut tally.linked);
            }
            Ok(())
        });
        if let Err(error) = outcome {
            pool.problem(self.path.to_path_buf(), &error);
        }
        for (name, look) in links {
            self.link(pool, &name, &look, &mut tally);
        }
        let models = whole(models);
        let mut state = pool.state();
        state.add(self.row, &tally);
        for (name, own) in models {
            let path = self.path.join(text(&name));
            let row = state.row(self.number, text(&name).to_owned(), path, RowKind::File);
            state.add(row, &own);
        }
        drop(state);
        if folders.is_empty() {
            return;
        }
        if self.depth >= DEEPEST {
            let why = io::Error::other(format!("holds folders more than {DEEPEST} folders deep"));
            pool.problem(self.path.to_path_buf(), &why);
        } else {
            let work: Vec<Work> = self.work(pool, folder, folders);
            pool.give(work);
        }
    }

    /// A link that is called like a repository.
    fn link(&self, pool: &Pool, name: &Name, look: &Look, tally: &mut Tally) {
        let path = self.path.join(text(name));
        match (called(text(name)), linked::leads_out(&path, &pool.places)) {
            (Some((id, kind)), leads @ Some(_)) => {
                let linked = Box::new(Repository { kind, leads, ..Repository::default() });
                let mut own = Tally::default();
                own.link(look.disk);
                let mut state = pool.state();
                let row = state.row(self.number, id, path, RowKind::Repository(linked, Vec::new()));
                state.add(row, &own);
            }
            _ => tally.count(look, None),
        }
    }

    /// What there is to do in the folders of this one.
    fn work(&self, pool: &Pool, folder: &Arc<Folder>, folders: Vec<NameBuf>) -> Vec<Work> {
        let is_repository = |name: &Name| text(name).to_str().is_some_and(|name| repository::named(name).is_some());
        let hub = (!self.in_unit && folders.iter().any(|name| is_repository(name))).then(|| pool.hub());
        let has = |wanted: &str| folders.iter().any(|name| text(name) == wanted);
        let layers = (!self.in_unit && hub.is_none() && ollama::is_store(has)).then(|| pool.hub());
        folders
            .into_iter()
            .filter(|child| !pool.is_apart(self.number, self.path, text(child)))
            .map(|child| {
                let piece = Piece {
                    parent: Arc::clone(folder),
                    path: self.path.join(text(&child)),
                    name: child,
                    place: self.number,
                    row: self.row,
                    in_unit: self.in_unit,
                    depth: self.depth + 1,
                };
                match layers {
                    Some(hub) if text(&piece.name) == "blobs" => Work::Ollama { piece, hub },
                    Some(_) if text(&piece.name) == "manifests" => self.own(pool, piece),
                    _ => self.one(pool, folder, piece, hub),
                }
            })
            .collect()
    }

    /// A folder whose files are counted and are no models.
    fn own(&self, pool: &Pool, mut piece: Piece) -> Work {
        let name = text(&piece.name).to_owned();
        piece.row = pool.state().row(self.number, name, piece.path.clone(), RowKind::Own);
        piece.in_unit = true;
        Work::Folder(piece)
    }

    fn one(&self, pool: &Pool, folder: &Folder, mut piece: Piece, hub: Option<u32>) -> Work {
        if text(&piece.name) == TRASH && self.path.ends_with(OWN) {
            piece.row = pool.state().row(self.number, TRASH.into(), piece.path.clone(), RowKind::Trash);
            piece.in_unit = true;
        }
        if piece.in_unit {
            return Work::Folder(piece);
        }
        let child = text(&piece.name);
        if let Some(hub) = hub {
            if repository::named(&quoted::text(child)).is_some() {
                return Work::Repository { piece, hub };
            }
            if child == "blobs" && is_store(folder, &piece.name) {
                return Work::Store { piece, hub };
            }
            // Without its mark, too, it is what the repositories' links lead to.
            if child == "blobs" && has_shards(folder, &piece.name) {
                pool.state().unmarked.push(piece.path.clone());
                return Work::Store { piece, hub };
            }
        }
        if self.depth >= LEADING_DEPTH || !LEADING.iter().any(|leading| child == *leading) {
            // What a hub and this tool keep for themselves is no model.
            let kind = if child.as_encoded_bytes().starts_with(b".") { RowKind::Own } else { RowKind::Folder };
            piece.row = pool.state().row(self.number, child.to_owned(), piece.path.clone(), kind);
            piece.in_unit = true;
        }
        Work::Folder(piece)
    }
}

/// One row for a model in several files, which is called as the first of those that are here.
fn whole(mut models: Vec<(NameBuf, Tally)>) -> Vec<(NameBuf, Tally)> {
    if models.iter().filter(|(name, _)| Part::of(text(name)).is_some()).nth(1).is_none() {
        return models;
    }
    models.sort_unstable_by(|(one, _), (other, _)| text(one).cmp(text(other)));
    let mut whole: Vec<(NameBuf, Tally)> = Vec::with_capacity(models.len());
    for (name, own) in models {
        let is_next = |last: &(NameBuf, Tally)| {
            Part::of(text(&last.0)).zip(Part::of(text(&name))).is_some_and(|(last, part)| last.goes_with(&part))
        };
        match whole.last_mut().filter(|last| is_next(last)) {
            Some((_, first)) => first.join(own),
            None => whole.push((name, own)),
        }
    }
    whole
}

/// Whether the folder is where this tool keeps what it has not finished.
fn is_own(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == OWN)
}

/// Whether it has the order of a store: folders that are called by two hexadecimal digits, and nothing else.
fn has_shards(hub: &Folder, blobs: &Name) -> bool {
    let (mut shards, mut others, mut room) = (0_usize, 0_usize, Vec::new());
    let listed = hub.enter(blobs).and_then(|blobs| {
        blobs.each(&mut room, |name, kind| {
            let name = text(name).as_encoded_bytes();
            let is_shard = kind == Kind::Folder && name.len() == 2 && name.iter().all(u8::is_ascii_hexdigit);
            *(if is_shard { &mut shards } else { &mut others }) += 1;
            Ok(())
        })
    });
    listed.is_ok() && shards > 0 && others == 0
}

/// Whether it has a store's mark, or cannot be looked into: what links into it then is not lost.
fn is_store(hub: &Folder, blobs: &Name) -> bool {
    match hub.enter(blobs).and_then(|blobs| blobs.look(&name(STORE_MARK))) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}
