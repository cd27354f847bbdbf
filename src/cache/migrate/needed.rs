//! The links that lead to what moves, those of `dedupe` and those in the cache, and those of `dedupe` that lie in what moves: a link never
//! leads nowhere for a move. Before a name goes, the links to it are led to the new one; what a link needs that nobody can see now keeps
//! its name.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::dir::{Dir, Kind};
use super::work::{Stop, Tally, To, Work};
use super::{Part, Shape, dir};
use crate::cache::link::{self, Root, Unseen};
use crate::support::{escape, quoted, units};

/// A link that counts.
#[derive(Debug)]
struct Lead {
    root: Root,
    /// Whether `dedupe` made it, and noted that.
    noted: bool,
    /// Where it lies, links on the way followed.
    at: PathBuf,
    /// Where what it led to at first lay, links on the way followed.
    first: PathBuf,
}

/// Links, by what they lead to.
#[derive(Debug, Default)]
pub(super) struct Needed {
    cache_root: PathBuf,
    leads: Vec<Lead>,
    /// By the file that they lead to, links on the way followed.
    by: HashMap<PathBuf, Vec<usize>>,
    /// Why nobody knows.
    pub(super) unread: Option<String>,
    /// How many links were led to a new place: of `dedupe`, and others.
    led: (usize, usize),
}

/// Why a name may not go.
pub(super) struct Hindrance {
    why: String,
    grave: bool,
}

/// The caches that may have notes on links to what is in the folder `from`: the one at `cache_root`, and any that holds the folder.
pub(super) fn noting(cache_root: &Path, from: &Path) -> Vec<PathBuf> {
    let (real, own) = (dir::real(from), dir::real(cache_root));
    let others = real.ancestors().filter(|folder| *folder != own);
    others.chain([cache_root]).map(Path::to_path_buf).collect()
}

impl Needed {
    /// Those that `dedupe` noted in the cache at `cache_root`, and in one in which the folder `from` lies: an earlier cache of the project
    /// may have notes of its own; and of `links` those that lead to what is in the folder.
    pub(super) fn of(cache_root: &Path, from: &Path, links: &[(PathBuf, PathBuf)]) -> Self {
        let mut needed = Self { cache_root: cache_root.to_path_buf(), ..Self::default() };
        for cache in noting(cache_root, from) {
            match link::roots(&cache) {
                Ok(roots) => roots.into_iter().for_each(|root| needed.add(root, true)),
                Err(error) => needed.unread = Some(format!("{}: {error}", escape::path(&cache))),
            }
        }
        let real = dir::real(from);
        for (link, target) in links.iter().filter(|(_, target)| real_name(target).starts_with(&real)) {
            let is_known = needed.leads.iter().any(|lead| lead.at == *link);
            if !is_known && !link.starts_with(&real) {
                needed.add(Root { link: link.clone(), target: target.clone(), unseen: None }, false);
            }
        }
        needed
    }

    /// Removes what a run that was killed left beside these links.
    pub(super) fn tidy(&self) {
        self.leads.iter().for_each(|lead| link::tidy_beside(&self.cache_root, &lead.root.link));
    }

    fn add(&mut self, root: Root, noted: bool) {
        let first = real_name(&root.target);
        self.by.entry(first.clone()).or_default().push(self.leads.len());
        self.leads.push(Lead { at: real_name(&root.link), first, root, noted });
    }

    /// Whether a link leads to the file at `path`.
    pub(super) fn leads_to(&self, path: &Path) -> bool {
        !self.by.is_empty() && self.by.contains_key(&real_name(path))
    }

    /// Whether a link leads to something below `folder`.
    pub(super) fn leads_below(&self, folder: &Path) -> bool {
        let folder = if self.by.is_empty() { return false } else { dir::real(folder) };
        self.by.keys().any(|file| file.starts_with(&folder))
    }

    /// What the link at `path` leads to, if it is one of `dedupe` that stands.
    pub(super) fn target(&self, path: &Path) -> Option<PathBuf> {
        let at = if self.leads.is_empty() { return None } else { real_name(path) };
        let stands = |lead: &&Lead| lead.noted && lead.at == at && lead.root.unseen.is_none();
        let text = std::fs::read_link(path).ok()?;
        self.leads.iter().filter(stands).find(|lead| lead.root.target == text).map(|lead| lead.root.target.clone())
    }

