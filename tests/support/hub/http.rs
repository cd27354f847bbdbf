//! A request as the servers read it, and an answer as they build it.

use std::io::{self, BufRead, Read};
use std::ops::Range;

use super::content::Content;
use super::text;

/// The longest request line or header that is read.
const LINE: u64 = 64 << 10;

/// A request.
#[derive(Clone, Default)]
pub(crate) struct Request {
    /// `GET`, `HEAD`, …
    pub(crate) method: String,
    /// The path as it came, without the query.
    pub(crate) raw_path: String,
    /// The path, decoded.
    pub(crate) path: String,
    /// The query string as it came.
    pub(crate) query: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// What followed the headers.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Reads the next request of a connection; `None` when the other side has closed it.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        from.take(LINE).read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
        let (raw_path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Self {
            method: method.to_owned(),
            raw_path: raw_path.to_owned(),
            path: text::decoded(raw_path),
            query: query.to_owned(),
            headers: Vec::with_capacity(12),
            body: Vec::new(),
        };
        request.read_headers(from)?;
        request.read_body(from)?;
        Ok(Some(request))
    }

    fn read_headers(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            if from.take(LINE).read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else { return Ok(()) };
            self.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn read_body(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        if let Some(size) = self.header("content-length").and_then(|size| size.parse().ok()) {
            from.take(size).read_to_end(&mut self.body)?;
        }
        Ok(())
    }

    /// The value of a header, by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A value in the query, decoded.
    pub(crate) fn asked(&self, name: &str) -> Option<String> {
        text::pairs(&self.query).into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// Whether a switch in the query is on; Python's `requests` writes `True`, `httpx` writes `true`.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.asked(name).is_some_and(|value| ["1", "true"].contains(&value.to_ascii_lowercase().as_str()))
    }

    /// The token of the `Authorization` header.
    pub(crate) fn token(&self) -> Option<&str> {
        self.header("authorization").and_then(|value| value.strip_prefix("Bearer "))
    }

    /// Path and query as they came.
    pub(crate) fn target(&self) -> String {
        if self.query.is_empty() { self.raw_path.clone() } else { format!("{}?{}", self.raw_path, self.query) }
    }

    /// The same request for the whole file.
    pub(crate) fn without_range(&self) -> Self {
        let mut request = self.clone();
        request.headers.retain(|(name, _)| name != "range");
        request
    }

    /// The bytes that `Range` asks for; `Err` where there are none such. `If-Range` with another etag asks for all.
    fn span(&self, size: u64, etag: Option<&str>) -> Result<Option<Range<u64>>, ()> {
        let Some(range) = self.header("range").and_then(|range| range.strip_prefix("bytes=")) else { return Ok(None) };
        if self.header("if-range").is_some_and(|wanted| Some(wanted) != etag) || range.contains(',') {
            return Ok(None);
        }
        let Some((from, to)) = range.split_once('-') else { return Ok(None) };
        let span = match (from.parse::<u64>(), to.parse::<u64>()) {
            (Ok(from), Ok(to)) => from..to.saturating_add(1).min(size),
            (Ok(from), Err(_)) => from..size,
            (Err(_), Ok(last)) => size.saturating_sub(last)..size,
            (Err(_), Err(_)) => return Ok(None),
        };
        if span.start < span.end { Ok(Some(span)) } else { Err(()) }
    }
}

/// An answer.
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: u16,
    /// All headers but those that belong to the connection.
    pub(crate) headers: Vec<(String, String)>,
    /// Where the body is taken from.
    pub(crate) content: Content,
    /// Which bytes of it are the body.
    pub(crate) span: Range<u64>,
    /// Sent in chunks, without a length.
    pub(crate) chunked: bool,
    /// The length that is claimed, where it is not the true one.
    pub(crate) claimed: Option<u64>,
}

impl Reply {
    /// An answer without a body.
    pub(crate) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), content: "".into(), span: 0..0, chunked: false, claimed: None }
    }

    /// An answer with this body.
    pub(crate) fn with(status: u16, kind: &str, body: impl Into<Content>) -> Self {
        let content = body.into();
        let span = 0..content.size();
        Self { content, span, ..Self::status(status) }.header("Content-Type", kind)
    }

    /// A JSON answer.
    pub(crate) fn json(value: &serde_json::Value) -> Self {
        Self::with(200, "application/json; charset=utf-8", value.to_string())
    }

    /// The Hub's way to say no: a code and a message in headers, and the message in the body.
    pub(crate) fn refusal(status: u16, code: Option<&str>, message: &str) -> Self {
        let mut reply = Self::json(&serde_json::json!({ "error": message })).header("X-Error-Message", message);
        reply.status = status;
        match code {
            Some(code) => reply.header("X-Error-Code", code),
            None => reply,
        }
    }

    /// A redirect.
    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        let body = format!("Redirecting to {location}");
        Self::with(status, "text/plain; charset=utf-8", body).header("Location", location)
    }

    /// A file, or the part of it that is asked for, or 304 or 416.
    pub(crate) fn file(request: &Request, content: &Content, etag: &str) -> Self {
        let (size, quoted) = (content.size(), format!("\"{etag}\""));
        if request.header("if-none-match").is_some_and(|list| list.split(',').any(|one| one.trim() == quoted)) {
            return Self::status(304).header("ETag", quoted);
        }
        let mut reply = Self::status(200).header("ETag", &quoted).header("Accept-Ranges", "bytes");
        reply.content = content.clone();
        reply.span = 0..size;
        match request.span(size, Some(&quoted)) {
            Ok(None) => {}
            Ok(Some(span)) => {
                reply.status = 206;
                reply = reply.header("Content-Range", format!("bytes {}-{}/{size}", span.start, span.end - 1));
                reply.span = span;
            }
            Err(()) => {
                return Self::status(416).header("Content-Range", format!("bytes */{size}"));
            }
        }
        reply.header("Content-Type", "application/octet-stream")
    }

    /// This answer with one header more, in place of those with its name.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// How many bytes the body has.
    pub(crate) fn length(&self) -> u64 {
        self.span.end - self.span.start
    }
}
