//! Puts a wheel into an environment without running anything.
//!
//! An installer runs the environment's own Python, and that runs whatever lies in its `site-packages`. An environment may have come
//! with a clone, so downloading a model must not start it. The wheels of spaCy's models are one package of plain files, which
//! [PyPA's rules](https://packaging.python.org/en/latest/specifications/binary-distribution-format/) let anybody unpack: no
//! scripts, no compiled code, no `.data`. Whatever has more than that is refused.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::Path;

use super::names;
use crate::environments::packages;
use crate::models::pickle;
use crate::support::escape::printable;
use crate::support::{atomic, bounded, delete};

/// The largest model of spaCy unpacks to half a gigabyte.
const MOST_BYTES: u64 = 8 << 30;

/// Unpacks the wheel at `wheel`, of `package` at `version`, into `environment`, in the place of another version of it.
///
/// # Errors
/// When the environment has no folder for packages, or one that lies elsewhere; when the wheel is none of one plain package; what
/// the disk says.
pub(super) fn into_environment(
    environment: &Path,
    wheel: &Path,
    package: &str,
    version: &str,
) -> Result<(), packages::Error> {
    let site = packages::own_site(environment)?;
    let refused = |error: io::Error| packages::Error::Refused {
        wheel: wheel.to_path_buf(),
        environment: environment.to_path_buf(),
        why: printable(&error.to_string()),
    };
    let staging = site.join(format!(".modelstrap-{package}"));
    let done = cleared(&staging, &site)
        .and_then(|()| fs::create_dir(&staging))
        .and_then(|()| unpack(wheel, &staging, package, version))
        .and_then(|()| take_over(&staging, &site, package, version));
    let _ = cleared(&staging, &site);
    done.map_err(refused)
}

fn info_of(package: &str, version: &str) -> String {
    format!("{package}-{version}.dist-info")
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
        match io::copy(&mut bytes.take(size + 1), &mut file)? {
            written if written == size => file.flush(),
            _ => Err(wrong(&format!("{name:?} does not have the length that the archive says"))),
        }
    })?;
    sign(&staging.join(&info), &info)
}

/// Notes who installed it, as installers do, so that `pip uninstall` and `uv` know all of its files.
fn sign(folder: &Path, info: &str) -> io::Result<()> {
    let record = folder.join("RECORD");
    let listed = bounded::read(&record, bounded::CONFIGURATION);
    let mut listed = listed.map_err(|error| wrong(&format!("its list of files cannot be read: {error}")))?;
    if !listed.ends_with(b"\n") {
        listed.push(b'\n');
    }
    listed.extend_from_slice(format!("{info}/INSTALLER,,\n").as_bytes());
    fs::write(folder.join("INSTALLER"), "modelstrap\n")?;
    fs::write(record, listed)
}

/// Gives the folders their names. Python believes the `.dist-info`: it goes first and comes last.
fn take_over(staging: &Path, site: &Path, package: &str, version: &str) -> io::Result<()> {
    for old in packages::infos_of(site, package) {
        cleared(&old, site)?;
    }
    let folder = site.join(package);
    cleared(&folder, site)?;
    let info = info_of(package, version);
    fs::rename(staging.join(package), folder)?;
    fs::rename(staging.join(&info), site.join(&info))?;
    atomic::sync_directory(site);
    Ok(())
}

fn cleared(path: &Path, inside: &Path) -> io::Result<()> {
    delete::tree(path, inside)
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_archive_panics_and_a_refused_one_leaves_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let room = tempfile::tempdir().unwrap();
            let environment = room.path().join("env");
            let site = environment.join(if cfg!(windows) { "Lib/site-packages" } else { "lib/python3.12/site-packages" });
            fs::create_dir_all(&site).unwrap();
            let python = packages::python(&environment);
            fs::create_dir_all(python.parent().unwrap()).unwrap();
            fs::write(python, "").unwrap();
            let wheel = room.path().join("x-1-py3-none-any.whl");
            fs::write(&wheel, &bytes).unwrap();
            prop_assert!(into_environment(&environment, &wheel, "x", "1").is_err());
            prop_assert_eq!(fs::read_dir(&site).unwrap().count(), 0);
        }
    }
}