    /// Leads every link to the file at `old` to `new`, where the same bytes are.
    fn lead(&mut self, old: &Path, new: &Path) -> Result<(), Hindrance> {
        if self.by.is_empty() {
            return Ok(());
        }
        let (old, new) = (real_name(old), real_name(new));
        let numbers = self.by.get(&old).cloned().unwrap_or_default();
        for number in numbers {
            let Lead { root: Root { link, target, unseen }, noted, .. } = &self.leads[number];
            if let Some(unseen) = unseen {
                return Err(Hindrance { why: hidden(link, unseen), grave: false });
            }
            let repointed = match noted {
                true => link::repoint(&self.cache_root, link, target, &new),
                false => link::lead(&self.cache_root, link, target, &new),
            };
            if let Err(error) = repointed {
                // One that somebody removed, or put another thing in its place, needs nothing any more.
                if !std::fs::read_link(link).is_ok_and(|text| text == *target) {
                    continue;
                }
                let link = escape::path(link);
                let what = if *noted { "a link of `dedupe`" } else { "a link in the cache" };
                let why = format!("{link}, {what}, needs it and cannot be led to the new place: {error}");
                return Err(Hindrance { why, grave: true });
            }
            *(if *noted { &mut self.led.0 } else { &mut self.led.1 }) += 1;
            self.leads[number].root.target.clone_from(&new);
            self.by.entry(new.clone()).or_default().push(number);
        }
        self.by.remove(&old);
        Ok(())
    }
}

fn hidden(link: &Path, unseen: &Unseen) -> String {
    let why = match unseen {
        Unseen::Hidden(why) => why,
        Unseen::Absent { .. } => "nothing has its name",
    };
    format!("is needed by a link of `dedupe` that cannot be led to the new place: {} ({why})", escape::path(link))
}

/// The path of a name, with no link on the way to it.
fn real_name(path: &Path) -> PathBuf {
    let real = path.parent().and_then(|parent| parent.canonicalize().ok()).zip(path.file_name());
    real.map_or_else(|| path.to_path_buf(), |(parent, name)| parent.join(name))
}

