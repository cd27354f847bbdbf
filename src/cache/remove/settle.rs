//! The second look, once everything has its name in the trash: what is used again, or was changed, goes back. Then the shared
//! store, whose payloads go only after every link to them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::hub::{self, Repository};
use super::run::{Job, Run, State};
use super::store::{self, Payload};
use super::take;
use super::{Role, back};
use crate::cache::link::{self, Root};
use crate::support::folder::Kind;
use crate::support::{escape, paths};

/// Why a reference stays.
pub(super) const STAYS_NAMED: &str = "stays with the revision that it names";

impl Run {
    /// Looks at everything once more, and decides over the shared store.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.look_who_writes();
        for at in 0..self.jobs.len() {
            if self.jobs[at].state == State::Gone
                && let Err(why) = self.again(at)
            {
                self.put_back(at, why)?;
            }
        }
        self.used_again()?;
        self.linked_again()?;
        self.references_of_what_stays()?;
        let lost = self.lost_users();
        self.drop_users(&lost);
        self.payloads();
        self.linked_again()
    }

    /// Whether the thing in the trash is as it was, and nobody is at work on it.
    fn again(&self, at: usize) -> Result<(), String> {
        let job = &self.jobs[at];
        self.refuse_downloads(job)?;
        let said = |error: io::Error| format!("cannot be looked at again: {error}");
        let trash = self.trashes[job.trash()].find().map_err(said)?.ok_or("is gone from the trash")?;
        let name = &job.number();
        let found = trash.look(name).map_err(said)?;
        if !found.stamp.is_same_content(&job.stamp()) {
            return Err("was changed meanwhile".to_owned());
        }
        match job.role {
            Role::Tree | Role::Snapshot => self.limits.refuse_tree(&trash, name, true),
            _ => self.limits.refuse(&found, true),
        }
    }

    /// Contents that a revision has again, snapshots that a reference names again.
    fn used_again(&mut self) -> Result<()> {
        // Snapshots first: one that goes back has its blobs again.
        self.needed_again(Role::Snapshot)?;
        self.needed_again(Role::Blob)
    }

    fn needed_again(&mut self, role: Role) -> Result<()> {
        let mut repositories: BTreeMap<(usize, PathBuf), Vec<usize>> = BTreeMap::new();
        for (at, job) in self.jobs.iter().enumerate() {
            if job.role == role && job.state == State::Gone {
                repositories.entry((job.place(), job.split().0.to_path_buf())).or_default().push(at);
            }
        }
        for ((place, _), jobs) in repositories {
            let Some(first) = jobs.first().map(|at| &self.jobs[*at]) else { continue };
            let place = &self.places[place];
            let read = Repository::around(&place.folder, &place.real, &first.path()).and_then(|found| {
                let repository = found.ok_or(io::ErrorKind::NotFound)?;
                if role == Role::Blob { repository.contents() } else { repository.commits() }
            });
            for at in jobs {
                let why = match &read {
                    Ok(names) if !names.contains(self.jobs[at].split().1) => continue,
                    Ok(_) if role == Role::Blob => "is used by a revision again".to_owned(),
                    Ok(_) => "is named by a branch or tag again".to_owned(),
                    Err(error) => format!("stays, since its repository cannot be read again: {error}"),
                };
                // What came again with the same name stands there: then ours is one too many.
                if !self.stands(at) {
                    self.put_back(at, why)?;
                }
            }
        }
        Ok(())
    }

    fn stands(&self, at: usize) -> bool {
        let job = &self.jobs[at];
        let found = self.places[job.place()].parent(&job.path()).and_then(|(parent, name)| parent.find(name));
        found.is_ok_and(|found| found.is_some())
    }

    /// What a link leads to that `dedupe` has put in the place of a file since the plan. It makes the link before it looks whether
    /// the file still stands, and gives its own back if not: one of the two always sees the other.
    fn linked_again(&mut self) -> Result<()> {
        let is_new = |root: &Root| !self.known.contains(&root.link);
        let roots: Vec<(PathBuf, PathBuf)> = link::roots(&self.cache_root)
            .context("what dedupe noted of its links cannot be read")?
            .into_iter()
            .filter(is_new)
            .map(|root| (paths::real_place(&root.target).unwrap_or(root.target), root.link))
            .collect();
        if roots.is_empty() {
            return Ok(());
        }
        for at in 0..self.jobs.len() {
            let job = &self.jobs[at];
            let path = self.places[job.place()].real.join(job.path());
            let gone = job.state == State::Gone && !self.stands(at);
            let Some((_, link)) = roots.iter().find(|(target, _)| gone && target.starts_with(&path)) else { continue };
            if let Some(list) = &job.list() {
                // A list that cannot go back is empty, and says that nobody uses it: then nobody's link does.
                let _ = back::put(list, &self.places[list.place], &self.trashes[list.trash]);
            }
            self.put_back(at, format!("is what {} leads to by now", escape::path(link)))?;
        }
        Ok(())
    }

    /// A snapshot that stays keeps the references that named it.
    fn references_of_what_stays(&mut self) -> Result<()> {
        let around = |at: usize| {
            let job = &self.jobs[at];
            (job.place(), hub::around(&job.path()))
        };
        let stays = |at: &usize| {
            let job = &self.jobs[*at];
            job.role == Role::Snapshot && matches!(job.state, State::Stays(_)) && self.stands(*at)
        };
        let staying: Vec<_> =
            (0..self.jobs.len()).filter(stays).map(|at| (around(at), Some(self.jobs[at].split().1.into()))).collect();
        let named = |at: &usize| {
            let job = &self.jobs[*at];
            let goes = job.role == Role::Reference && job.state == State::Gone && job.commit.is_some();
            goes && staying.contains(&(around(*at), job.commit.clone()))
        };
        let back: Vec<usize> = (0..self.jobs.len()).filter(named).collect();
        back.into_iter().try_for_each(|at| self.put_back(at, STAYS_NAMED.to_owned()))
    }

    /// The payloads whose users have gone: by place and hub, the hashes. Not those that are to go themselves: they are asked about next.
    fn lost_users(&self) -> BTreeMap<(usize, PathBuf), Vec<String>> {
        let asked = |job: &&Job| job.role == Role::Payload && job.state == State::Waiting;
        let mut own: Vec<&Job> = self.jobs.iter().filter(asked).collect();
        own.sort_unstable_by(|one, other| (one.place(), one.split()).cmp(&(other.place(), other.split())));
        let mut lost: BTreeMap<(usize, PathBuf), Vec<String>> = BTreeMap::new();
        for job in self.jobs.iter().filter(|job| job.state == State::Gone) {
            let path = job.path();
            let (Some((hub, repository)), Ok(Some(trash))) = (hub::around(&path), self.trashes[job.trash()].find())
            else {
                continue;
            };
            let hub_path = self.places[job.place()].real.join(&hub);
            let name = &job.number();
            let hashes: Vec<String> = match job.role {
                Role::Blob => {
                    let target = trash.target(name).ok();
                    target.and_then(|target| store::led_to(&target, &hub_path)).into_iter().collect()
                }
                Role::Tree if path == hub.join(&repository) => {
                    let found = hub::payloads(&trash, name, &hub_path).unwrap_or_default();
                    found.into_iter().map(|(_, hash)| hash).collect()
                }
                _ => continue,
            };
            let is_own = |hash: &String| {
                let shard = hub.join("blobs").join(hash.get(..2).unwrap_or_default());
                let asked = (job.place(), (shard.as_path(), OsStr::new(hash)));
                own.binary_search_by(|one| (one.place(), one.split()).cmp(&asked)).is_ok()
            };
            let others: Vec<String> = hashes.into_iter().filter(|hash| !is_own(hash)).collect();
            lost.entry((job.place(), hub)).or_default().extend(others);
        }
        lost
    }

    /// Drops the lines of links that have gone, as huggingface_hub does. A line that stays harms nobody: it does not count.
    fn drop_users(&self, lost: &BTreeMap<(usize, PathBuf), Vec<String>>) {
        for ((place, hub), hashes) in lost {
            let place = &self.places[*place];
            let Ok(at) = place.folder.descend(hub) else { continue };
            for hash in hashes {
                if let Ok(Some(payload)) = Payload::open(&at, &place.real.join(hub), hash) {
                    let _ = payload.drop_lost();
                }
            }
        }
    }

    fn payloads(&mut self) {
        for at in 0..self.jobs.len() {
            if self.jobs[at].role == Role::Payload && self.jobs[at].state == State::Waiting {
                self.jobs[at].state = match self.payload(at) {
                    Ok(()) => State::Gone,
                    Err(why) => State::Stays(why),
                };
            }
        }
    }

    /// A payload goes while its lock is held, if its list can be read and nobody in it uses it; its list goes after it.
    fn payload(&self, at: usize) -> Result<(), String> {
        let job = &self.jobs[at];
        let place = &self.places[job.place()];
        let said = |error: io::Error| take::way(&error);
        let path = job.path();
        let hub = path.ancestors().nth(3).unwrap_or_else(|| Path::new(""));
        let hash = path.strip_prefix(hub).ok().and_then(store::hash_of).ok_or("is no payload of a store")?;
        let folder = place.folder.descend(hub).map_err(said)?;
        let payload = Payload::open(&folder, &place.real.join(hub), &hash).map_err(said)?.ok_or("lies in no store")?;
        let lock = payload.lock()?;
        let found = payload.find().map_err(said)?.ok_or("is not there any more")?;
        if found.kind != Kind::File || !found.stamp.is_same_content(&job.stamp()) {
            return Err("was changed since the plan".to_owned());
        }
        self.limits.refuse(&found, false)?;
        let users = payload.users(&lock).ok_or("stays, since the list of its users cannot be read")?;
        if let Some(user) = users.first() {
            // As huggingface_hub does: the lines of those who have gone go.
            let _ = payload.write(&lock, &users);
            return Err(format!("is used by {}", escape::printable(user)));
        }
        take::rename(self, job, payload.folder(), OsStr::new(&hash), &found)?;
        let list: OsString = payload.list();
        if let (Some(one), Ok(Some(trash))) = (job.list(), self.trashes[job.trash()].find()) {
            // One that stays is empty, and says that nobody uses what is not there.
            let _ = payload.folder().rename(&list, &trash, OsStr::new(&one.name));
        }
        Ok(())
    }
}
