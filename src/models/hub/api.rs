//! What a repository holds at a branch, tag or commit: one question for the commit, then its tree, page by page.

use std::collections::HashSet;

use super::listing::{Info, read_tree};
use super::refusal::About;
use super::settings::Settings;
use super::{Error, link, origin};
use crate::models::documents::{Answer, Ask, Documents};
use crate::models::locked::RepoType;
use crate::models::names;
use crate::support::escape::printable;

pub use super::listing::Entry;

/// The most bytes of one answer, which is in memory as a whole: the largest repositories have some 10 MB of names in their
/// information, and a page of their listing has a thousand files, 250 bytes each.
const DOCUMENT: u64 = 20 << 20;

/// The most files of one commit. The Hub itself advises against more than 100,000.
const MOST_FILES: usize = 1_000_000;

/// A repository at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name in the letter case that the Hub has; an old name of a renamed repository stays as it was asked for.
    pub repo: String,
    /// Its name now, where it was renamed since.
    pub renamed: Option<String>,
    /// 40 lower-case hexadecimal digits.
    pub commit: String,
    /// Whether access must be asked for; unknown, and so false, when a commit was asked for.
    pub gated: bool,
    /// The licence's short name, where the authors say it.
    pub license: Option<String>,
    /// Its files, sorted by path, each path once.
    pub entries: Vec<Entry>,
}

/// What `repo` holds at `revision`. With a whole commit for a revision the first question is saved.
///
/// # Errors
/// Why the Hub does not say it, or why what it says cannot be.
pub fn resolve(
    documents: &dyn Documents,
    settings: &Settings,
    repo_type: RepoType,
    repo: &str,
    revision: &str,
) -> Result<Snapshot, Error> {
    let name_error = |why| Error::Name { repo: repo.to_owned(), why };
    names::hub_repo(repo).map_err(name_error)?;
    names::revision(revision).map_err(|_| Error::Revision { repo: repo.to_owned(), revision: revision.to_owned() })?;
    let hub = Hub { documents, settings, about: About { settings, repo_type, repo, revision, path: None } };
    let mut snapshot = if names::is_commit(revision) {
        let commit = revision.to_owned();
        Snapshot { repo: repo.to_owned(), renamed: None, commit, gated: false, license: None, entries: Vec::new() }
    } else {
        hub.head()?
    };
    snapshot.entries = hub.tree(&snapshot.commit)?;
    Ok(snapshot)
}

/// A file's address at a commit, without the parts that only a browser needs.
pub fn file_url(settings: &Settings, repo_type: RepoType, repo: &str, commit: &str, path: &str) -> String {
    let (prefix, path) = (repo_type.prefix(), names::quoted_path(path));
    format!("{}/{prefix}{repo}/resolve/{commit}/{path}", settings.endpoint)
}

struct Hub<'a> {
    documents: &'a dyn Documents,
    settings: &'a Settings,
    about: About<'a>,
}

