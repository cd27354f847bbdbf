//! An archive as a file: written beside its name, and called so only when all of it is on the disk. A run that breaks off leaves
//! the archive that was there before, or none.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::pack::Method;
use super::plan::Plan;
use super::write::{self, Failure};
use crate::support::interrupt::{self, Interrupted};
use crate::support::{atomic, escape};

/// What names the temporary file.
const TAG: &str = "backup";

/// The files that an archive at `target` is, or is while it is written: they are not to be stored in it.
pub fn files(target: &Path) -> [PathBuf; 2] {
    [atomic::temporary_name(target, TAG), target.to_path_buf()]
}

/// Writes the archive of `plan` to the file `target`; gives its size. `progress` gets how many bytes of contents were taken. A
/// device or a named pipe is written into as it is.
///
/// # Errors
/// What went wrong: then nothing of it is left.
pub fn write(plan: &Plan, target: &Path, method: Method, progress: &dyn Fn(u64)) -> Result<u64, Failure> {
    let there = fs::metadata(target).ok();
    if there.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(io::Error::other(format!("{} is a folder: name a file in it", escape::path(target))).into());
    }
    if there.is_some_and(|found| !found.is_file()) {
        let mut file = OpenOptions::new().write(true).open(target)?;
        return write::write(plan, &mut file, method, progress);
    }
    let target = atomic::resolve(target)?;
    let temporary = atomic::temporary_name(&target, TAG);
    // What a killed run left. `create_new` refuses what somebody else puts there meanwhile.
    let _ = fs::remove_file(&temporary);
    let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
    let written = write::write(plan, &mut file, method, progress);
    let done = written.and_then(|size| finish(&file, &temporary, &target).map(|()| size));
    if done.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    done
}

fn finish(file: &File, temporary: &Path, target: &Path) -> Result<(), Failure> {
    file.sync_all()?;
    if interrupt::requested() {
        return Err(Interrupted("stopped; nothing was written".to_owned()).into());
    }
    fs::rename(temporary, target)?;
    atomic::sync_directory(target.parent().unwrap_or(Path::new(".")));
    Ok(())
}
