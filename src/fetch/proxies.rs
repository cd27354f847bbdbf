//! Which proxy a request goes through, by the variables that curl, Python and most programs read.

use std::net::IpAddr;

use super::url::Url;
use crate::support::vars::Vars;

/// The proxies of this machine, and the hosts that are reached without them.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxies {
    pub(super) http: Option<ureq::Proxy>,
    pub(super) https: Option<ureq::Proxy>,
    exempt: Vec<Exempt>,
}

/// One entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exempt {
    Everything,
    /// A host and all below it, perhaps one port only.
    Host(String, Option<u16>),
    /// An address and how many of its leading bits count.
    Net(IpAddr, u8),
}

/// Which of a client's connections a request uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Route {
    Direct,
    HttpProxy,
    HttpsProxy,
}

impl Proxies {
    pub(super) fn from_vars(vars: &Vars) -> anyhow::Result<Self> {
        let all = first(vars, &["all_proxy", "ALL_PROXY"]);
        // A web server running as CGI gets a request's `Proxy:` header as HTTP_PROXY (httpoxy): curl reads only the lower case
        // for that reason, Python leaves it out when REQUEST_METHOD is set. This is what Python does.
        let cgi = vars.get("REQUEST_METHOD").is_some();
        let http = first(vars, if cgi { &["http_proxy"] } else { &["http_proxy", "HTTP_PROXY"] }).or(all);
        let https = first(vars, &["https_proxy", "HTTPS_PROXY"]).or(all);
        let exempt = vars.text("no_proxy").or_else(|| vars.text("NO_PROXY")).unwrap_or("");
        Ok(Self { http: proxy(http)?, https: proxy(https)?, exempt: exempts(exempt) })
    }

    pub(super) fn route(&self, url: &Url) -> Route {
        let (proxy, route) =
            if url.is_https() { (&self.https, Route::HttpsProxy) } else { (&self.http, Route::HttpProxy) };
        if proxy.is_none() || self.exempt.iter().any(|entry| entry.covers(url)) { Route::Direct } else { route }
    }
}

fn first<'a>(vars: &'a Vars, names: &[&'static str]) -> Option<(&'static str, &'a str)> {
    names.iter().find_map(|name| vars.text(name).map(|value| (*name, value)))
}

fn proxy(variable: Option<(&str, &str)>) -> anyhow::Result<Option<ureq::Proxy>> {
    let Some((name, value)) = variable else { return Ok(None) };
    // What curl calls socks5h lets the proxy find the host's address, which ureq does for `socks5` always.
    let value = value.replacen("socks5h://", "socks5://", 1);
    // The error says nothing that helps, and the value may hold a password.
    let proxy = ureq::Proxy::new(&value).map_err(|_| {
        anyhow::anyhow!(
            "{name} is no proxy that can be used: {} (http, https, socks4, socks4a, socks5)",
            super::redact(&value)
        )
    })?;
    Ok(Some(proxy))
}

fn exempts(text: &str) -> Vec<Exempt> {
    text.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).filter_map(exempt).collect()
}

fn exempt(entry: &str) -> Option<Exempt> {
    if entry == "*" {
        return Some(Exempt::Everything);
    }
    let entry = entry.to_ascii_lowercase();
    if let Some((address, bits)) = entry.split_once('/') {
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        return Some(Exempt::Net(address, bits.parse().ok().filter(|bits| *bits <= longest)?));
    }
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(Exempt::Net(address, if address.is_ipv4() { 32 } else { 128 }));
    }
    let (host, port) = match entry.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (entry.as_str(), None),
    };
    let host = host.trim_start_matches('*').trim_start_matches('.').trim_end_matches('.');
    (!host.is_empty()).then(|| Exempt::Host(host.to_owned(), port))
}

impl Exempt {
    fn covers(&self, url: &Url) -> bool {
        let origin = url.origin();
        match self {
            Self::Everything => true,
            Self::Host(host, port) => {
                let named = origin.host.trim_end_matches('.');
                let below =
                    named.strip_suffix(host.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                below && port.is_none_or(|port| port == origin.port)
            }
            Self::Net(net, bits) => match (net, origin.host.parse()) {
                (IpAddr::V4(net), Ok(IpAddr::V4(host))) => {
                    (net.to_bits() ^ host.to_bits()).checked_shr(32 - u32::from(*bits)).unwrap_or(0) == 0
                }
                (IpAddr::V6(net), Ok(IpAddr::V6(host))) => {
                    (net.to_bits() ^ host.to_bits()).checked_shr(128 - u32::from(*bits)).unwrap_or(0) == 0
                }
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn route(pairs: &[(&str, &str)], url: &str) -> Route {
        let vars: Vars = pairs.iter().copied().collect();
        Proxies::from_vars(&vars).unwrap().route(&Url::parse(url).unwrap())
    }

    #[test]
    fn each_scheme_has_its_proxy_and_all_proxy_stands_in() {
        let http = &[("HTTP_PROXY", "http://p:1")];
        assert_eq!(route(http, "http://h/"), Route::HttpProxy);
        assert_eq!(route(http, "https://h/"), Route::Direct);
        assert_eq!(route(&[("all_proxy", "socks5h://p:1")], "https://h/"), Route::HttpsProxy);
        assert_eq!(route(&[("HTTP_PROXY", "http://p:1"), ("REQUEST_METHOD", "GET")], "http://h/"), Route::Direct);
    }

    #[test]
    fn no_proxy_exempts_hosts_what_is_below_them_ports_and_nets() {
        let with = |list: &str, url: &str| route(&[("ALL_PROXY", "http://p:1"), ("NO_PROXY", list)], url);
        for (list, url) in [
            ("*", "https://h/"),
            ("localhost,127.0.0.1", "http://127.0.0.1:8/"),
            ("example.com", "https://a.example.com/"),
            (".example.com", "https://example.com/"),
            ("*.Example.com", "https://A.example.com/"),
            ("example.com:443", "https://example.com/"),
            ("10.0.0.0/8", "http://10.2.3.4/"),
            ("0.0.0.0/0", "http://10.2.3.4/"),
            ("fd00::/8", "http://[fd00::1]/"),
            ("::1", "http://[::1]:9/"),
        ] {
            assert_eq!(with(list, url), Route::Direct, "{list} {url}");
        }
        for (list, url) in [
            ("example.com", "https://notexample.com/"),
            ("example.com:80", "https://example.com/"),
            ("10.0.0.0/8", "http://11.2.3.4/"),
            ("", "http://h/"),
            (",", "http://h/"),
        ] {
            assert_ne!(with(list, url), Route::Direct, "{list} {url}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_named_without_its_password() {
        let vars: Vars = [("HTTPS_PROXY", "gopher://me:secret@p:1")].into_iter().collect();
        let error = Proxies::from_vars(&vars).unwrap_err().to_string();
        assert_eq!(
            error,
            "HTTPS_PROXY is no proxy that can be used: gopher://p:1 (http, https, socks4, socks4a, socks5)"
        );
    }

    proptest! {
        #[test]
        fn no_list_of_exemptions_makes_it_panic(list in "[a-z0-9:.*/,\\[\\] ]{0,40}") {
            let url = Url::parse("http://10.0.0.1/").unwrap();
            let _ = exempts(&list).iter().any(|entry| entry.covers(&url));
        }
    }
}
