//! The Hub, on loopback, in the test's own process: a test names what lies on it, points a client at it, looks at what
//! came, and makes it misbehave.
//!
//! ```ignore
//! let hub = Hub::start();
//! let commit = hub.model("org/tiny").file("config.json", "{}").lfs("model.safetensors", Content::pattern(1, 9 << 20)).commit();
//! let cut = hub.cdn().on("*.safetensors").once().cuts_at(1 << 20);
//! // a client with HF_ENDPOINT = hub.url() fetches
//! assert_eq!(cut.count(), 1);
//! assert_eq!(hub.requests_to("GET", "/org/tiny/resolve/*").len(), 2);
//! ```
//!
//! It follows what the real Hub does as far as clients can see it; that it does is proven with the real Python clients
//! (`tests/hub_server/`). When it is dropped, it fails the test if a token went where it must not.

mod cache;
mod cdn;
mod content;
mod deliver;
mod draft;
mod faults;
mod github;
mod http;
mod link;
mod listing;
mod origin;
mod proxy;
mod record;
mod repository;
mod resolve;
mod routes;
mod rule;
mod server;
mod text;
mod tls;
mod wire;
mod world;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[allow(unused_imports, reason = "each test program uses its part")]
pub(crate) use {
    cache::{Tree, shared_part, tree},
    content::Content,
    draft::Draft,
    faults::Later,
    github::GitHub,
    link::Speed,
    origin::{StaticOrigin, mirrors},
    proxy::Proxy,
    record::{Log, Seen},
    repository::Kind,
    rule::{Rule, Strikes},
    server::Origin,
    text::http_date,
};

use link::{Capacity, Link};
use tls::Authority;
use world::World;

/// Paths that a client must not write to.
pub(crate) const HOSTILE: [&str; 12] = [
    "../escaped",
    "a/../../escaped",
    "/etc/escaped",
    "C:\\escaped",
    "D:escaped",
    "\\\\server\\share\\escaped",
    "\\escaped",
    "a/C:/escaped",
    "nul\0byte",
    "",
    "..",
    "a\\..\\..\\escaped",
];

/// The hub, its CDN, and the record of what came to them and to further origins.
pub(crate) struct Hub {
    world: Arc<World>,
    log: Arc<Log>,
    hub: Origin,
    cdn: Origin,
    authority: Option<Authority>,
    _links: Vec<Link>,
    url: String,
}

impl Hub {
    /// A hub over HTTP.
    pub(crate) fn start() -> Self {
        Self::with(None, None)
    }

    /// A hub over HTTPS, vouched for by a private authority; see [`Hub::authority_file`].
    pub(crate) fn https() -> Self {
        Self::with(Some(Authority::new()), None)
    }

    /// A hub, and a CDN, at the other end of one slow link.
    pub(crate) fn behind(speed: Speed) -> Self {
        Self::with(None, Some(speed))
    }

    fn with(authority: Option<Authority>, speed: Option<Speed>) -> Self {
        let (world, log) = (Arc::new(World::default()), Arc::new(Log::default()));
        let tls = authority.as_ref().map(|authority| &authority.server);
        let cdn = cdn::Cdn { world: Arc::clone(&world), log: Arc::clone(&log) };
        let cdn = Origin::start("cdn", &log, tls, Arc::new(cdn));
        let hub = Origin::start("hub", &log, tls, Arc::new(routes::Api { world: Arc::clone(&world) }));
        let capacity = speed.map(Capacity::new);
        let to = |origin: &Origin| capacity.as_ref().map(|capacity| Link::to(origin.address(), capacity));
        let links: Vec<_> = [to(&hub), to(&cdn)].into_iter().flatten().collect();
        let seen = |index: usize, origin: &Origin| match links.get(index) {
            Some(link) => format!("http://{}", link.address()),
            None => origin.url().to_owned(),
        };
        let url = seen(0, &hub);
        world.hub_url.set(url.clone()).unwrap();
        world.cdn_url.set(seen(1, &cdn)).unwrap();
        Self { world, log, hub, cdn, authority, _links: links, url }
    }

    /// Its URL, for `HF_ENDPOINT`: without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The CDN: its faults and its URL.
    pub(crate) fn cdn(&self) -> &Origin {
        &self.cdn
    }

    /// The certificate of the authority, for `SSL_CERT_FILE`.
    pub(crate) fn authority_file(&self) -> Option<PathBuf> {
        self.authority.as_ref().map(Authority::file)
    }

