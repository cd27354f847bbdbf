//! Brings what lies outside of the cache into it: hubs are merged blob by blob, what `local_dir=` made becomes a revision, folders of
//! plain files are joined.
//!
//! What has come is seen on the disk, by names that are digests and by files with two names, so that a run that was killed is simply
//! run again; only which folders it empties is noted. At every step a content has its old name, its new one, or both.

pub mod begun;
mod confirmed;
mod contents;
pub mod copies;
mod dir;
mod hub;
mod kin;
mod known;
mod links;
mod listings;
mod local;
mod local_file;
mod mixed;
mod needed;
mod notes;
mod owners;
mod pointing;
mod proven;
mod recognise;
mod repository;
pub mod sources;
mod store;
mod tree;
mod twins;
mod work;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use copies::Copies;
pub use known::{Known, Sources};
pub use links::Links;
pub use owners::Owners;
pub use pointing::pointing_out;
pub use work::{ANOTHER, Options, Outcome, Stay, Stop, Tally};

use crate::cache::notes::FOLDER;
use crate::support::digest;
use dir::{Dir, Kind};
use work::{To, Work};

/// Where things belong: the places that the project's variables lead the libraries to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    /// The cache root.
    pub root: PathBuf,
    /// The Hub's cache.
    pub hub: PathBuf,
    /// `HF_HOME`.
    pub hf_home: PathBuf,
    /// `TORCH_HOME`.
    pub torch: PathBuf,
    /// openai-whisper's folder.
    pub whisper: PathBuf,
}

/// What a folder is, and so how it moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// It holds repositories of the Hub.
    Hub,
    /// It is a repository of the Hub.
    Repository,
    /// It holds plain files, which lie in the same order at the target; what these names stand for in it is another's and stays.
    Tree(Vec<OsString>),
    /// `local_dir=` made it; the target is the folder of its repository.
    Local,
    /// Somebody says that it is of the repository whose folder is the target: what is proven to be moves.
    Proven,
    /// These files of it.
    Files(Vec<OsString>),
}

/// A folder that moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub from: PathBuf,
    /// Where to.
    pub to: PathBuf,
    /// What it is.
    pub shape: Shape,
    /// The place in which it was found: folders between the two go when they are empty.
    pub place: PathBuf,
    /// The cache root: below it no link is followed on the way to the target, since a link may come with a clone.
    root: PathBuf,
    /// Where `from` led to when it was found, by path and by number: another folder that stands there later is none of ours.
    real: PathBuf,
    id: (u64, u64),
}

impl Part {
    /// A part as it stands now.
    pub(crate) fn found(from: &Path, to: PathBuf, shape: Shape, place: &Path, root: &Path) -> Self {
        Self {
            from: from.to_path_buf(),
            to,
            shape,
            place: place.to_path_buf(),
            root: root.to_path_buf(),
            real: dir::real(from),
            id: Dir::open(from).and_then(|dir| dir.stamp()).map_or((0, 0), |stamp| stamp.id),
        }
    }

    /// The folder, if it still is the one that was found.
    fn source(&self) -> std::io::Result<Dir> {
        let dir = Dir::open(&self.from)?;
        if dir.stamp()?.id == self.id && dir::real(&self.from) == self.real {
            Ok(dir)
        } else {
            Err(std::io::Error::other(CHANGED))
        }
    }

    /// The caches whose notes on links of `dedupe` count for what moves.
    pub fn noting(&self) -> Vec<PathBuf> {
        needed::noting(&self.root, &self.from)
    }

    /// What of this part was agreed to in `shown`, which was found earlier; nothing where that was another folder.
    pub fn agreed(mut self, shown: &Self) -> Option<Self> {
        if let (Shape::Files(now), Shape::Files(then)) = (&mut self.shape, &shown.shape) {
            now.retain(|name| then.contains(name));
            if now.is_empty() {
                return None;
            }
            return (Self { shape: shown.shape.clone(), ..self.clone() } == *shown).then_some(self);
        }
        // What another run has taken meanwhile is not named any more.
        if let (Shape::Tree(_), Shape::Tree(then)) = (&self.shape, &shown.shape) {
            let was = Self { shape: Shape::Tree(then.clone()), ..self.clone() };
            return (was == *shown).then_some(self);
        }
        (self == *shown).then_some(self)
    }

    /// That it stays, if another folder than the one that was found stands in its place, and not the target itself.
    pub fn replaced(&self) -> Option<Stay> {
        let is_other = self.source().is_err_and(|error| error.kind() != std::io::ErrorKind::NotFound);
        (is_other && !is_one_place(&self.from, &self.to)).then(|| Stay {
            path: self.from.clone(),
            why: CHANGED.to_owned(),
            grave: true,
        })
    }
}

/// Why a folder stays that was swapped.
const CHANGED: &str = "was changed meanwhile: look at it, then run this again";

