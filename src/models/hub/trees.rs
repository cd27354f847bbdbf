//! `trees/<commit>.json`: the listing of a whole commit, by which `huggingface_hub` 1.22 and later check a snapshot offline.
//!
//! One that lists more than is there makes `snapshot_download` fail offline, so it is written for complete snapshots only, and
//! one that is wider than the files is removed. Python writes it for its owner alone; ours can be read as the files can.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, BufRead as _, Write};
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use sha1::{Digest as _, Sha1};

use super::layout::Repository;
use super::refs::replace_with;
use crate::fetch::Digest;
use crate::models::locked::File;
use crate::models::names;
use crate::support::bounded;

/// Python's `TREE_CACHE_FORMAT_VERSION`.
const VERSION: u32 = 1;

/// The most bytes that a listing can have: a million files.
const LARGEST: u64 = 256 << 20;

#[derive(Serialize)]
struct Tree<'a> {
    format_version: u32,
    files: Nodes<'a>,
}

/// Made one by one while they are written: all at once they take several times the memory of the text.
struct Nodes<'a>(Vec<&'a File>);

#[derive(Serialize)]
struct Node {
    size: u64,
    blob_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lfs_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lfs_size: Option<u64>,
}

/// Writes the listing of `commit`, whose files are `files`, all of them.
///
/// # Errors
/// What the disk says.
pub fn write(repository: &Repository, commit: &str, files: &[File]) -> io::Result<()> {
    if files.iter().any(|file| file.size.is_none() || file.digest.is_none()) {
        return Ok(());
    }
    let mut files: Vec<&File> = files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let tree = Tree { format_version: VERSION, files: Nodes(files) };
    let path = repository.tree(commit);
    if is_already(&tree, &path) || says_the_same(&path, &tree.files.0) {
        return Ok(());
    }
    // Of 100,000 files it is 17 MB.
    replace_with(repository, &path, |file| {
        let mut json = io::BufWriter::new(file);
        tree.put(&mut json)?;
        json.flush()
    })
}

impl Tree<'_> {
    fn put(&self, to: impl Write) -> io::Result<()> {
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
        self.serialize(&mut serde_json::Serializer::with_formatter(to, formatter)).map_err(io::Error::other)
    }
}

impl Serialize for Nodes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().filter_map(|file| Some((&file.path, node(file)?))))
    }
}

/// Whether the file at `path` is `tree`, byte for byte: neither text is in memory as a whole.
fn is_already(tree: &Tree<'_>, path: &Path) -> bool {
    let is_file = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= LARGEST);
    let Some(file) = is_file.then(|| fs::File::open(path).ok()).flatten() else { return false };
    let mut same = io::BufWriter::new(Same(io::BufReader::new(file)));
    tree.put(&mut same).is_ok()
        && same.into_inner().is_ok_and(|mut same| same.0.fill_buf().is_ok_and(|rest| rest.is_empty()))
}

/// Takes what the file has at this place, and nothing else.
struct Same(io::BufReader<fs::File>);

