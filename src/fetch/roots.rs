//! Whose certificates are trusted: a file or folder that the environment names, else the system's on macOS and Windows,
//! else Mozilla's, which are in the binary.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

use crate::support::bounded;
use crate::support::escape;
use crate::support::vars::Vars;

/// The largest bundle seen has 250 KiB.
const LARGEST: u64 = 16 << 20;

/// The roots that the environment asks for. As with OpenSSL and Python's requests, a named file replaces the built-in roots.
pub(super) fn from_vars(vars: &Vars) -> anyhow::Result<RootCerts> {
    let mut certificates = Vec::new();
    let mut named = false;
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        if let Some(path) = vars.get(name) {
            named = true;
            let path = Path::new(path);
            // requests takes a folder here, too.
            let found = if path.is_dir() { folder(path) } else { file(path) };
            certificates = found.with_context(|| format!("{name} names {}", escape::path(path)))?;
            break;
        }
    }
    if let Some(paths) = vars.get("SSL_CERT_DIR") {
        for path in std::env::split_paths(paths).filter(|path| path.is_dir()) {
            named = true;
            certificates.extend(folder(&path).with_context(|| format!("SSL_CERT_DIR names {}", escape::path(&path)))?);
        }
    }
    if !named {
        return Ok(of_the_system());
    }
    anyhow::ensure!(!certificates.is_empty(), "the certificate files that the environment names hold no certificate");
    Ok(RootCerts::new_with_certs(&certificates))
}

fn of_the_system() -> RootCerts {
    if cfg!(any(target_os = "macos", windows)) { RootCerts::PlatformVerifier } else { RootCerts::WebPki }
}

fn file(path: &Path) -> anyhow::Result<Vec<Certificate<'static>>> {
    let found = certificates(&bounded::read(path, LARGEST)?);
    anyhow::ensure!(!found.is_empty(), "which holds no certificate in PEM form");
    Ok(found)
}

/// All certificates in the files of a folder. OpenSSL's folders hold each one twice, by name and by hash.
fn folder(path: &Path) -> anyhow::Result<Vec<Certificate<'static>>> {
    let mut found: Vec<Certificate<'static>> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for entry in fs::read_dir(path)? {
        let Ok(bytes) = bounded::read(&entry?.path(), LARGEST) else { continue };
        found.extend(certificates(&bytes).into_iter().filter(|one| seen.insert(one.der().to_vec())));
    }
    Ok(found)
}

fn certificates(pem: &[u8]) -> Vec<Certificate<'static>> {
    parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect()
}
