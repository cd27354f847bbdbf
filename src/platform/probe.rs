//! Where detection reads. Every file, listing, device and command answer goes through a `Probe`, so that
//! a folder of recorded ones can stand for a machine, and so that a dump holds exactly what was read.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;

use anyhow::Context;

use super::Os;
use super::commands::{self, Command};
use crate::support::vars::Vars;

/// No file that detection reads is larger; a longer one is cut, so that a hostile `/proc` cannot fill the memory.
const MOST_BYTES: u64 = 1 << 20;
/// C libraries are searched for their version text; the largest seen is 2.3 MB.
const MOST_LIBRARY_BYTES: u64 = 4 << 20;

/// Where detection reads: file-system root, environment, os, and recorded or live commands.
#[derive(Debug)]
pub struct Probe {
    /// The folder that stands for `/`.
    pub root: PathBuf,
    /// The environment.
    pub vars: Vars,
    /// The operating system that the root belongs to.
    pub os: Os,
    /// The folder of a recorded machine; nothing is run when it is set.
    recording: Option<PathBuf>,
    trace: Mutex<Option<Trace>>,
}

/// What one detection looked at, in a form that can be written out again.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) markers: BTreeMap<String, String>,
    pub(super) links: BTreeMap<String, String>,
    pub(super) folders: BTreeMap<String, Vec<String>>,
    pub(super) answers: BTreeMap<&'static str, String>,
}

/// Whether this process may open a device node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// There is no such node.
    Absent,
    /// It is there, but opening it is refused.
    Denied,
    /// It opens.
    Open,
}

impl Probe {
    /// This machine, now.
    pub fn live(vars: Vars) -> Self {
        Self { root: PathBuf::from("/"), vars, os: Os::current(), recording: None, trace: Mutex::new(None) }
    }

