//! The links into a hub that this tool made: whoever deletes in the hub must know of them, since what they lead to is used.
//!
//! A link that is not seen may only be out of sight: its disk is unplugged, its folder is another user's, it has another name. One
//! is gone when something else stands at its name, or when nothing did for a month, on the disk on which it was made.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::notes::room;
use crate::cache::notes::{FOLDER, file};
use crate::cache::stamp::Stamp;
use crate::support::time;

/// The file: a JSON document a line. Of two lines about one link the later one counts.
const FILE: &str = "links.jsonl";

/// The most bytes that are read of it: 100,000 links.
const LARGEST: u64 = 64 << 20;

/// How long what a link led to is kept after its name was first found to be free: it may have another one.
const ABSENT: i64 = 30 * DAY;
const DAY: i64 = 86_400;

/// A link that counts, and the file in the hub that it needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    /// The link.
    pub link: PathBuf,
    /// What it leads to.
    pub target: PathBuf,
    /// Why it is not seen; of one that stands nothing.
    pub unseen: Option<Unseen>,
}

/// Why a link that counts is not seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unseen {
    /// Nobody here can tell whether it stands, and why.
    Hidden(String),
    /// Nothing has its name.
    Absent {
        /// When that was seen first, in seconds since 1970.
        since: i64,
    },
}

/// What is to be seen of a link.
enum Sight {
    Stands,
    Gone,
    Hidden(String),
    Absent,
}

/// A link as it was noted last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Note {
    link: PathBuf,
    target: PathBuf,
    /// The disk that the link is on.
    device: Option<u64>,
    /// When its name was first found to be free.
    absent: Option<i64>,
}

/// A path as text where it is text, else its bytes in hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Text(String),
    Bytes(String),
}

#[derive(Serialize, Deserialize)]
struct Line {
    link: Written,
    target: Written,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    absent: Option<i64>,
}

/// The links into the hubs of the cache at `cache_root` that count: those that stand as they were made, and those of which nobody
/// knows that they are gone.
///
/// # Errors
/// When the notes cannot be read: then nobody knows what is needed.
pub fn roots(cache_root: &Path) -> io::Result<Vec<Root>> {
    roots_at(cache_root, time::seconds())
}

fn roots_at(cache_root: &Path, now: i64) -> io::Result<Vec<Root>> {
    let root = |note: Note| {
        let unseen = match sight(&note) {
            Sight::Stands => None,
            Sight::Gone => return None,
            Sight::Hidden(why) => Some(Unseen::Hidden(why)),
            Sight::Absent => {
                let since = note.absent.unwrap_or(now).min(now);
                if now.saturating_sub(since) >= ABSENT {
                    return None;
                }
                Some(Unseen::Absent { since })
            }
        };
        // What is gone itself cannot be kept, and nobody need be told of it.
        let counts = unseen.is_none() || fs::symlink_metadata(&note.target).is_ok();
        counts.then_some(Root { link: note.link, target: note.target, unseen })
    };
    Ok(notes(cache_root)?.into_iter().filter_map(root).collect())
}

/// Notes since when the names of links are free, under which name one is found beside its own, and which are back. In a cache that
/// cannot be written to they count as if they were first looked for each time.
pub fn look(cache_root: &Path, now: i64) {
    let Ok(notes) = notes(cache_root) else { return };
    let mut text = String::new();
    let mut add = |note: &Note| text.push_str(&format!("{}\n", written(note)));
    for note in &notes {
        match sight(note) {
            Sight::Stands => {
                let device = disk(&note.link).ok();
                if note.absent.is_some() || note.device != device {
                    add(&Note { device, absent: None, ..note.clone() });
                }
            }
            Sight::Absent => {
                if note.absent.is_none() {
                    add(&Note { absent: Some(now), ..note.clone() });
                }
                let is_known = |link: &PathBuf| notes.iter().any(|one| one.link == *link && one.target == note.target);
                if let Some(link) = renamed(note).filter(|link| !is_known(link)) {
                    add(&Note { link, absent: None, ..note.clone() });
                }
            }
            Sight::Gone | Sight::Hidden(_) => {}
        }
    }
    if !text.is_empty() {
        // A line of its own, should the last one have been cut short.
        let _ = room(cache_root).and_then(|room| file::append_durably(&room.join(FILE), &format!("\n{text}")));
    }
}

fn sight(note: &Note) -> Sight {
    if fs::read_link(&note.link).is_ok_and(|target| target == note.target) {
        return Sight::Stands;
    }
    match disk(&note.link) {
        Ok(device) if note.device.is_some_and(|noted| noted != device) => {
            return Sight::Hidden("the disk that it is on is not there".to_owned());
        }
        Ok(_) => {}
        Err(error) => return Sight::Hidden(error.to_string()),
    }
    match fs::symlink_metadata(&note.link) {
        // Another link, or a file again.
        Ok(_) => Sight::Gone,
        Err(error) if is_absent(&error) => Sight::Absent,
        Err(error) => Sight::Hidden(error.to_string()),
    }
}

