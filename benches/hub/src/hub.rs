//! The Hub's answers: repository, tree in pages, files behind redirects, ranges. And the bench's own levers.

use std::time::Duration;

use crate::counts::Counts;
use crate::http::Request;
use crate::link::{Road, Terms};
use crate::repos::{Entry, Repo, Store};

const PAGE: usize = 1000;

pub struct Hub {
    pub origin: String,
    /// The second origin, where large files lie.
    pub storage: String,
    pub store: Store,
    pub road: Road,
    pub counts: Counts,
}

pub struct Answer {
    pub status: &'static str,
    pub headers: String,
    pub body: Body,
}

pub enum Body {
    Text(String),
    /// A cut of the pattern.
    Cut {
        start: u64,
        length: u64,
    },
}

impl Hub {
    pub fn answer(&self, request: &Request) -> Answer {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let found = if let Some(rest) = path.strip_prefix("/api/resolve-cache/models/") {
            self.kept(rest, request)
        } else if let Some(rest) = path.strip_prefix("/api/models/") {
            self.document(rest, query)
        } else if let Some(rest) = path.strip_prefix("/storage/") {
            self.stored(rest, request)
        } else {
            self.resolve(path.trim_start_matches('/'))
        };
        found.unwrap_or_else(|| Answer {
            status: "404 Not Found",
            headers: "X-Error-Code: EntryNotFound\r\n".into(),
            body: Body::Text("{\"error\": \"not found\"}".into()),
        })
    }

    fn repo<'a>(&self, path: &'a str) -> Option<(&Repo, &'a str)> {
        self.store.repos.iter().find_map(|repo| {
            let rest = path.strip_prefix(repo.name)?;
            (rest.is_empty() || rest.starts_with('/')).then_some((repo, rest.trim_start_matches('/')))
        })
    }

    /// `/api/models/…`: what a repository is, and what lies in it.
    fn document(&self, path: &str, query: &str) -> Option<Answer> {
        let (repo, rest) = self.repo(path)?;
        let text = if rest.is_empty() || rest.starts_with("revision/") {
            let siblings: Vec<String> =
                repo.files.iter().map(|file| format!("{{\"rfilename\":\"{}\"}}", file.path)).collect();
            format!(
                "{{\"_id\":\"1\",\"id\":\"{name}\",\"modelId\":\"{name}\",\"sha\":\"{}\",\"private\":false,\"gated\":false,\
                 \"disabled\":false,\"tags\":[],\"downloads\":0,\"likes\":0,\"siblings\":[{}]}}",
                repo.commit,
                siblings.join(","),
                name = repo.name
            )
        } else if rest.starts_with("tree/") {
            return Some(self.tree(repo, query));
        } else {
            return None;
        };
        Some(json(text, String::new()))
    }

    fn tree(&self, repo: &Repo, query: &str) -> Answer {
        let from: usize = query.split('&').find_map(|part| part.strip_prefix("cursor=")?.parse().ok()).unwrap_or(0);
        let page: Vec<String> = repo.files.iter().skip(from).take(PAGE).map(entry).collect();
        let next = from + page.len();
        let mut headers = String::new();
        if next < repo.files.len() {
            let Self { origin, .. } = self;
            let (name, commit) = (repo.name, &repo.commit);
            headers = format!(
                "Link: <{origin}/api/models/{name}/tree/{commit}?recursive=true&expand=false&cursor={next}>; rel=\"next\"\r\n"
            );
        }
        json(format!("[{}]", page.join(",")), headers)
    }

    /// `OWNER/NAME/resolve/REVISION/PATH`: where the file lies.
    fn resolve(&self, path: &str) -> Option<Answer> {
        let (repo, rest) = self.repo(path)?;
        let (_, path) = rest.strip_prefix("resolve/")?.split_once('/')?;
        let file = repo.file(path)?;
        let commit = &repo.commit;
        let common = format!("X-Repo-Commit: {commit}\r\nAccept-Ranges: bytes\r\n");
        let (status, headers) = if file.large {
            let Entry { digest, size, .. } = file;
            let Self { storage, .. } = self;
            let to = format!("{storage}/storage/{digest}?X-Amz-Expires=3600&Signature=0123456789abcdef");
            ("302 Found", format!("{common}Location: {to}\r\nX-Linked-Etag: \"{digest}\"\r\nX-Linked-Size: {size}\r\n"))
        } else {
            let to = format!("/api/resolve-cache/models/{}/{commit}/{path}", repo.name);
            ("307 Temporary Redirect", format!("{common}Location: {to}\r\n"))
        };
        Some(Answer { status, headers, body: Body::Text(String::new()) })
    }

    /// Small files, from the hub itself.
    fn kept(&self, path: &str, request: &Request) -> Option<Answer> {
        let (repo, rest) = self.repo(path)?;
        let (_, path) = rest.split_once('/')?;
        let file = repo.file(path)?;
        Some(content(file, request, &format!("X-Repo-Commit: {}\r\n", repo.commit)))
    }

    /// Large files, from the other origin.
    fn stored(&self, digest: &str, request: &Request) -> Option<Answer> {
        let file = self.store.repos.iter().flat_map(|repo| &repo.files).find(|file| file.digest == digest)?;
        Some(content(file, request, ""))
    }

    /// The bench's own levers; nothing of them is counted or delayed.
    pub fn steer(&self, request: &Request) -> Option<String> {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let value = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        let number = |name: &str| value(name).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
        match path {
            "/bench/link" => {
                let round_trip = Duration::from_secs_f64(number("rtt") / 1e3);
                let terms =
                    Terms { round_trip, rate: number("rate") * 1e6, each: number("each") * 1e6, loss: number("loss") };
                self.road.set(terms);
                Some("ok\n".into())
            }
            "/bench/reset" => {
                self.counts.reset();
                Some("ok\n".into())
            }
            "/bench/counts" => Some(self.counts.line()),
            "/bench/list" => {
                let (repo, _) = self.repo(value("repo")?)?;
                let line = |file: &Entry| {
                    format!(
                        "{} {}/{}/resolve/{}/{} {}\n",
                        file.size, self.origin, repo.name, repo.commit, file.path, file.path
                    )
                };
                Some(repo.files.iter().map(line).collect())
            }
            _ => None,
        }
    }
}

