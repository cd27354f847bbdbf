//! The files that running processes have mapped, as `/proc/PID/maps` says. A program that loads weights maps them and may close the
//! file at once: then no descriptor tells that it uses them.

use std::collections::HashSet;
use std::path::Path;

/// The longest list of one process that is read, in bytes: tens of thousands of mappings.
#[cfg(unix)]
const LARGEST: u64 = 8 << 20;

/// What is mapped now, by device and inode, on the machine whose files are below `root`; of those processes that this user may
/// look at.
#[cfg(unix)]
pub fn mapped_files(root: &Path) -> HashSet<(u64, u64)> {
    let mut paths: HashSet<String> = HashSet::new();
    for process in std::fs::read_dir(root.join("proc")).into_iter().flatten().filter_map(Result::ok) {
        if !process.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        let text = read(&process.path().join("maps"));
        // A library is mapped in several pieces by every process: each path is asked for once.
        for path in text.lines().filter_map(mapped) {
            if !paths.contains(path) {
                paths.insert(path.to_owned());
            }
        }
    }
    paths.iter().filter_map(|path| identity(root, path)).collect()
}

/// What is mapped now: other systems than Unix refuse to remove a mapped file.
#[cfg(not(unix))]
pub fn mapped_files(_: &Path) -> HashSet<(u64, u64)> {
    HashSet::new()
}

#[cfg(unix)]
pub(super) fn read(maps: &Path) -> String {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    // The kernel makes it while it is read: it has no size beforehand.
    let _ = std::fs::File::open(maps).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `7f00-7f10 r--p 00000000 fe:00 1234   /path/of it`: the path of a line that has one.
#[cfg(unix)]
pub(super) fn mapped(line: &str) -> Option<&str> {
    let at = line.find(" /")?;
    let (front, path) = (line.get(..at)?, line.get(at + 1..)?);
    let inode = front.split_whitespace().nth(4)?;
    (inode != "0" && !path.ends_with(" (deleted)") && !path.starts_with("/dev/")).then_some(path)
}

#[cfg(unix)]
pub(super) fn identity(root: &Path, path: &str) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::metadata(root.join(path.strip_prefix('/')?)).ok()?;
    found.is_file().then(|| (found.dev(), found.ino()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn mapped_files_are_known_by_their_paths() {
        let room = tempfile::tempdir().unwrap();
        let root = room.path();
        fs::create_dir_all(root.join("proc/12")).unwrap();
        fs::create_dir_all(root.join("proc/self")).unwrap();
        fs::create_dir(root.join("c")).unwrap();
        fs::write(root.join("c/a b"), "x").unwrap();
        let maps = "7f00-7f10 r--p 00000000 fe:00 12                /c/a b\n\
                    7f10-7f20 r--p 00001000 fe:00 12                /c/a b\n\
                    7f20-7f30 rw-p 00000000 00:00 0                 [heap]\n\
                    7f30-7f40 rw-p 00000000 00:00 0\n\
                    7f40-7f50 r--p 00000000 fe:00 13                /c/gone (deleted)\n\
                    7f50-7f60 r--p 00000000 fe:00 14                /c/nowhere\n";
        fs::write(root.join("proc/12/maps"), maps).unwrap();
        fs::write(root.join("proc/self/maps"), "7f00-7f10 r--p 00000000 fe:00 12 /proc/self/maps\n").unwrap();
        let found = fs::metadata(root.join("c/a b")).unwrap();
        assert_eq!(mapped_files(root), HashSet::from([(found.dev(), found.ino())]));
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(line in ".{0,80}") {
            let _ = mapped(&line);
        }
    }
}
