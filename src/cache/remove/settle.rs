//! The second look, once everything has its name in the trash: what is used again, or was changed, goes back. Then the shared
//! store, whose payloads go only after every link to them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::hub::{self, Repository};
use super::run::{Run, State};
use super::store::{self, Payload};
use super::take;
use super::{Role, back};
use crate::cache::link::{self, Root};
use crate::support::folder::Kind;
use crate::support::{escape, paths};

/// The payloads that the repositories of a hub lead to, by place and hub; or why that cannot be read.
type Linked = BTreeMap<(usize, PathBuf), Result<BTreeSet<String>, String>>;

/// Why a reference stays.
pub(super) const STAYS_NAMED: &str = "stays with the revision that it names";

impl Run<'_> {
    /// Looks at everything once more, and decides over the shared store.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.look_who_writes();
        for at in 0..self.jobs.len() {
            if self.jobs.is(at, &State::Gone)
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
        let job = &self.jobs.get(at);
        self.refuse_downloads(job)?;
        let said = |error: io::Error| format!("cannot be looked at again: {error}");
        let trash = self.trashes[job.trash()].find().map_err(said)?.ok_or("is gone from the trash")?;
        let name = &job.number();
        let found = trash.look(name).map_err(said)?;
        if !found.stamp.is_same_content(&job.stamp) {
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
        for at in self.jobs.which(role, &State::Gone) {
            let job = self.jobs.get(at);
            repositories.entry((job.place(), job.split().0.to_path_buf())).or_default().push(at);
        }
        for ((place, _), jobs) in repositories {
            let Some(first) = jobs.first().map(|at| self.jobs.get(*at)) else { continue };
            let place = &self.places[place];
            let read = Repository::around(&place.folder, &place.real, &first.path()).and_then(|found| {
                let repository = found.ok_or(io::ErrorKind::NotFound)?;
                if role == Role::Blob { repository.contents() } else { repository.named() }
            });
            for at in jobs {
                let why = match &read {
                    Ok(names) if !names.contains(self.jobs.get(at).split().1) => continue,
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
        let job = &self.jobs.get(at);
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
            let job = &self.jobs.get(at);
            let path = self.places[job.place()].real.join(job.path());
            let gone = self.jobs.is(at, &State::Gone) && !self.stands(at);
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
            let job = &self.jobs.get(at);
            (job.place(), hub::around(&job.path()))
        };
        let jobs = &self.jobs;
        let all = |role: Role| (0..jobs.len()).filter(move |at| jobs.role(*at) == role);
        let stays = |at: &usize| matches!(self.jobs.state(*at), State::Stays(_)) && self.stands(*at);
        let staying: Vec<_> = all(Role::Snapshot)
            .filter(stays)
            .map(|at| (around(at), self.jobs.get(at).split().1.to_os_string()))
            .collect();
        let named = |at: &usize| {
            let commit = self.jobs.commit(*at).filter(|_| self.jobs.is(*at, &State::Gone));
            commit.is_some_and(|commit| staying.contains(&(around(*at), commit.to_os_string())))
        };
        let back: Vec<usize> = all(Role::Reference).filter(named).collect();
        back.into_iter().try_for_each(|at| self.put_back(at, STAYS_NAMED.to_owned()))
    }

    /// The payloads whose users have gone: by place and hub, the hashes. Not those that are to go themselves: they are asked about next.
    fn lost_users(&self) -> BTreeMap<(usize, PathBuf), Vec<String>> {
        let own = self.jobs.which(Role::Payload, &State::Waiting).into_iter();
        let mut own: Vec<(u64, usize)> = own.map(|at| (store::number(self.jobs.get(at).split().1), at)).collect();
        own.sort_unstable();
        let mut lost: BTreeMap<(usize, PathBuf), Vec<String>> = BTreeMap::new();
        let gone = (0..self.jobs.len()).filter(|at| self.jobs.is(*at, &State::Gone));
        for job in gone.map(|at| self.jobs.get(at)) {
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
                let number = store::number(OsStr::new(hash));
                let first = own.partition_point(|(one, _)| *one < number);
                let like = own[first..].iter().take_while(|(one, _)| *one == number).map(|(_, at)| self.jobs.get(*at));
                like.into_iter().any(|one| (one.place(), one.split()) == asked)
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
        let mut linked = Linked::new();
        for at in 0..self.jobs.len() {
            if self.jobs.role(at) == Role::Payload && self.jobs.is(at, &State::Waiting) {
                let state = self.payload(at, &mut linked).map_or_else(State::Stays, |()| State::Gone);
                self.jobs.set(at, state);
            }
        }
    }

    /// A payload goes while its lock is held, if its list can be read and nobody in it uses it; its list goes after it. One that has no
    /// list goes if no repository leads to it.
    fn payload(&self, at: usize, linked: &mut Linked) -> Result<(), String> {
        let job = &self.jobs.get(at);
        let place = &self.places[job.place()];
        let said = |error: io::Error| take::way(&error);
        let path = job.path();
        let hub = path.ancestors().nth(3).unwrap_or_else(|| Path::new(""));
        let hash = path.strip_prefix(hub).ok().and_then(store::hash_of).ok_or("is no payload of a store")?;
        let folder = place.folder.descend(hub).map_err(said)?;
        let payload = Payload::open(&folder, &place.real.join(hub), &hash).map_err(said)?.ok_or("lies in no store")?;
        let lock = payload.lock()?;
        let found = payload.find().map_err(said)?.ok_or("is not there any more")?;
        if found.kind != Kind::File || !found.stamp.is_same_content(&job.stamp) {
            return Err("was changed since the plan".to_owned());
        }
        self.limits.refuse(&found, false)?;
        if payload.has_no_list(&lock) {
            // Read once for all payloads: whoever has made a link since has made a list before.
            let read = || hub::all_payloads(&folder, &place.real.join(hub)).map_err(|error| error.to_string());
            match linked.entry((job.place(), hub.to_path_buf())).or_insert_with(read) {
                Ok(linked) if linked.contains(&hash) => return Err("is used by a repository".to_owned()),
                Ok(_) => {}
                Err(why) => return Err(format!("stays, since not every repository can be asked who uses it: {why}")),
            }
        } else {
            let users = payload.users(&lock).ok_or("stays, since the list of its users cannot be read")?;
            if let Some(user) = users.first() {
                // As huggingface_hub does: the lines of those who have gone go.
                let _ = payload.write(&lock, &users);
                return Err(format!("is used by {}", escape::printable(user)));
            }
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
