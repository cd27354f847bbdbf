//! Python interpreters and `uv` on the PATH, found as files; nothing is run unless the caller asks for it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::time::Duration;

use serde::Serialize;

use super::commands;
use super::facts::Fact;
use super::{Os, Probe};

/// One interpreter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Python {
    /// Where it is.
    pub path: PathBuf,
    /// Its version, as far as its name or `pyvenv.cfg` tells it.
    pub version: Fact<String>,
    /// True for one inside a virtual environment.
    pub virtual_environment: bool,
}

/// The interpreters on the PATH, in its order, each file once.
pub(super) fn pythons(probe: &Probe, run: bool) -> Vec<Python> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for folder in folders(probe) {
        let place = probe.at(&folder.to_string_lossy());
        let Ok(entries) = std::fs::read_dir(&place) else { continue };
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_python(name, probe.os))
            .collect();
        // `python3.12` before `python3` before `python`: the name that says most names the file.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        for name in names {
            let file = place.join(&name);
            let Ok(real) = file.canonicalize() else { continue };
            if !is_program(&real) || !seen.insert(real.clone()) {
                continue;
            }
            let path = inside(&folder, &name, probe);
            let (version, virtual_environment) = version(&place, &name, &real, probe.os);
            let version = if run && probe.is_live() { ask(&path).unwrap_or(version) } else { version };
            found.push(Python { path, version, virtual_environment });
        }
    }
    found
}

/// The `uv` program on the PATH.
pub(super) fn uv(probe: &Probe) -> Option<PathBuf> {
    let name = if probe.os == Os::Windows { "uv.exe" } else { "uv" };
    folders(probe)
        .into_iter()
        .find(|folder| is_program(&probe.at(&folder.to_string_lossy()).join(name)))
        .map(|folder| inside(&folder, name, probe))
}

/// Absolute folders of the PATH, each once; an empty entry means the working folder, which is no place to look.
fn folders(probe: &Probe) -> Vec<PathBuf> {
    let Some(path) = probe.vars.get("PATH") else { return Vec::new() };
    // A recorded PATH is written as on the machine that it comes from.
    let parts: Vec<PathBuf> = if probe.is_live() {
        std::env::split_paths(path).collect()
    } else {
        let separator = if probe.os == Os::Windows { ';' } else { ':' };
        path.to_string_lossy().split(separator).map(PathBuf::from).collect()
    };
    let mut seen = BTreeSet::new();
    parts.into_iter().filter(|part| part.has_root() && seen.insert(part.clone())).collect()
}

/// `name` in `folder`, written as on the machine that is looked at: a recorded one may be of another system than this.
fn inside(folder: &Path, name: &str, probe: &Probe) -> PathBuf {
    if probe.is_live() {
        return folder.join(name);
    }
    let separator = if probe.os == Os::Windows { '\\' } else { '/' };
    let folder = folder.to_string_lossy();
    format!("{}{separator}{name}", folder.trim_end_matches(separator)).into()
}

fn is_python(name: &str, os: Os) -> bool {
    let name = if os == Os::Windows {
        match name.strip_suffix(".exe") {
            Some(name) => name,
            None => return false,
        }
    } else {
        name
    };
    name.strip_prefix("python").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// `python3.12` says it; a virtual environment writes it down; an installation's folder often carries it.
fn version(folder: &Path, name: &str, real: &Path, os: Os) -> (Fact<String>, bool) {
    let cfg =
        folder.parent().map(|parent| parent.join("pyvenv.cfg")).and_then(|file| std::fs::read_to_string(file).ok());
    if let Some(cfg) = cfg {
        let of_cfg = cfg.lines().filter_map(|line| line.split_once('=')).find_map(|(key, value)| {
            matches!(key.trim(), "version" | "version_info").then(|| numbers(value.trim())).flatten()
        });
        return (Fact::from(of_cfg, "pyvenv.cfg", "pyvenv.cfg has no version"), true);
    }
    let trim = |name: &str| {
        let name = if os == Os::Windows { name.trim_end_matches(".exe") } else { name };
        name.strip_prefix("python").filter(|rest| rest.contains('.')).and_then(numbers)
    };
    let real_name = real.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let found = trim(name).or_else(|| trim(real_name));
    (Fact::from(found, "file name", "the file's name does not say, and it was not run"), false)
}

/// The leading `3.12.1` of a text.
fn numbers(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let version = text.get(..end)?.trim_end_matches('.');
    (!version.is_empty()).then(|| version.to_owned())
}

/// Runs the interpreter, isolated from the user's site packages, for its exact version.
fn ask(path: &Path) -> Option<Fact<String>> {
    let mut process = Process::new(path);
    process.args(["-I", "-S", "-c", "import platform; print(platform.python_version())"]);
    match commands::output(process, Duration::from_secs(3)) {
        Ok((true, text)) => numbers(text.trim()).map(|version| Fact::known(version, "the interpreter")),
        _ => None,
    }
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    // The aliases of the Windows store are links that only the shell can follow: no interpreter is behind them.
    path.metadata().is_ok_and(|data| data.is_file() && data.len() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_interpreters_are_told_from_names_of_tools() {
        let yes = ["python", "python3", "python3.12"];
        let no = ["python3-config", "pythonw3.12", "ipython", "python3.12-x", "pythonic"];
        assert!(yes.iter().all(|name| is_python(name, Os::Linux)) && !no.iter().any(|name| is_python(name, Os::Linux)));
        assert!(is_python("python.exe", Os::Windows) && !is_python("python", Os::Windows));
    }
}
