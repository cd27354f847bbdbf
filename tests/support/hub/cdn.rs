//! The second origin: plain bytes behind signed URLs that expire. It must never see a token.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::faults;
use super::http::{Reply, Request};
use super::record::Log;
use super::server::Answers;
use super::world::{World, signature};

/// The CDN's side of the world.
pub(super) struct Cdn {
    pub(super) world: Arc<World>,
    pub(super) log: Arc<Log>,
}

impl Answers for Cdn {
    fn answer(&self, request: &Request) -> Reply {
        refuse_secrets(&self.log, "the CDN", request);
        let signed = request.asked("X-Signature").zip(request.asked("X-Expires"));
        let Some((_, until)) = signed.filter(|(given, until)| *given == signature(&request.raw_path, until)) else {
            return Reply::with(403, "application/xml", "<Error><Code>SignatureDoesNotMatch</Code></Error>");
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        if until.parse::<u128>().is_ok_and(|until| until < now) {
            return faults::expired();
        }
        let found = self.world.store().content(digest(request)).map(|(content, _)| content.clone());
        let Some(content) = found else {
            return Reply::with(404, "application/xml", "<Error><Code>NoSuchKey</Code></Error>");
        };
        // Like the real ones, the CDN has an etag of its own; it names no blob, and stays the same for all signatures.
        let etag = &signature(&request.raw_path, self.world.settings().edge)[..32];
        Reply::file(request, &content, etag).header("X-Cache", "Hit from cloudfront")
    }

    fn subject(&self, request: &Request) -> String {
        let store = self.world.store();
        store.content(digest(request)).map_or_else(|| request.path.clone(), |(_, path)| path.clone())
    }
}

fn digest(request: &Request) -> &str {
    request.path.rsplit('/').next().unwrap_or_default()
}

/// Notes it when a request brings what only the hub, or only a proxy, may see.
pub(super) fn refuse_secrets(log: &Log, who: &str, request: &Request) {
    for name in ["authorization", "proxy-authorization", "cookie"] {
        if request.header(name).is_some() {
            log.violation(format!("{who} was sent the header {name} with {} {}", request.method, request.raw_path));
        }
    }
}
