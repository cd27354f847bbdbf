//! From unfinished bytes to the final name: size, digest, the steward's consent, the disk, the rename.

use std::fs;
use std::io;

use super::partial::Partial;
use super::work::{Job, Work};
use super::{Error, Proof, stream};
use crate::platform::disk;

/// How it ended.
pub(super) enum Finished {
    /// The file has its final name.
    Here(Proof),
    /// The bytes of an earlier run are not those of this content; they are gone, and the name is free for another try.
    Worthless(Partial),
}

/// Gives the bytes their final name, if `proof` says that they are the right ones. `bytes` are all of them, where they are in
/// memory still.
pub(super) fn finish(
    work: &Work<'_>,
    job: &Job,
    mut partial: Partial,
    proof: Proof,
    bytes: Option<&[u8]>,
    inherited: bool,
) -> Result<Finished, Error> {
    let artifact = &job.artifact;
    let url = || job.start.redacted();
    let wrong = if let Some(expected) = artifact.size.filter(|size| *size != proof.size) {
        Some(Error::Size { url: url(), expected, found: proof.size })
    } else {
        let expected = artifact.digest.filter(|digest| *digest != proof.digest);
        expected.map(|expected| Error::Content { url: url(), expected, found: proof.digest })
    };
    if let Some(error) = wrong {
        if inherited {
            work.restarted(job);
            partial.renew()?;
            return Ok(Finished::Worthless(partial));
        }
        partial.discard();
        return Err(error);
    }
    place(work, job, partial, bytes, &proof)?;
    Ok(Finished::Here(proof))
}

/// An empty file whose digest says so needs no request.
pub(super) fn without_bytes(work: &Work<'_>, job: &Job, mut partial: Partial) -> Result<Option<Proof>, Error> {
    if partial.length() > 0 {
        partial.renew()?;
    }
    work.started(job, Some(0), 0);
    let proof = stream::hasher_for(&job.artifact).finish();
    place(work, job, partial, Some(&[]), &proof)?;
    Ok(Some(proof))
}

fn place(work: &Work<'_>, job: &Job, partial: Partial, bytes: Option<&[u8]>, proof: &Proof) -> Result<(), Error> {
    let artifact = &job.artifact;
    // What an earlier run left may reach beyond the end of this version. Where all bytes came at once there is nothing of one.
    if bytes.is_none() && partial.length() > proof.size {
        partial.file.set_len(proof.size).map_err(|error| partial.error(error))?;
    }
    work.steward.admit(artifact, &partial.names.part, bytes, proof).map_err(Error::Refused)?;
    // Without this, a power loss right after the rename leaves the final name with a part of the bytes, and no library
    // would notice. The folder itself is not synced: a lost rename only means that the next run makes it again.
    partial.file.sync_data().map_err(|error| disk_error(job, &partial, error))?;
    let to = &artifact.destination;
    let renamed = match fs::rename(&partial.names.part, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = to.parent().map_or(Ok(()), fs::create_dir_all);
            folder.and_then(|()| fs::rename(&partial.names.part, to))
        }
        other => other,
    };
    renamed.map_err(|source| Error::Disk { path: to.clone(), source })?;
    partial.release();
    work.settle(&job.artifact)
}

/// What the disk says; a full one says what it lacks.
pub(super) fn disk_error(job: &Job, partial: &Partial, error: io::Error) -> Error {
    if error.kind() != io::ErrorKind::StorageFull {
        return partial.error(error);
    }
    let artifact = &job.artifact;
    let needed = artifact.size.unwrap_or(0).saturating_sub(partial.length()).max(1);
    let free = disk::free_space(&artifact.partials).unwrap_or(0);
    Error::NoRoom { path: artifact.partials.to_path_buf(), needed, free }
}
