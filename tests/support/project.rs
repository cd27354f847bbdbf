//! A project in an empty folder with an empty home, the built program in a known environment, and whole trees compared.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::memory;
use modelstrap::support::vars::Vars;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_modelstrap");

/// The time that every run believes it is, so that bytes can be compared: 2025-11-25T15:20:46Z.
pub(crate) const NOW: &str = "1764084046";

/// A room with a project (`p`) and a home (`h`) in it.
pub(crate) struct Room {
    _dir: tempfile::TempDir,
    path: PathBuf,
    root: PathBuf,
    env: Vec<(String, String)>,
}

/// How a run ended; the room's own path is written `@` in what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Room {
    /// An empty project without Git.
    pub(crate) fn bare() -> Self {
        Self::bare_in(&memory::place())
    }

    /// The same in another place than other rooms, on another disk for example.
    pub(crate) fn bare_in(folder: &Path) -> Self {
        let dir = tempfile::Builder::new().prefix("modelstrap-test-").tempdir_in(folder).unwrap();
        let path = dir.path().canonicalize().unwrap();
        fs::create_dir(path.join("p")).unwrap();
        fs::create_dir(path.join("h")).unwrap();
        let root = path.join("p");
        Self { _dir: dir, path, root, env: Vec::new() }
    }

    /// An empty project in a Git repository.
    pub(crate) fn git() -> Self {
        let room = Self::bare();
        room.run_git(&["init", "-q", "-b", "main"]);
        room
    }

    /// A copy of the speech pipeline, as `tests/fixtures/README.md` describes it, in a Git repository.
    pub(crate) fn fixture() -> Self {
        let room = Self::git();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/speech-pipeline"), &room.root);
        for (from, to) in
            [("gitignore", ".gitignore"), ("glossary/gitignore", "glossary/.gitignore"), ("existing.env", ".env")]
        {
            fs::rename(room.root.join(from), room.root.join(to)).unwrap();
        }
        room
    }

    /// The same room with the project in `folder` (below the room).
    pub(crate) fn at(mut self, folder: &str) -> Self {
        self.root = self.path.join(folder);
        fs::create_dir_all(&self.root).unwrap();
        self
    }

    /// The same room with a variable set for every run.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path.join("h")
    }

    /// The folder that holds both.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `name` (below the project; `~/` is the home).
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.place(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// A link to `target`, with all folders above it.
    #[cfg(unix)]
    pub(crate) fn link(&self, name: &str, target: &str) {
        let at = self.place(name);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, at).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        let path = self.place(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub(crate) fn place(&self, name: &str) -> PathBuf {
        match name.strip_prefix("~/") {
            Some(rest) => self.home().join(rest),
            None => self.root.join(name),
        }
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.place(name).symlink_metadata().is_ok()
    }

    /// Appends to `name`.
    pub(crate) fn append(&self, name: &str, text: &str) {
        let mut bytes = self.read(name);
        bytes.extend_from_slice(text.as_bytes());
        self.write(name, bytes);
    }

    /// Replaces `from`, which must be there, by `to` in `name`.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.text(name);
        assert!(text.contains(from), "{name} has no {from:?}:\n{text}");
        self.write(name, text.replacen(from, to, 1));
    }

    /// `program` in the project, with nothing from this environment but the path.
    pub(crate) fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = Vars::from_process().text("PATH").unwrap_or("/usr/bin:/bin").to_owned();
        command
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.home())
            .env("LANG", "C.UTF-8")
            .env("SOURCE_DATE_EPOCH", NOW)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The program under test with `arguments`.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(PROGRAM);
        command.args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.ran(&mut self.command(arguments))
    }

    /// Runs the program with `arguments` until `strike` ends it, or to its own end.
    pub(crate) fn struck(&self, strike: &super::strike::Strike, arguments: &[&str]) -> Ran {
        self.told(&strike.output(&mut self.command(arguments)))
    }

    /// Runs `command` to its end.
    pub(crate) fn ran(&self, command: &mut Command) -> Ran {
        self.told(&command.output().unwrap())
    }

    /// What `output` says of a run in this room.
    pub(crate) fn told(&self, output: &Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(self.path.to_str().unwrap(), "@");
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status).unwrap_or(0);
        let code = output.status.code().unwrap_or(128 + signal);
        Ran { code, out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// `setup --yes`, which must succeed.
    pub(crate) fn setup(&self, flags: &[&str]) -> Ran {
        self.run(&[&["setup", "--yes"], flags].concat()).expect(0)
    }

    /// `undo --yes`, which must succeed.
    pub(crate) fn undo(&self, flags: &[&str]) -> Ran {
        self.run(&[&["undo", "--yes"], flags].concat()).expect(0)
    }

    pub(crate) fn run_git(&self, arguments: &[&str]) -> Ran {
        let mut command = self.program("git");
        command.args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"]);
        self.ran(command.args(arguments)).expect(0)
    }

    /// Everything in the room.
    pub(crate) fn tree(&self) -> Tree {
        Tree::of(&self.path)
    }
}

