//! What a file carries besides its bytes and rights: access lists, and what users and programs attach to it. Two names of one file
//! have one set of them.

use std::collections::BTreeMap;
use std::fs::File;

/// The most bytes of all names, and of one value: Linux has no more.
const MOST: usize = 64 << 10;

/// By name, what a second name would take from a file or give to it. Labels that the system itself sets are left out.
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(super) fn of(file: &File) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut room = vec![0_u8; MOST];
    // A disk without any says so by an error.
    let count = rustix::fs::flistxattr(file, room.as_mut_slice()).unwrap_or(0);
    let is_ours = |name: &&[u8]| name.starts_with(b"user.") || name.starts_with(b"system.posix_acl_");
    let names: Vec<Vec<u8>> = room[..count].split(|byte| *byte == 0).filter(is_ours).map(<[u8]>::to_vec).collect();
    let mut found = BTreeMap::new();
    for name in names {
        let count = rustix::fs::fgetxattr(file, name.as_slice(), room.as_mut_slice()).unwrap_or(0);
        found.insert(name, room[..count].to_vec());
    }
    found
}

/// Nobody says.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(super) fn of(_: &File) -> BTreeMap<Vec<u8>, Vec<u8>> {
    BTreeMap::new()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_attached_is_seen() {
        let room = tempfile::tempdir().unwrap();
        let file = File::create(room.path().join("a")).unwrap();
        assert!(of(&file).is_empty());
        if rustix::fs::fsetxattr(&file, "user.note", b"mine", rustix::fs::XattrFlags::empty()).is_ok() {
            assert_eq!(of(&file), BTreeMap::from([(b"user.note".to_vec(), b"mine".to_vec())]));
        }
    }
}
