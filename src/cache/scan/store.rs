//! The store that the repositories of a hub share (huggingface_hub ≥ 1.32): `blobs/XX/HASH`, beside each payload a list of
//! its users (`HASH.refs`) and a lock. Whose a payload is, the repositories' own links say; the lists are not believed.

use std::io;
use std::path::{Path, PathBuf};

use super::Piece;
use super::folder::{Folder, Kind, text};
use super::pool::Pool;
use super::state::{RowId, RowKind, Tally};

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
    let outcome = folder.each(room, |name, kind| {
        let look = match folder.look(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            look => look?,
        };
        let bytes = text(name).as_encoded_bytes();
        if kind == Kind::File && bytes.iter().all(u8::is_ascii_alphanumeric) {
            payloads.push((pool.keys.of(hub, bytes), look));
        } else {
            tally.aside(&look);
        }
        Ok(())
    });
    let mut state = pool.state();
    state.add(row, &tally);
    state.payloads(&payloads, row);
    outcome
}
