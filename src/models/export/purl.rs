//! Package URLs: the names by which other tools know a model.
//!
//! Evidence: the purl specification (ECMA-427), its `huggingface`, `github` and `generic` types.

use crate::models::locked::{File, HubPlace, RepoType};

/// `pkg:huggingface/OWNER/NAME@COMMIT`; the letter case of the repository counts, the commit is lower case. There is no
/// such name for a data set.
pub(super) fn hub(place: &HubPlace) -> Option<String> {
    let commit = encoded(&place.commit.to_ascii_lowercase());
    let model = place.repo_type == RepoType::Model;
    model.then(|| format!("pkg:huggingface/{}@{commit}", path(&place.repo)))
}

/// `pkg:github/OWNER/NAME@COMMIT`; owner and name are lower case.
pub(super) fn github(owner: &str, repo: &str, commit: &str) -> String {
    let (owner, repo) = (owner.to_ascii_lowercase(), repo.to_ascii_lowercase());
    format!("pkg:github/{}/{}@{}", encoded(&owner), encoded(&repo), encoded(commit))
}

/// `pkg:generic/NAME?checksum=…&download_url=…`; `None` for a file that has no URL. The URL keeps its slashes, as in the
/// specification's own example.
pub(super) fn generic(file: &File) -> Option<String> {
    let url = file.url.as_ref()?;
    let name = file.path.rsplit('/').next().unwrap_or(&file.path);
    let checksum = match file.digest {
        Some(digest @ crate::fetch::Digest::Sha256(_)) => format!("checksum=sha256:{}&", digest.hex()),
        _ => String::new(),
    };
    Some(format!("pkg:generic/{}?{checksum}download_url={}", encoded(name), path(url)))
}

/// The segments of a path, each percent-encoded.
pub(super) fn path(text: &str) -> String {
    text.split('/').map(encoded).collect::<Vec<_>>().join("/")
}

/// Percent-encoded, but for letters, digits and `.-_~`, and the colon, which the specification leaves as it is.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_keeps_its_letter_case_and_its_commit_loses_it() {
        let place = HubPlace {
            repo_type: RepoType::Model,
            repo: "Systran/faster-whisper+large v3".into(),
            requested: "main".into(),
            commit: "EDAA852E".into(),
            complete: true,
        };
        assert_eq!(hub(&place).as_deref(), Some("pkg:huggingface/Systran/faster-whisper%2Blarge%20v3@edaa852e"));
        assert_eq!(hub(&HubPlace { repo_type: RepoType::Dataset, ..place }), None);
        assert_eq!(github("SnakerS4", "Silero-VAD", "0a1b"), "pkg:github/snakers4/silero-vad@0a1b");
    }

    #[test]
    fn a_file_is_named_by_its_url_and_digest() {
        let file = File {
            path: "whisper/base.pt".into(),
            size: None,
            digest: crate::fetch::Digest::from_hex(&"0a".repeat(32)),
            url: Some("https://example.org/base.pt?x=1".into()),
        };
        let expected = format!(
            "pkg:generic/base.pt?checksum=sha256:{}&download_url=https://example.org/base.pt%3Fx%3D1",
            "0a".repeat(32)
        );
        assert_eq!(generic(&file), Some(expected));
        assert_eq!(generic(&File { url: None, ..file }), None);
    }
}
