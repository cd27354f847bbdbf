//! The store that the repositories of a hub share (huggingface_hub ≥ 1.32): `blobs/XX/HASH`, beside each payload a list of
//! its users (`HASH.refs`) and a lock. Whose a payload is, the repositories' own links say; the lists are not believed.

use std::io;
use std::path::{Path, PathBuf};

use super::Piece;
use super::folder::{Folder, Kind, Look, text};
use super::key::Key;
use super::pool::Pool;
use super::state::{RowId, RowKind, Stored, Tally};

/// Reads the store of the hub with this number.
pub(super) fn read(pool: &Pool, piece: &Piece, hub: u32, room: &mut Vec<u8>) {
    let folder = match piece.open(pool) {
        Ok(Some(folder)) => folder,
        Ok(None) => return,
        Err(error) => return shut(pool, piece, piece.path.clone(), &error),
    };
    pool.note_parts(&piece.path);
    let row = pool.state().row(piece.place, "shared blobs".into(), piece.path.clone(), RowKind::Store);
    let mut shards = Vec::new();
    let mut tally = Tally::default();
    tally.folder(&folder);
    let outcome = folder.each(room, |name, kind| {
        if kind == Kind::Folder {
            shards.push(name.to_owned());
        } else {
            tally.aside(&folder.look(name)?);
        }
        Ok(())
    });
    if let Err(error) = outcome {
        shut(pool, piece, piece.path.clone(), &error);
    }
    pool.state().add(row, &tally);
    for name in shards {
        let path = piece.path.join(text(&name));
        let outcome = folder.enter(&name).and_then(|shard| self::shard(pool, &shard, hub, row, room));
        if let Err(error) = outcome {
            shut(pool, piece, path, &error);
        }
    }
}

/// Something of the store could not be read: no link into it may be said to lead to nothing.
fn shut(pool: &Pool, piece: &Piece, path: PathBuf, error: &io::Error) {
    pool.problem(path, error);
    let hub = piece.path.parent().map(Path::to_path_buf);
    pool.state().shut.extend(hub);
}

fn shard(pool: &Pool, folder: &Folder, hub: u32, row: RowId, room: &mut Vec<u8>) -> io::Result<()> {
    let mut tally = Tally::default();
    tally.folder(folder);
    let mut payloads = Vec::new();
    let mut lists: Vec<(Key, Look)> = Vec::new();
    let outcome = folder.each(room, |name, kind| {
        let look = match folder.look(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            look => look?,
        };
        let bytes = text(name).as_encoded_bytes();
        if kind == Kind::File && bytes.iter().all(u8::is_ascii_alphanumeric) {
            payloads.push(Stored { key: pool.keys.of(hub, bytes), look, list: 0 });
        } else if let Some(hash) = bytes.strip_suffix(b".refs").filter(|_| kind == Kind::File && look.links == 1) {
            lists.push((pool.keys.of(hub, hash), look));
        } else {
            tally.aside(&look);
        }
        Ok(())
    });
    hand_out(&mut payloads, lists, &mut tally);
    let mut state = pool.state();
    state.add(row, &tally);
    state.payloads(&payloads, row);
    outcome
}

/// Gives each payload the blocks of the list of its users, which go with it; those of others stay with the store.
fn hand_out(payloads: &mut [Stored], lists: Vec<(Key, Look)>, tally: &mut Tally) {
    payloads.sort_unstable_by_key(|payload| payload.key);
    for (key, look) in lists {
        let payload = payloads.binary_search_by_key(&key, |payload| payload.key).ok();
        match payload.and_then(|at| payloads.get_mut(at)) {
            Some(payload) => {
                payload.list = look.disk;
                tally.aside(&Look { disk: 0, ..look });
            }
            None => tally.aside(&look),
        }
    }
}
