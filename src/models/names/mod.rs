//! Which names a spec or a lock may hold. They become paths, URLs and lines of files, so each has a strict shape: what is not
//! clearly a name is refused with the reason, never repaired.

mod path;
mod quoted;

pub use path::{differing_only_by_case, everywhere, file_path, storable};
pub use quoted::{quoted_path, quoted_segment};

/// Why a text is no name, in words that follow "it".
pub type Flaw = &'static str;

/// A repository of the Hub: `NAME` or `OWNER/NAME`. The rules are huggingface_hub's own (`validate_repo_id`).
///
/// # Errors
/// The rule that is broken.
pub fn hub_repo(text: &str) -> Result<(), Flaw> {
    if text.split('/').count() > 2 {
        return Err("has more than one `/`: a repository is OWNER/NAME");
    }
    if text.contains("--") || text.contains("..") {
        return Err("holds `--` or `..`, which no repository may");
    }
    if text.ends_with(".git") {
        return Err("ends in `.git`, which no repository may");
    }
    text.split('/').try_for_each(|part| {
        if part.is_empty() || part.len() > 96 {
            return Err("needs 1 to 96 characters on each side of the `/`");
        }
        if !part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
            return Err("may hold letters, digits, `-`, `_` and `.`, and one `/`");
        }
        let word = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !word(part.bytes().next()) || !word(part.bytes().next_back()) {
            return Err("starts and ends each part with a letter, a digit or `_`");
        }
        Ok(())
    })
}

/// A branch, tag or commit. Git allows more; this is what is also a file name below `refs/` on every system.
///
/// # Errors
/// The rule that is broken.
pub fn revision(text: &str) -> Result<(), Flaw> {
    if text.is_empty() || text.len() > 200 {
        return Err("has a revision that is empty or longer than 200 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"~^:?*[\\\"<>|".contains(&byte)) || text.contains("@{") {
        return Err("has a revision with a space or a sign that no branch, tag or commit holds");
    }
    let bad = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with('.') || part.ends_with(".lock");
    if text.contains("..") || text.split('/').any(bad) {
        return Err("has a revision that leads upwards, or has a part that is empty, hidden or ends in `.` or `.lock`");
    }
    Ok(())
}

/// True for a whole commit: 40 lower-case hexadecimal digits.
pub fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A name within a library, such as `large-v3` or `WAV2VEC2_ASR_BASE_960H`.
///
/// # Errors
/// The rule that is broken.
pub fn plain(text: &str) -> Result<(), Flaw> {
    if text.is_empty() || text.len() > 96 {
        return Err("needs a name of 1 to 96 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        return Err("may hold letters, digits, `-`, `_` and `.`");
    }
    if text.contains("..") || !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || text.ends_with('.') {
        return Err("starts with a letter or a digit, and holds no `..`");
    }
    Ok(())
}

/// The owner of a repository on GitHub.
///
/// # Errors
/// The rule that is broken.
pub fn github_owner(text: &str) -> Result<(), Flaw> {
    if text.is_empty() || text.len() > 39 {
        return Err("needs an owner of 1 to 39 characters");
    }
    // Enterprise accounts have one `_` before their company's short name.
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) || text.starts_with(['-', '_']) {
        return Err("may hold letters, digits and `-` in the owner");
    }
    Ok(())
}

/// The name of a repository on GitHub.
///
/// # Errors
/// The rule that is broken.
pub fn github_repo(text: &str) -> Result<(), Flaw> {
    if text.is_empty() || text.len() > 100 || matches!(text, "." | "..") || text.ends_with(".git") {
        return Err("needs a repository of 1 to 100 characters, without `.git`");
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        return Err("may hold letters, digits, `-`, `_` and `.` in the repository");
    }
    Ok(())
}

/// The name of a Python package that holds a model: `en_core_web_sm`.
///
/// # Errors
/// The rule that is broken.
pub fn package(text: &str) -> Result<(), Flaw> {
    let head = text.starts_with(|c: char| c.is_ascii_lowercase());
    if !head || text.len() > 96 || !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        return Err("needs a package such as `en_core_web_sm`: lower-case letters, digits and `_`");
    }
    Ok(())
}

/// The version of a Python package: `3.8.0`.
///
/// # Errors
/// The rule that is broken.
pub fn version(text: &str) -> Result<(), Flaw> {
    let head = text.starts_with(|c: char| c.is_ascii_digit());
    if !head || text.len() > 40 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-".contains(&byte)) {
        return Err("has a version that is not like `3.8.0`");
    }
    if text.contains("..") {
        return Err("has a version with `..`");
    }
    Ok(())
}

/// The key of a model in the manifest. Its signs are few, so that `,`, `/`, `@` and `:` keep their meaning in `--models`.
///
/// # Errors
/// The rule that is broken.
pub fn key(text: &str) -> Result<(), Flaw> {
    let head = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !head || text.len() > 64 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        return Err("is not a name of 1 to 64 letters, digits, `-`, `_` and `.`, with a letter or digit first");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_follows_the_hubs_own_rules() {
        for good in ["gpt2", "openai/whisper-large-v3", "_a", "a_/b", &"a".repeat(96)] {
            assert_eq!(hub_repo(good), Ok(()), "{good}");
        }
        for bad in ["", "-a", "a.", "a/b/c", "a--b", "a..b", "a/b.git", "a/", "/a", "a b", "é", &"a".repeat(97)] {
            assert!(hub_repo(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_revision_is_a_name_that_git_and_every_disk_take() {
        for good in ["main", "refs/pr/1", "v1.0", &"0a".repeat(20), "feat/x@2"] {
            assert_eq!(revision(good), Ok(()), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "..", "a/../b", ".a", "a.lock", "a b", "a:b", "a\\b", "@{u}", "a\u{7f}"] {
            assert!(revision(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_commit_is_forty_lower_case_digits() {
        assert!(is_commit(&"0a".repeat(20)));
        assert!(!is_commit(&"0A".repeat(20)) && !is_commit("0a") && !is_commit(&format!("{}\n", "0a".repeat(20))));
    }
}