impl Hub<'_> {
    fn get(&self, url: &str) -> Result<Answer, Error> {
        if self.settings.offline {
            return Err(Error::Fetch(crate::fetch::Error::Offline(printable(url))));
        }
        let credential = self.settings.credential();
        let ask = Ask { url, accept: Some("application/json"), credential: credential.as_deref(), limit: DOCUMENT };
        self.documents.get(&ask).map_err(|error| self.about.explain(error))
    }

    fn api(&self) -> Result<String, Error> {
        let endpoint = &self.settings.endpoint;
        if origin::of(endpoint).is_none() {
            return Err(Error::Endpoint { endpoint: endpoint.clone() });
        }
        Ok(format!("{endpoint}/api/{}/{}", self.about.repo_type.plural(), self.about.repo))
    }

    /// The commit behind the revision, and what else the Hub says.
    fn head(&self) -> Result<Snapshot, Error> {
        let url = format!("{}/revision/{}", self.api()?, names::quoted_segment(self.about.revision));
        let answer = self.get(&url)?;
        let info: Info = serde_json::from_slice(&answer.body).map_err(|error| not_a_hub(&answer, &url, &error))?;
        if info.disabled == Some(true) {
            let page = self.settings.page(self.about.repo_type, self.about.repo);
            return Err(Error::Disabled { repo: self.about.repo.to_owned(), page });
        }
        let commit = info
            .sha
            .clone()
            .filter(|sha| names::is_commit(sha))
            .ok_or_else(|| Error::NotAHub { url: url.clone(), why: "it names no commit".to_owned() })?;
        let (repo, renamed) = canonical(self.about.repo, &info.id);
        Ok(Snapshot { repo, renamed, commit, gated: info.gated.0, license: info.license(), entries: Vec::new() })
    }

    fn tree(&self, commit: &str) -> Result<Vec<Entry>, Error> {
        let first = format!("{}/tree/{commit}?recursive=true&expand=false", self.api()?);
        let mut entries = Vec::new();
        let mut pages = HashSet::new();
        let mut next = Some(first);
        while let Some(url) = next {
            let answer = self.get(&url)?;
            read_tree(&answer.body, &mut entries, MOST_FILES).map_err(|error| not_a_hub(&answer, &url, &error))?;
            next = self.next_page(&url, answer.header("link"))?;
            if !pages.insert(url.clone()) || next.as_ref().is_some_and(|next| pages.contains(next)) {
                return Err(Error::Listing { url, why: "the pages of the listing go round in a circle".to_owned() });
            }
        }
        checked(self.about.repo, entries)
    }

    /// The next page: it may lie at the endpoint only, since the token is sent along.
    fn next_page(&self, url: &str, header: Option<&str>) -> Result<Option<String>, Error> {
        let Some(target) = header.and_then(link::next) else { return Ok(None) };
        let target = match target.strip_prefix('/') {
            Some(path) if !path.starts_with('/') => {
                let start = url.find("://").map_or(0, |at| at + 3);
                let end = url[start..].find('/').map_or(url.len(), |at| start + at);
                format!("{}/{path}", &url[..end])
            }
            _ => target.to_owned(),
        };
        if origin::of(&target).is_some() && origin::of(&target) == origin::of(&self.settings.endpoint) {
            return Ok(Some(target));
        }
        let host = origin::of(&target).map_or_else(|| "elsewhere".to_owned(), |origin| printable(&origin.host));
        let why = format!("the listing goes on at another server ({host}), which is not followed");
        Err(Error::Listing { url: url.to_owned(), why })
    }
}

/// The name to use, and the new name where it is another one than by letter case.
fn canonical(asked: &str, id: &str) -> (String, Option<String>) {
    if id.eq_ignore_ascii_case(asked) {
        return (id.to_owned(), None);
    }
    let renamed = (names::hub_repo(id).is_ok()).then(|| id.to_owned());
    (asked.to_owned(), renamed)
}

/// The files with names that can be paths, sorted, each once.
fn checked(repo: &str, mut entries: Vec<Entry>) -> Result<Vec<Entry>, Error> {
    let refused = |path: &str, why| Error::FileName { repo: repo.to_owned(), path: path.to_owned(), why };
    for entry in &entries {
        names::file_path(&entry.path).map_err(|why| refused(&entry.path, why))?;
    }
    entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    for pair in entries.windows(2) {
        if pair[0].path == pair[1].path && pair[0] != pair[1] {
            return Err(refused(&pair[0].path, "is listed twice, with different content"));
        }
    }
    entries.dedup();
    let files: HashSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    for entry in &entries {
        let mut folders = entry.path.match_indices('/').map(|(at, _)| &entry.path[..at]);
        if folders.any(|folder| files.contains(folder)) {
            return Err(refused(&entry.path, "lies in a folder that is listed as a file"));
        }
    }
    drop(files);
    Ok(entries)
}

fn not_a_hub(answer: &Answer, url: &str, error: &serde_json::Error) -> Error {
    let html = answer.header("content-type").is_some_and(|kind| kind.contains("html"))
        || answer.body.trim_ascii_start().starts_with(b"<");
    let why = match (html, error.classify()) {
        (true, _) => "it sent a page of HTML".to_owned(),
        (_, serde_json::error::Category::Data) => {
            return Error::Listing { url: url.to_owned(), why: printable(&error.to_string()) };
        }
        _ => format!("it sent no JSON: {}", printable(&error.to_string())),
    };
    Error::NotAHub { url: url.to_owned(), why }
}

#[cfg(test)]
#[path = "api/tests.rs"]
mod tests;
