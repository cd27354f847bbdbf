//! Which running processes have which files: open, or mapped. A file that is removed meanwhile gives its room back only when the last of
//! them ends, or closes it.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

#[cfg(unix)]
use super::mapped_files;

/// The processes, by the device and inode of what they have.
pub type Holders = HashMap<(u64, u64), BTreeSet<u32>>;

/// Who has what now, on the machine whose files are below `root`: of those processes that this user may look at.
/// Nothing where the system does not say.
#[cfg(unix)]
pub fn holders(root: &Path) -> Holders {
    let mut found = Holders::new();
    for process in std::fs::read_dir(root.join("proc")).into_iter().flatten().filter_map(Result::ok) {
        let Some(number) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let mut add = |id| {
            found.entry(id).or_default().insert(number);
        };
        let open = std::fs::read_dir(process.path().join("fd")).into_iter().flatten().filter_map(Result::ok);
        open.filter_map(|one| opened(&one.path())).for_each(&mut add);
        let maps = mapped_files::read(&process.path().join("maps"));
        // A file is mapped in several pieces, one after the other.
        let mut last = "";
        for path in maps.lines().filter_map(mapped_files::mapped) {
            if path != last {
                mapped_files::identity(root, path).into_iter().for_each(&mut add);
                last = path;
            }
        }
    }
    found
}

/// Other systems than Unix refuse to remove what somebody has open.
#[cfg(not(unix))]
pub fn holders(_: &Path) -> Holders {
    Holders::new()
}

/// What the program is called that the process `number` runs.
pub fn program(root: &Path, number: u32) -> Option<String> {
    let name = std::fs::read_to_string(root.join("proc").join(number.to_string()).join("comm")).ok()?;
    Some(name.trim_end().to_owned()).filter(|name| !name.is_empty())
}

/// The file that a descriptor leads to. Pipes and sockets are called `pipe:[1]`; asking a device may take long.
#[cfg(unix)]
fn opened(descriptor: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let target = std::fs::read_link(descriptor).ok()?;
    let is_file = target.is_absolute() && !target.starts_with("/dev");
    let found = std::fs::metadata(is_file.then_some(descriptor)?).ok()?;
    found.is_file().then(|| (found.dev(), found.ino()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    #[test]
    fn who_has_a_file_open_or_mapped_is_told_by_number_and_name() {
        let room = tempfile::tempdir().unwrap();
        let root = room.path();
        let file = |name: &str| {
            fs::write(root.join(name), name).unwrap();
            let found = fs::metadata(root.join(name)).unwrap();
            (found.dev(), found.ino())
        };
        let (open, mapped) = (file("open"), file("mapped"));
        for (process, name) in [("4000012", "python3\n"), ("4000013", "")] {
            fs::create_dir_all(root.join("proc").join(process).join("fd")).unwrap();
            fs::write(root.join("proc").join(process).join("comm"), name).unwrap();
            symlink(root.join("open"), root.join("proc").join(process).join("fd/3")).unwrap();
        }
        symlink("pipe:[77]", root.join("proc/4000012/fd/4")).unwrap();
        let line = |at: &str| format!("{at} r--p 00000000 fe:00 12   /mapped\n");
        fs::write(root.join("proc/4000012/maps"), [line("7f00-7f10"), line("7f10-7f20")].concat()).unwrap();
        let expected: Holders =
            [(open, [4_000_012, 4_000_013].into()), (mapped, [4_000_012].into())].into_iter().collect();
        assert_eq!(holders(root), expected);
        assert_eq!(program(root, 4_000_012).as_deref(), Some("python3"));
        assert_eq!((program(root, 4_000_013), program(root, 7)), (None, None));
    }
}
