//! Further origins: a host whose files simply lie at paths, such as the one of openai-whisper or of PyTorch.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use super::cdn::refuse_secrets;
use super::content::Content;
use super::http::{Reply, Request};
use super::record::Log;
use super::server::{Answers, Origin};
use super::tls::Authority;

/// A host with files, and the origin that it stands for.
pub(crate) struct StaticOrigin {
    canonical: String,
    files: Arc<Files>,
    origin: Origin,
}

struct Files {
    name: String,
    log: Arc<Log>,
    held: Mutex<HashMap<String, Held>>,
}

#[derive(Clone)]
enum Held {
    File(Content, &'static str),
    Redirect(String),
}

impl StaticOrigin {
    /// Stands for `canonical`, for example `https://download.pytorch.org`. A token for the hub must not come here.
    pub(crate) fn start(canonical: &str, log: &Arc<Log>, authority: Option<&Authority>) -> Self {
        let name = canonical.split_once("://").map_or(canonical, |(_, host)| host);
        let files = Arc::new(Files { name: name.to_owned(), log: Arc::clone(log), held: Mutex::default() });
        let tls = authority.map(|authority| &authority.server);
        let origin = Origin::start(name, log, tls, Arc::clone(&files) as Arc<dyn Answers>);
        Self { canonical: canonical.to_owned(), files, origin }
    }

    /// A file at this path, which is that of the URL, decoded; returns the URL on the true host.
    pub(crate) fn file(&self, path: &str, content: impl Into<Content>) -> String {
        self.hold(path, Held::File(content.into(), "application/octet-stream"))
    }

    /// A JSON document at this path.
    pub(crate) fn json(&self, path: &str, value: &serde_json::Value) -> String {
        self.hold(path, Held::File(value.clone().into(), "application/json"))
    }

    /// A redirect from this path.
    pub(crate) fn redirect(&self, path: &str, location: &str) -> String {
        self.hold(path, Held::Redirect(location.to_owned()))
    }

    /// A checkpoint of openai-whisper, where its loader looks for it.
    pub(crate) fn whisper_model(&self, file: &str, content: impl Into<Content>) -> String {
        let content = content.into();
        self.file(&format!("/main/whisper/models/{}/{file}", content.sha256()), content)
    }

    fn hold(&self, path: &str, held: Held) -> String {
        self.files.held.lock().unwrap().insert(path.to_owned(), held);
        format!("{}{path}", self.canonical)
    }
}

impl Deref for StaticOrigin {
    type Target = Origin;

    fn deref(&self) -> &Origin {
        &self.origin
    }
}

impl Answers for Files {
    fn answer(&self, request: &Request) -> Reply {
        refuse_secrets(&self.log, &self.name, request);
        let held = self.held.lock().unwrap().get(&request.path).cloned();
        match held {
            Some(Held::File(content, kind)) => {
                let etag = format!("{}-{}", content.size(), &content.sha256()[..12]);
                Reply::file(request, &content, &etag).header("Content-Type", kind)
            }
            Some(Held::Redirect(location)) => Reply::redirect(302, &location),
            None => Reply::with(404, "text/plain", "404: Not Found"),
        }
    }
}

/// The value of `MODELSTRAP_MIRRORS` that leads the true hosts to these.
pub(crate) fn mirrors(origins: &[&StaticOrigin]) -> String {
    let pairs: Vec<_> = origins.iter().map(|origin| format!("{}={}", origin.canonical, origin.url())).collect();
    pairs.join(",")
}
