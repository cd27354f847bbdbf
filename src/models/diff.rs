//! What changes between two locks: models that came and went, commits that moved, and the files and bytes behind them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::lock::Lock;
use super::locked::{File, Model, Part, Place};
use crate::support::escape::printable;
use crate::support::units::{bytes, count};

/// More files of one model than this are counted, not listed.
const MOST_FILES: usize = 30;

/// What changes between two locks, model by model in the order of their names; those that stay the same are not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// The models that differ.
    pub models: Vec<ModelDiff>,
}

/// What changes in one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelDiff {
    /// Its name.
    pub name: String,
    /// Whether it came, went or changed.
    pub fate: Fate,
    /// Commits that moved, and sources that became others: what, from, to.
    pub moves: Vec<Move>,
    /// The files that differ, by label.
    pub files: Vec<FileDiff>,
}

/// Whether a model came, went or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Only the new lock has it.
    Added,
    /// Only the old lock has it.
    Removed,
    /// Both have it, and differ.
    Changed,
}

/// Something with a name that is another one now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The repository, or `spec`.
    pub what: String,
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
}

/// One file that differs; a side that has no such file is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiff {
    /// Its path, with its part before it where the model has several.
    pub label: String,
    /// Its size before, `Some(None)` where that was not known.
    pub old: Option<Option<u64>>,
    /// Its size now.
    pub new: Option<Option<u64>>,
}

/// Sums over files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files that came.
    pub added: usize,
    /// Files that went.
    pub removed: usize,
    /// Files with other bytes.
    pub changed: usize,
}

/// What a change of the lock means in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Bytes that a download has to fetch for what came and changed.
    pub to_come: u64,
    /// How many files nobody knows the size of that it has to fetch, too.
    pub to_come_unsized: usize,
    /// Bytes of contents that the old lock names, and the new one does not.
    pub unnamed: u64,
}

/// Weighs what came and changed between two locks. `lacks` says how many bytes of a file are not here, where its size is known;
/// a content that goes to the same place as one of a model that stays as it was, or as one before it, comes no second time.
///
/// # Errors
/// What `lacks` says.
pub fn weigh<E>(
    old: Option<&Lock>,
    new: &Lock,
    mut lacks: impl FnMut(&Part, &File) -> Result<Lack, E>,
) -> Result<Weight, E> {
    let before = |name: &str| old.and_then(|lock| lock.find(name));
    let mut weight = Weight::default();
    let (same, moved): (Vec<&Model>, Vec<&Model>) =
        new.models.iter().partition(|model| before(&model.name) == Some(*model));
    let mut had: HashSet<String> =
        same.iter().flat_map(|model| model_files(model)).map(|(part, file)| content(part, file)).collect();
    // Of a model that changed, too, most files stay as they were.
    for model in &moved {
        let old: HashSet<(&str, String)> = before(&model.name)
            .into_iter()
            .flat_map(model_files)
            .map(|(part, file)| (file.path.as_str(), content(part, file)))
            .collect();
        let stays = |part, file: &File| old.contains(&(file.path.as_str(), content(part, file)));
        had.extend(model_files(model).filter(|(part, file)| stays(part, file)).map(|(part, file)| content(part, file)));
    }
    for (part, file) in moved.iter().flat_map(|model| model_files(model)) {
        if had.insert(content(part, file)) {
            match lacks(part, file)? {
                Lack::Nothing => {}
                Lack::Bytes(bytes) => weight.to_come = weight.to_come.saturating_add(bytes),
                Lack::Unknown => weight.to_come_unsized += 1,
            }
        }
    }
    for (part, file) in old.into_iter().flat_map(|lock| &lock.models).flat_map(model_files) {
        if had.insert(content(part, file)) {
            weight.unnamed = weight.unnamed.saturating_add(file.size.unwrap_or(0));
        }
    }
    Ok(weight)
}

/// How much of a file is not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// It is here.
    Nothing,
    /// So many bytes.
    Bytes(u64),
    /// It is not here, and nobody knows its size.
    Unknown,
}

fn model_files(model: &Model) -> impl Iterator<Item = (&Part, &File)> {
    model.parts.iter().flat_map(|part| part.files.iter().map(move |file| (part, file)))
}

