//! What the hub and its CDN share: the repositories, and how the hub is set.

use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::content::Content;
use super::repository::Store;
use super::text;

/// How the hub is set.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Entries on a page of a listing.
    pub(crate) page: usize,
    /// How long a signed URL lives.
    pub(crate) url_life: Duration,
    /// Whether every file is answered with 200 at once, without redirect.
    pub(crate) direct: bool,
    /// Where the next page of a listing lies, if not on the hub.
    pub(crate) next_page_at: Option<String>,
    /// Which edge of the CDN answers: each has etags of its own.
    pub(crate) edge: &'static str,
}

impl Default for Settings {
    fn default() -> Self {
        Self { page: 1000, url_life: Duration::from_secs(3600), direct: false, next_page_at: None, edge: "" }
    }
}

/// What both origins know.
#[derive(Default)]
pub(crate) struct World {
    store: Mutex<Store>,
    settings: Mutex<Settings>,
    /// The hub's own URL, for links.
    pub(super) hub_url: OnceLock<String>,
    /// The CDN's URL, for redirects.
    pub(super) cdn_url: OnceLock<String>,
}

impl World {
    /// The repositories.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    /// How the hub is set now.
    pub(crate) fn settings(&self) -> Settings {
        self.settings.lock().unwrap().clone()
    }

    /// Changes how the hub is set.
    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings.lock().unwrap());
    }

    /// The hub's own URL.
    pub(crate) fn hub(&self) -> &str {
        self.hub_url.get().unwrap()
    }

    /// A URL of the CDN for a content, good for a while.
    pub(crate) fn signed(&self, sha256: &str, name: &str) -> String {
        let until = SystemTime::now() + self.settings().url_life;
        let until = until.duration_since(UNIX_EPOCH).unwrap().as_millis();
        let path = format!("/repos/{}/{}/{sha256}", &sha256[..2], &sha256[2..4]);
        let name = name.rsplit('/').next().unwrap_or(name);
        let disposition = text::encoded(&format!("attachment; filename=\"{name}\";"), b"");
        let signature = signature(&path, &until.to_string());
        let cdn = self.cdn_url.get().unwrap();
        format!("{cdn}{path}?response-content-disposition={disposition}&X-Expires={until}&X-Signature={signature}")
    }
}

/// What proves that the hub made a URL: 40 digits.
pub(super) fn signature(path: &str, until: &str) -> String {
    Content::from(format!("the secret of hub and CDN\n{path}\n{until}")).git_sha1()
}