    /// What a client needs in its environment to come here; Python too.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let mut vars = vec![
            ("HF_ENDPOINT", self.url().to_owned()),
            ("HF_HUB_DISABLE_XET", "1".to_owned()),
            ("HF_HUB_DISABLE_TELEMETRY", "1".to_owned()),
            ("HF_HUB_DISABLE_UPDATE_CHECK", "1".to_owned()),
        ];
        if let Some(file) = self.authority_file() {
            let file = file.to_str().unwrap().to_owned();
            vars.extend([("SSL_CERT_FILE", file.clone()), ("REQUESTS_CA_BUNDLE", file)]);
        }
        vars
    }

    /// A model, to be described and committed.
    pub(crate) fn model(&self, id: &str) -> Draft<'_> {
        Draft::new(&self.world, Kind::Model, id)
    }

    /// A data set, to be described and committed.
    pub(crate) fn dataset(&self, id: &str) -> Draft<'_> {
        Draft::new(&self.world, Kind::Dataset, id)
    }

    /// Lets a valid token exist that opens nothing by itself.
    pub(crate) fn user(&self, token: &str, name: &str) {
        self.world.store().register(token, name);
    }

    /// A model is deleted.
    pub(crate) fn delete(&self, id: &str) {
        self.world.store().remove(Kind::Model, id);
    }

    /// A model is renamed: the old name is answered with 307.
    pub(crate) fn rename(&self, old: &str, new: &str) {
        self.world.store().rename(Kind::Model, old, new);
    }

    /// A model is made private.
    pub(crate) fn make_private(&self, id: &str) {
        self.world.store().entry(Kind::Model, id).private = true;
    }

    /// A tag is set on a commit, or moved there.
    pub(crate) fn tag(&self, id: &str, name: &str, commit: &str) {
        self.world.store().entry(Kind::Model, id).tags.insert(name.to_owned(), commit.to_owned());
    }

    /// How many entries a page of a listing has (1000, if nothing is said).
    pub(crate) fn page_size(&self, entries: usize) {
        self.world.set(|settings| settings.page = entries);
    }

    /// How long a signed URL of the CDN lives (an hour, if nothing is said).
    pub(crate) fn urls_live(&self, time: Duration) {
        self.world.set(|settings| settings.url_life = time);
    }

    /// Another edge of the CDN answers, with other etags for the same bytes.
    pub(crate) fn another_edge(&self) {
        self.world.set(|settings| settings.edge = "another");
    }

    /// The next page of a listing is said to lie on another origin.
    pub(crate) fn next_page_at(&self, origin: &str) {
        self.world.set(|settings| settings.next_page_at = Some(origin.to_owned()));
    }

    /// Another host, which this test's client reaches as a mirror; it writes into the same record.
    pub(crate) fn further_origin(&self, canonical: &str) -> StaticOrigin {
        StaticOrigin::start(canonical, &self.log, self.authority.as_ref())
    }

    /// The host of openai-whisper's checkpoints.
    pub(crate) fn whisper_host(&self) -> StaticOrigin {
        self.further_origin("https://openaipublic.azureedge.net")
    }

    /// GitHub, with its API, its raw files and its releases.
    pub(crate) fn github(&self) -> GitHub {
        GitHub::start(&self.log, self.authority.as_ref())
    }

    /// Fails if anything happened that must not: a token at the CDN, for example.
    pub(crate) fn assert_no_violation(&self) {
        assert_eq!(self.log.violations(), Vec::<String>::new());
    }
}

/// The faults and the URL of the hub itself.
impl Deref for Hub {
    type Target = Origin;

    fn deref(&self) -> &Origin {
        &self.hub
    }
}

/// What came.
impl Hub {
    /// Every request so far, to whatever origin, in order of arrival.
    pub(crate) fn requests(&self) -> Vec<Arc<Seen>> {
        self.log.requests()
    }

    /// The requests with this method (or `*`) whose decoded path matches the glob.
    pub(crate) fn requests_to(&self, method: &str, glob: &str) -> Vec<Arc<Seen>> {
        self.log.requests_to(method, glob)
    }

    /// How many connections were opened, to whatever origin.
    pub(crate) fn connections(&self) -> usize {
        self.log.connections()
    }

    /// How many requests were under way at the same time, at most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.log.most_at_once()
    }

    /// Forgets what came so far, to look at what comes now.
    pub(crate) fn forget(&self) {
        self.log.forget();
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_no_violation();
        }
    }
}
