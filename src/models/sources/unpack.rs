//! Puts a wheel into an environment without running anything.
//!
//! An installer runs the environment's own Python, and that runs whatever lies in its `site-packages`. An environment may have come
//! with a clone, so downloading a model must not start it. The wheels of spaCy's models are one package of plain files, which
//! [PyPA's rules](https://packaging.python.org/en/latest/specifications/binary-distribution-format/) let anybody unpack: no
//! scripts, no compiled code, no `.data`. Whatever has more than that is refused.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{names, record, spacy};
use crate::environments::packages;
use crate::models::pickle;
use crate::support::escape::printable;
use crate::support::lock::Lock;
use crate::support::{atomic, bounded, delete};

/// The largest model of spaCy unpacks to half a gigabyte.
const MOST_BYTES: u64 = 8 << 30;
/// The file in which an installer leaves its name, and ours.
const INSTALLER: &str = "INSTALLER";
const OURS: &[u8] = b"modelstrap\n";

/// How long another run may take to unpack into the same environment.
const PATIENCE: Duration = Duration::from_secs(600);
/// What a run that was killed has left is taken away after this time: no run takes as long.
const LEFT_BEHIND: Duration = Duration::from_secs(3600);
/// Begins the name of a folder that a wheel is unpacked into.
const STAGING: &str = ".modelstrap-";

/// Unpacks the wheel at `wheel`, of `package` at `version`, into `environment`, in the place of another version of it. False when
/// another run has done so in the meantime.
///
/// # Errors
/// When the environment has no folder for packages, or one that lies elsewhere; when the wheel is none of one plain package; what
/// the disk says. Then the environment is as it was.
pub(super) fn into_environment(
    environment: &Path,
    wheel: &Path,
    package: &str,
    version: &str,
) -> Result<bool, packages::Error> {
    let site = packages::own_site(environment)?;
    let locked = || {
        let lock = lock(&site)?;
        let done = if is_whole(&site, package, version) {
            Ok(false)
        } else {
            into_site(&site, wheel, package, version).map(|()| true)
        };
        lock.remove();
        done
    };
    locked().map_err(|error: io::Error| packages::Error::Refused {
        wheel: wheel.to_path_buf(),
        environment: environment.to_path_buf(),
        why: printable(&error.to_string()),
    })
}

/// Whether `site` has `package` in `version` and no other. What this tool has put there must have each of its files: an earlier
/// one could leave some out.
pub(super) fn is_whole(site: &Path, package: &str, version: &str) -> bool {
    let [info] = &packages::infos_of(site, package)[..] else { return false };
    let Some(name) = info.file_name().and_then(OsStr::to_str) else { return false };
    let same = name.strip_suffix(".dist-info").and_then(|name| name.split_once('-')).map(|(_, version)| version);
    same == Some(version) && (!is_ours(info) || (site.join(package).is_dir() && record::is_whole(site, name)))
}

/// One run at a time: the lock is a file of its own beside the packages, for as long as it is held.
fn lock(site: &Path) -> io::Result<Lock> {
    let path = site.join(".modelstrap.lock");
    if path.is_symlink() {
        return Err(io::Error::other(format!("{} is a link: remove it", path.display())));
    }
    Lock::acquire(&path, PATIENCE, || ()).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::other("another modelstrap installs into it and does not end"),
        _ => error,
    })
}

fn into_site(site: &Path, wheel: &Path, package: &str, version: &str) -> io::Result<()> {
    may_replace(site, package)?;
    clear_left_behind(site);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let staging = site.join(format!("{STAGING}{package}-{}-{}", std::process::id(), since.as_nanos()));
    let new = staging.join("new");
    let done = fs::create_dir(&staging)
        .and_then(|()| fs::create_dir(&new))
        .and_then(|()| unpack(wheel, &new, package, version))
        .and_then(|()| take_over(&staging, site, package, version));
    let _ = delete::tree(&staging, site);
    done
}

/// Refuses to take the place of what is no model of spaCy.
fn may_replace(site: &Path, package: &str) -> io::Result<()> {
    let infos = packages::infos_of(site, package);
    let folder = site.join(package);
    let has_folder = folder.symlink_metadata().is_ok();
    let is_free = infos.is_empty() && !has_folder;
    let is_ours = || !infos.is_empty() && infos.iter().all(|info| is_ours(info));
    let has_module = ["py", "pyc", "so", "pyd"].iter().any(|end| site.join(format!("{package}.{end}")).exists());
    if has_module || !(is_free || is_ours() || spacy::is_model(&folder, package)) {
        return Err(wrong(&format!("there is another package {package:?} in it, which is no model of spaCy")));
    }
    Ok(())
}