impl Work<'_> {
    /// Says beforehand what becomes of the links to what is in the part.
    pub(super) fn announce(&mut self, part: &Part) {
        let mut count = (0, 0);
        let real = dir::real(&part.from);
        let mut stays = Vec::new();
        for lead in &self.needed.leads {
            let target = real_name(&lead.root.target);
            let Ok(below) = target.strip_prefix(&real) else { continue };
            match &lead.root.unseen {
                None if lead.noted => count.0 += 1,
                // What becomes of one to a folder depends on what stays in it; a link that leads out of it stays itself.
                None => {
                    let real = target.canonicalize().ok().filter(|real| real.is_file());
                    count.1 += usize::from(real.is_some_and(|file| file.starts_with(&part.real)));
                }
                Some(unseen) => stays.push((part.from.join(below), hidden(&lead.root.link, unseen))),
            }
        }
        stays.into_iter().for_each(|(path, why)| self.stay(path, why));
        self.say_of_links(count, "afterwards");
    }

    /// Leads those links in the cache to the new place that led to no file which moved, but to a folder around files, or to a link. A folder
    /// in which something stays keeps them, and that is said.
    pub(super) fn lead_rest(&mut self, part: &Part) {
        for Lead { root: Root { link, target, .. }, first, .. } in self.needed.leads.iter().filter(|lead| !lead.noted) {
            let Ok(below) = first.strip_prefix(&part.real) else { continue };
            if !std::fs::read_link(link).is_ok_and(|text| text == *target) {
                continue;
            }
            let new = if below.as_os_str().is_empty() { part.to.clone() } else { part.to.join(below) };
            let in_order = !matches!(part.shape, Shape::Local | Shape::Proven);
            if link.metadata().is_err() {
                let is_led = in_order && new.metadata().is_ok();
                let led = is_led && link::lead(&self.needed.cache_root, link, target, &new).is_ok();
                self.needed.led.1 += usize::from(led);
            } else if self.out.tally.files > 0 && first.is_dir() && !self.options.link_back {
                let (link, first) = (escape::path(link), escape::path(first));
                self.out.notes.push(format!("{link} leads to {first} as before, where not everything is any more"));
            }
        }
    }

    /// Says how many links lead elsewhere now.
    pub(super) fn tell_of_links(&mut self) {
        self.say_of_links(self.needed.led, "now");
    }

    fn say_of_links(&mut self, (noted, others): (usize, usize), when: &str) {
        for (count, whose) in
            [(noted, " of `dedupe`"), (others, " in the cache")].into_iter().filter(|(count, _)| *count > 0)
        {
            let lead = if count == 1 { "leads" } else { "lead" };
            let links = units::count(count, "link");
            self.out.notes.push(format!("{links}{whose} {lead} to the new place {when}"));
        }
    }

    /// Sees to it that no link needs the name at `old`, since the same bytes are at `new`. Where one does, that is said.
    pub(super) fn is_free(&mut self, old: &Path, new: &Path) -> bool {
        match self.needed.lead(old, new) {
            Ok(()) => true,
            Err(Hindrance { why, grave: true }) => {
                self.fail(old, why);
                false
            }
            Err(Hindrance { why, .. }) => {
                self.stay(old, why);
                false
            }
        }
    }

    /// The same for who says it himself.
    pub(super) fn free(&mut self, old: &Path, new: &Path) -> io::Result<()> {
        self.needed.lead(old, new).map_err(|hindrance| io::Error::other(hindrance.why))
    }

    /// A link of `dedupe` that leads to `target`, in a folder that moves: it stands at the new place, and counts there. What has
    /// its name there already must have the same bytes.
    pub(super) fn noted_link(&mut self, from: &Dir, name: &OsStr, to: &To, target: &Path) -> Result<(), Stop> {
        let path = from.path.join(name);
        let new = to.path.join(name);
        let Some(Some(look)) = self.heed(&path, from.look(name))? else { return Ok(()) };
        if let Some(why) = self.hindrance(&path, name, &look) {
            self.stay(path, why);
            return Ok(());
        }
        let Some(there) = self.heed(&new, to.look(name))? else { return Ok(()) };
        match there {
            None if self.act() => {
                let made = to.dir().and_then(|dir| {
                    link::note(&self.needed.cache_root, &real_name(&new), target)?;
                    dir.symlink(target, name)
                });
                if self.heed(&path, made)?.is_none() {
                    return Ok(());
                }
                self.needed.add(Root { link: real_name(&new), target: target.to_path_buf(), unseen: None }, true);
            }
            None => {}
            Some(there) => {
                let same = match there.kind {
                    Kind::Link => to.dir().and_then(|dir| dir.text(name)).is_ok_and(|text| text == target),
                    Kind::File => self.is_equal(&path, to, name)?,
                    _ => false,
                };
                if !same {
                    self.fail(path, format!("another content stands at {}", quoted::shown(&new)));
                    return Ok(());
                }
            }
        }
        if self.act() {
            let left = self.leave(from, name, &new);
            if self.heed(&path, left)?.is_none() {
                return Ok(());
            }
        }
        // The bytes are in the cache already, and none are moved.
        self.out.tally += Tally { files: 1, ..Tally::default() };
        Ok(())
    }

    /// Whether what the link at `path` leads to has the bytes of the file `name` of `to`; a run that only looks asks for the sizes.
    fn is_equal(&mut self, path: &Path, to: &To, name: &OsStr) -> Result<bool, Stop> {
        let files = File::open(path).and_then(|one| Ok((one, to.dir()?.file(name)?)));
        let Some((one, other)) = self.heed(path, files)? else { return Ok(false) };
        let size = |file: &File| file.metadata().map(|found| found.len()).ok();
        if size(&one) != size(&other) || !self.act() {
            return Ok(size(&one) == size(&other));
        }
        let same = self.same_bytes(one, other)?;
        Ok(self.heed(path, same)?.unwrap_or(false))
    }
}
