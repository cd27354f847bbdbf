//! A store of Ollama, model by model: a layer that several models have counts once, and belongs to a model alone when no other has it.

use std::io;

use super::Piece;
use super::folder::{Kind, text};
use super::pool::Pool;
use super::state::{RowKind, Stored, Tally};
use crate::cache::ollama;

/// What its layers of no model are called.
const UNUSED: &str = "layers of no model";

/// Reads the store whose folder `blobs` this is, as the hub with this number: layers are shared as payloads are.
pub(super) fn read(pool: &Pool, piece: &Piece, hub: u32, room: &mut Vec<u8>) {
    let folder = match piece.open(pool) {
        Ok(Some(folder)) => folder,
        Ok(None) => return,
        Err(error) => return pool.problem(piece.path.clone(), &error),
    };
    let found = ollama::read(piece.path.parent().unwrap_or(&piece.path));
    for (path, error) in &found.problems {
        pool.problem(path.clone(), error);
    }
    let (own, unused) = {
        let mut state = pool.state();
        let own = state.row(piece.place, text(&piece.name).to_owned(), piece.path.clone(), RowKind::Own);
        (own, state.row(piece.place, UNUSED.into(), piece.path.clone(), RowKind::Ollama(Vec::new())))
    };
    let mut tally = Tally::default();
    tally.folder(&folder);
    let mut layers = Vec::new();
    let outcome = folder.each(room, |name, kind| {
        let look = match folder.look(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            look => look?,
        };
        let bytes = text(name).as_encoded_bytes();
        match text(name).to_str().and_then(ollama::digest) {
            Some(_) if kind == Kind::File => layers.push(Stored { key: pool.keys.of(hub, bytes), look, list: 0 }),
            // `sha256-…-partial`, and for each piece of it `sha256-…-partial-N`.
            _ if bytes.starts_with(b"sha256-") => tally.unfinished(&look),
            _ => tally.aside(&look),
        }
        Ok(())
    });
    if let Err(error) = outcome {
        pool.problem(piece.path.clone(), &error);
    }
    let mut state = pool.state();
    state.add(own, &tally);
    state.payloads(&layers, unused);
    for model in found.models {
        let key = |layer: &ollama::Layer| (pool.keys.of(hub, format!("sha256-{}", layer.digest.hex()).as_bytes()), 0);
        let kind = RowKind::Ollama(model.layers.iter().map(key).collect());
        state.row(piece.place, model.name.into(), model.manifest, kind);
    }
}
