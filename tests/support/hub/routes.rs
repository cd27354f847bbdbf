//! The hub's API: which question a path asks, and the answer.

use std::sync::Arc;

use serde_json::{Value, json};

use super::http::{Reply, Request};
use super::listing;
use super::repository::{Commit, Kind, Repository};
use super::resolve;
use super::server::Answers;
use super::text;
use super::world::World;

/// What may follow the name of a repository.
const VERBS: [&str; 6] = ["revision", "tree", "refs", "paths-info", "xet-read-token", "resolve"];

/// The hub's side of the world.
pub(super) struct Api {
    pub(super) world: Arc<World>,
}

impl Answers for Api {
    fn answer(&self, request: &Request) -> Reply {
        let raw: Vec<&str> = request.raw_path.trim_start_matches('/').split('/').collect();
        let reply = match raw.as_slice() {
            ["api", "whoami-v2"] => self.who(request),
            ["api", "resolve-cache", kind, rest @ ..] => self.cached(request, kind, rest),
            ["api", kind] => Kind::of(kind).map(|kind| self.search(request, kind)),
            ["api", kind, rest @ ..] => Kind::of(kind).map(|kind| self.api(request, kind, rest)),
            ["datasets", rest @ ..] => self.file(request, Kind::Dataset, rest),
            ["spaces", rest @ ..] => self.file(request, Kind::Space, rest),
            rest => self.file(request, Kind::Model, rest),
        };
        let unknown = || Reply::refusal(404, None, "Sorry, we can't find the page you are looking for.");
        reply.unwrap_or_else(unknown).header("X-Request-Id", "Root=1-test")
    }
}

impl Api {
    fn who(&self, request: &Request) -> Option<Reply> {
        let store = self.world.store();
        Some(match request.token().map(|token| store.user(token)) {
            Some(Some(user)) => Reply::json(&json!({
                "type": "user", "id": "1", "name": user, "fullname": user,
                "auth": { "type": "access_token", "accessToken": { "displayName": "test", "role": "read" } },
            })),
            Some(None) => invalid_token(),
            None => Reply::refusal(401, None, "Invalid username or password."),
        })
    }

    fn search(&self, request: &Request, kind: Kind) -> Reply {
        let word = request.asked("search").unwrap_or_default().to_lowercase();
        let limit = request.asked("limit").and_then(|limit| limit.parse().ok()).unwrap_or(1000);
        let store = self.world.store();
        let open = |repository: &&Repository| !repository.private || repository.admits(request.token());
        let named = |repository: &&Repository| repository.id.to_lowercase().contains(&word);
        let mut found: Vec<_> = store.all(kind).filter(open).filter(named).collect();
        match request.asked("sort").as_deref() {
            Some("likes") => found.sort_by_key(|repository| std::cmp::Reverse(repository.likes)),
            Some("downloads") => found.sort_by_key(|repository| std::cmp::Reverse(repository.downloads)),
            _ => {}
        }
        Reply::json(&found.into_iter().take(limit).map(listing::summary).collect())
    }

    fn api(&self, request: &Request, kind: Kind, segments: &[&str]) -> Reply {
        let (id, rest) = name(segments);
        let repository = match self.repository(request, kind, &id) {
            Ok(repository) => repository,
            Err(reply) => return reply,
        };
        let (verb, revision) = (rest.first().copied(), rest.get(1).map_or("main".into(), |text| text::decoded(text)));
        if verb == Some("refs") {
            return Reply::json(&listing::refs(&repository));
        }
        let Some(commit) = repository.commit(&revision) else { return no_revision(&revision) };
        match verb {
            None | Some("revision") => Reply::json(&listing::info(&repository, commit, request.wants("blobs"))),
            Some("tree") => {
                self.tree(request, &repository, commit, &text::decoded(&rest[2.min(rest.len())..].join("/")))
            }
            Some("paths-info") => paths_info(request, &repository, commit),
            Some("xet-read-token") => Reply::json(&json!({})).header("X-Xet-Access-Token", "xet-token"),
            Some(_) => Reply::refusal(404, None, "Not found"),
        }
    }

