//! The files that running processes have open, as `/proc/PID/fd` says: of those processes that this user may look at. What one has
//! mapped so that its stores reach the file (`rw-s` in `/proc/PID/maps`) it writes, also after it has closed it.

#[cfg(unix)]
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::path::Path;

#[cfg(unix)]
use super::mapped_files;

/// Open files, by device and inode.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenFiles {
    /// Open in any way.
    pub all: HashSet<(u64, u64)>,
    /// Open for writing.
    pub written: HashSet<(u64, u64)>,
}

/// What is open now, on the machine whose files are below `root`; `None` where the system does not say.
#[cfg(unix)]
pub fn open_files(root: &Path) -> Option<OpenFiles> {
    let mut found = OpenFiles::default();
    let processes = std::fs::read_dir(root.join("proc")).ok()?;
    let mut is_known = false;
    let mut mapped = BTreeSet::new();
    for process in processes.filter_map(Result::ok) {
        let is_process = process.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit);
        // Another user's processes are not shown, and one may end meanwhile.
        if is_process && let Ok(open) = std::fs::read_dir(process.path().join("fd")) {
            is_known = true;
            open.filter_map(Result::ok).for_each(|one| note(&one, &process.path(), &mut found));
            let maps = mapped_files::read(&process.path().join("maps"));
            mapped.extend(
                maps.lines().filter(|line| is_written(line)).filter_map(mapped_files::mapped).map(String::from),
            );
        }
    }
    for id in mapped.iter().filter_map(|path| mapped_files::identity(root, path)) {
        found.all.insert(id);
        found.written.insert(id);
    }
    is_known.then_some(found)
}

/// What is open now: other systems than Unix refuse to remove an open file.
#[cfg(not(unix))]
pub fn open_files(_: &Path) -> Option<OpenFiles> {
    None
}

#[cfg(unix)]
fn note(open: &std::fs::DirEntry, process: &Path, found: &mut OpenFiles) {
    use std::os::unix::fs::MetadataExt as _;
    // Pipes and sockets are called `pipe:[1]`; a device is nothing that a cache holds, and asking one may take long.
    let is_file = |target: &Path| target.is_absolute() && !target.starts_with("/dev");
    if !std::fs::read_link(open.path()).is_ok_and(|target| is_file(&target)) {
        return;
    }
    let Ok(file) = std::fs::metadata(open.path()) else { return };
    let id = (file.dev(), file.ino());
    if file.is_file() && (!found.all.contains(&id) || !found.written.contains(&id)) {
        found.all.insert(id);
        let flags = std::fs::read_to_string(process.join("fdinfo").join(open.file_name()));
        if flags.is_ok_and(|text| writes(&text)) {
            found.written.insert(id);
        }
    }
}

/// `7f00-7f10 rw-s …`: mapped for writing, and not for this process alone.
#[cfg(unix)]
fn is_written(line: &str) -> bool {
    let rights = line.split(' ').nth(1).unwrap_or_default().as_bytes();
    matches!(rights, [_, b'w', _, b's'])
}

/// `flags: 0100002`, in octal; the last two bits say how it was opened.
#[cfg(unix)]
fn writes(text: &str) -> bool {
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.and_then(|flags| u64::from_str_radix(flags.trim(), 8).ok()).is_some_and(|flags| flags & 3 != 0)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    #[test]
    fn who_reads_and_who_writes_is_told_and_what_is_no_file_is_left_out() {
        let room = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = room.path().join(name);
            fs::write(&path, name).unwrap();
            let found = fs::metadata(&path).unwrap();
            (path, (found.dev(), found.ino()))
        };
        let ((read, read_id), (written, written_id)) = (file("read"), file("written"));
        let process = room.path().join("proc/12");
        fs::create_dir_all(process.join("fd")).unwrap();
        fs::create_dir_all(process.join("fdinfo")).unwrap();
        fs::create_dir_all(room.path().join("proc/self")).unwrap();
        let opened = |number: &str, target: &Path, flags: &str| {
            symlink(target, process.join("fd").join(number)).unwrap();
            fs::write(process.join("fdinfo").join(number), format!("pos:\t0\nflags:\t{flags}\n")).unwrap();
        };
        opened("3", &read, "0100000");
        opened("4", &written, "0100002");
        opened("5", Path::new("pipe:[77]"), "01");
        opened("6", &room.path().join("gone"), "01");
        // One is mapped to be written, two to be read, or for the process alone.
        let (mapped, read_only, private) = (file("mapped"), file("read only"), file("private"));
        let line = |rights: &str, name: &str| format!("7f00-7f10 {rights} 00000000 fe:00 12   /{name}\n");
        let maps = [line("rw-s", "mapped"), line("r--s", "read only"), line("rw-p", "private")].concat();
        fs::write(process.join("maps"), maps).unwrap();
        let expected =
            OpenFiles { all: [read_id, written_id, mapped.1].into(), written: [written_id, mapped.1].into() };
        assert!(read_only.0.exists() && private.0.exists());
        assert_eq!(open_files(room.path()), Some(expected));
        assert_eq!(open_files(&room.path().join("proc/12")), None, "no /proc there");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_this_process_writes_is_among_them() {
        let room = tempfile::tempdir().unwrap();
        let file = fs::File::create(room.path().join("a")).unwrap();
        let found = file.metadata().unwrap();
        let open = open_files(Path::new("/")).unwrap();
        assert!(open.written.contains(&(found.dev(), found.ino())));
    }
}
