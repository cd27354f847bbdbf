//! What GitHub's API says of a repository: the commit that a branch or tag is, and the files of that commit.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Error;
use crate::fetch::{self, Credential, Digest, Origin, Secret};
use crate::models::documents::{Ask, Documents};
use crate::models::locked::LARGEST_FILE;
use crate::models::names::{is_commit, quoted_path};
use crate::support::vars::Vars;

/// Where the API is.
const API: &str = "https://api.github.com";
const JSON: &str = "application/vnd.github+json";
/// A commit is 40 digits as text, or a JSON document with up to 300 files and their patches.
pub(super) const COMMIT_LIMIT: u64 = 16 << 20;
/// GitHub itself ends a listing at 7 MB.
const TREE_LIMIT: u64 = 32 << 20;

/// One file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its path, as the server gives it: unchecked.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// Git's name for it.
    pub digest: Digest,
}

/// The user's token in `GITHUB_TOKEN`, which raises the API's 60 questions an hour to 5,000. Only the API sees it.
pub fn credential(vars: &Vars) -> Option<Credential> {
    let token = Secret::new(vars.text("GITHUB_TOKEN")?.trim());
    let api = Origin { scheme: "https".to_owned(), host: "api.github.com".to_owned(), port: 443 };
    Some(Credential { token, origins: vec![api] })
}

/// A repository on GitHub, and who asks about it.
#[derive(Clone, Copy)]
pub(super) struct Repository<'a> {
    pub(super) client: &'a dyn Documents,
    pub(super) credential: Option<&'a Credential>,
    /// Checked by the caller, like the repository's name.
    pub(super) owner: &'a str,
    pub(super) name: &'a str,
}

impl Repository<'_> {
    /// The commit at the head of a branch; `None` where there is no such branch, or no such repository.
    ///
    /// # Errors
    /// When the server cannot be asked, or answers with something else.
    pub(super) fn branch(&self, branch: &str) -> Result<Option<String>, Error> {
        Ok(self.reference("heads", branch)?.filter(|target| target.kind == "commit").map(|target| target.sha))
    }

    /// The commit of a tag, also of one with a message.
    ///
    /// # Errors
    /// When the server cannot be asked, or answers with something else.
    pub(super) fn tag(&self, tag: &str) -> Result<Option<String>, Error> {
        let mut target = self.reference("tags", tag)?;
        // A tag with a message is an object of its own, and may be of another tag.
        for _ in 0..4 {
            match target {
                Some(Target { sha, kind }) if kind == "tag" => {
                    let found: Option<Reference> = self.json(&format!("git/tags/{sha}"), COMMIT_LIMIT)?;
                    target = found.map(|found| found.object).filter(|target| is_commit(&target.sha));
                }
                other => return Ok(other.filter(|target| target.kind == "commit").map(|target| target.sha)),
            }
        }
        Ok(None)
    }

    fn reference(&self, kind: &str, name: &str) -> Result<Option<Target>, Error> {
        let path = format!("git/ref/{kind}/{}", quoted_path(name));
        let found: Option<Reference> = self.json(&path, COMMIT_LIMIT)?;
        match found {
            Some(found) if !is_commit(&found.object.sha) => {
                Err(Error::Answer { url: self.url(&path), why: "names no commit".to_owned() })
            }
            found => Ok(found.map(|found| found.object)),
        }
    }

    /// The whole name of a commit, also of one that only a fork has.
    ///
    /// # Errors
    /// When the server cannot be asked, or answers with something else.
    pub(super) fn commit(&self, commit: &str) -> Result<Option<String>, Error> {
        let path = format!("commits/{}", quoted_path(commit));
        let Some(body) = self.ask(&path, "application/vnd.github.sha", COMMIT_LIMIT)? else { return Ok(None) };
        let no_commit = || Error::Answer { url: self.url(&path), why: "names no commit".to_owned() };
        parse_commit(&body).map(Some).ok_or_else(no_commit)
    }

    /// The files of `commit`: symbolic links and submodules are left out.
    ///
    /// # Errors
    /// When the server cannot be asked, answers with something else, or with a part of the listing only.
    pub(super) fn blobs(&self, commit: &str) -> Result<Vec<Blob>, Error> {
        let path = format!("git/trees/{commit}?recursive=1");
        let missing = || Error::NotThere(format!("GitHub has no files of {}/{} at {commit}", self.owner, self.name));
        let body = self.ask(&path, JSON, TREE_LIMIT)?.ok_or_else(missing)?;
        parse_tree(&body).map_err(|why| Error::Answer { url: super::url::redacted(&self.url(&path)), why })
    }

    /// What the API says at `path` below the repository, the repository itself for an empty one.
    ///
    /// # Errors
    /// When the server cannot be asked, or answers with something else.
    pub(super) fn json<T: DeserializeOwned>(&self, path: &str, limit: u64) -> Result<Option<T>, Error> {
        let Some(body) = self.ask(path, JSON, limit)? else { return Ok(None) };
        let wrong = |error: serde_json::Error| Error::Answer {
            url: super::url::redacted(&self.url(path)),
            why: format!("is not what GitHub's API says: {error}"),
        };
        serde_json::from_slice(&body).map(Some).map_err(wrong)
    }

    fn url(&self, path: &str) -> String {
        let url = format!("{API}/repos/{}/{}/{path}", self.owner, self.name);
        url.trim_end_matches('/').to_owned()
    }

    /// `None` for what is not there: 422 is «no commit found», 404 everything else, also what is private.
    fn ask(&self, path: &str, accept: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        match self.client.get(&Ask { url: &self.url(path), accept: Some(accept), credential: self.credential, limit }) {
            Ok(answer) => Ok(Some(answer.body)),
            Err(fetch::Error::Status(status)) if matches!(status.code, 404 | 422) => Ok(None),
            Err(error) => Err(self.explained(error)),
        }
    }

    fn explained(&self, error: fetch::Error) -> Error {
        match &error {
            fetch::Error::Status(status) if matches!(status.code, 403 | 429) && self.credential.is_none() => {
                let hint = "without a token GitHub answers 60 questions an hour: set GITHUB_TOKEN, or wait";
                Error::Refused(format!("{error}\n    {hint}"))
            }
            _ => error.into(),
        }
    }
}

