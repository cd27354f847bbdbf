//! The connections of one piece of work: ureq's agents, set up for our own rules, and closed when the person stops it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use ureq::Agent;
use ureq::Body;
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;

use super::Network;
use super::addresses::Addresses;
use super::gate::{Stop, lock};
use super::network::Patience;
use super::proxies::Route;
use super::sockets;
use super::url::Url;

/// How often it is looked whether the work should stop.
const LOOK: Duration = Duration::from_millis(50);

/// One agent for each way out of this machine, made when it is first needed: a pool of connections with one proxy setting,
/// with certificates only where there are any to check.
#[derive(Debug)]
pub(super) struct Transport {
    agents: Mutex<HashMap<(Route, bool), Agent>>,
    connections: usize,
    buffer: usize,
    stop: Stop,
}

impl Transport {
    /// Agents for up to `connections` at once.
    pub(super) fn new(connections: usize, buffer: usize, stop: Stop) -> Arc<Self> {
        Arc::new(Self { agents: Mutex::default(), connections, buffer, stop })
    }

    /// Sends one request and reads the head of its answer. No redirect is followed, no status is an error.
    pub(super) fn send(
        self: &Arc<Self>,
        network: &Network,
        url: &Url,
        headers: &[(&str, String)],
    ) -> Result<Response<Body>, ureq::Error> {
        let mut request = self.agent(network, url)?.get(url.text());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.call()
    }

    fn agent(self: &Arc<Self>, network: &Network, url: &Url) -> Result<Agent, ureq::Error> {
        let (route, secure) = (network.proxies.route(url), url.is_https());
        let mut agents = lock(&self.agents);
        if let Some(agent) = agents.get(&(route, secure)) {
            return Ok(agent.clone());
        }
        let proxy = match route {
            Route::Direct => None,
            Route::HttpProxy => network.proxies.http.clone(),
            Route::HttpsProxy => network.proxies.https.clone(),
        };
        // A proxy may be spoken to by https, whatever it is asked for.
        let roots = if secure || proxy.is_some() { Some(network.roots.get().map_err(unusable)?) } else { None };
        let agent = agent(network, proxy, roots, self.connections, self.buffer);
        if agents.is_empty() {
            self.watch();
        }
        agents.insert((route, secure), agent.clone());
        Ok(agent)
    }

    /// A thread that closes every connection when `stop` says so: a read that would have waited for its server ends at once.
    fn watch(self: &Arc<Self>) {
        let watched = Arc::downgrade(self);
        let stop = self.stop;
        // Without the thread (the system has no more), a stop waits for the stall time.
        let _ = std::thread::Builder::new().stack_size(64 << 10).spawn(move || watch(&watched, stop));
    }

    fn shut_down(&self) {
        for agent in lock(&self.agents).values() {
            agent.clone().shutdown();
        }
    }
}

/// Not worth another try, as [`std::io::ErrorKind::InvalidData`] says here.
fn unusable(why: String) -> ureq::Error {
    ureq::Error::Io(std::io::Error::new(std::io::ErrorKind::InvalidData, why))
}

fn watch(transport: &Weak<Transport>, stop: Stop) {
    loop {
        std::thread::sleep(LOOK);
        let Some(transport) = transport.upgrade() else { return };
        if stop() {
            transport.shut_down();
            return;
        }
    }
}

fn agent(
    network: &Network,
    proxy: Option<ureq::Proxy>,
    roots: Option<RootCerts>,
    connections: usize,
    buffer: usize,
) -> Agent {
    let tls = TlsConfig::builder();
    let tls = if let Some(roots) = roots { tls.root_certs(roots) } else { tls };
    let Patience { connect, response, stall, .. } = network.patience;
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        // Set even when there is none: ureq would ask the environment by itself.
        .proxy(proxy)
        .ip_family(network.family)
        .tls_config(tls.build())
        .user_agent(concat!("modelstrap/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .max_idle_connections(connections * 2)
        .max_idle_connections_per_host(connections)
        .input_buffer_size(buffer)
        // Our requests have no body, and a signed URL fits in 8 KiB. Every byte is touched, in each of 64 connections.
        .output_buffer_size(20 << 10)
        .timeout_resolve(Some(connect))
        .timeout_connect(Some(connect))
        .timeout_send_request(Some(connect))
        .timeout_recv_response(Some(response))
        .timeout_per_read(Some(stall))
        .timeout_per_write(Some(stall))
        .build();
    match cfg!(windows) {
        true => Agent::with_parts(config, sockets::connector(), Addresses::default()),
        false => Agent::with_parts(config, DefaultConnector::default(), Addresses::default()),
    }
}