impl Ran {
    /// The same, once the exit code is as it should be.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    /// The same, once stderr holds every one of `words`.
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.err.contains(word), "stderr does not say {word:?}:\n{}", self.err);
        }
        self
    }

    /// The result as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}:\n{}", self.out))
    }
}

/// One thing in a tree.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Folder(u32),
    File(u32, Vec<u8>),
    Link(PathBuf),
    Other,
}

/// A seal is another one in every folder, which is its purpose: what is compared is that there is one.
fn unsealed(name: &str, bytes: Vec<u8>) -> Vec<u8> {
    if !name.contains(".modelstrap/journal/") {
        return bytes;
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let Some(start) = ["\"seal\":\"", "\"seal\": \""].iter().find_map(|key| Some(text.find(key)? + key.len())) else {
        return bytes;
    };
    [&text.as_bytes()[..start], b"SEAL", &text.as_bytes()[start + 64..]].concat()
}

/// A whole tree: paths, types, modes, bytes, link targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree(pub(crate) BTreeMap<String, Node>);

impl Tree {
    pub(crate) fn of(root: &Path) -> Self {
        let mut nodes = BTreeMap::new();
        walk(root, root, &mut |name, path, metadata| {
            let mode = metadata.permissions().mode() & 0o7777;
            let node = if metadata.is_symlink() {
                Node::Link(fs::read_link(path).unwrap())
            } else if metadata.is_dir() {
                Node::Folder(mode)
            } else if metadata.is_file() && metadata.len() < 1 << 20 {
                Node::File(mode, unsealed(&name, fs::read(path).unwrap()))
            } else if metadata.is_file() {
                // Sparse giants of the tests: their size and time tell them apart well enough.
                Node::File(mode, format!("{} bytes, {}", metadata.len(), metadata.mtime_nsec()).into_bytes())
            } else {
                Node::Other
            };
            nodes.insert(name, node);
        });
        Self(nodes)
    }

    /// The tree without the paths that `leave_out` picks.
    pub(crate) fn without(mut self, leave_out: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|name, _| !leave_out(name));
        self
    }

    /// The paths.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Fails with what differs.
    #[track_caller]
    pub(crate) fn assert_eq(&self, expected: &Self, when: &str) {
        let mut differs = Vec::new();
        for name in self.0.keys().chain(expected.0.keys()).collect::<std::collections::BTreeSet<_>>() {
            let (found, wanted) = (self.0.get(name), expected.0.get(name));
            if found != wanted {
                let (found, wanted) = (format!("{found:?}"), format!("{wanted:?}"));
                let same = found.chars().zip(wanted.chars()).take_while(|(one, other)| one == other).count();
                let part = |text: &str| text.chars().skip(same.saturating_sub(60)).take(300).collect::<String>();
                differs.push(format!("{name}:\n  found    {}\n  expected {}", part(&found), part(&wanted)));
            }
        }
        assert!(differs.is_empty(), "{when}:\n{}", differs.join("\n"));
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(mode) => write!(f, "folder {mode:o}"),
            Self::File(mode, bytes) => write!(f, "file {mode:o} {:?}", String::from_utf8_lossy(bytes)),
            Self::Link(target) => write!(f, "link to {}", target.display()),
            Self::Other => f.write_str("something else"),
        }
    }
}

/// When each file below `root` was last changed.
pub(crate) fn times(root: &Path) -> BTreeMap<String, (i64, i64)> {
    let mut times = BTreeMap::new();
    walk(root, root, &mut |name, _, metadata| {
        if metadata.is_file() {
            times.insert(name, (metadata.mtime(), metadata.mtime_nsec()));
        }
    });
    times
}

fn walk(root: &Path, folder: &Path, see: &mut impl FnMut(String, &Path, &fs::Metadata)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        see(path.strip_prefix(root).unwrap().to_string_lossy().into_owned(), &path, &metadata);
        if metadata.is_dir() {
            walk(root, &path, see);
        }
    }
}

/// Copies the tree `from` into the folder `to`.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let metadata = entry.path().symlink_metadata().unwrap();
        if metadata.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else if metadata.is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// True for a root that may mount; otherwise says why not.
pub(crate) fn may_mount() -> bool {
    let may = Command::new("unshare")
        .args(["-m", "--propagation", "private", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !may {
        let _ = writeln!(std::io::stderr(), "skipped: mounting needs root and a kernel that lets it");
    }
    may
}

/// The begin marker of a managed block.
pub(crate) const BEGIN: &str =
    "# >>> modelstrap >>> generated, edits are lost: change modelstrap.toml and run `modelstrap setup`";
/// The end marker.
pub(crate) const END: &str = "# <<< modelstrap <<<";