/// Where the bytes of a file go, and which they are. A repository of the Hub keeps each content once, whatever its names.
fn content(part: &Part, file: &File) -> String {
    let bytes = file.digest.map_or_else(|| file.url.clone().unwrap_or_default(), |digest| digest.to_string());
    match &part.place {
        Place::Hub(place) => format!("{:?} {} {bytes}", place.repo_type, place.repo),
        Place::TorchHub { owner, repo, reference, .. } => format!("{owner} {repo} {reference} {} {bytes}", file.path),
        Place::Files { home } => format!("{home:?} {} {bytes}", file.path),
        Place::Wheel { .. } => format!("{} {bytes}", file.path),
    }
}

/// Compares two locks; without an old one, everything is new.
pub fn diff(old: Option<&Lock>, new: &Lock) -> Diff {
    let old = old.map_or(&[][..], |lock| &lock.models);
    let by_name = |models| -> BTreeMap<&str, &Model> {
        let models: &[Model] = models;
        models.iter().map(|model| (model.name.as_str(), model)).collect()
    };
    let (before, after) = (by_name(old), by_name(&new.models));
    let names: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    let models = names.into_iter().filter_map(|name| model(name, before.get(name).copied(), after.get(name).copied()));
    Diff { models: models.collect() }
}

impl Diff {
    /// True when the locks say the same of every model.
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// Sums over all models.
    pub fn totals(&self) -> Totals {
        self.models.iter().flat_map(|model| &model.files).fold(Totals::default(), |mut sum, file| {
            match (file.old, file.new) {
                (None, _) => sum.added += 1,
                (_, None) => sum.removed += 1,
                _ => sum.changed += 1,
            }
            sum
        })
    }

    /// For a person: a head for each model, its moves and files below it, the sums at the end. Empty without a change.
    pub fn lines(&self, weight: &Weight) -> Vec<String> {
        let mut lines: Vec<String> = self.models.iter().flat_map(ModelDiff::lines).collect();
        if !self.is_empty() {
            lines.push(self.totals().line(weight));
        }
        lines
    }
}

impl ModelDiff {
    fn lines(&self) -> Vec<String> {
        let sign = match self.fate {
            Fate::Added => "+",
            Fate::Removed => "-",
            Fate::Changed => "~",
        };
        let sums = match self.fate {
            Fate::Changed => String::new(),
            _ => {
                let total: Option<u64> = self.files.iter().map(|file| file.new.or(file.old).flatten()).sum();
                let total = total.map_or_else(|| "size unknown".to_owned(), bytes);
                format!("  {}, {total}", count(self.files.len(), "file"))
            }
        };
        let mut lines = vec![format!("{sign} {}{sums}", printable(&self.name))];
        lines.extend(self.moves.iter().map(|one| {
            format!("    {}: {} -> {}", printable(&one.what), printable(&short(&one.from)), printable(&short(&one.to)))
        }));
        // What came or went as a whole needs no list: the lock has it.
        if self.fate == Fate::Changed {
            lines.extend(self.files.iter().take(MOST_FILES).map(|file| format!("  {}", file.line())));
            if let Some(more) = self.files.len().checked_sub(MOST_FILES).filter(|more| *more > 0) {
                lines.push(format!("  and {} more", count(more, "file")));
            }
        }
        lines
    }
}

impl FileDiff {
    /// `+ path size`, `- path size`, `~ path old -> new`.
    pub fn line(&self) -> String {
        let size = |size: Option<u64>| size.map_or_else(|| "size unknown".to_owned(), bytes);
        let label = printable(&self.label);
        match (self.old, self.new) {
            (Some(old), Some(new)) if old == new => format!("~ {label}  {}, other bytes", size(new)),
            (Some(old), Some(new)) => format!("~ {label}  {} -> {}", size(old), size(new)),
            (None, Some(new)) => format!("+ {label}  {}", size(new)),
            (Some(old), None) => format!("- {label}  {}", size(old)),
            (None, None) => label,
        }
    }
}

