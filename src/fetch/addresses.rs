//! Host names and their addresses, looked up once a minute: ureq asks for every request, each time on a thread of its own,
//! which was half the processor time of 2,000 small files.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::gate::lock;

/// As long as an answer is believed: storage hosts change theirs about as often.
const BELIEVED: Duration = Duration::from_secs(60);

/// The system's resolver, with a memory.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    system: DefaultResolver,
    known: Mutex<HashMap<String, (Instant, Vec<SocketAddr>)>>,
}

impl Resolver for Addresses {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let scheme = uri.scheme_str().unwrap_or_default();
        let key = format!("{scheme}://{}", uri.authority().map_or("", |authority| authority.as_str()));
        if let Some((_, found)) = lock(&self.known).get(&key).filter(|(since, _)| since.elapsed() < BELIEVED) {
            let mut addresses = self.empty();
            found.iter().for_each(|address| addresses.push(*address));
            return Ok(addresses);
        }
        let found = self.system.resolve(uri, config, timeout)?;
        lock(&self.known).insert(key, (Instant::now(), found.iter().copied().collect()));
        Ok(found)
    }
}
