//! When modelstrap itself used or fetched what: the disk's own memory of it is weak (`relatime`, `noatime`, backups).
//!
//! One file for each machine and person, a line for each use. Nobody waits for anybody: a line is written at once, at most one an
//! hour for each path, and a file that has grown is rewritten with the last use of each path.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{DAY, Who, file};
use crate::support::time;
use crate::support::vars::Vars;

/// Their folder in that of the notes.
const FOLDER: &str = "uses";

/// A use is noted again after so many seconds.
const AGAIN: i64 = 3600;

/// Above this size a file is rewritten, in bytes.
const GROWN: u64 = 256 << 10;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// The most files that are read.
const MOST: usize = 256;

/// What is older is forgotten, in seconds.
const OLDEST: i64 = 3 * 365 * DAY;

#[derive(Debug, Serialize, Deserialize)]
struct Line<'a> {
    used: i64,
    #[serde(borrow)]
    path: std::borrow::Cow<'a, str>,
}

/// Notes that `paths` (models' files, or folders of repositories) are used now, those in the cache. The cache's notes must be there
/// already, which registering makes.
///
/// # Errors
/// What the disk says: no verb fails for that.
pub fn note(cache_root: &Path, paths: &[PathBuf], vars: &Vars, now: i64) -> io::Result<()> {
    let own = super::folder(cache_root);
    if paths.is_empty() || !file::is_folder(&own) {
        return Ok(());
    }
    let name = format!("{}.jsonl", Who::of(vars).tag());
    let known = own.join(FOLDER).join(&name);
    let mut noted = HashMap::new();
    read(&known, now, &mut noted);
    let mut text = String::new();
    for path in paths {
        let Some(inside) = path.strip_prefix(cache_root).ok().and_then(Path::to_str).filter(|path| !path.is_empty())
        else {
            continue;
        };
        let is_new = noted.get(Path::new(inside)).is_none_or(|used| now.saturating_sub(*used) >= AGAIN);
        if is_new && noted.insert(inside.into(), now) != Some(now) {
            text.push_str(&line(inside, now)?);
        }
    }
    if text.is_empty() {
        return Ok(());
    }
    let at = file::room(cache_root, FOLDER)?.join(name);
    let size = fs::symlink_metadata(&at).map_or(0, |found| found.len());
    if size.saturating_add(text.len() as u64) <= GROWN {
        return file::append(&at, &text);
    }
    file::replace(&at, compact(noted)?.as_bytes())
}

/// When each path, relative to the cache root, was used last, in seconds since 1970, as far as modelstrap knows.
pub fn last(cache_root: &Path) -> HashMap<PathBuf, i64> {
    let mut found = HashMap::new();
    let own = super::folder(cache_root);
    let folder = own.join(FOLDER);
    if !file::is_folder(&own) || !file::is_folder(&folder) {
        return found;
    }
    let now = time::seconds();
    let names = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let logs = names.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    logs.take(MOST).for_each(|log| read(&log, now, &mut found));
    found
}

/// When `path`, relative to the cache root, or something in it was used last.
pub fn of(uses: &HashMap<PathBuf, i64>, path: &Path) -> Option<i64> {
    match uses.get(path) {
        Some(used) => Some(*used),
        None => uses.iter().filter(|(inner, _)| inner.starts_with(path)).map(|(_, used)| *used).max(),
    }
}

/// Forgets all uses.
pub(super) fn forget(cache_root: &Path) {
    let folder = super::folder(cache_root).join(FOLDER);
    if !file::is_folder(&folder) {
        return;
    }
    for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
        if entry.path().extension().is_some_and(|ending| ending == "jsonl") {
            file::remove(&entry.path());
        }
    }
    file::remove_unfinished(&folder);
    file::remove_bare(&folder);
}

fn line(path: &str, used: i64) -> io::Result<String> {
    let text = serde_json::to_string(&Line { used, path: path.into() }).map_err(io::Error::other)?;
    Ok(text + "\n")
}

/// Adds what the file at `path` says. A line that is none, leads out of the cache or comes from the future says nothing.
fn read(path: &Path, now: i64, found: &mut HashMap<PathBuf, i64>) {
    let bytes = file::read(path, LARGEST).unwrap_or_default();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(Line { used, path }) = serde_json::from_slice(line) else { continue };
        let path = Path::new(&*path);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || path.as_os_str().is_empty() || !(now - OLDEST..=now.saturating_add(DAY)).contains(&used) {
            continue;
        }
        let last = found.entry(path.to_path_buf()).or_insert(used);
        *last = (*last).max(used);
    }
}

