//! How the Hub's API, addresses and cache spell repositories and blobs. Which names are accepted at all says
//! [`crate::models::names`].

use crate::models::locked::RepoType;

impl RepoType {
    /// `models` or `datasets`: in API addresses, and in the names of folders.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Dataset => "datasets",
        }
    }

    /// `model` or `dataset`.
    pub const fn singular(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
        }
    }

    /// What stands before the repository in the address of a page or a file.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Model => "",
            Self::Dataset => "datasets/",
        }
    }
}

/// The folder of a repository in the cache: the name as it is typed, whatever its letter case.
pub fn repo_folder(repo_type: RepoType, repo: &str) -> String {
    format!("{}--{}", repo_type.plural(), repo.replace('/', "--"))
}

/// The blob's name in an `ETag` or `X-Linked-Etag` header: without the mark for weak ones, without quotes.
pub fn normalised_etag(etag: &str) -> &str {
    etag.trim_start_matches(['W', '/']).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repositorys_folder_is_spelled_as_the_official_client_does() {
        assert_eq!(repo_folder(RepoType::Dataset, "org/name"), "datasets--org--name");
        assert_eq!(repo_folder(RepoType::Model, "gpt2"), "models--gpt2");
    }

    #[test]
    fn etags_are_normalised_as_the_official_client_does() {
        for (etag, name) in [
            ("\"abc\"", "abc"),
            ("W/\"abc\"", "abc"),
            ("\"W/x\"", "W/x"),
            ("WWW\"a\"", "a"),
            ("\"abc-gzip\"", "abc-gzip"),
        ] {
            assert_eq!(normalised_etag(etag), name);
        }
    }
}