    /// A machine that was recorded as a folder: its files, `environment.json`, `os` and `commands/`.
    pub fn recorded(dir: &Path) -> anyhow::Result<Self> {
        let os_file = dir.join("os");
        let word = fs::read_to_string(&os_file)
            .with_context(|| format!("cannot read {}: a recorded machine names its system there", os_file.display()))?;
        let os = match word.trim() {
            "linux" => Os::Linux,
            "macos" => Os::Macos,
            "windows" => Os::Windows,
            "other" => Os::Other,
            unknown => {
                anyhow::bail!("{} names `{unknown}`: expected linux, macos, windows or other", os_file.display())
            }
        };
        let environment = dir.join("environment.json");
        let vars: BTreeMap<String, String> = match fs::read_to_string(&environment) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} is not an object of strings", environment.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", environment.display())),
        };
        Ok(Self {
            root: dir.to_path_buf(),
            vars: vars.into_iter().collect(),
            os,
            recording: Some(dir.to_path_buf()),
            trace: Mutex::new(None),
        })
    }

    /// True when this probe reads the machine that it runs on.
    pub fn is_live(&self) -> bool {
        self.recording.is_none()
    }

    /// The real place of `path`, which is absolute on the machine that is looked at.
    pub(super) fn at(&self, path: &str) -> PathBuf {
        if self.recording.is_none() && self.root == Path::new("/") {
            return PathBuf::from(path);
        }
        let mut place = self.root.clone();
        for component in Path::new(path).components() {
            if let Component::Normal(name) = component {
                match (self.recording.is_some(), name.to_str()) {
                    (true, Some(name)) => place.push(encode(name)),
                    _ => place.push(name),
                }
            }
        }
        place
    }

    /// The bytes of a small file.
    pub fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let bytes = read_up_to(&self.at(path), MOST_BYTES)?;
        self.note(|trace| {
            trace.files.insert(path.to_owned(), bytes.clone());
        });
        Some(bytes)
    }

    /// The text of a small file; bytes that are not UTF-8 are replaced.
    pub fn text(&self, path: &str) -> Option<String> {
        Some(String::from_utf8_lossy(&self.bytes(path)?).into_owned())
    }

    /// A one-line file without the white space and NULs around it; an empty one is none.
    pub fn line(&self, path: &str) -> Option<String> {
        let text = self.text(path)?;
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A file holding one number, decimal or `0x…`.
    pub fn number(&self, path: &str) -> Option<u64> {
        let line = self.line(path)?;
        match line.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => line.parse().ok(),
        }
    }

    /// What `find` takes out of a large binary; only that is recorded.
    pub(super) fn search(&self, path: &str, find: fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
        let found = find(&read_up_to(&self.at(path), MOST_LIBRARY_BYTES)?)?;
        self.note(|trace| {
            trace.files.insert(path.to_owned(), found.clone());
        });
        Some(found)
    }

    /// The first bytes of a file, without a record of them (the caller records what it understood).
    pub(super) fn head(&self, path: &str, bytes: u64) -> Option<Vec<u8>> {
        read_up_to(&self.at(path), bytes)
    }

    /// Puts `bytes` in the record as the content of `path`.
    pub(super) fn note_file(&self, path: &str, bytes: Vec<u8>) {
        self.note(|trace| {
            trace.files.insert(path.to_owned(), bytes);
        });
    }

    /// True when there is something at `path`.
    pub fn exists(&self, path: &str) -> bool {
        let there = fs::symlink_metadata(self.at(path)).is_ok();
        if there {
            self.note(|trace| {
                trace.markers.entry(path.to_owned()).or_default();
            });
        }
        there
    }

    /// The names in a folder that `wanted` accepts, sorted.
    pub fn list(&self, path: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.at(path)) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                Some(if self.recording.is_some() { decode(&name) } else { name })
            })
            .filter(|name| wanted(name))
            .collect();
        names.sort();
        self.note(|trace| {
            trace.folders.insert(path.to_owned(), names.clone());
        });
        names
    }

    /// The last component that a symbolic link points to: the name of a driver.
    pub fn link_name(&self, path: &str) -> Option<String> {
        let place = self.at(path);
        let target = fs::read_link(&place).or_else(|_| {
            // Git without symbolic links (Windows) checks them out as files that hold the target.
            fs::read_to_string(&place).map(|text| PathBuf::from(text.trim()))
        });
        let name = target.ok()?.file_name()?.to_str()?.to_owned();
        self.note(|trace| {
            trace.links.insert(path.to_owned(), name.clone());
        });
        Some(name)
    }

    /// The real path of a file, on the machine that is looked at; recorded machines hold no such links.
    pub(super) fn resolved(&self, path: &str) -> String {
        match (self.is_live(), fs::canonicalize(self.at(path))) {
            (true, Ok(real)) => real.to_str().map_or_else(|| path.to_owned(), str::to_owned),
            _ => path.to_owned(),
        }
    }

    /// Whether this process may open a device node. In a recorded machine a plain file stands for the node,
    /// and one that says `denied` for a node that refuses.
    pub fn device(&self, path: &str) -> Access {
        let place = self.at(path);
        let access = if self.recording.is_some() {
            match read_up_to(&place, 64) {
                None => Access::Absent,
                Some(text) if text.trim_ascii() == b"denied" => Access::Denied,
                Some(_) => Access::Open,
            }
        } else {
            match OpenOptions::new().read(true).write(true).open(&place) {
                Ok(_) => Access::Open,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Access::Absent,
                Err(_) => Access::Denied,
            }
        };
        match access {
            Access::Absent => {}
            Access::Denied => self.note_marker(path, "denied\n"),
            Access::Open => self.note_marker(path, ""),
        }
        access
    }

    /// What a command, or a vendor's library, answers; `Err` says why there is no answer.
    pub(super) fn ask(&self, command: Command) -> Result<String, String> {
        let answer = match &self.recording {
            Some(dir) => read_up_to(&dir.join("commands").join(command.file()), MOST_BYTES)
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .ok_or_else(|| format!("{} did not answer", command.name())),
            None => commands::run(command, self),
        }?;
        self.note(|trace| {
            trace.answers.insert(command.file(), answer.clone());
        });
        Ok(answer)
    }

    /// Runs `look` with a record of everything that it reads.
    pub(super) fn traced<T>(&self, look: impl FnOnce() -> T) -> (T, Trace) {
        if let Ok(mut trace) = self.trace.lock() {
            *trace = Some(Trace::default());
        }
        let result = look();
        let trace = self.trace.lock().ok().and_then(|mut trace| trace.take()).unwrap_or_default();
        (result, trace)
    }

    fn note_marker(&self, path: &str, content: &str) {
        self.note(|trace| {
            trace.markers.insert(path.to_owned(), content.to_owned());
        });
    }

    fn note(&self, write: impl FnOnce(&mut Trace)) {
        if let Ok(mut trace) = self.trace.lock()
            && let Some(trace) = trace.as_mut()
        {
            write(trace);
        }
    }
}

/// A file name as recorded machines store it: Windows cannot hold the `:` of a PCI address.
pub(super) fn encode(name: &str) -> String {
    name.replace('%', "%25").replace(':', "%3A")
}

fn decode(name: &str) -> String {
    name.replace("%3A", ":").replace("%25", "%")
}

fn read_up_to(path: &Path, most: u64) -> Option<Vec<u8>> {
    let file = File::open(path).ok()?;
    if file.metadata().ok()?.is_dir() {
        return None;
    }
    let mut bytes = Vec::new();
    // Some files of /sys fail half-way (EINVAL, ENODATA): what came before is not a fact either.
    file.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_machine_reads_its_own_files_and_never_ours() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("os"), "linux\n").unwrap();
        fs::create_dir_all(dir.path().join("sys/0000%3A01")).unwrap();
        fs::write(dir.path().join("sys/0000%3A01/vendor"), "0x10de\n").unwrap();
        let probe = Probe::recorded(dir.path()).unwrap();
        assert_eq!(probe.list("/sys", |_| true), ["0000:01"]);
        assert_eq!(probe.number("/sys/0000:01/vendor"), Some(0x10de));
        assert_eq!(probe.text("/proc/self/cgroup"), None);
        assert_eq!(probe.ask(Command::Nvml), Err("NVML did not answer".to_owned()));
        assert!(!probe.is_live());
    }

    #[test]
    fn a_recording_without_its_system_is_an_error_that_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let message = format!("{:#}", Probe::recorded(dir.path()).unwrap_err());
        assert!(message.contains("names its system there"), "{message}");
    }
}