/// The file that a run holds a lock on, in the cache's own folder.
///
/// # Errors
/// What the disk says.
pub fn lock_path(cache_root: &Path) -> std::io::Result<PathBuf> {
    let folder = cache_root.join(".modelstrap");
    std::fs::create_dir_all(&folder)?;
    Ok(folder.join("migrate.lock"))
}

/// Ends what [`lock_path`] began: the cache's own folder goes where nothing else is in it.
pub fn unlock(held: crate::support::lock::Lock, cache_root: &Path) {
    held.remove();
    let _ = std::fs::remove_dir(cache_root.join(".modelstrap"));
}

/// What would become of `part`: nothing is changed, and no content is read. `copies` is the same for all parts that are looked at.
///
/// # Errors
/// When somebody asks to stop.
pub fn look(part: &Part, options: &Options<'_>, copies: &mut Copies) -> Result<Outcome, Stop> {
    let options = Options { act: false, progress: None, ..copied(options) };
    let mut work = Work::new(&options, &part.root, &part.from);
    work.kin.copies = std::mem::take(copies);
    work.part(part)?;
    work.announce(part);
    *copies = work.kin.copies;
    Ok(work.out)
}

/// Moves `part`, and says what became of it, also where it stops before its end. `copies` is the same for all parts of a run.
pub fn carry_out(part: &Part, options: &Options<'_>, copies: &mut Copies) -> (Outcome, Option<Stop>) {
    let mut work = Work::new(options, &part.root, &part.from);
    work.kin.copies = std::mem::take(copies);
    work.needed.tidy();
    let stop = work.part(part).err();
    if stop.is_none() && work.act() {
        work.end(part);
        work.lead_rest(part);
    }
    work.tell_of_unlinked();
    work.tell_of_links();
    *copies = work.kin.copies;
    (work.out, stop)
}

/// Removes what a killed run left in places: its own unfinished files and links, and folders that are empty; with `link_back`
/// folders stay.
pub fn tidy(found: &sources::Found, options: &Options<'_>) {
    fn below(dir: &Dir, prunes: bool, depth: usize) {
        work::sweep(dir);
        // A repository's empty folder may be one that a download is about to fill.
        // Git misses its empty folders.
        // What `local_dir=` made is known by what is left there.
        let is_known = notes::is_local(&dir.path) && !notes::is_spent(&dir.path);
        let theirs = |name: &OsString| {
            name == ".locks" || name == ".git" || recognise::is_repository(name) || is_known && name == ".cache"
        };
        for name in dir.names_or_none().into_iter().filter(|name| !theirs(name)) {
            if let (true, Ok(sub)) = (depth < 64, dir.sub(&name)) {
                below(&sub, prunes, depth + 1);
                if prunes {
                    hub::drop_marks(&sub);
                }
                drop(sub);
                if prunes {
                    dir.remove_if_empty(&name);
                }
            }
        }
    }
    for beside in &found.beside {
        if let Ok(dir) = Dir::open(beside) {
            work::sweep(&dir);
        }
    }
    for root in &found.roots {
        let Some((parent, name)) = root.parent().zip(root.file_name()) else { continue };
        let Ok(parent) = Dir::open(parent) else { continue };
        let Ok(dir) = parent.sub(name) else { continue };
        if notes::is_local(root) && notes::is_spent(root) {
            notes::forget(&dir);
        }
        below(&dir, !options.link_back, 0);
        if !options.link_back {
            hub::drop_marks(&dir);
            drop(dir);
            parent.remove_if_empty(name);
        }
    }
}

/// Whether a killed run may have left anything in these places, or notes of its own in the cache.
pub fn may_tidy(found: &sources::Found, cache_root: &Path, project: &Path) -> bool {
    let is_ours = |name: &OsString| name.as_encoded_bytes().starts_with(work::PREFIX.as_bytes());
    let left = |beside: &PathBuf| Dir::open(beside).is_ok_and(|dir| dir.names_or_none().iter().any(is_ours));
    let noted = begun::is_left(cache_root, project) || copies::are_left(cache_root, project);
    noted || !found.roots.is_empty() || found.beside.iter().any(left)
}

/// Where a run for `project` notes something in the cache. Projects may share one, and end at different times: each has notes of its own.
fn note(cache_root: &Path, project: &Path, ending: &str) -> PathBuf {
    let mut tag = digest::sha256(project.as_os_str().as_encoded_bytes());
    tag.truncate(16);
    cache_root.join(FOLDER).join(format!("migrate-{tag}{ending}"))
}

fn copied<'a>(options: &Options<'a>) -> Options<'a> {
    Options {
        act: options.act,
        link_back: options.link_back,
        project: options.project.clone(),
        tracked: options.tracked.clone(),
        writers: options.writers.clone(),
        known: options.known.clone(),
        links: options.links.clone(),
        now: options.now,
        progress: options.progress,
    }
}