impl Totals {
    /// `2 files added, 1 file changed: 1.20 GB to come, 800 MB no longer named`
    pub fn line(&self, weight: &Weight) -> String {
        let counts = [(self.added, "added"), (self.changed, "changed"), (self.removed, "removed")];
        let said: Vec<_> = counts
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{} {what}", count(number, "file")))
            .collect();
        let said = if said.is_empty() { "no file differs".to_owned() } else { said.join(", ") };
        let unknown = || format!("{} of unknown size", count(weight.to_come_unsized, "file"));
        let new = match (weight.to_come, weight.to_come_unsized) {
            (0, 0) => "nothing".to_owned(),
            (known, 0) => bytes(known),
            (0, _) => unknown(),
            (known, _) => format!("{} and {}", bytes(known), unknown()),
        };
        // Nothing is deleted: what no lock names any more stays in the cache.
        let old = match weight.unnamed {
            0 => String::new(),
            unnamed => format!(", {} no longer named", bytes(unnamed)),
        };
        format!("{said}: {new} to come{old}")
    }
}

fn model(name: &str, old: Option<&Model>, new: Option<&Model>) -> Option<ModelDiff> {
    let fate = match (old, new) {
        (Some(old), Some(new)) if old == new => return None,
        (Some(_), Some(_)) => Fate::Changed,
        (None, _) => Fate::Added,
        (_, None) => Fate::Removed,
    };
    let several = [old, new].into_iter().flatten().any(|model| model.parts.len() > 1);
    let (before, after) = (files(old, several), files(new, several));
    let labels: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let files = labels.into_iter().filter_map(|label| {
        let (old, new) = (before.get(label).copied(), after.get(label).copied());
        (old != new).then(|| FileDiff { label: label.clone(), old: old.map(|f| f.size), new: new.map(|f| f.size) })
    });
    Some(ModelDiff { name: name.to_owned(), fate, moves: moves(old, new), files: files.collect() })
}

/// A model's files by label; two parts of one place, should there be any, are told apart by their number.
fn files(model: Option<&Model>, several: bool) -> BTreeMap<String, &File> {
    let mut found = BTreeMap::new();
    for part in model.iter().flat_map(|model| &model.parts) {
        for file in &part.files {
            let label = if several { format!("{}: {}", title(part), file.path) } else { file.path.clone() };
            found.insert(label, file);
        }
    }
    found
}

fn moves(old: Option<&Model>, new: Option<&Model>) -> Vec<Move> {
    let (Some(old), Some(new)) = (old, new) else { return Vec::new() };
    let mut moves = Vec::new();
    if old.spec != new.spec {
        moves.push(Move { what: "spec".to_owned(), from: old.spec.clone(), to: new.spec.clone() });
    }
    for part in &new.parts {
        let before = old.parts.iter().find(|before| title(before) == title(part)).and_then(commit);
        if let (Some(from), Some(to)) = (before, commit(part))
            && from != to
        {
            moves.push(Move { what: title(part), from: from.to_owned(), to: to.to_owned() });
        }
    }
    moves
}

/// What a person calls a part: its repository, or the kind of its place.
fn title(part: &Part) -> String {
    match &part.place {
        Place::Hub(place) => place.repo.clone(),
        Place::TorchHub { owner, repo, .. } => format!("{owner}/{repo}"),
        Place::Files { .. } => "files".to_owned(),
        Place::Wheel { .. } => "wheel".to_owned(),
    }
}

fn commit(part: &Part) -> Option<&str> {
    match &part.place {
        Place::Hub(place) => Some(&place.commit),
        Place::TorchHub { commit, .. } => Some(commit),
        Place::Files { .. } | Place::Wheel { .. } => None,
    }
}

