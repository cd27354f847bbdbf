//! `/resolve/`: where a file really lies, and what it is.

use serde_json::json;

use super::http::{Reply, Request};
use super::repository::{Commit, File, Repository};
use super::routes::{no_entry, no_revision};
use super::text;
use super::world::World;

/// The answer to `GET` or `HEAD` of a file.
pub(super) fn file(world: &World, request: &Request, repository: &Repository, revision: &str, path: &str) -> Reply {
    if let Some(refusal) = gate(request, repository) {
        return refusal;
    }
    let Some(commit) = repository.commit(revision) else { return no_revision(revision) };
    let Some(file) = commit.file(path) else { return no_entry(path, &commit.id) };
    let reply = if world.settings().direct {
        Reply::file(request, &file.content, &file.etag())
    } else if file.lfs {
        elsewhere(world, request, repository, commit, file)
    } else if direct(repository, file) {
        Reply::file(request, &file.content, &file.etag())
    } else {
        cached(request, repository, commit, file)
    };
    reply.header("X-Repo-Commit", &commit.id)
}

/// What somebody gets who has not been let in.
fn gate(request: &Request, repository: &Repository) -> Option<Reply> {
    if repository.gated.is_none() || repository.admits(request.token()) {
        return None;
    }
    let id = &repository.id;
    Some(match request.token() {
        None => Reply::refusal(
            401,
            Some("GatedRepo"),
            &format!(
                "Access to model {id} is restricted. You must have access to it and be authenticated to access it. Please log in."
            ),
        ),
        Some(_) => Reply::refusal(
            403,
            Some("GatedRepo"),
            &format!(
                "Access to model {id} is restricted and you are not in the authorized list. Visit {id} to ask for access."
            ),
        ),
    })
}

/// Private, gated and nameless repositories, and empty files, are served without a redirect.
fn direct(repository: &Repository, file: &File) -> bool {
    repository.private || repository.gated.is_some() || !repository.id.contains('/') || file.content.size() == 0
}

/// A small file: a redirect on the same origin.
fn cached(request: &Request, repository: &Repository, commit: &Commit, file: &File) -> Reply {
    let (kind, id) = (repository.kind.plural(), &repository.id);
    let path = text::encoded(&file.path, b"/");
    let original = text::encoded(&request.path, b"");
    let etag = text::encoded(&format!("\"{}\"", file.etag()), b"");
    let location = format!("/api/resolve-cache/{kind}/{id}/{}/{path}?{original}=&etag={etag}", commit.id);
    Reply::redirect(307, &location)
}

/// A large file: a redirect to the CDN, and everything about the file in the headers.
fn elsewhere(world: &World, request: &Request, repository: &Repository, commit: &Commit, file: &File) -> Reply {
    let sha256 = file.content.sha256();
    if request.header("if-none-match").is_some_and(|etag| etag.contains(&sha256)) {
        return Reply::status(304).header("ETag", format!("\"{sha256}\""));
    }
    if let (Some(hash), true) = (file.xet_hash(), request.method == "GET" && wants_xet(request)) {
        let (etag, size) = (format!("\"{sha256}\""), file.content.size());
        return Reply::json(&json!({ "hash": hash, "etag": etag, "size": size }));
    }
    let reply = Reply::redirect(302, &world.signed(&sha256, &file.path))
        .header("X-Linked-Etag", format!("\"{sha256}\""))
        .header("X-Linked-Size", file.content.size().to_string())
        .header("Accept-Ranges", "bytes");
    let Some(xet) = file.xet_hash().filter(|_| repository.xet) else { return reply };
    let (hub, kind, id) = (world.hub(), repository.kind.plural(), &repository.id);
    let link = format!(
        "<{hub}/api/{kind}/{id}/xet-read-token/{}>; rel=\"xet-auth\", <{hub}/v1/reconstructions/{xet}>; rel=\"xet-reconstruction-info\"",
        commit.id
    );
    reply.header("X-Xet-Hash", xet).header("Link", link)
}

/// Who says that it understands this gets a description where it may have expected the file.
fn wants_xet(request: &Request) -> bool {
    request.header("accept").is_some_and(|accept| accept.contains("application/vnd.xet-fileinfo+json"))
}
