//! Models that are Python packages: the wheel is kept in the cache, and installed into an environment from there.

use std::io;
use std::path::{Path, PathBuf};

use super::{Error, FileState, files, names, spacy, state_of, unpack, vouched};
use crate::environments::packages;
use crate::fetch::Artifact;
use crate::models::homes::Homes;
use crate::models::locked::File;

/// The artifact that brings the wheel.
///
/// # Errors
/// When its name is no plain one, or it has no URL.
pub fn artifact(file: &File, group: usize, homes: &Homes) -> Result<Artifact, Error> {
    Ok(Artifact {
        label: file.path.clone(),
        group,
        url: files::url_of(file)?,
        size: file.size,
        digest: file.digest,
        destination: visible(file, homes)?,
        partials: vouched::partials(homes).into(),
        credential: None,
        key: 0,
    })
}

/// The path of the wheel.
///
/// # Errors
/// When its name is no plain one.
pub fn visible(file: &File, homes: &Homes) -> Result<PathBuf, Error> {
    names::plain_name("the wheel", &file.path)?;
    names::below(&homes.wheels, &file.path)
}

/// What is there of the wheel.
///
/// # Errors
/// When its name is no plain one.
pub fn state(file: &File, homes: &Homes) -> Result<FileState, Error> {
    Ok(state_of(&visible(file, homes)?, file.size))
}

/// Whether the environment at `environment` has the wheel's package in the wheel's version.
///
/// # Errors
/// When its name is none of a wheel.
pub fn is_installed(file: &File, environment: &Path) -> Result<bool, Error> {
    let (package, version) = parts(&file.path)?;
    Ok(packages::site_packages(environment).iter().any(|site| unpack::is_whole(site, package, version)))
}

/// Whether the wheel is one that this machine has fetched itself, and not one that only lies there; true where there is none.
///
/// # Errors
/// When its name is no plain one, or what the disk says.
pub fn is_vouched(file: &File, homes: &Homes) -> Result<bool, Error> {
    let path = visible(file, homes)?;
    match vouched::is_vouched(homes, &path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        found => found.map_err(Error::disk(&path)),
    }
}

/// Installs the wheel into the environment at `environment`, without its requirements and without running anything, unless it is
/// there in this version. True when it was installed now.
///
/// # Errors
/// When there is no such environment, the wheel is not of one model of spaCy, was not fetched by this machine, or what the disk says.
pub fn install(file: &File, homes: &Homes, environment: &Path) -> Result<bool, Error> {
    if is_installed(file, environment)? {
        return Ok(false);
    }
    let (package, version) = parts(&file.path)?;
    spacy::model_name(package)?;
    if !is_vouched(file, homes)? {
        return Err(Error::Unproven(visible(file, homes)?));
    }
    Ok(unpack::into_environment(environment, &visible(file, homes)?, package, version)?)
}

/// The package and the version in a wheel's name, `PACKAGE-VERSION-PYTHON-ABI-PLATFORM.whl`, maybe with a build number.
///
/// # Errors
/// When it is no such name.
pub fn parts(name: &str) -> Result<(&str, &str), Error> {
    let wrong = || Error::Name { what: "the wheel", name: name.to_owned(), why: "is not PACKAGE-VERSION-….whl" };
    let fields: Vec<_> = name.strip_suffix(".whl").ok_or_else(wrong)?.split('-').collect();
    match fields.as_slice() {
        [package, version, _, _, _] | [package, version, _, _, _, _] if !package.is_empty() && !version.is_empty() => {
            Ok((package, version))
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_says_its_package_and_version() {
        assert_eq!(parts("en_core_web_sm-3.8.0-py3-none-any.whl").unwrap(), ("en_core_web_sm", "3.8.0"));
        assert_eq!(parts("a-1-2build-py3-none-any.whl").unwrap(), ("a", "1"));
        for bad in ["", "a.whl", "a-1-py3-none.whl", "-1-py3-none-any.whl", "a-1-py3-none-any.tar.gz"] {
            assert!(parts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_package_that_is_there_in_this_version_is_not_installed_again() {
        let room = tempfile::tempdir().unwrap();
        let site = room.path().join("env/lib/python3.11/site-packages");
        std::fs::create_dir_all(site.join("en_core_web_sm-3.8.0.dist-info")).unwrap();
        let wheel = |version: &str| File {
            path: format!("en_core_web_sm-{version}-py3-none-any.whl"),
            size: None,
            digest: None,
            url: None,
        };
        let environment = room.path().join("env");
        let homes = Homes::under(room.path());
        assert!(!install(&wheel("3.8.0"), &homes, &environment).unwrap());
        assert!(!is_installed(&wheel("3.7.0"), &environment).unwrap());
        assert!(install(&wheel("3.7.0"), &homes, &environment).is_err(), "there is no Python");
    }
}
