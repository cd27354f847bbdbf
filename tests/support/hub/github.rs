//! GitHub, as far as torch.hub and spaCy need it: commits, trees, raw files, releases.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::content::Content;
use super::http::{Reply, Request};
use super::origin::{StaticOrigin, mirrors};
use super::record::Log;
use super::repository::{Commit, File};
use super::server::Answers;
use super::server::Origin;
use super::tls::Authority;

/// Four hosts that belong together.
pub(crate) struct GitHub {
    /// `https://raw.githubusercontent.com`
    pub(crate) raw: StaticOrigin,
    /// `https://github.com`
    pub(crate) pages: StaticOrigin,
    /// `https://release-assets.githubusercontent.com`, where the files of a release really lie.
    pub(crate) assets: StaticOrigin,
    /// `https://api.github.com`
    pub(crate) api: Origin,
    commits: Arc<Commits>,
    compatibility: Mutex<Value>,
}

#[derive(Default)]
struct Commits(Mutex<Vec<Held>>);

struct Held {
    repository: String,
    reference: String,
    commit: Commit,
    kind: Kind,
}

/// What a commit is called.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Branch,
    Tag,
    /// Nothing, in this repository: it is a fork's, which the repository's addresses serve, too.
    Foreign,
}

impl GitHub {
    /// Starts all four.
    pub(super) fn start(log: &Arc<Log>, authority: Option<&Authority>) -> Self {
        let commits = Arc::new(Commits::default());
        let tls = authority.map(|authority| &authority.server);
        Self {
            raw: StaticOrigin::start("https://raw.githubusercontent.com", log, authority),
            pages: StaticOrigin::start("https://github.com", log, authority),
            assets: StaticOrigin::start("https://release-assets.githubusercontent.com", log, authority),
            api: Origin::start("api.github.com", log, tls, Arc::clone(&commits) as Arc<dyn Answers>),
            commits,
            compatibility: Mutex::new(json!({ "spacy": {} })),
        }
    }