    fn tree(&self, request: &Request, repository: &Repository, commit: &Commit, below: &str) -> Reply {
        let expand = request.wants("expand");
        let masked = repository.masked || (repository.gated.is_some() && !repository.admits(request.token()));
        let settings = self.world.settings();
        let most = if expand { settings.page.min(50) } else { settings.page };
        let from: usize = request.asked("cursor").and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let wanted = listing::Wanted { below, recursive: request.wants("recursive"), masked, expand };
        let (page, number) = listing::tree(repository, commit, &wanted, from..from + most);
        if number == 0 && !below.is_empty() {
            return no_entry(below, &commit.id);
        }
        let reply = Reply::json(&page.into()).header("X-Repo-Commit", &commit.id);
        if from + most >= number {
            return reply;
        }
        let base = settings.next_page_at.as_deref().unwrap_or_else(|| self.world.hub());
        let kept = request.query.split('&').filter(|part| !part.is_empty() && !part.starts_with("cursor="));
        let query: String = kept.map(|part| format!("{part}&")).collect();
        let next = format!("<{base}{}?{query}cursor={}>; rel=\"next\"", request.raw_path, from + most);
        reply.header("Link", next)
    }

    fn file(&self, request: &Request, kind: Kind, segments: &[&str]) -> Option<Reply> {
        let (id, rest) = name(segments);
        let ["resolve", revision, path @ ..] = rest else { return None };
        let (revision, path) = (text::decoded(revision), text::decoded(&path.join("/")));
        Some(match self.repository(request, kind, &id) {
            Ok(repository) => resolve::file(&self.world, request, &repository, &revision, &path),
            Err(reply) => reply,
        })
    }

    fn cached(&self, request: &Request, kind: &str, segments: &[&str]) -> Option<Reply> {
        let [owner, name, commit, path @ ..] = segments else { return None };
        let store = self.world.store();
        let repository = store.find(Kind::of(kind)?, &format!("{owner}/{name}"))?;
        let commit = repository.commits.get(*commit)?;
        let file = commit.file(&text::decoded(&path.join("/")))?;
        Some(Reply::file(request, &file.content, &file.etag()).header("X-Repo-Commit", &commit.id))
    }

    /// The repository, or what the hub says to somebody who may not see it.
    fn repository(&self, request: &Request, kind: Kind, id: &str) -> Result<Arc<Repository>, Reply> {
        let store = self.world.store();
        let token = request.token();
        if token.is_some_and(|token| store.user(token).is_none()) {
            return Err(invalid_token());
        }
        if let Some(new) = store.new_name(kind, id) {
            return Err(Reply::redirect(307, &request.target().replacen(id, new, 1)));
        }
        let missing = || match token {
            Some(_) => Reply::refusal(404, Some("RepoNotFound"), "Repository not found"),
            None => Reply::refusal(401, Some("RepoNotFound"), "Invalid username or password."),
        };
        let found = store.find(kind, id).ok_or_else(missing)?;
        if found.private && !found.admits(token) {
            return Err(missing());
        }
        if found.disabled {
            return Err(Reply::refusal(403, None, "Access to this resource is disabled."));
        }
        Ok(Arc::clone(found))
    }
}

/// The name at the beginning of the segments, one or two of them, and what follows.
fn name<'a, 'b>(segments: &'b [&'a str]) -> (String, &'b [&'a str]) {
    let long = segments.get(1).is_some_and(|second| !VERBS.contains(second));
    let (name, rest) = segments.split_at(if long { 2 } else { 1 });
    (text::decoded(&name.join("/")), rest)
}

fn paths_info(request: &Request, repository: &Repository, commit: &Commit) -> Reply {
    let form = text::pairs(&String::from_utf8_lossy(&request.body));
    let of_form = form.into_iter().filter(|(name, _)| name == "paths").map(|(_, path)| path);
    let of_json = serde_json::from_slice::<Value>(&request.body).ok();
    let of_json = of_json.and_then(|body| Some(body.get("paths")?.as_array()?.clone())).unwrap_or_default();
    let paths = of_form.chain(of_json.iter().filter_map(Value::as_str).map(str::to_owned));
    let entry = |path: String| match commit.file(&path) {
        Some(file) => Some(listing::entry(repository, file, repository.masked, false)),
        None => commit.folders().contains(path.as_str()).then(|| listing::folder(&path)),
    };
    Reply::json(&paths.filter_map(entry).collect())
}

fn invalid_token() -> Reply {
    Reply::refusal(401, None, "Invalid credentials in Authorization header")
}

/// What the hub says when a revision is not there.
pub(super) fn no_revision(revision: &str) -> Reply {
    Reply::refusal(404, Some("RevisionNotFound"), &format!("Invalid rev id: {}", text::encoded(revision, b"/")))
}

/// What the hub says when a file is not there.
pub(super) fn no_entry(path: &str, commit: &str) -> Reply {
    let message = format!("Entry not found: {}", text::encoded(path, b"/ "));
    Reply::refusal(404, Some("EntryNotFound"), &message).header("X-Repo-Commit", commit)
}
