//! The store that the repositories of a hub share, by huggingface_hub's own protocol (`utils/_shared_blobs.py`, 1.32 to 2.4):
//! whoever adds or drops a user of a payload, or the payload, holds its lock; a line of the list beside it counts if the disk
//! bears it out; a payload goes if its list can be read and no line counts, and the list goes after it.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::locks;
use crate::support::folder::{Folder, Found, Kind};
use crate::support::interrupt;

/// The folder in a hub, and what makes it a store.
const STORE: &str = "blobs";
const MARKER: &str = ".huggingface-shared-blobs";
const MARKED: &[u8] = b"1\n";

/// A list of users longer than this is none of a store that people have.
const LIST: u64 = 64 << 20;

/// How long another process may hold a payload's lock before the payload is left alone. Who holds it renames and links; it is not
/// held while bytes are fetched.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// A payload's place in the store of a hub, there or not.
#[derive(Debug)]
pub(super) struct Payload {
    hub: Folder,
    /// Where the hub is, links followed: absolute links lead there.
    hub_path: PathBuf,
    shard: Folder,
    /// Its hash: 64 digits.
    pub(super) hash: String,
}

/// Its lock, held while this lives.
#[derive(Debug)]
pub(super) struct Locked(#[expect(dead_code, reason = "it is held, not used")] File);

/// The hash, if `path`, below a hub, is a payload's: `blobs/XX/HASH`.
pub(super) fn hash_of(path: &Path) -> Option<String> {
    let mut parts = path.components().map(|part| match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    let (first, shard, hash) = (parts.next()??, parts.next()??, parts.next()??);
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_payload = first == STORE && is_hash && hash.starts_with(shard) && shard.len() == 2;
    (is_payload && parts.next().is_none()).then(|| hash.to_owned())
}

/// The beginning of a hash as a number: by it one of many is found.
pub(super) fn number(hash: &OsStr) -> u64 {
    hash.to_str().and_then(|hash| u64::from_str_radix(hash.get(..16)?, 16).ok()).unwrap_or(0)
}

/// The hash of the payload that a repository's blob leads to by `target`, if it leads to one of the hub at `hub`.
pub(super) fn led_to(target: &Path, hub: &Path) -> Option<String> {
    let target = hub.join("repository").join(STORE).join(target);
    // By the text alone, as every client does: what stands there may be gone.
    let mut plain = PathBuf::new();
    for part in target.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    // The hub may have been called by a link then.
    let real = || plain.parent()?.canonicalize().ok().map(|shard| shard.join(plain.file_name().unwrap_or_default()));
    let inside = plain.strip_prefix(hub).ok().map(Path::to_path_buf);
    inside.or_else(|| real()?.strip_prefix(hub).ok().map(Path::to_path_buf)).as_deref().and_then(hash_of)
}

impl Payload {
    /// The place of the payload `hash` in `hub`, if the hub has a store and the store such a folder.
    pub(super) fn open(hub: &Folder, hub_path: &Path, hash: &str) -> io::Result<Option<Self>> {
        let store = match hub.enter(OsStr::new(STORE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            store => store?,
        };
        if !store.read(OsStr::new(MARKER), 64).is_ok_and(|bytes| bytes == MARKED) {
            return Ok(None);
        }
        let shard = match store.enter(OsStr::new(hash.get(..2).unwrap_or_default())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            shard => shard?,
        };
        let (hub, hub_path) = (hub.again()?, hub_path.to_path_buf());
        Ok(Some(Self { hub, hub_path, shard, hash: hash.to_owned() }))
    }

    /// The folder that it lies in.
    pub(super) const fn folder(&self) -> &Folder {
        &self.shard
    }

    /// The list of its users.
    pub(super) fn list(&self) -> OsString {
        format!("{}.refs", self.hash).into()
    }

    /// The payload, if it is there.
    pub(super) fn find(&self) -> io::Result<Option<Found>> {
        self.shard.find(OsStr::new(&self.hash))
    }

    /// Takes its lock, as huggingface_hub does: a file that is made where it is not there, that is no link, that every user of the
    /// cache may open, and that stays.
    pub(super) fn lock(&self) -> Result<Locked, String> {
        let name = OsString::from(format!("{}.lock", self.hash));
        let file = self.shard.open_shared(&name).map_err(|error| format!("its lock cannot be had: {error}"))?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) if self.is_softly_held(&name) => {}
                Ok(()) => {
                    self.clear();
                    return Ok(Locked(file));
                }
                Err(std::fs::TryLockError::Error(error)) => return Err(format!("its lock cannot be had: {error}")),
                Err(std::fs::TryLockError::WouldBlock) => {}
            }
            if start.elapsed() >= PATIENCE || interrupt::requested() {
                return Err("another process holds its lock".to_owned());
            }
            let _ = file.unlock();
            thread::sleep(POLL);
        }
    }

    /// Whether a process that gets no such lock from its disk has the other one: `HASH.lock.soft`.
    fn is_softly_held(&self, name: &OsStr) -> bool {
        let mut soft = name.to_os_string();
        soft.push(".soft");
        locks::is_held(&self.shard, &soft)
    }

    /// Removes what a process left that was killed while it wrote the list anew: who holds the lock is the only one to do so.
    fn clear(&self) {
        let begin = format!("{}.refs.", self.hash);
        let is_left = |name: &OsString| {
            let middle = name.to_str().and_then(|name| name.strip_prefix(&begin)?.strip_suffix(".tmp"));
            middle.is_some_and(|middle| middle.len() == 8 && middle.bytes().all(|byte| byte.is_ascii_hexdigit()))
        };
        for name in self.shard.names().unwrap_or_default().iter().filter(|name| is_left(name)) {
            let _ = self.shard.unlink(name);
        }
    }

    /// The lines of its list that the disk bears out; `None` when that cannot be told, which is never a reason to remove it.
    pub(super) fn users(&self, _: &Locked) -> Option<BTreeSet<String>> {
        let bytes = self.shard.read(&self.list(), LIST).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let mut users = BTreeSet::new();
        for line in text.split(['\n', '\r']).filter(|line| !line.is_empty()) {
            match self.is_user(line) {
                Ok(true) => drop(users.insert(line.to_owned())),
                Ok(false) => {}
                Err(_) => return None,
            }
        }
        Some(users)
    }

    /// Whether it has no list at all. Who adds a user writes that first, with the lock held.
    pub(super) fn has_no_list(&self, _: &Locked) -> bool {
        self.shard.find(&self.list()).is_ok_and(|found| found.is_none())
    }

    /// Whether `REPOSITORY/blobs/ETAG` is a link to this payload now.
    fn is_user(&self, line: &str) -> io::Result<bool> {
        let parts: Vec<Component<'_>> = Path::new(line).components().collect();
        let [Component::Normal(repository), Component::Normal(blobs), Component::Normal(etag)] = parts[..] else {
            return Ok(false);
        };
        if blobs != STORE {
            return Ok(false);
        }
        let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let folder = match self.hub.descend(&Path::new(repository).join(blobs)) {
            Err(error) if missing(&error) => return Ok(false),
            folder => folder?,
        };
        match folder.find(etag)? {
            Some(found) if found.kind == Kind::Link => {}
            _ => return Ok(false),
        }
        match folder.target(etag) {
            Err(error) if missing(&error) => Ok(false),
            target => Ok(led_to(&target?, &self.hub_path).as_ref() == Some(&self.hash)),
        }
    }

    /// Writes the list anew with `users` alone.
    pub(super) fn write(&self, _: &Locked, users: &BTreeSet<String>) -> io::Result<()> {
        let list = self.list();
        let temporary = OsString::from(format!("{}.refs.{:08x}.tmp", self.hash, std::process::id()));
        let _ = self.shard.unlink(&temporary);
        let written = self.shard.create_shared(&temporary).and_then(|mut file| {
            let text: String = users.iter().map(|user| format!("{user}\n")).collect();
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            self.shard.replace(&temporary, &list)
        });
        if written.is_err() {
            let _ = self.shard.unlink(&temporary);
        }
        written
    }

    /// Adds a user whose link is about to be made.
    pub(super) fn add(&self, _: &Locked, user: &str) -> io::Result<()> {
        let known = self
            .shard
            .read(&self.list(), LIST)
            .is_ok_and(|bytes| bytes.split(|byte| *byte == b'\n').any(|line| line == user.as_bytes()));
        if known {
            return Ok(());
        }
        let mut file = self.shard.open_shared(&self.list())?;
        file.write_all(format!("{user}\n").as_bytes())?;
        file.sync_all()
    }

    /// Drops the lines whose links are gone; leaves a list that cannot be read.
    pub(super) fn drop_lost(&self) -> Result<(), String> {
        let lock = self.lock()?;
        let Some(users) = self.users(&lock) else { return Ok(()) };
        self.write(&lock, &users).map_err(|error| format!("the list of its users cannot be written: {error}"))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::support::folder;

    #[test]
    fn a_line_counts_if_the_disk_bears_it_out_and_what_cannot_be_read_is_not_taken_for_empty() {
        let room = tempfile::tempdir().unwrap();
        let hub = room.path().canonicalize().unwrap();
        let hash = "ab".repeat(32);
        let shard = hub.join("blobs/ab");
        fs::create_dir_all(&shard).unwrap();
        fs::write(shard.join(&hash), "payload").unwrap();
        let at = folder::open(&hub).unwrap();
        assert!(Payload::open(&at, &hub, &hash).unwrap().is_none(), "without its marker it is no store");
        fs::write(hub.join("blobs").join(MARKER), MARKED).unwrap();
        for (name, target) in [
            ("models--o--relative", format!("../../blobs/ab/{hash}")),
            ("datasets--o--absolute", format!("{}/blobs/ab/{hash}", hub.display())),
            ("models--o--other", format!("../../blobs/cd/{}", "cd".repeat(32))),
        ] {
            fs::create_dir_all(hub.join(name).join("blobs")).unwrap();
            symlink(target, hub.join(name).join("blobs/e")).unwrap();
        }
        fs::create_dir_all(hub.join("models--o--own/blobs")).unwrap();
        fs::write(hub.join("models--o--own/blobs/e"), "bytes").unwrap();
        let list = shard.join(format!("{hash}.refs"));
        let lines = "models--o--relative/blobs/e\ndatasets--o--absolute/blobs/e\nmodels--o--other/blobs/e\nmodels--o--own/blobs/e\nmodels--o--gone/blobs/e\n../models--o--relative/blobs/e\n/etc/passwd\nmodels--o--relative/snapshots/e\n\n";
        fs::write(&list, lines).unwrap();

        let payload = Payload::open(&at, &hub, &hash).unwrap().unwrap();
        let lock = payload.lock().unwrap();
        let mode = fs::metadata(shard.join(format!("{hash}.lock"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o666, "every user of the cache takes the same lock");
        let users = payload.users(&lock).unwrap();
        assert_eq!(
            users.iter().map(String::as_str).collect::<Vec<_>>(),
            ["datasets--o--absolute/blobs/e", "models--o--relative/blobs/e"]
        );
        payload.write(&lock, &users).unwrap();
        assert_eq!(fs::read_to_string(&list).unwrap(), "datasets--o--absolute/blobs/e\nmodels--o--relative/blobs/e\n");
        payload.add(&lock, "models--o--new/blobs/e").unwrap();
        payload.add(&lock, "models--o--new/blobs/e").unwrap();
        assert!(fs::read_to_string(&list).unwrap().ends_with("relative/blobs/e\nmodels--o--new/blobs/e\n"));
        drop(lock);
        payload.drop_lost().unwrap();
        assert_eq!(fs::read_to_string(&list).unwrap(), "datasets--o--absolute/blobs/e\nmodels--o--relative/blobs/e\n");

        let lock = payload.lock().unwrap();
        fs::write(&list, b"\xff\n").unwrap();
        assert_eq!(payload.users(&lock), None);
        fs::remove_file(&list).unwrap();
        assert_eq!(payload.users(&lock), None);
        symlink("elsewhere", &list).unwrap();
        assert_eq!(payload.users(&lock), None);
        drop(lock);
        fs::remove_file(shard.join(format!("{hash}.lock"))).unwrap();
        symlink(hub.join("planted"), shard.join(format!("{hash}.lock"))).unwrap();
        assert!(payload.lock().is_err());
        assert!(!hub.join("planted").exists(), "a planted link is not followed");
    }

    #[test]
    fn only_a_hash_in_its_own_folder_is_a_payload() {
        let hash = "0123456789abcdef".repeat(4);
        let good = format!("blobs/01/{hash}");
        assert_eq!(hash_of(Path::new(&good)), Some(hash.clone()));
        assert_eq!(led_to(Path::new(&format!("../../{good}")), Path::new("/hub")), Some(hash.clone()));
        assert_eq!(led_to(Path::new(&format!("/hub/{good}")), Path::new("/hub")), Some(hash.clone()));
        for bad in [
            format!("blobs/02/{hash}"),
            format!("blobs/01/{hash}0"),
            format!("blobs/{hash}"),
            format!("x/{good}"),
            format!("{good}/x"),
        ] {
            assert_eq!(hash_of(Path::new(&bad)), None, "{bad}");
        }
        assert_eq!(led_to(Path::new(&format!("../x/../../{good}")), Path::new("/hub")), Some(hash));
        assert_eq!(led_to(Path::new(&format!("../{good}")), Path::new("/hub")), None);
    }
}
