//! Repositories into which a program downloads: asked before anything is renamed, and again when everything has its name in the trash.
//! No revision goes of one: huggingface_hub makes the folder of a snapshot before it fetches, and its link after.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::Role;
use super::guard;
use super::hub::{self, Repository};
use super::job::Job;
use super::locks;
use super::run::Run;
use crate::support::folder::{Folder, Kind};

/// Why it stays.
const BUSY: &str = "is in a repository into which a program downloads";

/// Where unfinished downloads lie in a repository, and how their names end: Python's, and this tool's.
const UNFINISHED: [(&str, &str); 2] = [("blobs", ".incomplete"), (".modelstrap/partials", ".part")];

/// A repository: by place, hub and name.
type Of = (usize, PathBuf, OsString);

/// Repositories into which somebody downloads.
pub(super) type Downloads = HashMap<Of, bool>;

impl Run<'_> {
    /// Asks anew into which repositories somebody downloads, of those of which something goes that a download needs.
    pub(super) fn look_who_downloads(&mut self) {
        let mut found = Downloads::new();
        for job in (0..self.jobs.len()).map(|at| self.jobs.get(at)) {
            if let Some(repository) = needed_by(&job) {
                found.entry(repository).or_insert_with(|| self.is_downloaded_into(&job));
            }
        }
        found.retain(|_, is_busy| *is_busy);
        self.downloads = found;
    }

    /// Why the job's victim stays, if a program downloads into its repository.
    pub(super) fn refuse_downloads(&self, job: &Job) -> Result<(), String> {
        let is_busy = || needed_by(job).is_some_and(|repository| self.downloads.contains_key(&repository));
        if !self.downloads.is_empty() && is_busy() { Err(BUSY.to_owned()) } else { Ok(()) }
    }

    /// What cannot be looked at is no reason: the look at the victim itself says so.
    fn is_downloaded_into(&self, job: &Job) -> bool {
        let place = &self.places[job.place()];
        let Ok(Some(repository)) = Repository::around(&place.folder, &place.real, &job.path()) else { return false };
        let is_open = |(folder, end): (&str, &str)| {
            let folder = repository.hub.descend(&Path::new(&repository.name).join(folder));
            folder.is_ok_and(|folder| self.has_open(&folder, end))
        };
        locks::busy(&repository.hub, &repository.name).is_some() || UNFINISHED.into_iter().any(is_open)
    }

    /// Whether a process has a file open in `folder` whose name ends so.
    fn has_open(&self, folder: &Folder, end: &str) -> bool {
        let ends = |name: &&OsString| name.as_encoded_bytes().ends_with(end.as_bytes());
        let is_open = |name: &OsString| {
            let found = folder.find(OsStr::new(name)).ok().flatten();
            found.is_some_and(|found| found.kind == Kind::File && self.opened.contains(&found.stamp.id))
        };
        folder.names().unwrap_or_default().iter().filter(ends).any(is_open)
    }
}

/// The repository, where it goes whole, or a revision of it or what belongs to one. A content is asked for its own lock, and stays with the
/// revision that has it; so is an unfinished download.
fn needed_by(job: &Job) -> Option<Of> {
    let (above, name) = job.split();
    let is_unfinished = || UNFINISHED.iter().any(|(folder, _)| above.ends_with(folder));
    let is_asked = match job.role {
        Role::Blob | Role::Payload => false,
        Role::Tree if guard::is_repository(name) => {
            return Some((job.place(), above.to_path_buf(), name.to_os_string()));
        }
        Role::Tree | Role::File => !is_unfinished(),
        Role::Snapshot | Role::Reference => true,
    };
    let (hub, name) = hub::around(above).filter(|_| is_asked)?;
    Some((job.place(), hub, name))
}
