//! The addresses that a `url:` spec and a lock may hold: plain, without anything secret, and encrypted unless a digest proves
//! the bytes.

use crate::fetch::Digest;

/// The longest address.
const MAX_LENGTH: usize = 2_000;

/// The address without its fragment, scheme and host in lower case, and the digest that the fragment names.
///
/// # Errors
/// The rule that is broken, in words that follow "it".
pub fn parse(text: &str) -> Result<(String, Option<Digest>), String> {
    let (address, fragment) = text.split_once('#').map_or((text, None), |(head, tail)| (head, Some(tail)));
    let digest = fragment.map(digest).transpose()?;
    let url = address_of(address)?;
    if url.starts_with("http:") && digest.is_none() && !is_loopback(&url) {
        return Err(
            "is not encrypted: anyone on the way could change it; write `https:`, or add `#sha256=…`".to_owned()
        );
    }
    Ok((url, digest))
}

/// Checks an address that a lock holds: the form that [`parse`] gives.
///
/// # Errors
/// The rule that is broken, in words that follow "it".
pub fn check(url: &str) -> Result<(), String> {
    let canonical = address_of(url)?;
    if canonical != url {
        return Err(format!("is not written as `{canonical}`"));
    }
    Ok(())
}

/// `OWNER/NAME` when `text` is the address of a repository's page on the Hub.
pub fn hub_page(text: &str) -> Option<String> {
    let path = ["https://huggingface.co/", "https://hf.co/"].iter().find_map(|head| text.strip_prefix(head))?;
    let (folder, path) = match path.strip_prefix("datasets/") {
        Some(path) => ("datasets/", path),
        None => ("", path),
    };
    let repo = path.split(['?', '#']).next()?.split('/').take(2).collect::<Vec<_>>().join("/");
    (repo.contains('/') && super::names::hub_repo(&repo).is_ok()).then(|| format!("{folder}{repo}"))
}

fn digest(fragment: &str) -> Result<Digest, String> {
    let hex = fragment.strip_prefix("sha256=").ok_or("has a `#` that is not followed by `sha256=`")?;
    match Digest::from_hex(&hex.to_ascii_lowercase()) {
        Some(digest @ Digest::Sha256(_)) => Ok(digest),
        _ => Err("has a `sha256=` that is not followed by 64 hexadecimal digits".to_owned()),
    }
}

fn address_of(text: &str) -> Result<String, String> {
    if text.len() > MAX_LENGTH {
        return Err(format!("is longer than {MAX_LENGTH} characters"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte)) {
        return Err("holds a space or a sign that has to be percent-encoded in an address".to_owned());
    }
    let (scheme, rest) = text.split_once("://").ok_or("is no address: it starts with `https://`")?;
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") {
        return Err("does not start with `https://`".to_owned());
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err("holds a user or a password, which would be committed with it".to_owned());
    }
    host(authority)?;
    if !path.starts_with('/') || path.split('?').next().is_none_or(|path| path.ends_with('/')) {
        return Err("names no file: nothing follows its last `/`".to_owned());
    }
    Ok(format!("{scheme}://{}{path}", authority.to_ascii_lowercase()))
}

fn host(authority: &str) -> Result<(), String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, tail) = rest.split_once(']').ok_or("has a host without its `]`")?;
            if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte)) {
                return Err("has a host that is no address of IPv6".to_owned());
            }
            (host, tail)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte));
    if host.is_empty() || host.len() > 253 || !name {
        return Err("has no proper host".to_owned());
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(()),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|n| n > 0) => {
            Ok(())
        }
        _ => Err("has a port that is not a number from 1 to 65535".to_owned()),
    }
}

fn is_loopback(url: &str) -> bool {
    let authority = url.split("://").nth(1).and_then(|rest| rest.split(['/', '?']).next()).unwrap_or("");
    let host =
        authority.strip_prefix("[::1]").map_or_else(|| authority.split(':').next().unwrap_or(""), |_| "localhost");
    host == "localhost" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_plain_and_its_scheme_and_host_are_lower_case() {
        let sum = "ab".repeat(32);
        let parsed = parse(&format!("HTTPS://Example.org:8080/A/b.bin?x=1#sha256={}", sum.to_uppercase())).unwrap();
        assert_eq!(parsed.0, "https://example.org:8080/A/b.bin?x=1");
        assert_eq!(parsed.1.map(|digest| digest.hex()), Some(sum));
        assert!(parse("http://127.0.0.1:80/x").is_ok());
        assert!(parse("http://[::1]:80/x").is_ok());
    }

    #[test]
    fn what_could_leak_mislead_or_be_changed_on_the_way_is_refused() {
        for (bad, why) in [
            (
                "http://example.org/x",
                "is not encrypted: anyone on the way could change it; write `https:`, or add `#sha256=…`",
            ),
            (
                "http://127.0.0.1.example.org/x",
                "is not encrypted: anyone on the way could change it; write `https:`, or add `#sha256=…`",
            ),
            ("https://user:password@example.org/x", "holds a user or a password, which would be committed with it"),
            ("ftp://example.org/x", "does not start with `https://`"),
            ("https://example.org/", "names no file: nothing follows its last `/`"),
            ("https://example.org", "names no file: nothing follows its last `/`"),
            ("https:///x", "has no proper host"),
            ("https://a:0/x", "has a port that is not a number from 1 to 65535"),
            ("https://a/x#md5=1", "has a `#` that is not followed by `sha256=`"),
            ("https://a/x#sha256=1", "has a `sha256=` that is not followed by 64 hexadecimal digits"),
            ("https://a/x y", "holds a space or a sign that has to be percent-encoded in an address"),
        ] {
            assert_eq!(parse(bad), Err(why.to_owned()), "{bad}");
        }
    }

    #[test]
    fn a_page_of_the_hub_names_its_repository() {
        assert_eq!(
            hub_page("https://huggingface.co/openai/whisper-base/tree/main").as_deref(),
            Some("openai/whisper-base")
        );
        assert_eq!(hub_page("https://hf.co/datasets/a/b").as_deref(), Some("datasets/a/b"));
        assert_eq!(hub_page("https://example.org/a/b"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_is_accepted_is_stable(text in "(https?://)?[a-zA-Z0-9/:@?#\\[\\].é=%-]{0,40}") {
            let _ = hub_page(&text);
            if let Ok((url, None)) = parse(&text) {
                prop_assert_eq!(check(&url), Ok(()));
            }
        }
    }
}
