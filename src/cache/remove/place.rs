//! A place that is open, and the way from it to what lies in it.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::guard::{self, Guard};
use super::journal::TrashAt;
use super::walk;
use crate::support::folder::{self, Folder};

/// A place that is open.
#[derive(Debug)]
pub(super) struct Place {
    /// As the plan calls it.
    shown: PathBuf,
    /// With links followed.
    pub(super) real: PathBuf,
    pub(super) folder: Folder,
    /// Most victims lie beside each other.
    last: RefCell<Option<(PathBuf, Rc<Folder>)>>,
}

impl Place {
    /// Opens the place, if things may be removed in it.
    pub(super) fn open(guard: &Guard, root: &Path) -> Result<Self, String> {
        let real = guard.admit(root)?;
        let folder = folder::open(&real)
            .map_err(|error| format!("{} cannot be opened: {error}", crate::support::escape::path(&real)))?;
        Ok(Self { shown: root.to_path_buf(), real, folder, last: RefCell::default() })
    }

    /// `path` below this place, by plain names alone.
    pub(super) fn inside(&self, path: &Path) -> Option<PathBuf> {
        let inside = path.strip_prefix(&self.shown).or_else(|_| path.strip_prefix(&self.real)).ok()?;
        folder::split(inside)?;
        Some(inside.to_path_buf())
    }

    /// As a person knows it.
    pub(super) fn shown(&self, inside: &Path) -> PathBuf {
        self.shown.join(inside)
    }

