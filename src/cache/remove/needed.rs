//! Before a trash is emptied: a content that a revision has again, and that did not come again, goes back with its payload. What
//! could not, and is needed, says so and is left out of the emptying.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;

use super::back::Back;
use super::hub::{self, Names, Repository};
use super::journal::Move;
use super::opened::Opened;
use super::{Role, Swept, store};

/// What of a trash must not be unlinked.
#[derive(Debug, Default)]
pub(super) struct Needed {
    /// By trash and name there.
    stay: HashSet<(usize, String)>,
    /// What the snapshots of a repository have, by place and its blobs' folder: of many contents, it is read once.
    contents: Option<((usize, PathBuf), Names)>,
}

impl Needed {
    /// Whether it stays; while anything does, so do the payloads, which that may lead to.
    pub(super) fn stays(&self, one: &Move) -> bool {
        let is_same = || self.stay.contains(&(one.trash, one.name.clone()));
        !self.stay.is_empty() && (one.role == Role::Payload || is_same())
    }

    /// Gives back what is used of `run`.
    ///
    /// # Errors
    /// That its journal cannot be read: then nothing may go.
    pub(super) fn give_back(&mut self, run: &Opened, swept: &mut Swept) -> io::Result<()> {
        let mut payloads: HashMap<String, Result<(), String>> = HashMap::new();
        let mut found = false;
        for one in run.past.moves.iter() {
            let one = one?;
            if self.is_used(run, &one) {
                found = true;
                payloads.extend(payload_of(run, &one).map(|hash| (hash, Ok(()))));
            }
        }
        if !found {
            return Ok(());
        }
        for one in run.past.moves.rev() {
            let one = one?;
            let name = one.path.file_name().unwrap_or_default().to_string_lossy();
            let hash = name.split('.').next().unwrap_or_default();
            if let Some(outcome) = payloads.get_mut(hash).filter(|outcome| one.role == Role::Payload && outcome.is_ok())
            {
                *outcome = run.put(&one).map(drop);
            }
        }
        for one in run.past.moves.iter() {
            let one = one?;
            if !self.is_used(run, &one) {
                continue;
            }
            let ready = payload_of(run, &one).and_then(|hash| payloads.get(&hash).cloned()).unwrap_or(Ok(()));
            match ready.and_then(|()| run.put(&one)) {
                Ok(Back::Done) => swept.back.push(&run.path(&one)),
                Err(why) if !run.stands(&one) => {
                    let why = run.waits(&one, &format!("a revision needs it again: {why}"));
                    swept.problems.push((run.path(&one), why));
                    self.stay.insert((one.trash, one.name));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether it is a content that a revision has, and lies in the trash.
    fn is_used(&mut self, run: &Opened, one: &Move) -> bool {
        let Ok(place) = &run.places[one.place] else { return false };
        if one.role != Role::Blob || !run.holds(one).unwrap_or(false) {
            return false;
        }
        let key = (one.place, one.path.parent().unwrap_or(&one.path).to_path_buf());
        if self.contents.as_ref().is_none_or(|(of, _)| *of != key) {
            let found = Repository::around(&place.folder, &place.real, &one.path);
            let found = found.and_then(|found| found.map_or_else(|| Ok(Names::default()), |it| it.contents()));
            self.contents = Some((key, found.unwrap_or_default()));
        }
        let name = one.path.file_name().unwrap_or_default();
        self.contents.as_ref().is_some_and(|(_, contents)| contents.contains(name))
    }
}

fn payload_of(run: &Opened, one: &Move) -> Option<String> {
    let trash = run.trashes[one.trash].find().ok()??;
    let (hub, _) = hub::around(&one.path)?;
    let hub = run.past.places.get(one.place)?.join(hub);
    store::led_to(&trash.target(OsStr::new(&one.name)).ok()?, &hub)
}