    /// Puts files under a branch of `owner/repo`; returns the commit's id. The latest call for a name counts, and the earlier
    /// ones are its history. The first branch is the main one.
    pub(crate) fn commit<C: Into<Content>>(
        &self,
        repository: &str,
        branch: &str,
        files: impl IntoIterator<Item = (&'static str, C)>,
    ) -> String {
        self.hold(Kind::Branch, repository, branch, files)
    }

    /// The same under a tag with a message.
    pub(crate) fn tag<C: Into<Content>>(
        &self,
        repository: &str,
        tag: &str,
        files: impl IntoIterator<Item = (&'static str, C)>,
    ) -> String {
        self.hold(Kind::Tag, repository, tag, files)
    }

    /// A commit that somebody pushed to a fork: GitHub serves it by its id under the parent's name.
    pub(crate) fn commit_of_a_fork<C: Into<Content>>(
        &self,
        repository: &str,
        files: impl IntoIterator<Item = (&'static str, C)>,
    ) -> String {
        self.hold(Kind::Foreign, repository, "refs/forks/1", files)
    }

    fn hold<C: Into<Content>>(
        &self,
        kind: Kind,
        repository: &str,
        reference: &str,
        files: impl IntoIterator<Item = (&'static str, C)>,
    ) -> String {
        let files = files.into_iter().map(|(path, content)| File::new(path, content.into(), false)).collect();
        let commit = Commit::new(&format!("{repository}@{reference}"), None, files);
        let id = commit.id.clone();
        for file in &commit.files {
            for name in [id.as_str(), reference] {
                self.raw.file(&format!("/{repository}/{name}/{}", file.path), &file.content);
            }
        }
        self.pages.file(&format!("/{repository}/tree/{reference}"), "<!doctype html>");
        let held = Held { repository: repository.to_owned(), reference: reference.to_owned(), commit, kind };
        self.commits.0.lock().unwrap().insert(0, held);
        id
    }

    /// A spaCy model: its wheel in a release, and its name in `compatibility.json`. `spacy` is `3.8`, for example.
    pub(crate) fn spacy_model(&self, spacy: &str, name: &str, version: &str, wheel: impl Into<Content>) -> String {
        let file = format!("{name}-{version}-py3-none-any.whl");
        let asset = self.assets.file(&format!("/github-production-release-asset/1/{file}"), wheel);
        let release = format!("/explosion/spacy-models/releases/download/{name}-{version}/{file}");
        let url = self.pages.redirect(&release, &asset);
        let mut known = self.compatibility.lock().unwrap();
        let versions = &mut known["spacy"][spacy][name];
        match versions.as_array_mut() {
            Some(versions) => versions.insert(0, json!(version)),
            None => *versions = json!([version]),
        }
        self.raw.json("/explosion/spacy-models/master/compatibility.json", &known);
        url
    }

    /// The value of `MODELSTRAP_MIRRORS` for these hosts alone.
    pub(crate) fn mirrors(&self) -> String {
        let api = format!("https://api.github.com={}", self.api.url());
        format!("{},{api}", mirrors(&[&self.raw, &self.pages, &self.assets]))
    }
}

impl Answers for Commits {
    fn answer(&self, request: &Request) -> Reply {
        let segments: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        let reply = match segments.as_slice() {
            ["repos", owner, name] => self.repository(&format!("{owner}/{name}")),
            ["repos", owner, name, "commits", id, "branches-where-head"] => {
                Some(self.heads(&format!("{owner}/{name}"), id))
            }
            ["repos", owner, name, "commits", reference @ ..] => {
                self.commit(request, &format!("{owner}/{name}"), &reference.join("/"))
            }
            ["repos", owner, name, "git", "trees", id @ ..] => {
                self.tree(request, &format!("{owner}/{name}"), &id.join("/"))
            }
            ["repos", owner, name, "git", "ref", kind, reference @ ..] => {
                self.reference(&format!("{owner}/{name}"), kind, &reference.join("/"))
            }
            ["repos", owner, name, "git", "tags", id] => self.tag_object(&format!("{owner}/{name}"), id),
            ["repos", owner, name, "tags"] => Some(self.tags(request, &format!("{owner}/{name}"))),
            ["repos", owner, name, "compare", ends] => self.comparison(&format!("{owner}/{name}"), ends),
            _ => None,
        };
        reply.unwrap_or_else(|| refusal(404, "Not Found")).header("X-RateLimit-Remaining", "59")
    }
}

impl Commits {
    fn repository(&self, repository: &str) -> Option<Reply> {
        let held = self.0.lock().unwrap();
        let found = held.iter().rfind(|held| held.repository == repository && held.kind == Kind::Branch)?;
        Some(Reply::json(&json!({ "full_name": repository, "default_branch": found.reference, "private": false })))
    }

    fn commit(&self, request: &Request, repository: &str, reference: &str) -> Option<Reply> {
        let held = self.0.lock().unwrap();
        held.iter().find(|held| held.repository == repository)?;
        let Some(found) = find(&held, repository, reference) else {
            return Some(refusal(422, &format!("No commit found for SHA: {reference}")));
        };
        if request.header("accept").is_some_and(|accept| accept.ends_with("sha")) {
            return Some(Reply::with(200, "application/vnd.github.sha", found.commit.id.as_str()));
        }
        let tree = json!({ "sha": found.commit.id });
        Some(Reply::json(&json!({ "sha": found.commit.id, "commit": { "message": "test", "tree": tree } })))
    }

    fn heads(&self, repository: &str, id: &str) -> Reply {
        let held = self.0.lock().unwrap();
        let is_head = |one: &&Held| {
            let head = held.iter().find(|other| other.reference == one.reference && other.repository == repository);
            one.kind == Kind::Branch && one.commit.id == id && head.is_some_and(|head| head.commit.id == id)
        };
        let heads: Vec<_> = held.iter().filter(is_head).map(|one| json!({ "name": one.reference })).collect();
        Reply::json(&json!(heads))
    }

    fn reference(&self, repository: &str, kind: &str, name: &str) -> Option<Reply> {
        let wanted = match kind {
            "heads" => Kind::Branch,
            "tags" => Kind::Tag,
            _ => return None,
        };
        let held = self.0.lock().unwrap();
        let of_it = |one: &&Held| one.repository == repository && one.kind == wanted && one.reference == name;
        let id = held.iter().find(of_it)?.commit.id.clone();
        let (id, of_type) = if wanted == Kind::Tag { (turned(&id), "tag") } else { (id, "commit") };
        Some(Reply::json(&json!({ "ref": format!("refs/{kind}/{name}"), "object": { "sha": id, "type": of_type } })))
    }

    fn tag_object(&self, repository: &str, id: &str) -> Option<Reply> {
        let held = self.0.lock().unwrap();
        let of_it = |one: &&Held| one.repository == repository && one.kind == Kind::Tag && turned(&one.commit.id) == id;
        let found = held.iter().find(of_it)?;
        Some(Reply::json(&json!({ "tag": found.reference, "object": { "sha": found.commit.id, "type": "commit" } })))
    }

    fn tags(&self, request: &Request, repository: &str) -> Reply {
        let number = |name: &str, usual: usize| request.asked(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
        let (size, page) = (number("per_page", 30), number("page", 1));
        let held = self.0.lock().unwrap();
        let tags = held.iter().filter(|one| one.repository == repository && one.kind == Kind::Tag);
        let tags = tags.map(|one| json!({ "name": one.reference, "commit": { "sha": one.commit.id } }));
        Reply::json(&json!(tags.skip((page - 1) * size).take(size).collect::<Vec<_>>()))
    }

    /// Of two commits of one branch, the earlier one is the base that they share; others share something else.
    fn comparison(&self, repository: &str, ends: &str) -> Option<Reply> {
        let held = self.0.lock().unwrap();
        let (base, head) = ends.split_once("...")?;
        let place = |id: &str| {
            let at = held.iter().position(|one| one.repository == repository && one.commit.id == id)?;
            Some((at, &held[at]))
        };
        let ((base_at, base), (head_at, head)) = (place(base)?, place(head)?);
        let related = base.reference == head.reference && base.kind == head.kind;
        let (status, shared) = match related {
            true if base_at == head_at => ("identical", head.commit.id.clone()),
            true if base_at < head_at => ("behind", head.commit.id.clone()),
            true => ("ahead", base.commit.id.clone()),
            false => ("diverged", "0".repeat(40)),
        };
        Some(Reply::json(&json!({ "status": status, "merge_base_commit": { "sha": shared }, "commits": [] })))
    }

    fn tree(&self, request: &Request, repository: &str, id: &str) -> Option<Reply> {
        let held = self.0.lock().unwrap();
        let commit = &find(&held, repository, id)?.commit;
        let recursive = request.asked("recursive").is_some();
        let direct = |path: &&str| recursive || !path.contains('/');
        let folders = commit.folders().into_iter().filter(direct);
        let folders =
            folders.map(|path| json!({ "path": path, "mode": "040000", "type": "tree", "sha": "0".repeat(40) }));
        let files = commit.files.iter().filter(|file| direct(&file.path.as_str())).map(|file| {
            let size = file.content.size();
            json!({ "path": file.path, "mode": "100644", "type": "blob", "sha": file.oid, "size": size })
        });
        let entries: Vec<_> = folders.chain(files).collect();
        Some(Reply::json(&json!({ "sha": commit.id, "tree": entries, "truncated": false })))
    }
}

fn find<'a>(held: &'a [Held], repository: &str, reference: &str) -> Option<&'a Held> {
    let named = |held: &&Held| {
        held.repository == repository && [&held.reference, &held.commit.id].iter().any(|name| *name == reference)
    };
    held.iter().find(named)
}

/// The id of the object that a tag with a message is, for the id of its commit.
fn turned(id: &str) -> String {
    id.chars().rev().collect()
}

fn refusal(status: u16, message: &str) -> Reply {
    Reply { status, ..Reply::json(&json!({ "message": message, "documentation_url": "https://docs.github.com/rest" })) }
}