/// The last use of each path, the newest that fit into half of what makes a file grown.
fn compact(noted: HashMap<PathBuf, i64>) -> io::Result<String> {
    let mut lines: Vec<(i64, PathBuf)> = noted.into_iter().map(|(path, used)| (used, path)).collect();
    lines.sort_unstable_by(|one, other| other.cmp(one));
    let mut text = String::new();
    for (used, path) in lines {
        let line = line(&path.to_string_lossy(), used)?;
        if (text.len() + line.len()) as u64 > GROWN / 2 {
            break;
        }
        text.push_str(&line);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_764_084_046;

    fn cache() -> tempfile::TempDir {
        let room = tempfile::tempdir().unwrap();
        fs::create_dir(room.path().join(".modelstrap")).unwrap();
        room
    }

    #[test]
    fn a_use_is_noted_once_an_hour_and_only_of_what_lies_in_the_cache() {
        let room = cache();
        let root = room.path();
        let vars = Vars::default();
        let paths = [root.join("huggingface/hub/models--a--b"), "/elsewhere/x".into(), root.to_path_buf()];
        note(root, &paths, &vars, NOW).unwrap();
        note(root, &paths, &vars, NOW + 3599).unwrap();
        note(root, &[root.join("whisper/base.pt")], &vars, NOW + 7).unwrap();
        let relative = |text: &str| PathBuf::from(text);
        let expected =
            HashMap::from([(relative("huggingface/hub/models--a--b"), NOW), (relative("whisper/base.pt"), NOW + 7)]);
        assert_eq!(last(root), expected);
        note(root, &paths, &vars, NOW + 3600).unwrap();
        let found = last(root);
        assert_eq!(of(&found, Path::new("huggingface")), Some(NOW + 3600));
        assert_eq!(of(&found, Path::new("hugging")), None);
        forget(root);
        assert!(last(root).is_empty() && !root.join(".modelstrap/uses").exists());
    }

    #[test]
    fn a_log_that_grows_keeps_the_newest_and_stays_small() {
        let room = cache();
        let root = room.path();
        for round in 0..4 {
            let paths: Vec<PathBuf> = (0..1500).map(|n| root.join(format!("hub/models--a--{n:040}"))).collect();
            note(root, &paths, &Vars::default(), NOW + round * AGAIN).unwrap();
            note(root, &[root.join(format!("round-{round}"))], &Vars::default(), NOW + round * AGAIN).unwrap();
        }
        let log = fs::read_dir(root.join(".modelstrap/uses")).unwrap().next().unwrap().unwrap();
        assert!(log.metadata().unwrap().len() <= GROWN);
        assert_eq!(last(root).get(Path::new("round-3")), Some(&(NOW + 3 * AGAIN)));
    }

    #[test]
    fn a_cache_without_notes_gets_none_and_a_strangers_lines_lead_nowhere() {
        let room = tempfile::tempdir().unwrap();
        note(room.path(), &[room.path().join("a")], &Vars::default(), NOW).unwrap();
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 0);
        let uses = room.path().join(".modelstrap/uses");
        fs::create_dir_all(&uses).unwrap();
        let lines = "{\"used\":1764084046,\"path\":\"../up\"}\n{\"used\":1764084046,\"path\":\"/etc\"}\nnoise\n\
                     {\"used\":9999999999,\"path\":\"future\"}\n{\"used\":1764084046,\"path\":\"good\"}\n{\"used\":17";
        fs::write(uses.join("x.jsonl"), lines).unwrap();
        assert_eq!(last(room.path()), HashMap::from([("good".into(), NOW)]));
    }

    proptest::proptest! {
        #[test]
        fn no_log_panics(bytes: Vec<u8>, path in ".{0,30}", used: i64) {
            let room = cache();
            let uses = room.path().join(".modelstrap/uses");
            fs::create_dir(&uses).unwrap();
            fs::write(uses.join("a.jsonl"), [bytes, line(&path, used).unwrap().into_bytes()].concat()).unwrap();
            for path in last(room.path()).keys() {
                proptest::prop_assert!(path.is_relative() && !crate::support::paths::has_parent_component(path));
            }
        }
    }
}
