//! One question and its answer, redirects followed by our own rules: who sees the token is decided anew at every hop.

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ureq::Body;
use ureq::http::{HeaderMap, Response};

use super::gate::{self, Gate, Stop};
use super::transport::Transport;
use super::url::Url;
use super::{Credential, Error, Network, Origin, Status, headers};
use crate::support::escape;

/// What a browser allows, and the Hub's client.
const MOST_HOPS: usize = 20;

/// How much of a refusal is read for its message.
const MESSAGE: u64 = 16 << 10;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) accept: &'a str,
    pub(super) credential: Option<&'a Credential>,
    /// First byte and the one after the last.
    pub(super) range: Option<(u64, Option<u64>)>,
    /// The version of the file that the range is of.
    pub(super) if_range: Option<&'a str>,
}

/// The head of an answer that is no redirect, and its body.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Who answered in the end.
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// Why there is no answer that can be used.
#[derive(Debug)]
pub(super) enum Fault {
    /// It may go better next time.
    Passing(Passing),
    /// It will not.
    Lasting(Error),
}

/// A fault that may pass.
#[derive(Debug)]
pub(super) struct Passing {
    /// What happened.
    pub(super) why: String,
    /// The refusal, if it was one: it is the error when tries run out.
    pub(super) status: Option<Box<Status>>,
    /// How long the server asks for; all threads wait for it at the gate.
    pub(super) wait: Option<Duration>,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Lasting(error)
    }
}

impl Fault {
    /// Says who is meant, where a redirect led to another server than the one that the error will name.
    fn at(self, url: &Url, start: &Url) -> Self {
        match self {
            Self::Passing(passing) if url.origin() != start.origin() => {
                let Origin { host, port, .. } = url.origin();
                Self::Passing(Passing { why: format!("{host}:{port}: {}", passing.why), ..passing })
            }
            other => other,
        }
    }
}

impl Passing {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), status: None, wait: None }
    }

    /// The error that it becomes after the last of `attempts` tries.
    pub(super) fn into_error(self, url: &Url, attempts: u32) -> Error {
        match self.status {
            Some(status) => Error::Status(status),
            None => Error::Network { url: url.redacted(), why: self.why, attempts },
        }
    }
}

/// Everything that an exchange goes through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) network: &'a Network,
    pub(super) transport: &'a Arc<Transport>,
    pub(super) gate: &'a Gate,
    pub(super) stop: Stop,
}

impl Line<'_> {
    /// Asks once, following redirects. Every status but 2xx and 416 is a fault.
    pub(super) fn ask(&self, start: &Url, question: &Question<'_>) -> Result<Reply, Fault> {
        let mut url = start.clone();
        for _ in 0..=MOST_HOPS {
            let contacted = self.network.mirrors.apply(&url);
            let mut response = self.hop(&contacted, question).map_err(|fault| fault.at(&url, start))?;
            let status = response.status().as_u16();
            if matches!(status, 301 | 302 | 303 | 307 | 308) {
                url = self.next(&contacted, &response, question)?;
                // Read to its end, the connection is used again; the Hub's redirects have a short text.
                let _ = some_of(response.body_mut(), self.network.patience.stall);
                continue;
            }
            let (parts, body) = response.into_parts();
            let reply = Reply { status, url, headers: parts.headers, body };
            return if matches!(status, 200..=299 | 416) { Ok(reply) } else { Err(self.refused(reply)) };
        }
        let why = format!("redirects more than {MOST_HOPS} times");
        Err(Error::Protocol { url: start.redacted(), why }.into())
    }

    fn hop(&self, url: &Url, question: &Question<'_>) -> Result<Response<Body>, Fault> {
        self.network.allow(url)?;
        self.gate.pass(url.origin(), self.stop)?;
        self.transport.send(self.network, url, &question.headers(url)).map_err(|error| self.broken(url, error))
    }

    fn next(&self, from: &Url, response: &Response<Body>, question: &Question<'_>) -> Result<Url, Fault> {
        let protocol = |why: &str| Fault::Lasting(Error::Protocol { url: from.redacted(), why: why.to_owned() });
        // `Location` is bytes: some servers send UTF-8 there.
        let location = response.headers().get("location").ok_or_else(|| protocol("redirects to nowhere"))?;
        let location = String::from_utf8_lossy(location.as_bytes()).into_owned();
        let to = from.join(&location)?;
        if from.is_https() && !to.is_https() && question.credential.is_some() {
            return Err(protocol("leads a request that has a token from https to http"));
        }
        Ok(to)
    }

    fn broken(&self, url: &Url, error: ureq::Error) -> Fault {
        if (self.stop)() {
            return Error::Interrupted.into();
        }
        match fault_of(&error) {
            Some(why) => Fault::Passing(Passing::new(why)),
            None => {
                let mut why = escape::printable(&error.to_string());
                if why.contains("certificate") {
                    why += "; where a company's proxy signs the traffic, name its authority's file in SSL_CERT_FILE";
                }
                Fault::Lasting(Error::Network { url: url.redacted(), why, attempts: 1 })
            }
        }
    }

    fn refused(&self, reply: Reply) -> Fault {
        let code = reply.status;
        let passing = matches!(code, 408 | 425 | 429 | 500 | 502 | 503 | 504 | 520..=524);
        let wait = if passing { headers::wait(&reply.headers, SystemTime::now()) } else { None };
        let contacted = self.network.mirrors.apply(&reply.url);
        let status = Box::new(status_of(reply, self.network.patience.stall));
        match wait {
            Some(wait) if wait > gate::LONGEST => return Fault::Lasting(Error::Status(status)),
            Some(wait) => self.gate.shut(contacted.origin(), wait),
            None => {}
        }
        if passing {
            Fault::Passing(Passing { why: format!("the server answered {code}"), status: Some(status), wait })
        } else {
            Fault::Lasting(Error::Status(status))
        }
    }
}

