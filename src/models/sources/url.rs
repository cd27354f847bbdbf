//! A model that is one file at one URL, with the SHA-256 behind a `#`, or trusted on first use.

use super::{Error, names};
use crate::fetch::Digest;
use crate::models::locked::{File, FilesHome, Part, Place};

/// What lies at `url`. No server is asked.
///
/// # Errors
/// When it is no URL that can be kept in a lock file, or its last segment is no plain file name.
pub fn resolve(url: &str, digest: Option<Digest>) -> Result<Part, Error> {
    let refuse = |why| Error::Name { what: "the URL", name: redacted(url), why };
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refuse("holds a space or a control character"));
    }
    let (scheme, rest) = url.split_once("://").ok_or_else(|| refuse("does not begin with https://"))?;
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return Err(refuse("does not begin with https://")),
    };
    if !secure && digest.is_none() {
        return Err(refuse("over http anybody on the way can change the file: add #sha256=…, or use https"));
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let (before_query, _) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, path) = before_query.split_once('/').ok_or_else(|| refuse("names no file"))?;
    if host.contains('@') {
        return Err(refuse("the lock file would keep the user and the password in it"));
    }
    if host.is_empty() {
        return Err(refuse("names no host"));
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let name = decoded(name).ok_or_else(|| refuse("its last segment is no text"))?;
    if name.is_empty() {
        return Err(refuse("names no file"));
    }
    names::plain_name("the file name", &name)?;
    let file = File { path: name, size: None, digest, url: Some(format!("{scheme}://{rest}")) };
    Ok(Part { place: Place::Files { home: FilesHome::Files }, files: vec![file].into() })
}

/// `url` without user, password, query and fragment, for people.
pub(super) fn redacted(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    match bare.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            let host = host.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => bare.to_owned(),
    }
}

/// `text` with its `%XX` undone; `None` for a broken escape or bytes that are no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let [high, low, tail @ ..] = tail else { return None };
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
            rest = tail;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest() -> Option<Digest> {
        Digest::from_hex(&"ab".repeat(32))
    }

    #[test]
    fn a_file_is_named_by_the_last_segment_of_its_url() {
        let name = |url| resolve(url, digest()).map(|part| part.files[0].path.clone()).ok();
        assert_eq!(name("https://example.org/a/model.gguf").as_deref(), Some("model.gguf"));
        assert_eq!(name("https://example.org/my%20model.pt?version=2").as_deref(), Some("my model.pt"));
        assert_eq!(name("http://127.0.0.1:8080/m.pt").as_deref(), Some("m.pt"));
        for bad in [
            "model.pt",
            "ftp://example.org/m.pt",
            "file:///etc/passwd",
            "https://example.org",
            "https://example.org/",
            "https:///m.pt",
            "https://example.org/a/",
            "https://example.org/..",
            "https://example.org/%2e%2e%2fx",
            "https://example.org/a%2fb",
            "https://example.org/a%00",
            "https://example.org/%zz",
            "https://example.org/%f",
            "https://example.org/a b",
            "https://user:pw@example.org/m.pt",
            "https://example.org/nul",
        ] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_lock_keeps_the_query_but_not_the_fragment() {
        let part = resolve("https://example.org/m.pt?v=2#sha256=00", digest()).unwrap();
        assert_eq!(part.files[0].url.as_deref(), Some("https://example.org/m.pt?v=2"));
        assert_eq!((part.files[0].digest, part.files[0].size), (digest(), None));
    }

    #[test]
    fn http_without_a_digest_and_secrets_in_a_url_are_refused_without_showing_them() {
        assert!(resolve("https://example.org/m.pt", None).is_ok());
        let said = resolve("http://example.org/m.pt?token=hidden", None).unwrap_err().to_string();
        assert!(said.contains("add #sha256=") && !said.contains("hidden"), "{said}");
        let said = resolve("https://user:hidden@example.org/m.pt", None).unwrap_err().to_string();
        assert!(said.contains("https://example.org/m.pt") && !said.contains("hidden"), "{said}");
    }

    proptest! {
        #[test]
        fn no_text_panics(url in "\\PC{0,60}", tail in "[%a-f0-9/.?#@:]{0,30}") {
            let _ = resolve(&url, None);
            let _ = resolve(&format!("https://{tail}"), digest());
        }
    }
}
