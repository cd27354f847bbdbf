//! The built program downloads from the test hub, and no run of it takes longer than it may.

use std::fs;
use std::io::Read;
use std::ops::Deref;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::hub::{self, Content, Hub, Kind, Tree, shared_part};
use super::project::{Ran, Room};

/// What a run may take, if the test says nothing else: a debug build on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The name that tests give to their model.
pub(crate) const ID: &str = "org/tiny";

/// A project whose models lie on a test hub.
pub(crate) struct Yard {
    pub(crate) hub: Hub,
    pub(crate) room: Room,
}

impl Deref for Yard {
    type Target = Room;

    fn deref(&self) -> &Room {
        &self.room
    }
}

/// A program under way.
pub(crate) struct Running {
    child: Child,
    readers: Vec<JoinHandle<Vec<u8>>>,
    home: String,
    begun: Instant,
}

impl Yard {
    /// A project that wants the models of `manifest`, lines of `[models]`.
    pub(crate) fn new(manifest: &str) -> Self {
        Self::at(Hub::start(), manifest)
    }

    /// The same at this hub.
    pub(crate) fn at(hub: Hub, manifest: &str) -> Self {
        let mut room = Room::bare();
        for (name, value) in hub.environment() {
            room = room.with(name, &value);
        }
        room.write("modelstrap.toml", format!("[models]\n{manifest}\n"));
        Self { hub, room }
    }

    /// A project that wants `org/tiny`: a configuration in Git and weights at the CDN.
    pub(crate) fn tiny(weights: &Content) -> Self {
        let yard = Self::new("tiny = \"hf:org/tiny\"");
        yard.hub.model(ID).file("config.json", "{}").lfs("model.safetensors", weights).commit();
        yard
    }

    /// Runs the program to its end, which must come within the usual time.
    pub(crate) fn modelstrap(&self, arguments: &[&str]) -> Ran {
        self.start(&mut self.room.command(arguments)).end(PATIENCE)
    }

    /// `models download`.
    pub(crate) fn download(&self, flags: &[&str]) -> Ran {
        self.modelstrap(&[&["models", "download"], flags].concat())
    }

    /// Starts a program and returns.
    pub(crate) fn start(&self, command: &mut Command) -> Running {
        Running::start(command, self.room.path().to_str().unwrap())
    }

    /// The Hub's cache.
    pub(crate) fn cache(&self) -> PathBuf {
        self.room.place(".cache/huggingface/hub")
    }

    /// A repository's folder in the cache.
    pub(crate) fn folder(&self, id: &str) -> PathBuf {
        self.cache().join(format!("models--{}", id.replace('/', "--")))
    }

    /// References, snapshots and blobs of a repository; nothing where it has no folder. The reference by which the project
    /// keeps its commit from being pruned is left out.
    pub(crate) fn shared(&self, id: &str) -> Tree {
        let folder = self.folder(id);
        let all = if folder.is_dir() { shared_part(&folder) } else { Tree::new() };
        all.into_iter().filter(|(path, _)| !path.starts_with("refs/refs/modelstrap/")).collect()
    }

    /// Fails unless all files of `main` are in the cache, and nothing else.
    #[track_caller]
    pub(crate) fn assert_whole(&self, id: &str) {
        self.assert_holds(id, |_| true);
    }

    /// Fails unless the files of `main` that `kept` wants are in the cache, and nothing else.
    #[track_caller]
    pub(crate) fn assert_holds(&self, id: &str, kept: impl Fn(&str) -> bool) {
        assert_eq!(self.shared(id), self.hub.expected_cache(Kind::Model, id, "main", kept), "{id}");
        assert_eq!(self.unfinished(), Vec::<String>::new());
    }

    /// Fails if a blob, a link or a reference of a repository is in the cache.
    #[track_caller]
    pub(crate) fn assert_nothing_of(&self, id: &str) {
        assert_eq!(self.shared(id), Tree::new(), "{id}");
    }

    /// The files of all models that are not done, by name.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let cache = self.room.place(".cache");
        let all = if cache.is_dir() { hub::tree(&cache) } else { Tree::new() };
        all.into_keys().filter(|path| path.ends_with(".part") || path.ends_with(".state")).collect()
    }

    /// The bytes of all unfinished files on the disk: what of a sparse file is really there.
    pub(crate) fn partial_bytes(&self) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        let cache = self.room.place(".cache");
        let parts = self.unfinished().into_iter().filter(|path| path.ends_with(".part"));
        parts.filter_map(|path| fs::metadata(cache.join(path)).ok()).map(|found| found.blocks() * 512).sum()
    }

    /// How many bytes of body the servers have sent for files.
    pub(crate) fn sent(&self) -> u64 {
        let files = self.hub.requests().into_iter().filter(|seen| !seen.path.starts_with("/api/"));
        files.map(|seen| seen.sent()).sum()
    }
}

impl Running {
    pub(crate) fn start(command: &mut Command, home: &str) -> Self {
        // In a group of its own, so that a run that hangs takes nobody with it and leaves nobody behind.
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let readers = vec![reader(child.stdout.take().unwrap()), reader(child.stderr.take().unwrap())];
        Self { child, readers, home: home.to_owned(), begun: Instant::now() }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal: `INT`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().unwrap();
        assert!(sent.success(), "kill -{name}");
    }

    /// True while it runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until `done`; the program must still be running then.
    #[track_caller]
    pub(crate) fn until(&mut self, done: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done() {
            assert!(self.is_running(), "it ended before that");
            assert!(Instant::now() < end, "it does not come to that");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end. One that takes longer than `most` is killed, and the test fails.
    #[track_caller]
    pub(crate) fn end(self, most: Duration) -> Ran {
        self.watched(most, |_| ())
    }

    /// The same, with a look at the process now and then.
    #[track_caller]
    pub(crate) fn watched(mut self, most: Duration, mut look: impl FnMut(u32)) -> Ran {
        let mut status = None;
        while status.is_none() && self.begun.elapsed() < most {
            look(self.id());
            thread::sleep(Duration::from_millis(3));
            status = self.child.try_wait().unwrap();
        }
        if status.is_none() {
            let group = format!("-{}", self.id());
            drop(Command::new("kill").args(["-KILL", "--", &group]).status());
            drop(self.child.wait());
        }
        let mut texts = self
            .readers
            .into_iter()
            .map(|reader| String::from_utf8_lossy(&reader.join().unwrap()).replace(&self.home, "@"));
        let (out, err) = (texts.next().unwrap(), texts.next().unwrap());
        let Some(status) = status else { panic!("it took longer than {most:?}\n--- stdout\n{out}\n--- stderr\n{err}") };
        Ran { code: code(status), out, err }
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

fn reader(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(from.read_to_end(&mut bytes));
        bytes
    })
}
