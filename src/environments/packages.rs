//! What a Python environment holds, read from its files, and the one thing that is put into it: a wheel that is here already.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::escape::{path as shown, printable};

/// Why a wheel is not in an environment.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no Python in it.
    #[error("{} is no Python environment: create it first, then run this again", shown(.0))]
    NoEnvironment(PathBuf),
    /// Nothing there can install.
    #[error("{} has no pip, and there is no uv on the PATH: install one of them, then run this again", shown(.0))]
    NoInstaller(PathBuf),
    /// The installer did not start, or refused.
    #[error("{} could not be installed into {}: {why}", shown(wheel), shown(environment))]
    Refused {
        /// The wheel.
        wheel: PathBuf,
        /// The environment.
        environment: PathBuf,
        /// What the installer said last.
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
    let wanted = normal(package);
    for folder in site_packages(environment) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            let name = entry.file_name();
            let found = name.to_str().and_then(|name| name.strip_suffix(".dist-info")?.split_once('-'));
            if let Some((_, version)) = found.filter(|(package, _)| normal(package) == wanted) {
                return Some(version.to_owned());
            }
        }
    }
    None
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

/// Installs the wheel at `wheel` into `environment`: no index is asked, and what it requires is left alone. `uv` does it where
/// `search_path` has one, since it links instead of copying; else the environment's own pip.
///
/// # Errors
/// When the environment has no Python, nothing can install, or what the installer says.
pub fn install_wheel(environment: &Path, wheel: &Path, search_path: Option<&OsStr>) -> Result<(), Error> {
    let python = python(environment);
    if !python.is_file() {
        return Err(Error::NoEnvironment(environment.to_path_buf()));
    }
    let mut command = if let Some(uv) = find("uv", search_path) {
        let mut command = Command::new(uv);
        command.args(["pip", "install", "--no-config", "--no-index", "--no-deps", "--python"]).arg(&python);
        command
    } else if site_packages(environment).iter().any(|folder| folder.join("pip").is_dir()) {
        let mut command = Command::new(&python);
        command.args([
            "-m",
            "pip",
            "--isolated",
            "install",
            "--no-index",
            "--no-deps",
            "--no-input",
            "--disable-pip-version-check",
        ]);
        command
    } else {
        return Err(Error::NoInstaller(environment.to_path_buf()));
    };
    // The user's own settings for installers (another target, required digests) are for what they install themselves.
    command
        .arg(wheel)
        .stdin(Stdio::null())
        .env_remove("PYTHONPATH")
        .env_remove("UV_TARGET")
        .env_remove("UV_REQUIRE_HASHES");
    let refused =
        |why: String| Error::Refused { wheel: wheel.to_path_buf(), environment: environment.to_path_buf(), why };
    let output = command.output().map_err(|error| refused(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(refused(last_words(&output.stderr)))
}

/// The last line that says something.
fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    let line = line.unwrap_or("the installer failed and did not say why");
    printable(&line.chars().take(300).collect::<String>())
}

/// The program `name` on `search_path`. An empty or relative entry means the folder that one stands in: a project from
/// somebody else, where a program of that name may lie.
fn find(name: &str, search_path: Option<&OsStr>) -> Option<PathBuf> {
    let file = if cfg!(windows) { format!("{name}.exe") } else { name.to_owned() };
    let folders = std::env::split_paths(search_path?).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(&file)).find(|path| path.is_file())
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
    fn a_program_is_not_taken_from_the_folder_that_one_stands_in() {
        let room = tempfile::tempdir().unwrap();
        let name = if cfg!(windows) { "here.exe" } else { "here" };
        std::fs::write(room.path().join(name), "").unwrap();
        // Tests stand in the package's folder, which has a Cargo.toml.
        for path in ["", ".", "./"] {
            assert_eq!(find("Cargo.toml", Some(path.as_ref())), None, "{path:?}");
        }
        assert_eq!(find("here", Some(room.path().as_os_str())), Some(room.path().join(name)));
    }

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
        let said = install_wheel(room.path(), Path::new("a-1-py3-none-any.whl"), None).unwrap_err().to_string();
        assert!(said.ends_with("is no Python environment: create it first, then run this again"), "{said}");
    }
}