impl Work<'_> {
    fn part(&mut self, part: &Part) -> Result<(), Stop> {
        if let Some(why) = &self.needed.unread {
            let why =
                format!("what `dedupe` noted of its links cannot be read, so that nobody knows what they need: {why}");
            self.fail(part.from.clone(), why);
            return Ok(());
        }
        let Some((from, to)) = self.ends(part)? else { return Ok(()) };
        match &part.shape {
            Shape::Hub => self.hub(from, to, None),
            Shape::Repository => self.hub(from, to, part.from.file_name()),
            Shape::Local => self.local(from, to),
            Shape::Proven => self.proven(from, to),
            Shape::Tree(others) => self.tree(&from, &to, others),
            Shape::Files(names) => {
                if let (true, Some(dir)) = (self.act(), &to.dir) {
                    self.kin.between(&from, dir, Some(names));
                }
                for name in names {
                    work::check()?;
                    let path = part.from.join(name);
                    match self.heed(&path, from.look(name))?.flatten() {
                        Some(look) if look.kind == Kind::Link => self.link(&from, name, &to, &from.path)?,
                        Some(look) => {
                            self.bring((&from, name), &look, &to, name)?;
                        }
                        None => {}
                    }
                }
                Ok(())
            }
        }
    }

    /// The folders between which a part moves, of a repository those that hold it; nothing where both are one folder, or where they
    /// are not what they were.
    fn ends(&mut self, part: &Part) -> Result<Option<(Dir, To)>, Stop> {
        if let Some(link) = work::link_on_the_way(&part.root, &part.to) {
            let why = format!(
                "its place in the cache, {}, is a link, which is not followed: name the folder that it leads to in the \
                 library's own variable, or put a folder there",
                crate::support::escape::path(&link)
            );
            self.stay(part.from.clone(), why);
            return Ok(None);
        }
        let from = match part.source() {
            // The end of a part that lay in it has taken the folder, which was empty then.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            found => self.heed(&part.from, found)?,
        };
        let Some(from) = from else { return Ok(None) };
        let (from, to) = match (&part.shape, part.from.parent(), part.to.parent()) {
            (Shape::Repository, Some(parent), Some(to)) => {
                let opened = Dir::open(parent).and_then(|parent| {
                    let same = parent.sub(part.from.file_name().unwrap_or_default())?.is_also(&from);
                    if same { Ok(parent) } else { Err(std::io::Error::other(CHANGED)) }
                });
                let Some(parent) = self.heed(&part.from, opened)? else { return Ok(None) };
                (parent, to)
            }
            _ => (from, part.to.as_path()),
        };
        let Some(to) = self.heed(to, To::at(to, &part.root, self.act()))? else { return Ok(None) };
        Ok((!self.is_one(&to, &from)).then_some((from, to)))
    }

    /// Folders that are empty now go, up to the place; with `link_back` a folder of which everything has come leads there.
    fn end(&mut self, part: &Part) {
        if part.replaced().is_some() || is_one_place(&part.from, &part.to) {
            return;
        }
        // One that was made for what then stayed.
        let made = part.to.ancestors().take_while(|folder| *folder != part.root && folder.starts_with(&part.root));
        let is_empty = |folder: &&Path| {
            let ends = folder.parent().zip(folder.file_name());
            ends.is_some_and(|(parent, name)| Dir::open(parent).is_ok_and(|parent| parent.remove_if_empty(name)))
        };
        let _ = made.take_while(is_empty).count();
        let leads = matches!(part.shape, Shape::Hub | Shape::Tree(_)) && !part.to.starts_with(&part.from);
        let parent = part.from.parent().and_then(|parent| Dir::open(parent).ok());
        if let (Some(parent), Some(name), true) = (parent, part.from.file_name(), leads) {
            work::sweep(&parent);
            self.collapse(&parent, name, &part.to);
        }
        if self.options.link_back {
            return;
        }
        let between = part.from.ancestors().take_while(|folder| folder.starts_with(&part.place));
        for folder in between.filter(|folder| !part.to.starts_with(folder)) {
            let gone = folder.parent().zip(folder.file_name()).is_some_and(|(parent, name)| {
                Dir::open(parent).is_ok_and(|parent| {
                    parent.look(name).is_ok_and(|look| look.is_none()) || parent.remove_if_empty(name)
                })
            });
            if !gone {
                break;
            }
        }
    }
}

/// Whether both paths are of one folder, links followed, and disks that are mounted at two paths.
fn is_one_place(one: &Path, other: &Path) -> bool {
    if let (Ok(one), Ok(other)) = (Dir::open(one), Dir::open(other)) {
        return one.is_also(&other);
    }
    match (crate::support::paths::real_place(one), crate::support::paths::real_place(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}
