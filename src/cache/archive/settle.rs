//! What of the things that were found goes in: only what can be read, links that lead to something, branches whose commits are
//! there, and of a shared store what is used. An archive of anything else would make the official client complain.

use std::collections::HashSet;
use std::io;

use super::contents;
use super::gather::Gathered;
use super::names::{self, Name, Role};
use super::things::{self, Source, Thing, Things};
use super::users;
use crate::platform::Os;
use crate::support::bounded;

/// Leaves out what does not go in, and adds what is made for the archive.
pub(super) fn settle(found: &mut Gathered) {
    unreadable(found);
    links(found);
    references(found);
    stores(found);
    lists(found);
}

/// Leaves out the files that cannot be opened, before the links to them are looked at. The digest of a blob is taken from its name,
/// so that it would be opened for the first time when the archive has begun.
fn unreadable(found: &mut Gathered) {
    let Gathered { things, problems, roots, .. } = found;
    let mut kept = vec![true; things.len()];
    for (at, kept) in kept.iter_mut().enumerate().filter(|(at, _)| things.on_disk(*at).is_some()) {
        let path = things::place(roots, &things.name(at));
        if let Err(error) = contents::open(&path) {
            *kept = false;
            if error.kind() != io::ErrorKind::NotFound {
                problems.push((path, error));
            }
        }
    }
    things.table.retain(&kept);
}

/// Leaves out the links that lead to nothing that is stored, until none is left.
fn links(found: &mut Gathered) {
    loop {
        let things = &found.things;
        let dangles = |at: &usize| things.leads_to(*at).is_some_and(|to| !leads(things, &to));
        let dangling: HashSet<usize> = (0..things.len()).filter(dangles).collect();
        if dangling.is_empty() {
            return;
        }
        for name in (0..things.len()).filter(|at| dangling.contains(at)).map(|at| things.name(at)) {
            found.left_out.push((names::to_path(name.bytes()), "it is a link to nothing that is stored".to_owned()));
        }
        found.things.retain(|_, at| !dangling.contains(&at));
    }
}

/// Whether something is called `name`, or lies in a folder of that name.
fn leads(things: &Things, name: &[u8]) -> bool {
    Name::of(&[name, b"/!"].concat(), Os::current()).is_ok() && things.table.leads(name)
}

/// Leaves out the references to commits of which nothing is stored, and marks for files that are there after all.
fn references(found: &mut Gathered) {
    let things = &found.things;
    let mut commits: HashSet<Vec<u8>> = HashSet::new();
    for name in (0..things.len()).map(|at| things.name(at)).filter(|name| name.role(&[]) == Role::Snapshot) {
        if let Some((repository, inside)) = name.repository() {
            let end = inside
                .iter()
                .enumerate()
                .filter(|(_, byte)| **byte == b'/')
                .nth(1)
                .map_or(inside.len(), |(end, _)| end);
            let commit = &name.bytes()[..repository.len() + 1 + end];
            if !commits.contains(commit) {
                commits.insert(commit.to_vec());
            }
        }
    }
    let roots = &found.roots;
    found.things.retain(|things, at| {
        let name = things.name(at);
        let Some((repository, inside)) = name.repository() else { return true };
        match name.role(&[]) {
            Role::Reference => {
                let path = things.on_disk(at).map(|_| things::place(roots, &name));
                let commit = path.map(|path| bounded::read(&path, 64).unwrap_or_default());
                commit
                    .is_some_and(|commit| commits.contains(&[repository, b"/snapshots/", commit.trim_ascii()].concat()))
            }
            Role::NoExist => {
                let rest = inside.strip_prefix(b".no_exist/").unwrap_or_default();
                let there = [repository, b"/snapshots/", rest].concat();
                Name::of(&there, Os::current()).is_ok_and(|there| things.table.find(there.bytes()).is_none())
            }
            _ => true,
        }
    });
}

/// Of each shared store, what the stored repositories use of it, with the lists of who uses what made anew.
fn stores(found: &mut Gathered) {
    let Gathered { things, stores, .. } = found;
    let mut used = vec![false; things.len()];
    for (payload, _) in users::links(&things.table, stores) {
        if let Some(at) = things.table.find(payload.bytes()) {
            used[at] = true;
        }
    }
    let is_used = |hub: &Vec<u8>| (0..used.len()).filter(|at| used[*at]).any(|at| things.name(at).below(hub).is_some());
    let left: Vec<Vec<u8>> = stores.iter().filter(|hub| is_used(hub)).cloned().collect();
    // Payloads that nobody uses are garbage, lists are made for what is stored, and a store without payloads is none.
    let stays = |things: &Things, at: usize| {
        let name = things.name(at);
        match name.role(stores) {
            Role::Payload => used[at],
            Role::Users => false,
            _ => !users::is_marker(&name) || name.role(&left) == Role::Marker,
        }
    };
    things.retain(stays);
    *stores = left;
}

/// Makes a list for each payload of the stores.
fn lists(found: &mut Gathered) {
    let Gathered { things, stores, problems, .. } = found;
    for at in 0..things.len() {
        let name = things.name(at);
        if name.role(stores) == Role::Payload {
            let folder = things.table.folder_of(at);
            let put = things.push(folder, &users::list_of(name.last()), Thing::File(Source::Made(0)));
            if let Err(full) = put {
                problems.push((things::place(&found.roots, &name), io::Error::other(full)));
            }
        }
    }
    things.sort();
}
