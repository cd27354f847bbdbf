//! A token, kept from every log, and the origins that may see it.

use std::fmt;

/// A token. It is not shown by `Debug`, and has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The token itself, for the one header that carries it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Scheme, host and port: what a browser calls an origin. The Hub's client decides trust by it since 2.3.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: String,
    /// Lower case, without brackets.
    pub host: String,
    /// The port, the scheme's own where the URL names none.
    pub port: u16,
}

/// A token and the origins that may see it: nobody else does, whatever redirects say.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Sent as `Authorization: Bearer …`.
    pub token: Secret,
    /// Who gets it.
    pub origins: Vec<Origin>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_show_in_debug_output() {
        let credential = Credential { token: Secret::new("hf_private"), origins: Vec::new() };
        assert_eq!(format!("{credential:?}"), "Credential { token: Secret(…), origins: [] }");
    }
}
