//! The disk under a folder: free space, file system, and what it can do, found by trying rather than by name.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;

use super::facts::Fact;
use super::{Os, Probe, mounts};

/// The disk under one folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disk {
    /// The folder that was asked about; it need not exist yet.
    pub path: PathBuf,
    /// Bytes that this user may still write.
    pub free: Fact<u64>,
    /// The file system.
    pub file_system: Fact<FileSystem>,
    /// What it can do.
    pub capabilities: Fact<Capabilities>,
}

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileSystem {
    /// Its type, such as `ext4`.
    pub kind: String,
    /// True when its bytes are on another machine.
    pub network: bool,
    /// Where it is mounted.
    pub mount_point: PathBuf,
}

/// What a file system can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// Symbolic links.
    pub symlinks: bool,
    /// Hard links.
    pub hard_links: bool,
    /// Copies that share their blocks.
    pub reflinks: bool,
    /// Advisory locks.
    pub locks: bool,
}

/// Everything about the disk under `path`. A recorded machine has no disk to try things on.
pub(super) fn disk(probe: &Probe, path: &Path) -> Disk {
    let recorded = "a recorded machine has no disk";
    let (free, capabilities) = if probe.is_live() {
        let capable = match existing(path) {
            Some(dir) => match try_capabilities(&dir) {
                Ok(capabilities) => Fact::known(capabilities, format!("tried in {}", dir.display())),
                Err(error) => Fact::unknown(format!("cannot write in {}: {error}", dir.display())),
            },
            None => Fact::unknown("no folder above it exists"),
        };
        (Fact::from(free_space(path), "the file system", "the system does not say"), capable)
    } else {
        (Fact::unknown(recorded), Fact::unknown(recorded))
    };
    let source = if probe.os == Os::Linux { "/proc/self/mountinfo" } else { "the system" };
    let file_system = Fact::from(file_system(probe, path), source, format!("{source} does not say"));
    Disk { path: path.to_path_buf(), free, file_system, capabilities }
}

/// Bytes that this user may still write under `path`, or under the first folder above it that exists.
pub fn free_space(path: &Path) -> Option<u64> {
    free_at(&existing(path)?)
}

/// How large the disk is that `path` lies on, in bytes.
pub fn total_space(path: &Path) -> Option<u64> {
    total_at(&existing(path)?)
}

/// In what pieces the disk under `path` gives room to files, in bytes.
pub fn block(path: &Path) -> u64 {
    existing(path).and_then(|dir| block_at(&dir)).unwrap_or(4096)
}

#[cfg(unix)]
fn block_at(dir: &Path) -> Option<u64> {
    Some(rustix::fs::statvfs(dir).ok()?.f_frsize)
}

#[cfg(not(unix))]
fn block_at(_: &Path) -> Option<u64> {
    None
}

/// How many more files the disk under `path` takes, and how many in all; `None` where it has no such limit.
pub fn free_files(path: &Path) -> Option<(u64, u64)> {
    files_at(&existing(path)?).filter(|(_, all)| *all > 0)
}

#[cfg(unix)]
fn files_at(dir: &Path) -> Option<(u64, u64)> {
    let space = rustix::fs::statvfs(dir).ok()?;
    Some((space.f_favail, space.f_files))
}

#[cfg(not(unix))]
fn files_at(_: &Path) -> Option<(u64, u64)> {
    None
}

#[cfg(unix)]
fn total_at(dir: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(dir).ok()?;
    space.f_blocks.checked_mul(space.f_frsize)
}

#[cfg(not(unix))]
fn total_at(_: &Path) -> Option<u64> {
    None
}

#[cfg(unix)]
fn free_at(dir: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(dir).ok()?;
    // `f_bavail` leaves out what is reserved for root.
    space.f_bavail.checked_mul(space.f_frsize)
}

#[cfg(windows)]
fn free_at(dir: &Path) -> Option<u64> {
    super::sys::windows_disk(dir)?.free
}

/// `path` or the nearest folder above it that exists.
fn existing(path: &Path) -> Option<PathBuf> {
    path.ancestors()
        .map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir })
        .find(|dir| dir.is_dir())
        .map(Path::to_path_buf)
}

/// What the file system of `dir` can do; all false where nothing can be written.
pub fn capabilities(dir: &Path) -> Capabilities {
    try_capabilities(dir).unwrap_or_default()
}

/// What the file system of `dir` can do, tried in a folder inside it that is removed again.
pub fn try_capabilities(dir: &Path) -> io::Result<Capabilities> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!(".modelstrap-try-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let folder = Trial { folder: dir.join(name) };
    fs::create_dir(&folder.folder)?;
    let original = folder.at("original");
    let mut file = File::create(&original)?;
    // Some file systems share only whole blocks, and copy an empty file whatever they can do.
    file.write_all(&[0x6d; 4096])?;
    Ok(Capabilities {
        symlinks: symlink(Path::new("original"), &folder.at("symlink")).is_ok(),
        hard_links: fs::hard_link(&original, folder.at("hard-link")).is_ok(),
        reflinks: reflink(&original, &folder.at("reflink")),
        locks: file.try_lock().is_ok(),
    })
}