/// Takes away what runs that were killed have left.
fn clear_left_behind(site: &Path) {
    let is_old = |entry: &fs::DirEntry| {
        let age = entry.metadata().ok().and_then(|found| found.modified().ok()?.elapsed().ok());
        age.is_some_and(|age| age > LEFT_BEHIND)
    };
    let entries = fs::read_dir(site).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(STAGING)).filter(is_old) {
        let _ = delete::tree(&entry.path(), site);
    }
}

fn info_of(package: &str, version: &str) -> String {
    format!("{package}-{version}.dist-info")
}

fn is_ours(info: &Path) -> bool {
    bounded::read(&info.join(INSTALLER), bounded::CONFIGURATION).is_ok_and(|name| name == OURS)
}

/// Unpacks into `staging`: the package's folder and its `.dist-info`, and nothing else.
fn unpack(wheel: &Path, staging: &Path, package: &str, version: &str) -> io::Result<()> {
    let info = info_of(package, version);
    let mut left = MOST_BYTES;
    pickle::each_member(wheel, &mut |name, size, bytes| {
        if name.ends_with('/') {
            return Ok(());
        }
        let top = name.split_once('/').map(|(top, _)| top);
        if top != Some(package) && top != Some(info.as_str()) {
            return Err(wrong(&format!("it holds {name:?}, which is no part of the package")));
        }
        let path = names::below(staging, name).map_err(|error| wrong(&error.to_string()))?;
        left = left.checked_sub(size).ok_or_else(|| wrong("it is too large to be unpacked"))?;
        fs::create_dir_all(path.parent().unwrap_or(staging))?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        // One byte more than it says, to see whether it says too little.
        match io::copy(&mut bytes.take(size.saturating_add(1)), &mut file)? {
            written if written == size => file.flush(),
            _ => Err(wrong(&format!("{name:?} does not have the length that the archive says"))),
        }
    })?;
    if !spacy::is_model(&staging.join(package), package) {
        return Err(wrong(&format!("it has no model of spaCy in a folder {package:?}")));
    }
    record::compare(staging, &info)?;
    // Who installed it, as installers note it, so that `pip uninstall` and `uv` know all of its files.
    fs::write(staging.join(&info).join(INSTALLER), OURS)?;
    record::add(staging, &info, INSTALLER)
}