    /// The folder that holds what is at `inside`, and its name there.
    pub(super) fn parent<'a>(&self, inside: &'a Path) -> io::Result<(Rc<Folder>, &'a OsStr)> {
        let (parent, name) = folder::split(inside).ok_or(io::ErrorKind::InvalidInput)?;
        if let Some((path, folder)) = &*self.last.borrow()
            && *path == parent
        {
            return Ok((Rc::clone(folder), name));
        }
        let folder = Rc::new(self.folder.descend(&parent)?);
        *self.last.borrow_mut() = Some((parent, Rc::clone(&folder)));
        Ok((folder, name))
    }

    /// Whether a folder below the place, in which `inside` lies, is a Git work tree or a bare repository.
    pub(super) fn is_in_git(&self, inside: &Path) -> io::Result<bool> {
        let mut at = self.folder.again()?;
        for part in inside.parent().into_iter().flat_map(Path::components) {
            at = at.enter(part.as_os_str())?;
            if walk::is_git(&at) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Looks at the way once more at the next question: something on it was moved.
    pub(super) fn forget(&self) {
        *self.last.borrow_mut() = None;
    }

    /// Where a trash can be that what is at `inside` can be renamed to: on its disk, beside a hub, in none.
    pub(super) fn trash(&self, inside: &Path, run: &str, guard: &Guard) -> io::Result<TrashAt> {
        let (mut base, mut here) = (self.real.clone(), self.folder.descend(Path::new(""))?);
        let mut disk = here.own()?.stamp.id.0;
        let (mut path, mut at) = (base.clone(), self.folder.descend(Path::new(""))?);
        for part in inside.parent().into_iter().flat_map(Path::components) {
            at = at.enter(part.as_os_str())?;
            path.push(part);
            if at.own()?.stamp.id.0 != disk || guard.is_mount(&path) {
                (base, here) = (path.clone(), at.descend(Path::new(""))?);
                disk = here.own()?.stamp.id.0;
            }
        }
        let own = |parts: &[&str]| parts.iter().chain(&[".modelstrap", "trash", run]).collect::<PathBuf>();
        if !guard::is_hub(&here) {
            return Ok(TrashAt { base, below: own(&[]), id: Some(here.own()?.stamp.id) });
        }
        // A folder of ours in a hub makes its client warn. Beside it, where that is the cache's as well, else where no client looks.
        let beside = base.parent().filter(|beside| guard.is_ours(beside) && !guard.is_mount(&base));
        let id_of = |beside: &Path| folder::open(beside).and_then(|it| it.own()).map(|it| it.stamp.id);
        match beside.and_then(|beside| Some((beside, id_of(beside).ok().filter(|id| id.0 == disk)?))) {
            Some((beside, id)) => Ok(TrashAt { base: beside.to_path_buf(), below: own(&[]), id: Some(id) }),
            None => Ok(TrashAt { base, below: own(&[".locks"]), id: Some(here.own()?.stamp.id) }),
        }
    }
}

/// A run's own folder in a trash.
#[derive(Debug)]
pub(super) struct Trash {
    pub(super) at: TrashAt,
    open: RefCell<Option<Rc<Folder>>>,
}

impl Trash {
    pub(super) fn new(at: TrashAt) -> Self {
        Self { at, open: RefCell::default() }
    }

    /// Opens it, made if need be. It is this user's alone.
    pub(super) fn make(&self) -> io::Result<Rc<Folder>> {
        let (above, name) = self.split()?;
        for _ in 0..8 {
            if let Some(folder) = self.open.borrow().clone() {
                return Ok(folder);
            }
            let made = folder::open(&self.at.base)?.descend_making(&above).and_then(|above| {
                match above.make(name, true) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                    _ => {}
                }
                above.enter(name)
            });
            match made {
                // Another run, which came to its end, has taken the folder above away in between.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                made => *self.open.borrow_mut() = Some(Rc::new(own(made?)?)),
            }
        }
        Err(io::Error::other("the trash is taken away each time that it is made"))
    }

    /// Opens it, if it is there.
    pub(super) fn find(&self) -> io::Result<Option<Rc<Folder>>> {
        if self.open.borrow().is_none() {
            let opened = folder::open(&self.at.base).and_then(|base| base.descend(&self.at.below));
            match opened {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                opened => *self.open.borrow_mut() = Some(Rc::new(own(opened?)?)),
            }
        }
        Ok(self.open.borrow().clone())
    }

    /// Whether it is there, this user's, in the folder that its journal noted. A disk may have another number by now.
    pub(super) fn is_as_noted(&self) -> bool {
        let there = folder::open(&self.at.base).and_then(|base| base.own()).map(|found| found.stamp.id.1).ok();
        let is_same = self.at.id.is_some_and(|noted| noted.1 != 0 && Some(noted.1) == there);
        is_same && matches!(self.find(), Ok(Some(_)))
    }

    /// Whether the folder that it lies in is there, and on the disk `device`, if that is known.
    pub(super) fn may_have_been_on(&self, device: Option<u64>) -> bool {
        match folder::open(&self.at.base).and_then(|base| base.own()) {
            Ok(found) => device.is_none_or(|device| found.stamp.id.0 == device),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Brings its names to the disk.
    pub(super) fn sync(&self) {
        if let Ok(Some(folder)) = self.find() {
            folder.sync();
        }
    }

    /// Takes it away, and its folders (`trash`, `.modelstrap`), as far as nothing is in them.
    pub(super) fn drop_empty(&self) {
        drop_empty(&self.at.base, &self.at.below, 3);
    }

    fn split(&self) -> io::Result<(PathBuf, &OsStr)> {
        folder::split(&self.at.below).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

/// Takes away the last `count` folders of `below`, which lies below `base`, as far as they are there and nothing is in them.
pub(super) fn drop_empty(base: &Path, below: &Path, count: usize) {
    let Ok(base) = folder::open(base) else { return };
    let mut below = below.to_path_buf();
    for _ in 0..count {
        let name: OsString = below.file_name().unwrap_or_default().to_os_string();
        below.pop();
        match base.descend(&below).and_then(|above| above.remove_folder(&name)) {
            // A run that was killed here has done this much.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return,
            _ => {}
        }
    }
}

/// What lies in somebody else's folder is not ours to obey.
fn own(folder: Folder) -> io::Result<Folder> {
    if folder.is_mine() { Ok(folder) } else { Err(io::Error::other("the trash belongs to somebody else")) }
}
