//! URLs as far as a download needs them: taken apart, joined to a redirect's target, compared by origin, and shown
//! without what is secret in them.
//!
//! Small and strict on purpose: what is not plainly `http` or `https` with a plain host is refused, so that two readers of
//! the same text cannot disagree about whom it names.

use std::fmt;
use std::net::Ipv6Addr;

use super::{Error, Origin};
use crate::support::escape;

/// Signed URLs reach 4 KiB; what is longer is an attack or a mistake.
const LONGEST: usize = 16 << 10;

/// An `http` or `https` URL, without its fragment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Url {
    origin: Origin,
    /// `user:password`, as written.
    user: Option<String>,
    /// Path and query, percent-encoded where they were not; begins with `/`.
    path: String,
}

impl Url {
    /// Takes `text` apart.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text).map_err(|why| Error::Protocol { url: redact(text), why: why.to_owned() })
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("is longer than a URL can be");
        }
        let (scheme, rest) = text.split_once("://").ok_or("is not a URL that can be fetched: http:// or https://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return Err("is neither http nor https"),
        };
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if path.starts_with('\\') {
            return Err("has a backslash where its path begins");
        }
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user).filter(|user| !user.is_empty()).map(str::to_owned), place),
            None => (None, authority),
        };
        let (host, port) = host_and_port(place)?;
        let origin = Origin { scheme, host, port: port.unwrap_or(default) };
        Ok(Self { origin, user, path: encoded(path) })
    }

    /// Where a redirect from here to `reference` leads: absolute, relative to the host, or relative to the path. A query
    /// is kept as it stands.
    pub(super) fn join(&self, reference: &str) -> Result<Self, Error> {
        let reference = reference.trim();
        if let Some(end) = reference.find("://")
            && reference[..end].bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        {
            return Self::parse(reference);
        }
        if reference.starts_with("//") {
            return Self::parse(&format!("{}:{reference}", self.origin.scheme));
        }
        if reference.len() > LONGEST {
            return Err(Error::Protocol { url: self.redacted(), why: "redirects to an endless address".to_owned() });
        }
        let here = self.path.split('?').next().unwrap_or("/");
        let path = if reference.is_empty() || reference.starts_with('#') {
            self.path.clone()
        } else if reference.starts_with('?') {
            encoded(&format!("{here}{reference}"))
        } else if reference.starts_with('/') {
            without_dots(&encoded(reference))
        } else {
            let folder = here.rfind('/').map_or("/", |at| &here[..=at]);
            without_dots(&encoded(&format!("{folder}{reference}")))
        };
        Ok(Self { origin: self.origin.clone(), user: self.user.clone(), path })
    }

    /// The same path on another server: `base`'s own path comes first.
    pub(super) fn moved_to(&self, base: &Self) -> Self {
        let prefix = base.path.split('?').next().unwrap_or("").trim_end_matches('/');
        Self { origin: base.origin.clone(), user: base.user.clone(), path: format!("{prefix}{}", self.path) }
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// `user:password`, as the URL has it.
    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// True for `https`.
    pub(super) fn is_https(&self) -> bool {
        self.origin.scheme == "https"
    }

    /// What is sent: everything but user and password.
    pub(super) fn text(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }

    /// What may be shown: no user, no password, no query.
    pub(super) fn redacted(&self) -> String {
        escape::printable(&format!("{}{}", self.origin, self.path.split('?').next().unwrap_or("")))
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl Origin {
    /// The origin of `url`; `None` if it is not a URL that can be fetched.
    pub fn of(url: &str) -> Option<Self> {
        Url::read(url).ok().map(|url| url.origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = if self.scheme == "https" { 443 } else { 80 };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}://{open}{}{close}", self.scheme, self.host)?;
        if self.port == usual { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// `url` as it may be shown: without user, password, query and fragment, and escaped. Works for what is no URL, too.
pub fn redact(url: &str) -> String {
    if let Ok(url) = Url::read(url) {
        return url.redacted();
    }
    let shown = url.split(['?', '#']).next().unwrap_or("");
    let shown = match shown.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, place)| place)),
        None => shown.rsplit_once('@').map_or(shown, |(_, place)| place).to_owned(),
    };
    escape::printable(&shown.chars().take(300).collect::<String>())
}

fn host_and_port(place: &str) -> Result<(String, Option<u16>), &'static str> {
    const HOST: &str = "has no host that can be asked";
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(HOST)?;
        let address: Ipv6Addr = host.parse().map_err(|_| HOST)?;
        (address.to_string(), port)
    } else {
        let at = place.find(':').unwrap_or(place.len());
        let host = place[..at].to_ascii_lowercase();
        let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if host.is_empty() || host.len() > 253 || !plain {
            return Err(HOST);
        }
        (host, &place[at..])
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return Err(HOST),
        Some("") => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port > 0).ok_or("has no port that can be asked")?)
        }
        Some(_) => return Err("has no port that can be asked"),
    };
    Ok((host, port))
}

