//! Writes an archive: the index, and then every member in its order. What was promised of a content is held against what is read,
//! so that no archive leaves here whose index is wrong.

use std::io::{Read, Write};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::contents;
use super::index;
use super::members::{Entry, Sum, What, hex};
use super::pack::{self, Closed, Method, Sink, pack};
use super::plan::{Bytes, Plan};
use super::tar::{self, BLOCK, Kind, Member};
use crate::cache::stamp::Stamp;
use crate::support::interrupt::{self, Interrupted};
use crate::support::{escape, time};

/// Files from here on are asked whether they shrink at all.
const ASKED: u64 = 256 << 10;
/// How much of such a file is tried, in pieces from all of it.
const SAMPLE: usize = 1 << 20;
const SAMPLES: usize = 4;

/// Why no archive was written.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The person asked to stop.
    #[error(transparent)]
    Stopped(#[from] Interrupted),
    /// A content is not what its name says.
    #[error("{} is damaged: its name promises {}, and its bytes are {}", escape::path(.path), hex(.promised), hex(.found))]
    Damaged {
        /// Where it lies.
        path: PathBuf,
        /// What its name promises.
        promised: Sum,
        /// What its bytes are.
        found: Sum,
    },
    /// A file changed while it was read.
    #[error("{} was changed by another program while it was read", escape::path(.0))]
    Changed(PathBuf),
    /// A file cannot be read.
    #[error("{} cannot be read: {why}", escape::path(.path))]
    Unreadable {
        /// Where it lies.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// The archive cannot be written.
    #[error("the archive cannot be written: {0}")]
    Disk(#[from] std::io::Error),
    /// The same, seen from the other end.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Writes the archive of `plan` to `out`; gives its size. `progress` gets how many bytes of contents were taken.
///
/// # Errors
/// What went wrong; what was written until then is no archive.
pub fn write(
    plan: &Plan,
    out: &mut (dyn Write + Send),
    method: Method,
    progress: &dyn Fn(u64),
) -> Result<u64, Failure> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let (size, ()) = pack(out, method, workers, |sink| fill(plan, sink, method, progress))?;
    Ok(size)
}

fn fill(plan: &Plan, sink: &mut Sink<'_>, method: Method, progress: &dyn Fn(u64)) -> Result<(), Failure> {
    let index = &plan.index;
    let first = Member {
        name: index::NAME.as_bytes().to_vec(),
        to: Vec::new(),
        kind: Kind::File,
        size: index.size(),
        mode: 0o644,
        mtime: time::parse_rfc3339(&index.head.created_at).unwrap_or(0),
    };
    sink.put(&tar::header(&first))?;
    index.write(|bytes| sink.put(bytes))?;
    sink.put(&[0; BLOCK][..tar::padding(first.size)])?;
    for (at, entry) in index.members.iter().enumerate() {
        if interrupt::requested() {
            return Err(Interrupted("stopped; nothing was written".to_owned()).into());
        }
        sink.put(&tar::header(&member(index, &entry)))?;
        if let (What::File { size, sum }, Some(bytes)) = (&entry.what, plan.bytes(at)) {
            content(&bytes, *size, sum, sink, method, progress)?;
            sink.put(&[0; BLOCK][..tar::padding(*size)])?;
        }
    }
    sink.store(false)?;
    Ok(sink.put(&[0; 2 * BLOCK])?)
}

fn member(index: &index::Index, entry: &Entry) -> Member {
    let (kind, to, size) = match &entry.what {
        What::File { size, .. } => (Kind::File, Vec::new(), *size),
        What::Same { of, .. } => (Kind::Hard, index.members.name(*of).bytes().to_vec(), 0),
        What::Link { to } => (Kind::Link, to.to_vec(), 0),
        What::Folder => (Kind::Folder, Vec::new(), 0),
    };
    // A tar warns of members from 1970.
    let mtime = if entry.mtime > 0 { entry.mtime } else { time::parse_rfc3339(&index.head.created_at).unwrap_or(0) };
    let mode = match kind {
        Kind::Link => 0o777,
        Kind::Folder => 0o755,
        Kind::File | Kind::Hard => u32::from(entry.mode),
    };
    Member { name: entry.name.bytes().to_vec(), to, kind, size, mode, mtime }
}

/// Puts a content. Where its name promised `sum`, that is held against what it is; else it must not have changed since it was read.
fn content(
    bytes: &Bytes,
    size: u64,
    sum: &Sum,
    sink: &mut Sink<'_>,
    method: Method,
    progress: &dyn Fn(u64),
) -> Result<(), Failure> {
    let (path, before, was_read) = match bytes {
        Bytes::Made(bytes) => return Ok(sink.put(bytes)?),
        Bytes::Disk { path, found, was_read } => (path, found, *was_read),
    };
    let promised = (!was_read).then_some(sum);
    let unreadable = |why| Failure::Unreadable { path: path.clone(), why };
    let mut file = contents::open(path).map_err(unreadable)?;
    if size >= ASKED {
        let stored = method != Method::Plain && !shrinks(&file, size).map_err(unreadable)?;
        sink.store(stored)?;
    } else {
        sink.store(false)?;
    }
    let mut sum = Sha256::new();
    let mut left = size;
    while left > 0 {
        if interrupt::requested() {
            return Err(Interrupted("stopped; nothing was written".to_owned()).into());
        }
        let room = sink.room()?;
        let most = room.len().min(usize::try_from(left).unwrap_or(usize::MAX)).min(256 << 10);
        let count = match file.read(&mut room[..most]) {
            Ok(0) => return Err(Failure::Changed(path.clone())),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(why) => return Err(Failure::Unreadable { path: path.clone(), why }),
        };
        if promised.is_some() {
            sum.update(&room[..count]);
        }
        sink.filled(count);
        left -= count as u64;
        progress(count as u64);
    }
    let now = Stamp::of(&file.metadata().map_err(|why| Failure::Unreadable { path: path.clone(), why })?);
    if !before.is_still(&now) {
        return Err(Failure::Changed(path.clone()));
    }
    let found: Sum = sum.finalize().into();
    match promised {
        Some(promised) if *promised != found => {
            Err(Failure::Damaged { path: path.clone(), promised: *promised, found })
        }
        _ => Ok(()),
    }
}

/// Whether compressing the file is worth the time. It decides by bytes alone, so that the same file is always treated the same.
fn shrinks(mut file: &std::fs::File, size: u64) -> std::io::Result<bool> {
    use std::io::{Seek as _, SeekFrom};
    let part = (SAMPLE / SAMPLES).min(usize::try_from(size).unwrap_or(usize::MAX) / SAMPLES);
    let mut sample = vec![0; part * SAMPLES];
    for (at, piece) in sample.chunks_mut(part.max(1)).enumerate() {
        // Not the beginning: a header of text says nothing of the numbers that follow.
        let from = size / SAMPLES as u64 * at as u64 + (size / SAMPLES as u64 - part as u64) / 2;
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(piece)?;
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(pack::shrinks(&sample))
}
