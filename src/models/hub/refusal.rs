//! What a refusal of the Hub means, from its status and `X-Error-Code` (`huggingface_hub` 2.4.0 `utils/_http.py:826-996`).

use super::settings::Settings;
use super::{Error, origin};
use crate::fetch;
use crate::models::locked::{HubPlace, RepoType};

/// What it means that the file `path` of a repository could not be fetched.
pub fn explain(settings: &Settings, place: &HubPlace, path: &str, error: fetch::Error) -> Error {
    let (repo_type, repo, revision) = (place.repo_type, place.repo.as_str(), place.commit.as_str());
    About { settings, repo_type, repo, revision, path: Some(path) }.explain(error)
}

/// What was asked, for the words of an error.
pub(super) struct About<'a> {
    /// How the Hub is spoken to.
    pub(super) settings: &'a Settings,
    /// Which kind of repository.
    pub(super) repo_type: RepoType,
    /// Which repository.
    pub(super) repo: &'a str,
    /// Which branch, tag or commit.
    pub(super) revision: &'a str,
    /// Which file, if it was about one.
    pub(super) path: Option<&'a str>,
}

impl About<'_> {
    /// The error for a person, from the one of the network.
    pub(super) fn explain(&self, error: fetch::Error) -> Error {
        let status = match error {
            fetch::Error::Status(status) => status,
            other => return Error::Fetch(other),
        };
        let message = status.message.as_str();
        let not_found = || Error::NotFound {
            repo: self.repo.to_owned(),
            kind: self.repo_type.singular(),
            endpoint: self.settings.endpoint.clone(),
            token: self.sends_token(),
            formal: status.formal || status.code != 404,
        };
        match (status.error_code.as_deref(), status.code) {
            (Some("RevisionNotFound"), _) => {
                Error::Revision { repo: self.repo.to_owned(), revision: self.revision.to_owned() }
            }
            (Some("EntryNotFound"), _) => {
                Error::Entry { repo: self.repo.to_owned(), path: self.path.unwrap_or_default().to_owned() }
            }
            (Some("GatedRepo"), _) => self.gated(),
            (Some("RepoNotFound"), _) => not_found(),
            (_, 403) if message.contains("Access to this resource is disabled") => {
                Error::Disabled { repo: self.repo.to_owned(), page: self.page() }
            }
            (_, 401) if message.contains("Invalid credentials") => {
                Error::Token { endpoint: self.settings.endpoint.clone(), from: self.settings.token_source.clone() }
            }
            // Without a code, 401 means that it is missing or private: the Hub does not tell strangers which.
            (None, 401 | 404) => not_found(),
            _ => Error::Fetch(fetch::Error::Status(status)),
        }
    }

    /// The repository is there, and access to it must be asked for.
    fn gated(&self) -> Error {
        Error::Gated { repo: self.repo.to_owned(), page: self.page(), token: self.sends_token() }
    }

    fn page(&self) -> String {
        self.settings.page(self.repo_type, self.repo)
    }

    fn sends_token(&self) -> bool {
        self.settings.token.is_some() && origin::of(&self.settings.endpoint).is_some()
    }
}