/// `path` without its fragment, beginning with `/`, every byte that may not stand in a request line percent-encoded.
fn encoded(path: &str) -> String {
    use fmt::Write as _;
    let path = path.split('#').next().unwrap_or("");
    let mut out = String::with_capacity(path.len() + 1);
    if !path.starts_with('/') {
        out.push('/');
    }
    for byte in path.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte);
        if plain {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// RFC 3986, 5.2.4: `.` and `..` taken away from the path, the query left alone.
fn without_dots(path: &str) -> String {
    let (path, query) = match path.find('?') {
        Some(at) => path.split_at(at),
        None => (path, ""),
    };
    let mut kept: Vec<&str> = Vec::new();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        match *part {
            "." | ".." => {
                if *part == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            part => kept.push(part),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_redirect_is_joined_as_the_standard_says_and_keeps_its_query() {
        let base = Url::parse("https://hub.example/a/b/c?old=1").unwrap();
        for (reference, expected) in [
            ("https://cdn.example:8443/x?sig=%2F&y", "https://cdn.example:8443/x?sig=%2F&y"),
            ("HTTP://CDN.example/x", "http://cdn.example/x"),
            ("//cdn.example/x", "https://cdn.example/x"),
            ("/api/r/x?a=b&c=%22d%22", "https://hub.example/api/r/x?a=b&c=%22d%22"),
            ("d/e", "https://hub.example/a/b/d/e"),
            ("../d", "https://hub.example/a/d"),
            ("../../../../d/./e/..", "https://hub.example/d/"),
            ("?new=/../2", "https://hub.example/a/b/c?new=/../2"),
            ("/x?next=https://other.example/y", "https://hub.example/x?next=https://other.example/y"),
            ("", "https://hub.example/a/b/c?old=1"),
            ("/sp ace/é#part", "https://hub.example/sp%20ace/%C3%A9"),
        ] {
            assert_eq!(base.join(reference).map(|url| url.text()).ok().as_deref(), Some(expected), "{reference}");
        }
    }

    #[test]
    fn what_is_not_plainly_a_web_address_is_refused() {
        for text in [
            "",
            "x",
            "ftp://h/x",
            "file:///etc/passwd",
            "http://",
            "http:///x",
            "http://h:0/",
            "http://h:99999/",
            "http://h:8x/",
            "http://a b/",
            "http://h\\@evil/",
            "http://[::1/",
            "http://h\u{0}/",
            "http://é/",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        let long = format!("http://h/{}", "a".repeat(LONGEST));
        assert!(Url::parse(&long).is_err());
    }

    #[test]
    fn nothing_secret_is_shown() {
        assert_eq!(redact("https://me:pw@h.example/a/b?X-Amz-Signature=s#f"), "https://h.example/a/b");
        assert_eq!(redact("https://me:pw@h\u{1b}/a?token=t"), "https://h\\u{1b}/a");
        assert_eq!(redact("me:pw@h/a?t"), "h/a");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert_eq!(Origin::of("http://H.example"), Origin::of("http://h.example:80/x?y"));
        assert_ne!(Origin::of("http://h.example"), Origin::of("https://h.example"));
        assert_ne!(Origin::of("http://h.example"), Origin::of("http://h.example:81"));
        assert_eq!(
            Origin::of("http://[::1]:8080/x").map(|origin| origin.to_string()).as_deref(),
            Some("http://[::1]:8080")
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_it_reads_it_reads_again(base in "https?://[a-z@:\\[\\]0-9/?#.%]{0,30}", reference in ".{0,40}") {
            if let Ok(url) = Url::parse(&base) {
                prop_assert_eq!(Url::parse(&url.text()).unwrap().text(), url.text());
                if let Ok(joined) = url.join(&reference) {
                    prop_assert_eq!(Url::parse(&joined.text()).unwrap().text(), joined.text());
                    prop_assert!(!joined.redacted().contains('?'));
                }
            }
            let _ = redact(&reference);
        }
    }
}
