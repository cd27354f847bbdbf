//! Whose certificates are trusted: a file or folder that the environment names, else the system's on macOS and Windows,
//! else Mozilla's, which are in the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Context as _;
use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

use crate::support::bounded;
use crate::support::escape;
use crate::support::vars::Vars;

/// The largest bundle seen has 250 KiB.
const LARGEST: u64 = 16 << 20;

/// The roots that the environment asks for, read when the first https connection needs them: a system's bundle takes
/// longer than a run that finds everything in place.
#[derive(Debug, Default)]
pub(super) struct Roots {
    /// The variable and the file or folder that it names. As with OpenSSL and Python's requests, it replaces the built-in roots.
    file: Option<(&'static str, PathBuf)>,
    folders: Vec<PathBuf>,
    read: OnceLock<Result<RootCerts, String>>,
}

impl Roots {
    /// What the environment names; nothing is read yet.
    pub(super) fn from_vars(vars: &Vars) -> Self {
        let named = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
        let file = named.into_iter().find_map(|name| vars.get(name).map(|path| (name, PathBuf::from(path))));
        let folders = vars.get("SSL_CERT_DIR").map(std::env::split_paths).into_iter().flatten();
        Self { file, folders: folders.filter(|path| path.is_dir()).collect(), read: OnceLock::new() }
    }

    /// The roots, or why what the environment names cannot be used: going on without it would be worse than stopping.
    pub(super) fn get(&self) -> Result<RootCerts, String> {
        self.read.get_or_init(|| self.load().map_err(|error| format!("{error:#}"))).clone()
    }

    fn load(&self) -> anyhow::Result<RootCerts> {
        if self.file.is_none() && self.folders.is_empty() {
            return Ok(of_the_system());
        }
        let mut certificates = Vec::new();
        if let Some((name, path)) = &self.file {
            // requests takes a folder here, too.
            let found = if path.is_dir() { folder(path) } else { file(path) };
            certificates = found.with_context(|| format!("{name} names {}", escape::path(path)))?;
        }
        for path in &self.folders {
            certificates.extend(folder(path).with_context(|| format!("SSL_CERT_DIR names {}", escape::path(path)))?);
        }
        anyhow::ensure!(
            !certificates.is_empty(),
            "the certificate files that the environment names hold no certificate"
        );
        Ok(RootCerts::new_with_certs(&certificates))
    }
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
