//! Small documents over HTTP: a hub's listing, a release's index. Bounded in size and in time, asked again when it may help.

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::HeaderMap;

use super::exchange::{Fault, Line, Passing, Question, Reply, broken_read};
use super::gate::{self, Gate, Stop};
use super::transport::Transport;
use super::url::Url;
use super::{Credential, Error, Network, headers};
use crate::support::interrupt;

/// Connections that are kept: the engine goes on with those over which its models were resolved.
const KEPT: usize = 64;

/// The longest a small document takes, all tries and waits together: two of the Hub's rate limit windows.
const LONGEST: Duration = Duration::from_secs(700);

/// A document comes at least so fast, in bytes a second, once [`grace`] is over. Listings have megabytes, links that are in use
/// have more.
const SLOWEST: u64 = 4 << 10;

/// How long a document may take whatever its length: two minutes, where a stall is 20 seconds.
fn grace(network: &Network) -> Duration {
    network.patience.stall.saturating_mul(6)
}

/// Asks servers for documents. A clone shares the connections and the gate.
#[derive(Debug, Clone)]
pub struct Client {
    network: Arc<Network>,
    transport: Arc<Transport>,
    gate: Arc<Gate>,
    stop: Stop,
}

/// One document that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Where it is.
    pub url: &'a str,
    /// The `Accept` header; `*/*` without one.
    pub accept: Option<&'a str>,
    /// The token, and who may see it.
    pub credential: Option<&'a Credential>,
    /// The most bytes that are accepted.
    pub limit: u64,
}

/// A document.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status, 200 to 299.
    pub status: u16,
    /// Who answered, after redirects. It may hold a signature: [`redact`](super::redact) it when shown.
    pub url: String,
    /// The bytes.
    pub body: Vec<u8>,
    headers: HeaderMap,
}

impl Answer {
    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        headers::text(&self.headers, name)
    }

    /// Every header that is text, in the server's order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }

    /// Every text of a header that may stand several times, such as `Link`.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }
}

impl Client {
    /// A client on `network`. It opens no connection before it is asked for something.
    ///
    /// # Errors
    /// None at present; setting up trust may fail on some systems.
    pub fn new(network: Network) -> Result<Self, Error> {
        Ok(Self::stopped_by(network, interrupt::requested))
    }

    /// Its connections.
    pub(super) fn transport(&self) -> Arc<Transport> {
        Arc::clone(&self.transport)
    }

    /// A client that stops when `stop` says so.
    pub(super) fn stopped_by(network: Network, stop: Stop) -> Self {
        let transport = Transport::new(KEPT, 64 << 10, stop);
        Self { network: Arc::new(network), transport, gate: Arc::default(), stop }
    }

    /// The network that it uses.
    pub fn network(&self) -> &Network {
        &self.network
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(super) fn stop(&self) -> Stop {
        self.stop
    }

    /// The document that `ask` names. Asked again, with growing pauses, when the server is busy or the connection breaks.
    ///
    /// # Errors
    /// A status of 400 or above, a connection that stays broken, a document longer than the limit, or no network allowed.
    pub fn get(&self, ask: &Ask<'_>) -> Result<Answer, Error> {
        let url = Url::parse(ask.url)?;
        let question =
            Question { accept: ask.accept.unwrap_or("*/*"), credential: ask.credential, range: None, if_range: None };
        let line = Line { network: &self.network, transport: &self.transport, gate: &self.gate, stop: self.stop };
        let patience = &self.network.patience;
        let start = Instant::now();
        let (mut tries, mut failures) = (0, 0);
        loop {
            let begun = Instant::now();
            let passing = match line.ask(&url, &question).and_then(|reply| self.read(reply, ask.limit)) {
                Ok(answer) => return Ok(answer),
                Err(Fault::Lasting(error)) => return Err(error),
                Err(Fault::Passing(passing)) => passing,
            };
            // Who drips a document drips it again: that is tried twice, and not as often as what fails at once.
            tries += 1;
            failures += if begun.elapsed() > grace(&self.network) { patience.attempts.div_ceil(2) } else { 1 };
            if failures >= patience.attempts || start.elapsed() > LONGEST {
                return Err(passing.into_error(&url, tries));
            }
            // Where the server said how long, the gate keeps everybody waiting.
            if passing.wait.is_none() {
                gate::sleep(gate::pause(patience.pause, failures), self.stop)?;
            }
        }
    }

    fn read(&self, mut reply: Reply, limit: u64) -> Result<Answer, Fault> {
        let url = reply.url.redacted();
        let protocol = |why: String| Fault::Lasting(Error::Protocol { url: url.clone(), why });
        if reply.status == 416 {
            return Err(protocol("answered 416 to a request without a range".to_owned()));
        }
        if let Some(encoding) = headers::text(&reply.headers, "content-encoding").filter(|one| *one != "identity") {
            let encoding = crate::support::escape::printable(encoding);
            return Err(protocol(format!("came encoded as {encoding}, which was not asked for")));
        }
        let too_long = || protocol(format!("is longer than {}", crate::support::units::bytes(limit)));
        let promised = reply.body.content_length();
        if promised.is_some_and(|length| length > limit) {
            return Err(too_long());
        }
        let mut body = Vec::with_capacity(promised.unwrap_or(0).min(1 << 20) as usize);
        // A document that drips in for ever is stopped by the clock: each read alone is bounded by the stall time.
        let (begun, grace) = (Instant::now(), grace(&self.network));
        let mut reader = reply.body.as_reader();
        let mut buffer = [0; 16 << 10];
        loop {
            if (self.stop)() {
                return Err(Error::Interrupted.into());
            }
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => body.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) if (self.stop)() => return Err(Error::Interrupted.into()),
                Err(error) => return Err(Fault::Passing(broken_read(error))),
            }
            if body.len() as u64 > limit {
                return Err(too_long());
            }
            if begun.elapsed() > grace + Duration::from_secs(body.len() as u64 / SLOWEST) {
                return Err(Fault::Passing(Passing::new("the server sends too slowly")));
            }
        }
        Ok(Answer { status: reply.status, url: reply.url.text(), body, headers: reply.headers })
    }
}
