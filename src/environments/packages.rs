//! What a Python environment holds, read from its files: no Python of it is run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::support::escape::path as shown;

/// Why a wheel is not in an environment.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no Python in it.
    #[error("{} is no Python environment: create it first, then run this again", shown(.0))]
    NoEnvironment(PathBuf),
    /// It has several folders for packages, or one that is elsewhere.
    #[error("{} does not have one folder of its own for packages: install the wheel yourself", shown(.0))]
    NoPlace(PathBuf),
    /// The wheel is not what it should be, or the disk said no.
    #[error("{} could not be installed into {}: {why}", shown(wheel), shown(environment))]
    Refused {
        /// The wheel.
        wheel: PathBuf,
        /// The environment.
        environment: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// The folders of `environment` that hold packages.
pub fn site_packages(environment: &Path) -> Vec<PathBuf> {
    let unix = std::fs::read_dir(environment.join("lib")).into_iter().flatten().filter_map(Result::ok);
    unix.filter(|entry| entry.file_name().to_string_lossy().starts_with("python3"))
        .map(|entry| entry.path().join("site-packages"))
        .chain([environment.join("Lib").join("site-packages")])
        .filter(|folder| folder.is_dir())
        .collect()
}

/// The version of `package` that `environment` has, by the name of its `.dist-info`. No Python is run.
pub fn version_of(environment: &Path, package: &str) -> Option<String> {
    let infos = site_packages(environment).into_iter().flat_map(|site| infos_of(&site, package));
    infos.filter_map(|info| Some(split(info.file_name()?.to_str()?)?.1.to_owned())).next()
}

/// What `site` has of `package`: its `.dist-info`, of every version.
pub fn infos_of(site: &Path, package: &str) -> Vec<PathBuf> {
    let wanted = normal(package);
    let entries = std::fs::read_dir(site).into_iter().flatten().filter_map(Result::ok);
    let is_of_it = |name: &OsStr| name.to_str().and_then(split).is_some_and(|(package, _)| normal(package) == wanted);
    entries.filter(|entry| is_of_it(&entry.file_name())).map(|entry| entry.path()).collect()
}

/// `PACKAGE-VERSION.dist-info`
fn split(name: &str) -> Option<(&str, &str)> {
    name.strip_suffix(".dist-info")?.split_once('-')
}

/// The Python of `environment`, whether it is there or not.
pub fn python(environment: &Path) -> PathBuf {
    if !cfg!(windows) {
        return environment.join("bin").join("python");
    }
    // Conda keeps it at the top.
    let top = environment.join("python.exe");
    if top.is_file() { top } else { environment.join("Scripts").join("python.exe") }
}

/// The one folder of `environment` that its Python takes packages from.
///
/// # Errors
/// When there is no environment, it is for several versions of Python, or a link leads out of it.
pub fn own_site(environment: &Path) -> Result<PathBuf, Error> {
    let missing = || Error::NoEnvironment(environment.to_path_buf());
    if !python(environment).is_file() {
        return Err(missing());
    }
    let real = std::fs::canonicalize(environment).map_err(|_| missing())?;
    // Conda names one of them twice, by a link.
    let mut sites: Vec<PathBuf> =
        site_packages(environment).iter().filter_map(|site| std::fs::canonicalize(site).ok()).collect();
    sites.sort();
    sites.dedup();
    match sites.as_slice() {
        [site] if site.starts_with(&real) => Ok(site.clone()),
        [] => Err(missing()),
        _ => Err(Error::NoPlace(environment.to_path_buf())),
    }
}

/// A package's name as PEP 503 compares them: lower case, with each run of `-`, `_` and `.` as one `-`.
fn normal(name: &str) -> String {
    let parts: Vec<_> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_found_however_its_name_is_written() {
        let room = tempfile::tempdir().unwrap();
        let site = room.path().join("lib/python3.12/site-packages");
        for name in ["spacy-3.8.18.dist-info", "En_Core.Web_sm-3.8.0.dist-info", "spacy_legacy-3.0.12.dist-info"] {
            std::fs::create_dir_all(site.join(name)).unwrap();
        }
        assert_eq!(version_of(room.path(), "spacy").as_deref(), Some("3.8.18"));
        assert_eq!(version_of(room.path(), "en-core-web-sm").as_deref(), Some("3.8.0"));
        assert_eq!(version_of(room.path(), "torch"), None);
        assert_eq!(version_of(Path::new("/nowhere/at/all"), "spacy"), None);
    }

    #[test]
    fn a_folder_without_python_is_told_so() {
        let room = tempfile::tempdir().unwrap();
        let said = own_site(room.path()).unwrap_err().to_string();
        assert!(said.ends_with("is no Python environment: create it first, then run this again"), "{said}");
    }
}