impl Write for Same {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let found = self.0.fill_buf()?;
        let length = bytes.len().min(found.len());
        if length == 0 || bytes[..length] != found[..length] {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.0.consume(length);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Removes the listing of `commit` if it names a file that the snapshot does not have.
///
/// # Errors
/// What the disk says.
pub fn remove_if_wider(repository: &Repository, commit: &str) -> io::Result<()> {
    #[derive(Deserialize)]
    struct Names {
        files: BTreeMap<String, serde::de::IgnoredAny>,
    }
    let path = repository.tree(commit);
    let bytes = match bounded::read(&path, LARGEST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.unwrap_or_default(),
    };
    let honest = serde_json::from_slice::<Names>(&bytes).is_ok_and(|names| {
        names.files.keys().all(|name| names::file_path(name).is_ok() && repository.pointer(commit, name).exists())
    });
    if honest { Ok(()) } else { remove(repository, commit) }
}

/// Removes the listing of `commit`.
///
/// # Errors
/// What the disk says.
fn remove(repository: &Repository, commit: &str) -> io::Result<()> {
    match fs::remove_file(repository.tree(commit)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether Python's listing names the same files with the same content. Its Xet hashes, which save it a request, then stay.
/// Entry by entry: two trees of JSON would take a kilobyte a file.
fn says_the_same(path: &Path, files: &[&File]) -> bool {
    let is_file = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= LARGEST);
    let Some(file) = is_file.then(|| fs::File::open(path).ok()).flatten() else { return false };
    let mut json = serde_json::Deserializer::from_reader(io::BufReader::new(file));
    Listing(files).deserialize(&mut json).is_ok() && json.end().is_ok()
}

/// Python's listing, as far as it says what these files are.
struct Listing<'a>(&'a [&'a File]);

/// The member `files` of it.
struct Listed<'a>(&'a [&'a File]);

impl<'de> DeserializeSeed<'de> for Listing<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Listing<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a listing")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut version, mut files) = (false, false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "format_version" => version = map.next_value::<u32>()? == VERSION,
                "files" if !files => {
                    map.next_value_seed(Listed(self.0))?;
                    files = true;
                }
                _ => return Err(A::Error::custom("another member")),
            }
        }
        if version && files { Ok(()) } else { Err(A::Error::custom("of another version")) }
    }
}

impl<'de> DeserializeSeed<'de> for Listed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Listed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("files by their paths")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = vec![false; self.0.len()];
        while let Some((path, mut found)) = map.next_entry::<String, serde_json::Value>()? {
            let hash = found.as_object_mut().and_then(|found| found.remove("xet_hash"));
            // The mask of a hash that may not be read makes the whole listing worthless for Python.
            let usable = hash.is_none_or(|hash| hash.as_str().is_some_and(|text| is_hex(text, 64)));
            let at = self.0.binary_search_by(|file| file.path.as_str().cmp(&path)).ok().filter(|at| !seen[*at]);
            let ours = at.and_then(|at| serde_json::to_value(node(self.0[at])?).ok());
            match at.filter(|_| usable && ours == Some(found)) {
                Some(at) => seen[at] = true,
                None => return Err(A::Error::custom("another file")),
            }
        }
        if seen.into_iter().all(|seen| seen) { Ok(()) } else { Err(A::Error::custom("fewer files")) }
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn node(file: &File) -> Option<Node> {
    let size = file.size?;
    Some(match file.digest? {
        digest @ Digest::Git(_) => Node { size, blob_id: digest.hex(), lfs_sha256: None, lfs_size: None },
        digest @ Digest::Sha256(_) => {
            let sha256 = digest.hex();
            Node { size, blob_id: pointer_id(&sha256, size), lfs_sha256: Some(sha256), lfs_size: Some(size) }
        }
    })
}

/// Git's name of the text that stands for a large file in the repository (git-lfs, docs/spec.md).
fn pointer_id(sha256: &str, size: u64) -> String {
    let text = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n");
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", text.len()));
    hash.update(text);
    Digest::Git(hash.finalize().into()).hex()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::models::locked::RepoType;

    fn file(path: &str, digest: Digest) -> File {
        File { path: path.to_owned(), size: Some(7), digest: Some(digest), url: None }
    }

    #[test]
    fn a_listing_has_pythons_form() {
        let room = tempfile::tempdir().unwrap();
        let repository = Repository::named(RepoType::Model, "o/n", room.path());
        let commit = "c".repeat(40);
        let files = [file("z", Digest::Git([0xab; 20])), file("a/é", Digest::Sha256([0xcd; 32]))];
        write(&repository, &commit, &files).unwrap();
        let expected = format!(
            "{{\n \"format_version\": 1,\n \"files\": {{\n  \"a/é\": {{\n   \"size\": 7,\n   \"blob_id\": \"{}\",\n   \
             \"lfs_sha256\": \"{}\",\n   \"lfs_size\": 7\n  }},\n  \"z\": {{\n   \"size\": 7,\n   \"blob_id\": \"{}\"\n  }}\n }}\n}}",
            pointer_id(&"cd".repeat(32), 7),
            "cd".repeat(32),
            "ab".repeat(20),
        );
        assert_eq!(fs::read_to_string(repository.tree(&commit)).unwrap(), expected);
    }

    #[test]
    fn a_listing_of_python_that_says_the_same_stays() {
        let room = tempfile::tempdir().unwrap();
        let repository = Repository::named(RepoType::Model, "o/n", room.path());
        let (commit, files) = ("c".repeat(40), [file("é", Digest::Git([0xab; 20]))]);
        let path = repository.tree(&commit);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let python = |extra: &str| {
            let blob = "ab".repeat(20);
            format!(r#"{{"format_version":1,"files":{{"\u00e9":{{"blob_id":"{blob}","size":7{extra}}}}}}}"#)
        };
        let after = |text: String| {
            fs::write(&path, &text).unwrap();
            write(&repository, &commit, &files).unwrap();
            fs::read_to_string(&path).unwrap() == text
        };
        assert!(after(python("")));
        assert!(after(python(&format!(r#","xet_hash":"{}""#, "0f".repeat(32)))));
        assert!(!after(python(&format!(r#","xet_hash":"{}""#, "*".repeat(64)))));
        assert!(!after(python(r#","lfs_size":3"#)));
        assert!(!after("no JSON".to_owned()));
    }

    #[test]
    fn the_stand_in_of_a_large_file_has_gits_name() {
        // `printf 'version …\noid sha256:4d7a…\nsize 12345\n' | git hash-object --stdin`, with the example of git-lfs' own specification.
        let sha256 = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        assert_eq!(pointer_id(sha256, 12345), GIT_SAYS);
    }

    const GIT_SAYS: &str = "60c8d8ab2adcf57a391163a7eeb0cdb8bf348e44";

    #[test]
    fn a_listing_wider_than_the_files_goes() {
        let room = tempfile::tempdir().unwrap();
        let repository = Repository::named(RepoType::Model, "o/n", room.path());
        let commit = "c".repeat(40);
        write(&repository, &commit, &[file("a", Digest::Git([1; 20]))]).unwrap();
        fs::create_dir_all(repository.snapshot(&commit)).unwrap();
        fs::write(repository.pointer(&commit, "a"), "x").unwrap();
        remove_if_wider(&repository, &commit).unwrap();
        assert!(repository.tree(&commit).exists());
        fs::remove_file(repository.pointer(&commit, "a")).unwrap();
        remove_if_wider(&repository, &commit).unwrap();
        assert!(!repository.tree(&commit).exists());
        remove_if_wider(&repository, &commit).unwrap();
    }
}
