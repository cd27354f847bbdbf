//! The origin of a URL: what decides who may see a token, and which page a listing may go on at.

use crate::fetch::Origin;

/// The origin of `url`; `None` when it is neither `http` nor `https`, has no host, or carries a user name.
pub(super) fn of(url: &str) -> Option<Origin> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let usual = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or("");
    if authority.contains('@') || authority.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return None;
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => {
            let (host, after) = v6.split_once(']')?;
            (host, after.strip_prefix(':').or_else(|| after.is_empty().then_some(""))?)
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let port = if port.is_empty() { usual } else { port.parse().ok()? };
    (!host.is_empty()).then(|| Origin { scheme, host: host.to_ascii_lowercase(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(url: &str) -> Option<String> {
        of(url).map(|origin| format!("{} {} {}", origin.scheme, origin.host, origin.port))
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (url, expected) in [
            ("https://HuggingFace.co/a/b", Some("https huggingface.co 443")),
            ("http://127.0.0.1:8080", Some("http 127.0.0.1 8080")),
            ("http://[::1]:80/x?y#z", Some("http ::1 80")),
            ("https://hub?x=@evil", Some("https hub 443")),
            ("https://user:secret@hub/", None),
            ("https://hub\\@evil/", Some("https hub 443")),
            ("ftp://hub/", None),
            ("https://", None),
            ("https://hub:99999/", None),
            ("hub.example", None),
        ] {
            assert_eq!(text(url).as_deref(), expected, "{url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(url in ".*") {
            let _ = of(&url);
            let _ = of(&format!("http://{url}"));
        }
    }
}