/// The folder of one trial. It holds known names only, so that nothing else can be removed with it.
struct Trial {
    folder: PathBuf,
}

impl Trial {
    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        for name in ["original", "symlink", "hard-link", "reflink"] {
            let _ = fs::remove_file(self.at(name));
        }
        let _ = fs::remove_dir(&self.folder);
    }
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

#[cfg(target_os = "linux")]
fn reflink(from: &Path, to: &Path) -> bool {
    let (Ok(from), Ok(to)) = (File::open(from), File::create(to)) else { return false };
    rustix::fs::ioctl_ficlone(&to, &from).is_ok()
}

#[cfg(target_os = "macos")]
fn reflink(from: &Path, to: &Path) -> bool {
    let Ok(from) = File::open(from) else { return false };
    rustix::fs::fclonefileat(&from, rustix::fs::CWD, to, rustix::fs::CloneFlags::empty()).is_ok()
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn reflink(_from: &Path, _to: &Path) -> bool {
    false
}

/// The file system that holds `path`, or would hold it.
pub fn file_system(probe: &Probe, path: &Path) -> Option<FileSystem> {
    let path = if probe.is_live() {
        // Links on the way lead to other disks.
        existing(path)?.canonicalize().ok()?
    } else {
        path.to_path_buf()
    };
    match probe.os {
        Os::Linux => of_mountinfo(&probe.text("/proc/self/mountinfo")?, &path),
        _ if probe.is_live() => of_system(&path),
        _ => None,
    }
}

fn of_mountinfo(text: &str, path: &Path) -> Option<FileSystem> {
    // Of equal prefixes the later one lies on top.
    let mount = mounts::parse(text)
        .into_iter()
        .filter(|mount| path.starts_with(&mount.point))
        .max_by_key(|mount| Path::new(&mount.point).components().count())?;
    let drvfs = mount.kind == "9p" && mount.options.contains("aname=drvfs");
    let kind = if drvfs { "drvfs".to_owned() } else { mount.kind };
    Some(FileSystem { network: is_network(&kind), kind, mount_point: PathBuf::from(mount.point) })
}

/// Types whose bytes are on another machine: there locks, links and speed are not those of a disk.
fn is_network(kind: &str) -> bool {
    const NETWORK: &[&str] = &[
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "afpfs",
        "ceph",
        "lustre",
        "gpfs",
        "beegfs",
        "glusterfs",
        "webdav",
        "ncpfs",
        "fuse.sshfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.ceph",
        "fuse.juicefs",
        "fuse.goofys",
        "fuse.mount-s3",
        "fuse.davfs",
        "fuse.cephfs",
    ];
    kind.starts_with("nfs") || NETWORK.contains(&kind)
}

#[cfg(target_os = "macos")]
fn of_system(path: &Path) -> Option<FileSystem> {
    const MNT_LOCAL: u32 = 0x1000;
    let stat = rustix::fs::statfs(path).ok()?;
    let text = |characters: &[std::ffi::c_char]| -> String {
        let bytes: Vec<u8> = characters.iter().take_while(|c| **c != 0).map(|c| c.to_ne_bytes()[0]).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Some(FileSystem {
        kind: text(&stat.f_fstypename),
        network: stat.f_flags & MNT_LOCAL == 0,
        mount_point: PathBuf::from(text(&stat.f_mntonname)),
    })
}

#[cfg(windows)]
fn of_system(path: &Path) -> Option<FileSystem> {
    super::sys::windows_disk(path)?.file_system
}

#[cfg(not(any(target_os = "macos", windows)))]
fn of_system(_path: &Path) -> Option<FileSystem> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_and_latest_mount_holds_a_path() {
        let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                    2 1 0:9 / /mnt/c rw - 9p C:\\134 rw,aname=drvfs;path=C:\\\n\
                    3 1 0:9 / /data rw - ext4 /dev/sdb rw\n\
                    4 1 0:8 / /data rw - nfs4 nas:/x rw\n";
        let at = |path: &str| of_mountinfo(text, Path::new(path)).map(|fs| (fs.kind, fs.network));
        assert_eq!(at("/home/a"), Some(("ext4".to_owned(), false)));
        assert_eq!(at("/mnt/c/x"), Some(("drvfs".to_owned(), false)));
        assert_eq!(at("/data/models"), Some(("nfs4".to_owned(), true)));
        assert_eq!(at("/database"), Some(("ext4".to_owned(), false)));
    }

    #[test]
    fn trying_leaves_nothing_behind_and_free_space_is_that_of_the_nearest_folder() {
        let dir = tempfile::tempdir().unwrap();
        let found = try_capabilities(dir.path()).unwrap();
        assert!(found.locks);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(free_space(&dir.path().join("a/b/c")).is_some());
        assert_eq!(capabilities(&dir.path().join("missing")), Capabilities::default());
    }
}
