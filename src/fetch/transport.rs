//! The connections of one piece of work: ureq's agents, set up for our own rules, and closed when the person stops it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use ureq::Agent;
use ureq::Body;
use ureq::http::Response;
use ureq::tls::TlsConfig;

use super::Network;
use super::gate::Stop;
use super::network::Patience;
use super::proxies::Route;
use super::url::Url;

/// How often it is looked whether the work should stop.
const LOOK: Duration = Duration::from_millis(50);

/// One agent for each way out of this machine: a pool of connections with one proxy setting.
#[derive(Debug)]
pub(super) struct Transport {
    direct: Agent,
    http: Option<Agent>,
    https: Option<Agent>,
}

impl Transport {
    /// Agents for up to `connections` at once. A thread watches `stop`, and closes every connection when it says so: a read
    /// that would have waited for its server ends at once.
    pub(super) fn new(network: &Network, connections: usize, buffer: usize, stop: Stop) -> Arc<Self> {
        let agent = |proxy: Option<ureq::Proxy>| agent(network, proxy, connections, buffer);
        let of = |proxy: &Option<ureq::Proxy>| proxy.clone().map(|proxy| agent(Some(proxy)));
        let transport =
            Arc::new(Self { direct: agent(None), http: of(&network.proxies.http), https: of(&network.proxies.https) });
        let watched = Arc::downgrade(&transport);
        // Without the thread (the system has no more), a stop waits for the stall time.
        let _ = std::thread::Builder::new().stack_size(64 << 10).spawn(move || watch(&watched, stop));
        transport
    }

    /// Sends one request and reads the head of its answer. No redirect is followed, no status is an error.
    pub(super) fn send(
        &self,
        network: &Network,
        url: &Url,
        headers: &[(&str, String)],
    ) -> Result<Response<Body>, ureq::Error> {
        let agent = match network.proxies.route(url) {
            Route::Direct => &self.direct,
            Route::HttpProxy => self.http.as_ref().unwrap_or(&self.direct),
            Route::HttpsProxy => self.https.as_ref().unwrap_or(&self.direct),
        };
        let mut request = agent.get(url.text());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.call()
    }

    fn shut_down(&self) {
        for agent in [Some(&self.direct), self.http.as_ref(), self.https.as_ref()].into_iter().flatten() {
            agent.clone().shutdown();
        }
    }
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

fn agent(network: &Network, proxy: Option<ureq::Proxy>, connections: usize, buffer: usize) -> Agent {
    let Patience { connect, response, stall, .. } = network.patience;
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        // Set even when there is none: ureq would ask the environment by itself.
        .proxy(proxy)
        .ip_family(network.family)
        .tls_config(TlsConfig::builder().root_certs(network.roots.clone()).build())
        .user_agent(concat!("modelstrap/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .max_idle_connections(connections * 2)
        .max_idle_connections_per_host(connections)
        .input_buffer_size(buffer)
        // Our requests have no body, and a signed URL fits in 8 KiB.
        .output_buffer_size(40 << 10)
        .timeout_resolve(Some(connect))
        .timeout_connect(Some(connect))
        .timeout_send_request(Some(connect))
        .timeout_recv_response(Some(response))
        .timeout_per_read(Some(stall))
        .timeout_per_write(Some(stall))
        .build()
        .new_agent()
}
