//! The official clients: started with the network off, and asked for every file of the cache.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use modelstrap::models::locked::File;
use modelstrap::support::vars::Vars;

use super::written::FILES;
use crate::support::python::{good, python_with};

/// The clients that there are: the variable's name, and the interpreter.
pub(crate) fn pythons() -> Vec<PathBuf> {
    let new = python_with("MODELSTRAP_TEST_PYTHON", "huggingface_hub");
    let old = python_with("MODELSTRAP_TEST_PYTHON_OLD", "huggingface_hub");
    let mut found: Vec<PathBuf> = new.into_iter().chain(old).collect();
    found.dedup();
    found
}

pub(crate) fn client(interpreter: &Path, hub: &Path, script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(interpreter);
    let home = hub.with_file_name("home");
    fs::create_dir_all(&home).unwrap();
    let path = Vars::from_process().raw("PATH").unwrap_or_default().to_owned();
    command.env_clear().env("PATH", path).env("HOME", &home).env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1");
    command.env("HF_HUB_CACHE", hub).env("HF_HUB_OFFLINE", "1").env("HF_HUB_DISABLE_TELEMETRY", "1");
    command.arg("-c").arg(script).args(arguments);
    command
}

pub(crate) const LOAD: &str = r#"
import json, os, sys
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download, try_to_load_from_cache
wanted, revisions, whole = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3] == "whole"
for revision in revisions:
    keywords = {"revision": revision} if revision else {}
    for path, content in wanted.items():
        found = hf_hub_download("org/name", path, **keywords)
        assert open(found, "rb").read().decode() == content, found
        assert try_to_load_from_cache("org/name", path, **keywords) == found, path
    patterns = {} if whole else {"allow_patterns": list(wanted)}
    folder = snapshot_download("org/name", **keywords, **patterns)
    for path, content in wanted.items():
        assert open(os.path.join(folder, path), "rb").read().decode() == content, path
scan = scan_cache_dir()
warnings = [str(warning) for warning in scan.warnings if "CACHEDIR.TAG" not in str(warning)]
assert not warnings, warnings
print(len(scan.repos), sorted(ref for repo in scan.repos for ref in repo.refs))
"#;

pub(crate) fn load(hub: &Path, revisions: &[Option<&str>], wanted: &[File], whole: bool) -> Vec<String> {
    let contents: BTreeMap<&str, &str> = FILES
        .iter()
        .filter(|(path, _, _)| wanted.iter().any(|file| file.path == *path))
        .map(|(path, content, _)| (*path, *content))
        .collect();
    let wanted = serde_json::to_string(&contents).unwrap();
    let revisions = serde_json::to_string(revisions).unwrap();
    let kind = if whole { "whole" } else { "part" };
    let run = |interpreter: &PathBuf| good(&mut client(interpreter, hub, LOAD, &[&wanted, &revisions, kind]));
    pythons().iter().map(run).map(|text| text.trim().to_owned()).collect()
}
