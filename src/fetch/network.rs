//! How the network is reached from this machine: proxies, trusted certificates, mirrors, or not at all.

use std::sync::Arc;
use std::time::Duration;

use super::Error;
use super::proxies::Proxies;
use super::roots::Roots;
use super::url::Url;
use crate::support::vars::Vars;

/// How the network is reached from this machine.
#[derive(Debug, Clone)]
pub struct Network {
    /// No socket is opened.
    pub(super) offline: bool,
    pub(super) proxies: Proxies,
    pub(super) roots: Arc<Roots>,
    pub(super) mirrors: Mirrors,
    pub(super) family: ureq::config::IpFamily,
    pub(super) patience: Patience,
}

/// How long a server is waited for, and how often it is asked again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) connect: Duration,
    /// Until the first byte of the answer.
    pub(super) response: Duration,
    /// Between two bytes of it.
    pub(super) stall: Duration,
    /// Tries of one request that bring nothing new.
    pub(super) attempts: u32,
    /// The first pause between two tries; each further one may be twice as long.
    pub(super) pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            response: Duration::from_secs(60),
            stall: Duration::from_secs(20),
            attempts: 6,
            pause: Duration::from_millis(500),
        }
    }
}

impl Network {
    /// What the environment says: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` (either case), `SSL_CERT_FILE`,
    /// `SSL_CERT_DIR`, `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, `MODELSTRAP_MIRRORS`, `MODELSTRAP_IP_FAMILY`.
    ///
    /// # Errors
    /// A proxy or mirror that cannot be used: going on without it would be worse than stopping. A certificate file is read
    /// when the first https connection needs it.
    pub fn from_vars(vars: &Vars, offline: bool) -> anyhow::Result<Self> {
        let family = match vars.text("MODELSTRAP_IP_FAMILY") {
            None => ureq::config::IpFamily::Any,
            Some("4" | "ipv4") => ureq::config::IpFamily::Ipv4Only,
            Some("6" | "ipv6") => ureq::config::IpFamily::Ipv6Only,
            Some(_) => anyhow::bail!("MODELSTRAP_IP_FAMILY is `4` or `6`"),
        };
        Ok(Self {
            offline,
            proxies: Proxies::from_vars(vars)?,
            roots: Arc::new(Roots::from_vars(vars)),
            mirrors: Mirrors::parse(vars.text("MODELSTRAP_MIRRORS").unwrap_or(""))?,
            family,
            patience: Patience::default(),
        })
    }

    /// True when no socket may be opened.
    pub fn is_offline(&self) -> bool {
        self.offline
    }

    /// This network, its servers waited for no longer than `stall` for a byte, asked `attempts` times without getting
    /// anything new, with a first pause of `pause` between two tries.
    #[must_use]
    pub fn with_patience(mut self, stall: Duration, attempts: u32, pause: Duration) -> Self {
        self.patience = Patience { stall, attempts: attempts.max(1), pause, ..self.patience };
        self.patience.response = self.patience.response.min(stall.saturating_mul(3));
        self
    }
}

/// Servers that stand in for others: `MODELSTRAP_MIRRORS="https://github.com=https://mirror.example/github,…"`.
#[derive(Debug, Clone, Default)]
pub(super) struct Mirrors(Vec<(Url, Url)>);

impl Mirrors {
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut mirrors = Vec::new();
        for pair in text.split([',', ' ', '\n']).map(str::trim).filter(|pair| !pair.is_empty()) {
            let Some((from, to)) = pair.split_once('=') else {
                anyhow::bail!("MODELSTRAP_MIRRORS: `{}` is not written ORIGIN=URL", super::redact(pair));
            };
            let read = |url: &str| Url::parse(url).map_err(|error| anyhow::anyhow!("MODELSTRAP_MIRRORS: {error}"));
            mirrors.push((read(from)?, read(to)?));
        }
        Ok(Self(mirrors))
    }

    /// Where `url` is really asked for.
    pub(super) fn apply(&self, url: &Url) -> Url {
        match self.0.iter().find(|(from, _)| from.origin() == url.origin()) {
            Some((_, to)) => url.moved_to(to),
            None => url.clone(),
        }
    }
}

impl Network {
    /// Refuses when the network is off.
    pub(super) fn allow(&self, url: &Url) -> Result<(), Error> {
        if self.offline { Err(Error::Offline(url.redacted())) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mirror_takes_an_origin_and_keeps_path_and_query() {
        let mirrors =
            Mirrors::parse("https://github.com=http://127.0.0.1:8080, https://h.example=https://m.example/h/").unwrap();
        let moved = |url: &str| mirrors.apply(&Url::parse(url).unwrap()).text();
        assert_eq!(moved("https://github.com/a/b?c"), "http://127.0.0.1:8080/a/b?c");
        assert_eq!(moved("https://h.example/a"), "https://m.example/h/a");
        assert_eq!(moved("http://github.com/a"), "http://github.com/a");
        assert_eq!(moved("https://github.com:444/a"), "https://github.com:444/a");
    }

    #[test]
    fn a_mirror_that_is_none_stops_with_a_message_that_shows_no_password() {
        let error = Mirrors::parse("https://github.com=ftp://me:pw@mirror.example").unwrap_err().to_string();
        assert_eq!(error, "MODELSTRAP_MIRRORS: ftp://mirror.example: is neither http nor https");
        assert!(Mirrors::parse("https://github.com").is_err());
    }

    proptest! {
        #[test]
        fn no_list_of_mirrors_makes_it_panic(text in "[a-z:/=,@. -~]{0,60}") {
            let _ = Mirrors::parse(&text);
        }
    }
}
