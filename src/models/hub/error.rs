//! Why the Hub did not say what was asked, told apart where a person does something different about it.

use crate::fetch;
use crate::support::escape::printable;

/// Why a repository could not be resolved, or its files may not be placed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name is none that the Hub gives.
    #[error("{} is not the name of a repository on the Hub: it {why}", printable(repo))]
    Name {
        /// The name.
        repo: String,
        /// Which rule it breaks.
        why: &'static str,
    },
    /// A file's name cannot become a path.
    #[error(
        "{} names the file \"{}\", which is refused: it {why}; nothing was written",
        printable(repo),
        shortened(path)
    )]
    FileName {
        /// The repository.
        repo: String,
        /// The file's name there.
        path: String,
        /// Why it is refused.
        why: &'static str,
    },
    /// Access must be asked for, or was not given.
    #[error(
        "{repo} is gated: {}, then try again",
        if *token { format!("your token has no access yet, ask for it at {page}") }
        else { format!("ask for access at {page} and set HF_TOKEN to a token of that account") }
    )]
    Gated {
        /// The repository.
        repo: String,
        /// Where access is asked for.
        page: String,
        /// Whether a token was sent.
        token: bool,
    },
    /// The repository is not there, or is private: the Hub does not say which.
    #[error(
        "{endpoint} has no {kind} {repo}{}{}",
        if *token { ", or your token may not see it" } else { ", or it is private (then set HF_TOKEN)" },
        if *formal { "" } else { "; it does not refuse as a Hub does: is it one, is HF_ENDPOINT right?" }
    )]
    NotFound {
        /// The repository.
        repo: String,
        /// `model` or `dataset`.
        kind: &'static str,
        /// The server.
        endpoint: String,
        /// Whether a token was sent.
        token: bool,
        /// Whether the server said so as the Hub does: any web server answers 404 to an address that it does not know.
        formal: bool,
    },
    /// The repository is there, the branch, tag or commit is not.
    #[error("{repo} has no branch, tag or commit \"{}\"", printable(revision))]
    Revision {
        /// The repository.
        repo: String,
        /// What was asked for.
        revision: String,
    },
    /// The repository and the revision are there, the file is not.
    #[error("{repo} has no file \"{}\"", shortened(path))]
    Entry {
        /// The repository.
        repo: String,
        /// The file.
        path: String,
    },
    /// The Hub's owners switched the repository off.
    #[error("the Hub has disabled access to {repo}; its page may say why: {page}")]
    Disabled {
        /// The repository.
        repo: String,
        /// Its page.
        page: String,
    },
    /// The token is wrong or has expired.
    #[error("{endpoint} does not accept the token from {}: it is wrong, expired or revoked", source_of(from.as_deref()))]
    Token {
        /// The server.
        endpoint: String,
        /// Where the token was found.
        from: Option<String>,
    },
    /// Whoever answers is no Hub: a sign-in page, a proxy's error page, another service.
    #[error(
        "{url} does not answer as a Hub does ({why}); is HF_ENDPOINT right, does a proxy or a sign-in page answer?"
    )]
    NotAHub {
        /// Where.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// `HF_ENDPOINT` is no URL.
    #[error("HF_ENDPOINT is \"{}\"; it must be the http or https address of a Hub", fetch::redact(endpoint))]
    Endpoint {
        /// Its value.
        endpoint: String,
    },
    /// The Hub answers, and says something that cannot be.
    #[error("{url}: {why}")]
    Listing {
        /// Where.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The patterns leave nothing.
    #[error("no file of {repo} is wanted: {why}")]
    Nothing {
        /// The repository.
        repo: String,
        /// What the patterns are, and what there would have been.
        why: String,
    },
    /// The network, or a refusal without further meaning.
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
}

impl Error {
    /// True when asking for access, or a token, would help.
    pub const fn is_about_access(&self) -> bool {
        matches!(self, Self::Gated { .. } | Self::Token { .. })
    }
}

/// A foreign path for a person: escaped, and cut where it is too long to read.
fn shortened(path: &str) -> String {
    const MOST: usize = 120;
    if path.chars().count() <= MOST {
        return printable(path);
    }
    let start: String = path.chars().take(MOST).collect();
    format!("{}… ({} bytes)", printable(&start), path.len())
}

fn source_of(from: Option<&str>) -> &str {
    from.unwrap_or("the environment")
}
