//! `/proc/self/mountinfo`, which says where control groups and file systems are.

use std::path::{Path, PathBuf};

/// Where something is mounted on the machine whose files are below `root`; nothing where the system does not say.
pub fn points(root: &Path) -> Vec<PathBuf> {
    let bytes = std::fs::read(root.join("proc/self/mountinfo")).unwrap_or_default();
    parse(&String::from_utf8_lossy(&bytes)).into_iter().map(|mount| mount.point.into()).collect()
}

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// The part of the file system that is mounted.
    pub(super) root: String,
    /// Where.
    pub(super) point: String,
    /// Its type, such as `ext4`.
    pub(super) kind: String,
    /// Its own options.
    pub(super) options: String,
}

/// Every line that has the fields; others are left out.
pub(super) fn parse(text: &str) -> Vec<Mount> {
    text.lines()
        .filter_map(|line| {
            // "36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/sda1 rw"
            let (front, back) = line.split_once(" - ")?;
            let mut front = front.split(' ').skip(3);
            let (root, point) = (unescape(front.next()?), unescape(front.next()?));
            let mut back = back.split(' ');
            let kind = back.next()?.to_owned();
            let options = back.nth(1).unwrap_or_default().to_owned();
            Some(Mount { root, point, kind, options })
        })
        .collect()
}

/// Spaces and the like are written in octal: `\040`.
fn unescape(field: &str) -> String {
    let bytes = field.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        match (byte, code.and_then(|digits| u8::from_str_radix(digits, 8).ok())) {
            (b'\\', Some(decoded)) => {
                plain.push(decoded);
                at += 4;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_read_with_its_octal_escapes_and_optional_fields() {
        let line = r"36 35 98:0 /a /mnt/my\040disk rw,noatime master:1 shared:2 - fuse.sshfs host:/x rw,user";
        assert_eq!(
            parse(line),
            [Mount {
                root: "/a".to_owned(),
                point: "/mnt/my disk".to_owned(),
                kind: "fuse.sshfs".to_owned(),
                options: "rw,user".to_owned()
            }]
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>(), escape in "[\\\\0-9é]{0,12}") {
            let _ = parse(&text);
            let _ = parse(&format!("1 2 3 {escape} {escape} rw - {text}"));
        }
    }
}