/// Puts the old folders aside and gives the new ones their names. Python believes the `.dist-info`: it goes first and comes last.
fn take_over(staging: &Path, site: &Path, package: &str, version: &str) -> io::Result<()> {
    let (new, old) = (staging.join("new"), staging.join("old"));
    fs::create_dir(&old)?;
    let info = info_of(package, version);
    let folder = site.join(package);
    let there = packages::infos_of(site, package).into_iter().chain([folder.clone()]);
    let there = there.filter(|path| path.symlink_metadata().is_ok());
    let mut moves: Vec<(PathBuf, PathBuf)> =
        there.filter_map(|path| Some((path.clone(), old.join(path.file_name()?)))).collect();
    moves.push((new.join(package), folder));
    moves.push((new.join(&info), site.join(&info)));
    for (at, (from, to)) in moves.iter().enumerate() {
        if let Err(error) = fs::rename(from, to) {
            for (from, to) in moves[..at].iter().rev() {
                fs::rename(to, from)?;
            }
            return Err(error);
        }
    }
    atomic::sync_directory(site);
    Ok(())
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

#[cfg(test)]
#[path = "../../../tests/support/zip.rs"]
#[allow(dead_code, reason = "the tests of downloads make whole wheels with it")]
mod zip;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An environment with version 0 of `xx_y` in it, and its folder for packages.
    fn environment(room: &Path) -> (PathBuf, PathBuf) {
        let environment = room.join("env");
        let site = environment.join(if cfg!(windows) { "Lib/site-packages" } else { "lib/python3.12/site-packages" });
        let python = packages::python(&environment);
        let old = [site.join("xx_y/meta.json"), site.join("xx_y-0.dist-info/RECORD"), python];
        for path in &old {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
        }
        fs::write(&old[0], r#"{"lang": "xx", "name": "y"}"#).unwrap();
        fs::write(&old[1], "xx_y/meta.json,,\n").unwrap();
        fs::write(&old[2], "").unwrap();
        (environment, site)
    }

    fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { found.extend(tree(&path)) } else { found.push((path.clone(), fs::read(&path).unwrap())) }
        }
        found.sort();
        found
    }

    /// Any wheel: either all of it is there and nothing of the old, or it is refused and all is as it was.
    fn all_or_nothing(wheel: &[u8]) -> Result<(), packages::Error> {
        let room = tempfile::tempdir().unwrap();
        let (environment, site) = environment(room.path());
        let path = room.path().join("xx_y-1-py3-none-any.whl");
        fs::write(&path, wheel).unwrap();
        let before = tree(&site);
        let done = into_environment(&environment, &path, "xx_y", "1");
        if done.is_err() {
            assert_eq!(tree(&site), before);
        } else {
            assert!(is_whole(&site, "xx_y", "1"));
            assert_eq!(fs::read_dir(&site).unwrap().count(), 2);
            assert!(tree(&site).iter().all(|file| !before.contains(file) || file.0.ends_with("meta.json")));
        }
        done.map(|_| ())
    }

    #[test]
    fn a_wheel_without_one_of_its_folders_changes_nothing() {
        let meta: (&str, &[u8]) = ("xx_y/meta.json", br#"{"lang": "xx", "name": "y"}"#);
        let init: (&str, &[u8]) = ("xx_y/__init__.py", b"");
        let list: (&str, &[u8]) = ("xx_y-1.dist-info/RECORD", b"xx_y/meta.json,,\nxx_y/__init__.py,,\n");
        assert!(all_or_nothing(&zip::zip(&[meta, init, list])).is_ok());
        assert!(all_or_nothing(&zip::zip(&[meta, init])).is_err());
        assert!(all_or_nothing(&zip::zip(&[list])).is_err());
        assert!(all_or_nothing(&zip::zip(&[("xx_y-1.dist-info/RECORD", b"")])).is_err());
    }

    #[test]
    fn what_cannot_be_moved_is_put_back() {
        let room = tempfile::tempdir().unwrap();
        let (_, site) = environment(room.path());
        let staging = site.join(".modelstrap-x");
        fs::create_dir_all(staging.join("new/xx_y")).unwrap();
        let before = tree(&site);
        assert!(take_over(&staging, &site, "xx_y", "1").is_err(), "there is no dist-info");
        assert_eq!(tree(&site), before);
    }

    const NAMES: [&str; 10] = [
        "xx_y/__init__.py",
        "xx_y/meta.json",
        "xx_y/data/model.z",
        "xx_y",
        "xx_y-1.dist-info/METADATA",
        "xx_y-1.dist-info/INSTALLER",
        "xx_y/../../evil.py",
        "evil.pth",
        "XX_Y/__init__.py",
        "xx_y-1.dist-info/a/RECORD",
    ];

    /// Names of members, the likely ones more often, and whether the list names them.
    fn members() -> impl Strategy<Value = Vec<(usize, bool)>> {
        proptest::collection::vec((prop_oneof![6 => 0..3usize, 1 => 3..NAMES.len()], prop::bool::weighted(0.9)), 0..5)
    }

    proptest! {
        #[test]
        fn no_wheel_panics_and_one_is_installed_wholly_or_not_at_all(
            members in members(), sound in prop::bool::weighted(0.7), listed in prop::bool::weighted(0.9), cut in 0..400usize,
        ) {
            let meta = br#"{"lang": "xx", "name": "y"}"#;
            let mut sound_ones: Vec<(usize, bool)> = if sound { vec![(0, true), (1, true)] } else { Vec::new() };
            sound_ones.extend(members);
            let list: String = sound_ones.iter().filter(|(_, listed)| *listed).map(|(at, _)| format!("{},,\n", NAMES[*at])).collect();
            let mut all: Vec<(&str, &[u8])> = sound_ones.iter().map(|(at, _)| (NAMES[*at], &meta[..])).collect();
            if listed {
                all.push(("xx_y-1.dist-info/RECORD", list.as_bytes()));
            }
            let mut wheel = zip::zip(&all);
            // Half of them are damaged.
            if let Some(byte) = wheel.get_mut(cut * 2) {
                *byte ^= u8::from(cut % 2 == 0);
            }
            let _ = all_or_nothing(&wheel);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(all_or_nothing(&bytes).is_err());
        }
    }
}