/// A commit's first twelve digits; anything else as it is.
fn short(text: &str) -> String {
    let commit = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.get(..12).filter(|_| commit).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::Digest;
    use crate::models::locked::{HubPlace, RepoType};

    fn model(name: &str, commit: &str, files: &[(&str, u64, u8)]) -> Model {
        let place = Place::Hub(HubPlace {
            repo_type: RepoType::Model,
            repo: "a/b".to_owned(),
            requested: "main".to_owned(),
            commit: commit.repeat(20),
            complete: true,
        });
        let file = |(path, size, byte): &(&str, u64, u8)| File {
            path: (*path).to_owned(),
            size: Some(*size),
            digest: Some(Digest::Sha256([*byte; 32])),
            url: None,
        };
        let parts = vec![Part { place, files: files.iter().map(file).collect() }];
        Model { name: name.to_owned(), spec: "hf:a/b".to_owned(), parts }
    }

    fn lock(models: Vec<Model>) -> Lock {
        Lock::new(Digest::Sha256([0; 32]), models)
    }

    fn weighed(old: Option<&Lock>, new: &Lock) -> Weight {
        let all = |_: &Part, file: &File| Ok::<_, ()>(file.size.map_or(Lack::Unknown, Lack::Bytes));
        weigh(old, new, all).unwrap()
    }

    #[test]
    fn what_another_model_has_does_not_come_and_a_new_name_is_no_new_content() {
        let one = lock(vec![model("asr", "0a", &[("x", 7, 1), ("y", 8, 2)])]);
        let renamed = lock(vec![model("tts", "0a", &[("x", 7, 1), ("y", 8, 2)])]);
        let both = lock(vec![one.models[0].clone(), model("tts", "0b", &[("z", 7, 1), ("w", 9, 3), ("v", 9, 3)])]);
        assert_eq!(weighed(Some(&one), &both), Weight { to_come: 9, ..Weight::default() }, "each content once");
        assert_eq!(weighed(Some(&both), &one), Weight { unnamed: 9, ..Weight::default() });
        assert_eq!(weighed(Some(&one), &renamed), Weight { to_come: 15, ..Weight::default() }, "as nothing is here");
        let here = weigh(Some(&one), &renamed, |_, _| Ok::<_, ()>(Lack::Nothing)).unwrap();
        assert_eq!(
            diff(Some(&one), &renamed).lines(&here),
            ["- asr  2 files, 15 B", "+ tts  2 files, 15 B", "2 files added, 2 files removed: nothing to come"]
        );
    }

    #[test]
    fn a_branch_that_moved_shows_its_files_and_bytes() {
        let old = lock(vec![
            model("asr", "0a", &[("config.json", 2_394, 1), ("model.bin", 3_000_000_000, 2), ("old\u{1b}.txt", 5, 3)]),
            model("gone", "0a", &[("x", 7, 1)]),
            model("same", "0a", &[("x", 7, 1)]),
        ]);
        let new = lock(vec![
            model("asr", "0b", &[("config.json", 2_394, 9), ("model.bin", 3_100_000_000, 4), ("new.txt", 6, 3)]),
            model("fresh", "0a", &[("x", 8, 1)]),
            model("same", "0a", &[("x", 7, 1)]),
        ]);
        let diff = diff(Some(&old), &new);
        let expected = [
            "~ asr",
            "    a/b: 0a0a0a0a0a0a -> 0b0b0b0b0b0b",
            "  ~ config.json  2.39 kB, other bytes",
            "  ~ model.bin  3.00 GB -> 3.10 GB",
            "  + new.txt  6 B",
            "  - old\\u{1b}.txt  5 B",
            "+ fresh  1 file, 8 B",
            "- gone  1 file, 7 B",
            "2 files added, 2 files changed, 2 files removed: 3.10 GB to come, 3.00 GB no longer named",
        ];
        let weight = weighed(Some(&old), &new);
        assert_eq!(diff.lines(&weight), expected);
        assert_eq!(diff.totals(), Totals { added: 2, removed: 2, changed: 2 });
        // `fresh` has a content that `same` has already.
        assert_eq!(weight, Weight { to_come: 3_100_002_400, to_come_unsized: 0, unnamed: 3_000_000_000 });
    }

    #[test]
    fn equal_locks_have_no_difference_and_a_first_lock_is_all_new() {
        let one = lock(vec![model("asr", "0a", &[("x", 7, 1)])]);
        assert_eq!(diff(Some(&one), &one), Diff::default());
        assert_eq!(diff(Some(&one), &one).lines(&weighed(Some(&one), &one)), Vec::<String>::new());
        assert_eq!(diff(None, &one).lines(&weighed(None, &one)), ["+ asr  1 file, 7 B", "1 file added: 7 B to come"]);
    }

    #[test]
    fn a_commit_that_moved_without_a_file_says_so() {
        let old = lock(vec![model("asr", "0a", &[("x", 7, 1)])]);
        let new = lock(vec![model("asr", "0b", &[("x", 7, 1)])]);
        let expected = ["~ asr", "    a/b: 0a0a0a0a0a0a -> 0b0b0b0b0b0b", "no file differs: nothing to come"];
        assert_eq!(diff(Some(&old), &new).lines(&weighed(Some(&old), &new)), expected);
    }
}