impl Question<'_> {
    fn headers(&self, url: &Url) -> Vec<(&'static str, String)> {
        let mut headers = vec![("accept", self.accept.to_owned())];
        if let Some(credential) = self.credential.filter(|credential| credential.origins.contains(url.origin())) {
            headers.push(("authorization", format!("Bearer {}", credential.token.reveal())));
        } else if let Some(user) = url.user() {
            headers.push(("authorization", format!("Basic {}", base64(&decoded(user)))));
        }
        if let Some((first, end)) = self.range {
            let last = end.map_or(String::new(), |end| end.saturating_sub(1).to_string());
            headers.push(("range", format!("bytes={first}-{last}")));
        }
        if let Some(tag) = self.if_range {
            headers.push(("if-range", tag.to_owned()));
        }
        headers
    }
}

/// What went wrong, in words, if another try may go better.
fn fault_of(error: &ureq::Error) -> Option<String> {
    match error {
        ureq::Error::Io(error) => {
            // A certificate that is not trusted arrives wrapped as one of these: trying again does not help.
            if error.kind() == std::io::ErrorKind::InvalidData { None } else { Some(error.to_string()) }
        }
        ureq::Error::Timeout(ureq::Timeout::PerRead | ureq::Timeout::RecvBody) => {
            Some("the server sends nothing more".to_owned())
        }
        ureq::Error::Timeout(ureq::Timeout::RecvResponse) => Some("the server does not answer".to_owned()),
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            Some("the server cannot be reached in time".to_owned())
        }
        ureq::Error::Timeout(other) => Some(format!("took too long ({other})")),
        ureq::Error::HostNotFound => Some("the host's name is not known".to_owned()),
        ureq::Error::ConnectionFailed => Some("no connection".to_owned()),
        ureq::Error::Protocol(error) => Some(format!("broken answer: {}", escape::printable(&error.to_string()))),
        ureq::Error::ConnectProxyFailed(why) => Some(format!("the proxy refuses: {}", escape::printable(why))),
        ureq::Error::BodyStalled => Some("the answer stopped".to_owned()),
        _ => None,
    }
}

/// What a broken read of a body means: always worth another try.
pub(super) fn broken_read(error: std::io::Error) -> Passing {
    let why = match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(inner) => fault_of(inner).unwrap_or_else(|| escape::printable(&inner.to_string())),
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => "the connection was cut".to_owned(),
        None => error.to_string(),
    };
    Passing::new(why)
}

/// What comes of a short text within about `time`. Nobody insists on it, so that a server that drips it keeps nobody waiting.
fn some_of(body: &mut Body, time: Duration) -> Vec<u8> {
    let end = Instant::now() + time;
    let mut reader = body.as_reader().take(MESSAGE);
    let (mut found, mut buffer) = (Vec::new(), [0; 4 << 10]);
    while Instant::now() < end {
        match reader.read(&mut buffer) {
            Ok(count @ 1..) => found.extend_from_slice(&buffer[..count]),
            _ => break,
        }
    }
    found
}

fn status_of(mut reply: Reply, time: Duration) -> Status {
    let header = |name: &str| headers::text(&reply.headers, name).map(str::to_owned);
    let mut message = header("x-error-message").unwrap_or_default();
    let mut formal = !message.is_empty() || header("x-error-code").is_some();
    let html = header("content-type").is_some_and(|kind| kind.contains("html"));
    let encoded = header("content-encoding").is_some_and(|encoding| encoding != "identity");
    if message.is_empty() && !html && !encoded {
        // What cannot be read is not needed: the code alone says enough. Read to its end, the connection is used again.
        let bytes = some_of(&mut reply.body, time);
        let body = String::from_utf8_lossy(&bytes);
        formal |= serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&body).is_ok();
        message = message_of(&body);
    }
    Status {
        url: reply.url.redacted(),
        code: reply.status,
        error_code: header("x-error-code").map(|code| escape::printable(&code)),
        message: one_line(&message),
        formal,
    }
}

/// `{"error": "…"}` as the Hub sends it, or the text itself.
fn message_of(body: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(body) {
        Ok(json) => ["error", "message", "detail"]
            .iter()
            .find_map(|key| json.get(key)?.as_str().map(str::to_owned))
            .unwrap_or_default(),
        Err(_) => body.to_owned(),
    }
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    escape::printable(&words.join(" ")).chars().take(300).collect()
}

/// `%41` as `A`: user and password stand percent-encoded in a URL.
fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_of_a_url_are_sent_as_basic_authorization() {
        assert_eq!(base64(b"Aladdin:open sesame"), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(base64(b"a"), "YQ==");
        assert_eq!(base64(b"ab"), "YWI=");
        assert_eq!(base64(b"abc"), "YWJj");
        assert_eq!(decoded("a%3Ab%zz%4"), b"a:b%zz%4");
    }

    #[test]
    fn a_refusal_is_told_in_one_short_line() {
        assert_eq!(message_of("{\"error\": \"Repository not found\"}"), "Repository not found");
        assert_eq!(message_of("{\"error\": [1]}"), "");
        assert_eq!(one_line("  a\n\n b\u{1b}[0m "), "a b\\u{1b}[0m");
        assert_eq!(one_line(&"x".repeat(1000)).len(), 300);
    }
}
