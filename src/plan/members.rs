//! Decides a change of JSON members: each by itself, since a person may have edited one of them, and every other byte of the
//! file is theirs.

use serde_json::Value;

use super::decide::{Desk, Outcome};
use super::record::Fragments;
use super::{JsonMembers, Kept, Kind, Obstacle, State, json};
use crate::support::{digest, units};

/// A `hardware_cache.json` above this size is not one.
const MAX_JSON: usize = 16 << 20;

impl Desk<'_> {
    /// What becomes of the file that `members` are to be in.
    pub(super) fn json(&self, before: State, members: &JsonMembers) -> Result<Outcome, Obstacle> {
        let (there, mode) = match &before {
            State::Absent => ("{}\n".to_owned(), 0),
            State::File(bytes, mode) => (self.json_text(bytes)?, *mode),
            _ => {
                return Err(self.obstacle(
                    "is a folder, and a JSON file belongs there",
                    "move it away, or leave it out with `--skip machine-config`",
                ));
            }
        };
        let broken = |error: serde_json::Error| {
            self.obstacle(
                format!("is not valid JSON: {error}"),
                "mend it at that place, or move the file away: setup writes a new one",
            )
        };
        if !matches!(json::get(&there, &[]).map_err(broken)?, Some(Value::Object(_))) {
            return Err(self.obstacle("is JSON, but not an object", "move the file away: setup writes a new one"));
        }
        let mut text = there.clone();
        let mut wrote = Fragments::new();
        let mut kept = Vec::new();
        // What is left alone stays ours, if it was.
        let held = |wrote: &mut Fragments, name: String| {
            if let Some(last) = self.record.get(&self.change.path, &name) {
                wrote.insert(name, last.to_owned());
            }
        };
        for (pointer, value) in &members.set {
            let name = fragment_name(pointer);
            if let Some(other) = another_kind_on_the_way(&text, pointer).map_err(broken)? {
                return Err(self.obstacle(
                    format!("`{other}` is there, but is not an object"),
                    "move what it holds elsewhere in the file, or leave this part out with `--skip machine-config`",
                ));
            }
            let current = json::get(&text, pointer).map_err(broken)?;
            let last = self.record.get(&self.change.path, &name);
            match current {
                Some(current) if current == *value => {}
                Some(current) if !self.force && last.is_some_and(|last| last != value_digest(&current)) => {
                    let why = format!("`{}` in it was edited since modelstrap wrote it", pointer.join("."));
                    kept.push(Kept { path: self.change.path.clone(), why, yields_to_force: true });
                    if let Some(last) = last {
                        wrote.insert(name, last.to_owned());
                    }
                    continue;
                }
                _ => text = json::set(&text, pointer, value, None).map_err(broken)?,
            }
            wrote.insert(name, value_digest(value));
        }
        for (pointer, value) in &members.defaults {
            if json::get(&text, pointer).map_err(broken)?.is_none() {
                text = json::set(&text, pointer, value, None).map_err(broken)?;
                wrote.insert(fragment_name(pointer), value_digest(value));
            } else {
                held(&mut wrote, fragment_name(pointer));
            }
        }
        if let Some((key, value)) = &members.stamp {
            let pointer = [key.clone()];
            if text != there || json::get(&text, &pointer).map_err(broken)?.is_none() {
                let first = members.set.first().and_then(|(pointer, _)| pointer.first()).map(String::as_str);
                text = json::set(&text, &pointer, value, first).map_err(broken)?;
                wrote.insert(fragment_name(&pointer), value_digest(value));
            } else {
                held(&mut wrote, fragment_name(&pointer));
            }
        }
        if text == there && before != State::Absent {
            return Ok(Outcome { settled: wrote, kept, edit: None });
        }
        let outcome = self.edit(before, State::File(text.into_bytes(), mode), wrote, Kind::Json);
        Ok(Outcome { kept, ..outcome })
    }

    fn json_text(&self, bytes: &[u8]) -> Result<String, Obstacle> {
        if bytes.len() > MAX_JSON {
            let why = format!("is {}, far too large for a machine config", units::bytes(bytes.len() as u64));
            return Err(self.obstacle(why, "move the file away: setup writes a new one"));
        }
        if bytes.starts_with(b"\xef\xbb\xbf") {
            let why = "begins with a byte order mark, which Python's json module refuses";
            return Err(self.obstacle(why, "save it as UTF-8 without a byte order mark"));
        }
        String::from_utf8(bytes.to_vec()).map_err(|error| {
            let why = format!("is not UTF-8 (first bad byte at offset {})", error.utf8_error().valid_up_to());
            self.obstacle(why, "save it as UTF-8, or move the file away: setup writes a new one")
        })
    }
}

/// The first member on the way to `pointer` that is something other than an object: it is a person's.
fn another_kind_on_the_way(text: &str, pointer: &[String]) -> serde_json::Result<Option<String>> {
    for end in 1..pointer.len() {
        if json::get(text, &pointer[..end])?.is_some_and(|found| !found.is_object() && !found.is_null()) {
            return Ok(Some(pointer[..end].join(".")));
        }
    }
    Ok(None)
}

/// How a member's path names its fragment in the record: a JSON array, since a key may hold any character.
pub(super) fn fragment_name(pointer: &[String]) -> String {
    Value::from(pointer.to_vec()).to_string()
}

/// The digest of a JSON value, whatever its spelling in the file.
pub(super) fn value_digest(value: &Value) -> String {
    digest::sha256(value.to_string().as_bytes())
}
