//! Files that a process has open for writing, as far as the system tells this user.

use std::collections::HashSet;
use std::fs;

use super::Probe;

/// The owner's right to write in the mode of a link in `/proc/PID/fd`: there it says how the file was opened.
#[cfg(unix)]
const WRITING: u32 = 0o200;

/// The device and inode of each; empty where the system does not tell.
#[cfg(unix)]
pub fn written(probe: &Probe) -> HashSet<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let mut found = HashSet::new();
    let processes = fs::read_dir(probe.at("/proc")).into_iter().flatten().filter_map(Result::ok);
    let is_process = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    for process in processes.filter(|entry| is_process(&entry.file_name())) {
        let open = fs::read_dir(process.path().join("fd")).into_iter().flatten().filter_map(Result::ok);
        for file in open {
            let writes = file.metadata().is_ok_and(|link| link.mode() & WRITING != 0);
            if let Some(file) = writes.then(|| fs::metadata(file.path()).ok()).flatten().filter(fs::Metadata::is_file) {
                found.insert((file.dev(), file.ino()));
            }
        }
    }
    found
}

/// Nobody says.
#[cfg(not(unix))]
pub fn written(_: &Probe) -> HashSet<(u64, u64)> {
    HashSet::new()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::support::vars::Vars;

    #[test]
    fn a_file_open_for_writing_is_seen_and_one_that_is_only_read_is_not() {
        let room = tempfile::tempdir().unwrap();
        let (read, write) = (room.path().join("read"), room.path().join("write"));
        fs::write(&read, "x").unwrap();
        let _read = fs::File::open(&read).unwrap();
        let _write = fs::File::create(&write).unwrap();
        let found = written(&Probe::live(Vars::default()));
        let id = |path| fs::metadata(path).map(|found| (found.dev(), found.ino())).unwrap();
        assert!(found.contains(&id(&write)) && !found.contains(&id(&read)));
    }
}
