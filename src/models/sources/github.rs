//! What GitHub's API says of a repository: the commit that a branch or tag is, and the files of that commit.

use serde::Deserialize;

use super::{Documents, Error};
use crate::fetch::{self, Credential, Digest, Origin, Secret};
use crate::models::locked::LARGEST_FILE;
use crate::support::vars::Vars;

/// Where the API is.
const API: &str = "https://api.github.com";
/// A commit is 40 digits as text, or a JSON document with up to 300 files and their patches.
const COMMIT_LIMIT: u64 = 16 << 20;
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

/// The commit that `reference` (checked by the caller) is; `None` when the repository has no such branch, tag or commit.
///
/// # Errors
/// When the server cannot be asked, or answers with something else.
pub fn commit(
    client: &dyn Documents,
    github: Option<&Credential>,
    owner: &str,
    repo: &str,
    reference: &str,
) -> Result<Option<String>, Error> {
    let url = format!("{API}/repos/{owner}/{repo}/commits/{}", super::names::escaped(reference));
    let body = match ask(client, &url, "application/vnd.github.sha", github, COMMIT_LIMIT) {
        Ok(body) => body,
        // 422 is «no commit found», 404 a repository that is not there or is private.
        Err(Error::Fetch(fetch::Error::Status(status))) if matches!(status.code, 404 | 422) => return Ok(None),
        Err(error) => return Err(error),
    };
    parse_commit(&body).map(Some).ok_or_else(|| Error::Answer { url, why: "names no commit".to_owned() })
}

/// The files of `commit`: symbolic links and submodules are left out.
///
/// # Errors
/// When the server cannot be asked, answers with something else, or with a part of the listing only.
pub fn blobs(
    client: &dyn Documents,
    github: Option<&Credential>,
    owner: &str,
    repo: &str,
    commit: &str,
) -> Result<Vec<Blob>, Error> {
    let url = format!("{API}/repos/{owner}/{repo}/git/trees/{commit}?recursive=1");
    let body = ask(client, &url, "application/vnd.github+json", github, TREE_LIMIT)?;
    parse_tree(&body).map_err(|why| Error::Answer { url: super::url::redacted(&url), why })
}

fn ask(
    client: &dyn Documents,
    url: &str,
    accept: &str,
    github: Option<&Credential>,
    limit: u64,
) -> Result<Vec<u8>, Error> {
    client.get(url, Some(accept), github, limit).map_err(|error| match &error {
        fetch::Error::Status(status) if matches!(status.code, 403 | 429) && github.is_none() => {
            let why =
                format!("{error}\n    without a token GitHub answers 60 questions an hour: set GITHUB_TOKEN, or wait");
            Error::Refused(why)
        }
        _ => error.into(),
    })
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

/// Whether `text` is a whole commit: 40 lower-case hexadecimal digits.
pub(super) fn is_commit(text: &str) -> bool {
    matches!(Digest::from_hex(text), Some(Digest::Git(_)))
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