/// The device of the folder of `link`, or of the nearest one above it that there is.
fn disk(link: &Path) -> io::Result<u64> {
    for folder in link.ancestors().skip(1) {
        match fs::metadata(folder) {
            Ok(found) => return Ok(Stamp::of(&found).id.0),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// A link to the same file beside the name that is free.
fn renamed(note: &Note) -> Option<PathBuf> {
    let mut entries = fs::read_dir(note.link.parent()?).ok()?.filter_map(Result::ok);
    entries.find_map(|entry| {
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let leads = is_link && fs::read_link(entry.path()).is_ok_and(|target| target == note.target);
        leads.then(|| entry.path())
    })
}

/// Every link of which there is a note, as the last one has it.
fn notes(cache_root: &Path) -> io::Result<Vec<Note>> {
    let bytes = text(cache_root)?;
    let notes = parse(&bytes).filter_map(|(_, note)| note);
    let last: BTreeMap<_, _> = notes.map(|note| ((note.link.clone(), note.target.clone()), note)).collect();
    Ok(last.into_values().collect())
}

fn text(cache_root: &Path) -> io::Result<Vec<u8>> {
    let folder = cache_root.join(FOLDER);
    if !file::is_folder(&folder) {
        return Ok(Vec::new());
    }
    match file::read(&folder.join(FILE), LARGEST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

/// The lines of the notes of the cache at `cache_root` of which nobody knows what they said, and the file that they are in.
///
/// # Errors
/// When the notes cannot be read.
pub fn damaged(cache_root: &Path) -> io::Result<(PathBuf, Vec<usize>)> {
    let bytes = text(cache_root)?;
    let lines = parse(&bytes).filter(|(_, note)| note.is_none()).map(|(number, _)| number).collect();
    Ok((cache_root.join(FOLDER).join(FILE), lines))
}

/// Notes that `link` is about to lead to `target`: before it does, so that there is no moment in which nobody knows of it.
///
/// # Errors
/// What the disk says.
pub fn note(cache_root: &Path, link: &Path, target: &Path) -> io::Result<()> {
    // A line of its own, should the last one have been cut short.
    let text = format!("\n{}\n", line(link, target));
    file::append_durably(&room(cache_root)?.join(FILE), &text)
}

/// The line that says that `link` leads to `target`.
pub fn line(link: &Path, target: &Path) -> String {
    written(&Note { link: link.to_path_buf(), target: target.to_path_buf(), device: disk(link).ok(), absent: None })
}

fn written(note: &Note) -> String {
    let Note { device, absent, .. } = *note;
    // Nothing in it can fail to be JSON.
    serde_json::to_string(&Line { link: write(&note.link), target: write(&note.target), device, absent })
        .unwrap_or_default()
}

/// Each line with its number, from 1 on; `None` of one that is damaged.
fn parse(bytes: &[u8]) -> impl Iterator<Item = (usize, Option<Note>)> {
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.is_empty());
    lines.map(|(number, line)| (number, parse_line(line)))
}

fn parse_line(line: &[u8]) -> Option<Note> {
    let Line { link, target, device, absent } = serde_json::from_slice(line).ok()?;
    let (link, target) = (read(link)?, read(target)?);
    (link.is_absolute() && target.is_absolute()).then_some(Note { link, target, device, absent })
}

fn write(path: &Path) -> Written {
    match path.to_str() {
        Some(text) => Written::Text(text.to_owned()),
        None => {
            let bytes = path.as_os_str().as_encoded_bytes();
            Written::Bytes(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        }
    }
}

fn read(written: Written) -> Option<PathBuf> {
    match written {
        Written::Text(text) => Some(text.into()),
        Written::Bytes(hex) => {
            let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
            let bytes = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<Vec<u8>>>()?;
            of_bytes(bytes)
        }
    }
}

#[cfg(unix)]
fn of_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn of_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(Into::into)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_764_084_046;

    #[test]
    fn a_link_is_a_root_until_something_else_has_its_name() {
        let room = tempfile::tempdir().unwrap();
        let target = room.path().join("blob");
        let strange = room.path().join(std::ffi::OsStr::from_bytes(b"a\n\xff\"b"));
        let other = room.path().join("other");
        for link in [&strange, &other] {
            std::os::unix::fs::symlink(&target, link).unwrap();
            note(room.path(), link, &target).unwrap();
        }
        let root = |link: &Path| Root { link: link.to_path_buf(), target: target.clone(), unseen: None };
        let mut expected = vec![root(&strange), root(&other)];
        expected.sort_unstable();
        assert_eq!(roots(room.path()).unwrap(), expected);
        fs::remove_file(&other).unwrap();
        std::os::unix::fs::symlink("elsewhere", &other).unwrap();
        assert_eq!(roots(room.path()).unwrap(), [root(&strange)]);
        fs::remove_file(&strange).unwrap();
        fs::write(&strange, "a file again").unwrap();
        assert_eq!(roots(room.path()).unwrap(), []);
    }

    #[test]
    fn a_name_that_is_free_counts_for_a_month_and_a_new_one_beside_it_for_good() {
        let room = tempfile::tempdir().unwrap();
        let root = room.path().join("cache");
        fs::create_dir_all(room.path().join("models")).unwrap();
        let target = room.path().join("blob");
        fs::write(&target, "weights").unwrap();
        let [one, two, moved] = ["one", "two", "moved"].map(|name| room.path().join("models").join(name));
        for link in [&one, &two] {
            std::os::unix::fs::symlink(&target, link).unwrap();
            note(&root, link, &target).unwrap();
        }
        fs::remove_file(&one).unwrap();
        fs::remove_file(&two).unwrap();
        let told = |now| -> Vec<_> {
            let roots = roots_at(&root, now).unwrap().into_iter();
            roots.map(|root| (root.link.file_name().unwrap().to_owned(), root.unseen)).collect()
        };
        let absent = |since| Some(Unseen::Absent { since });
        assert_eq!(told(NOW + 5), [("one".into(), absent(NOW + 5)), ("two".into(), absent(NOW + 5))]);
        look(&root, NOW);
        assert_eq!(told(NOW + 5), [("one".into(), absent(NOW)), ("two".into(), absent(NOW))]);
        std::os::unix::fs::symlink(&target, &one).unwrap();
        look(&root, NOW + DAY);
        fs::rename(&one, &moved).unwrap();
        look(&root, NOW + 2 * DAY);
        let now = NOW + 29 * DAY;
        assert_eq!(
            told(now),
            [("moved".into(), None), ("one".into(), absent(NOW + 2 * DAY)), ("two".into(), absent(NOW))]
        );
        let lines = fs::read(root.join(FOLDER).join(FILE)).unwrap();
        look(&root, now);
        assert_eq!(fs::read(root.join(FOLDER).join(FILE)).unwrap(), lines, "a second look notes nothing");
        assert_eq!(told(NOW + 40 * DAY), [("moved".into(), None)]);
        fs::remove_file(&target).unwrap();
        assert_eq!(told(now), [("moved".into(), None)], "what is gone itself is not kept");
    }

    #[test]
    fn a_link_on_another_disk_than_its_folder_is_on_now_counts_for_ever() {
        let room = tempfile::tempdir().unwrap();
        let target = room.path().join("blob");
        fs::write(&target, "weights").unwrap();
        let [away, gone] = ["models/deep/away", "gone"].map(|name| room.path().join(name));
        fs::write(&gone, "another disk's").unwrap();
        let device = Some(disk(&gone).unwrap() + 1);
        for link in [&away, &gone] {
            let note = Note { link: link.clone(), target: target.clone(), device, absent: Some(0) };
            let at = super::super::notes::room(room.path()).unwrap().join(FILE);
            file::append_durably(&at, &format!("{}\n", written(&note))).unwrap();
        }
        look(room.path(), NOW);
        let unseen = Some(Unseen::Hidden("the disk that it is on is not there".to_owned()));
        let roots = roots_at(room.path(), NOW + 400 * DAY).unwrap();
        assert_eq!(roots.iter().map(|root| root.unseen.clone()).collect::<Vec<_>>(), [unseen.clone(), unseen]);
    }

    #[test]
    fn notes_that_cannot_be_read_are_an_error() {
        let room = tempfile::tempdir().unwrap();
        assert_eq!(roots(room.path()).unwrap(), []);
        fs::create_dir_all(room.path().join(FOLDER).join(FILE)).unwrap();
        assert!(roots(room.path()).is_err());
    }

    #[test]
    fn nothing_is_noted_through_a_link() {
        let room = tempfile::tempdir().unwrap();
        let (root, victim) = (room.path().join("cache"), room.path().join("victim"));
        fs::create_dir_all(root.join(FOLDER)).unwrap();
        fs::create_dir(&victim).unwrap();
        fs::write(victim.join(FILE), "mine").unwrap();
        let linked = root.join(FOLDER).join(FILE);
        std::os::unix::fs::symlink(victim.join(FILE), &linked).unwrap();
        let error = note(&root, Path::new("/a"), Path::new("/b")).unwrap_err().to_string();
        let expected = format!("{} is a link, and nothing is written through one: remove it", linked.display());
        assert_eq!(error, expected);
        crate::support::delete::tree(&root.join(FOLDER), &root).unwrap();
        std::os::unix::fs::symlink(&victim, root.join(FOLDER)).unwrap();
        assert!(note(&root, Path::new("/a"), Path::new("/b")).is_err());
        assert!(super::super::remember(&root, "hashes").is_err());
        assert!(super::super::guard(&root, std::time::Duration::ZERO, || {}).is_err());
        assert_eq!(fs::read(victim.join(FILE)).unwrap(), b"mine");
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 1);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>(), text in any::<String>()) {
            parse(&bytes).for_each(drop);
            let line = format!("{{\"link\":{{\"bytes\":{text:?}}},\"target\":{{\"text\":\"/a\"}}}}");
            parse(line.as_bytes()).for_each(drop);
        }
    }
}