/// What the API answers for a branch, and for a tag with a message.
#[derive(Deserialize)]
struct Reference {
    object: Target,
}

#[derive(Deserialize)]
struct Target {
    sha: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Commit {
    sha: String,
}

#[derive(Deserialize)]
struct Tree {
    tree: Vec<Entry>,
    #[serde(default)]
    truncated: bool,
}

#[derive(Deserialize)]
struct Entry {
    path: String,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    sha: String,
    size: Option<u64>,
}

fn parse_commit(body: &[u8]) -> Option<String> {
    let text = str::from_utf8(body).ok()?.trim();
    let sha = match serde_json::from_str::<Commit>(text) {
        Ok(commit) => commit.sha,
        Err(_) => text.to_owned(),
    };
    is_commit(&sha).then_some(sha)
}

fn parse_tree(body: &[u8]) -> Result<Vec<Blob>, String> {
    let tree: Tree = serde_json::from_slice(body).map_err(|error| format!("is no listing: {error}"))?;
    if tree.truncated {
        return Err("lists only a part of the repository, which has more files than GitHub lists at once".to_owned());
    }
    let mut blobs = Vec::new();
    for entry in tree.tree {
        // 120000 is a symbolic link, 160000 a submodule, 040000 a folder.
        if entry.kind != "blob" || !matches!(entry.mode.as_str(), "100644" | "100755" | "100664") {
            continue;
        }
        let digest = Digest::from_hex(&entry.sha).filter(|digest| matches!(digest, Digest::Git(_)));
        let (Some(size), Some(digest)) = (entry.size, digest) else {
            return Err("lists a file without its size or its name in Git".to_owned());
        };
        if size > LARGEST_FILE {
            return Err("lists a file with a size that no file has".to_owned());
        }
        blobs.push(Blob { path: entry.path, size, digest });
    }
    Ok(blobs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_token_is_for_the_api_alone() {
        assert!(credential(&Vars::default()).is_none());
        let credential = credential(&Vars::default().with("GITHUB_TOKEN", "ghp_x\n")).unwrap();
        assert_eq!(credential.token.reveal(), "ghp_x");
        let origins: Vec<_> = credential.origins.iter().map(|origin| (origin.host.as_str(), origin.port)).collect();
        assert_eq!(origins, [("api.github.com", 443)]);
    }

    #[test]
    fn a_commit_is_read_from_text_and_from_json() {
        let sha = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(parse_commit(format!("{sha}\n").as_bytes()).as_deref(), Some(sha));
        assert_eq!(parse_commit(format!("{{\"sha\":\"{sha}\",\"files\":[]}}").as_bytes()).as_deref(), Some(sha));
        for bad in ["", "<html>", "{\"sha\":\"../x\"}", &sha[1..], &sha.to_uppercase()] {
            assert_eq!(parse_commit(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn links_submodules_and_folders_are_left_out_and_a_cut_listing_is_an_error() {
        let sha = "0123456789abcdef0123456789abcdef01234567";
        let entry = |path: &str, mode: &str, kind: &str| {
            format!("{{\"path\":\"{path}\",\"mode\":\"{mode}\",\"type\":\"{kind}\",\"sha\":\"{sha}\",\"size\":3}}")
        };
        let entries = [
            entry("a.py", "100644", "blob"),
            entry("link", "120000", "blob"),
            entry("dir", "040000", "tree"),
            entry("module", "160000", "commit"),
            entry("dir/run.sh", "100755", "blob"),
        ];
        let list = |truncated: bool| format!("{{\"tree\":[{}],\"truncated\":{truncated}}}", entries.join(","));
        let paths: Vec<_> = parse_tree(list(false).as_bytes()).unwrap().into_iter().map(|blob| blob.path).collect();
        assert_eq!(paths, ["a.py", "dir/run.sh"]);
        assert!(parse_tree(list(true).as_bytes()).unwrap_err().contains("only a part"));
        let nameless = list(false).replacen(sha, "xyz", 1);
        assert!(parse_tree(nameless.as_bytes()).is_err());
        assert!(parse_tree(b"<html></html>").unwrap_err().starts_with("is no listing"));
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\":,a-z0-9]{0,80}") {
            let _ = (parse_commit(&bytes), parse_tree(&bytes), parse_commit(text.as_bytes()), parse_tree(text.as_bytes()));
        }
    }
}
