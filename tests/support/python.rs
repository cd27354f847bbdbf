//! What the tests that look from Python's side share: the project, a clean environment, and the interpreters.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use modelstrap::support::vars::Vars;

/// Says aloud, past the test harness, that something was not tested.
pub(crate) fn skipped(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// `MODELSTRAP_TEST_PYTHON`, or the first `python3` on the PATH.
pub(crate) fn python() -> Option<PathBuf> {
    let vars = Vars::from_process();
    let on_path = || {
        let folders = vars.raw("PATH").map(std::env::split_paths).into_iter().flatten();
        folders.map(|dir| dir.join("python3")).find(|path| path.is_file())
    };
    let found = vars.raw("MODELSTRAP_TEST_PYTHON").map(PathBuf::from).or_else(on_path);
    if found.is_none() {
        skipped("python3 is not installed");
    }
    found
}

/// The interpreter in the variable `name`, which must have `module`; where the variable is not set, the usual one if it has it.
pub(crate) fn python_with(name: &str, module: &str) -> Option<PathBuf> {
    let given = Vars::from_process().raw(name).map(PathBuf::from);
    let python = given.clone().or_else(python)?;
    let there = Command::new(&python).args(["-c", &format!("import {module}")]).output().unwrap().status.success();
    assert!(there || given.is_none(), "{name} is {}, which has no {module}", python.display());
    if !there {
        skipped(&format!("{} has no {module} (set {name})", python.display()));
    }
    there.then_some(python)
}

/// Any use of the network is an error: what a library finds, it finds on the disk.
pub(crate) const NO_NETWORK: &str = "
import json, os, sys
def refuse(event, arguments):
    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.gethostbyname', 'socket.sendto'):
        raise AssertionError(f'the network was used: {event} {arguments}')
sys.addaudithook(refuse)
";

/// openai-whisper's own package, where only what computes is stubbed: which folder it chooses and which bytes it takes need no torch.
pub(crate) const STUBBED_WHISPER: &str = "
import sys, types
class Stub(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith('__'): raise AttributeError(name)
        return lambda *a, **k: None
for name in ('torch', 'tqdm', 'numpy', 'numba', 'tiktoken', 'whisper.audio', 'whisper.decoding', 'whisper.model', 'whisper.transcribe'):
    sys.modules[name] = Stub(name)
import whisper
";

/// A project in a folder, and a home beside it.
pub(crate) struct House {
    dir: tempfile::TempDir,
    /// The project's folder.
    pub(crate) project: PathBuf,
}

impl House {
    /// An empty project in `<a temporary folder>/name`.
    pub(crate) fn bare(name: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("ms").tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let project = base.join(name);
        fs::create_dir_all(&project).unwrap();
        fs::create_dir(base.join("home")).unwrap();
        Self { dir, project }
    }

    /// The speech pipeline in `<a temporary folder>/name`.
    pub(crate) fn pipeline(name: &str) -> Self {
        let house = Self::bare(name);
        copy(&fixture(), &house.project);
        for (from, to) in
            [("gitignore", ".gitignore"), ("glossary/gitignore", "glossary/.gitignore"), ("existing.env", ".env")]
        {
            fs::rename(house.project.join(from), house.project.join(to)).unwrap();
        }
        house
    }

    /// A path in the folder that holds project and home.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    /// Any program, in the project, with a small and known environment.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = Vars::from_process().raw("PATH").map(OsStr::to_owned).unwrap_or_default();
        command.current_dir(&self.project).env_clear().env("PATH", path).env("HOME", self.at("home"));
        command.env("LC_ALL", "C.UTF-8");
        command
    }

    /// The built modelstrap.
    pub(crate) fn modelstrap(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(BINARY);
        command.args(arguments);
        command
    }

    /// `setup --yes`, which must succeed.
    pub(crate) fn set_up(&self) {
        good(&mut self.modelstrap(&["setup", "--yes", "--quiet"]));
    }

    /// What `modelstrap env --format json` says.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        serde_json::from_str(&good(&mut self.modelstrap(&["env", "--format", "json"]))).unwrap()
    }
}

/// The built program.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_modelstrap");

/// The fixture's folder.
pub(crate) fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/speech-pipeline")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The output of a command that must succeed.
pub(crate) fn good(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, both(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Everything that a command said.
pub(crate) fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