fn entry(file: &Entry) -> String {
    let Entry { path, size, digest, .. } = file;
    if file.large {
        let pointer = "0123456789abcdef0123456789abcdef01234567";
        format!(
            "{{\"type\":\"file\",\"oid\":\"{pointer}\",\"size\":{size},\"path\":\"{path}\",\
             \"lfs\":{{\"oid\":\"{digest}\",\"size\":{size},\"pointerSize\":135}}}}"
        )
    } else {
        format!("{{\"type\":\"file\",\"oid\":\"{digest}\",\"size\":{size},\"path\":\"{path}\"}}")
    }
}

fn json(text: String, more: String) -> Answer {
    Answer { status: "200 OK", headers: format!("Content-Type: application/json\r\n{more}"), body: Body::Text(text) }
}

fn content(file: &Entry, request: &Request, more: &str) -> Answer {
    let Entry { digest, size, .. } = file;
    let common =
        format!("{more}ETag: \"{digest}\"\r\nAccept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\n");
    let Some(range) = request.range.as_deref() else {
        return Answer { status: "200 OK", headers: common, body: Body::Cut { start: file.start, length: *size } };
    };
    let Some((first, last)) = bounds(range, *size) else {
        let headers = format!("{common}Content-Range: bytes */{size}\r\n");
        return Answer { status: "416 Range Not Satisfiable", headers, body: Body::Text(String::new()) };
    };
    Answer {
        status: "206 Partial Content",
        headers: format!("{common}Content-Range: bytes {first}-{last}/{size}\r\n"),
        body: Body::Cut { start: file.start + first, length: last - first + 1 },
    }
}

/// The first and the last byte of `bytes=A-B`, `bytes=A-` or `bytes=-N`.
fn bounds(range: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = match (first, last) {
        ("", last) => (size.saturating_sub(last.parse().ok()?), size.checked_sub(1)?),
        (first, "") => (first.parse().ok()?, size.checked_sub(1)?),
        (first, last) => (first.parse().ok()?, last.parse::<u64>().ok()?.min(size.checked_sub(1)?)),
    };
    (first <= last).then_some((first, last))
}
