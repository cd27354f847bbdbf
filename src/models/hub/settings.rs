//! Which Hub, which cache, which token: the rules of `huggingface_hub` 2.4.0 (`constants.py`, `utils/_auth.py`).
//!
//! One knowing difference: an empty variable counts as unset here, and is told of; there, `HF_HOME=` means the current folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::origin;
use crate::fetch::{Credential, Secret};
use crate::platform::Os;
use crate::platform::home::home_dir;
use crate::support::bounded;
use crate::support::vars::Vars;

/// The Hub itself.
pub const ENDPOINT: &str = "https://huggingface.co";

/// Its copy for tests, which `HUGGINGFACE_CO_STAGING` chooses.
const STAGING: &str = "https://hub-ci.huggingface.co";

/// The most that a token's file, or the project's secrets, can be.
const SMALL: u64 = 1 << 20;

/// How the Hub is spoken to and where its cache is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The server, without a slash at the end.
    pub endpoint: String,
    /// The Hub's cache, as Python would find it; a project's homes overrule it.
    pub cache: PathBuf,
    /// The token that is sent to the endpoint.
    pub token: Option<Secret>,
    /// Where the token was found, for a person.
    pub token_source: Option<String>,
    /// No server may be asked.
    pub offline: bool,
    /// Symbolic links are made where the disk can.
    pub symlinks_wanted: bool,
    /// What a person should know about the variables: empty ones, an unusable token.
    pub notes: Vec<String>,
}

impl Settings {
    /// What the environment and the user's and the project's files say.
    pub fn of(vars: &Vars, os: Os, project_root: Option<&Path>) -> Self {
        let reader = Reader { vars, os };
        let mut notes = reader.empty_ones();
        let home = reader.hf_home();
        let cache = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]
            .into_iter()
            .find_map(|name| reader.path(name))
            .unwrap_or_else(|| home.join("hub"));
        let (token, token_source) = match reader.token(&home, project_root, &mut notes) {
            Some((token, source)) => (Some(token), Some(source)),
            None => (None, None),
        };
        Self {
            endpoint: reader.endpoint(),
            cache,
            token,
            token_source,
            offline: truth(vars.text("HF_HUB_OFFLINE").or_else(|| vars.text("TRANSFORMERS_OFFLINE"))),
            symlinks_wanted: !truth(vars.text("HF_HUB_DISABLE_SYMLINKS")),
            notes,
        }
    }

    /// The token with the one origin that may see it, the endpoint's.
    pub fn credential(&self) -> Option<Arc<Credential>> {
        let token = self.token.clone()?;
        Some(Arc::new(Credential { token, origins: vec![origin::of(&self.endpoint)?] }))
    }

    /// The page of a repository, for a person with a browser.
    pub fn page(&self, repo_type: crate::models::locked::RepoType, repo: &str) -> String {
        format!("{}/{}{repo}", self.endpoint, repo_type.prefix())
    }
}

/// Python's booleans: `1`, `on`, `yes`, `true` in any letter case, not trimmed; everything else is false.
fn truth(value: Option<&str>) -> bool {
    value.is_some_and(|value| matches!(value.to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE"))
}

struct Reader<'a> {
    vars: &'a Vars,
    os: Os,
}

impl Reader<'_> {
    fn empty_ones(&self) -> Vec<String> {
        ["HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT", "HF_TOKEN_PATH", "XDG_CACHE_HOME"]
            .into_iter()
            .filter(|name| self.vars.raw(name).is_some_and(std::ffi::OsStr::is_empty))
            .map(|name| format!("{name} is empty and counts as unset here; Python would take it as it is"))
            .collect()
    }

    fn endpoint(&self) -> String {
        let staging = truth(self.vars.text("HUGGINGFACE_CO_STAGING"));
        let usual = if staging { STAGING } else { ENDPOINT };
        let given = self.vars.text("HF_ENDPOINT").map(|text| text.trim().trim_end_matches('/'));
        given.filter(|text| !text.is_empty()).unwrap_or(usual).to_owned()
    }

    fn cache_home(&self) -> PathBuf {
        self.path("XDG_CACHE_HOME").unwrap_or_else(|| self.home().join(".cache"))
    }

    fn home(&self) -> PathBuf {
        // Python leaves `~` as it is without a home; a relative folder of that name surprises less than the root.
        home_dir(self.vars, self.os).unwrap_or_else(|| PathBuf::from("~"))
    }

    fn hf_home(&self) -> PathBuf {
        self.path("HF_HOME").unwrap_or_else(|| self.cache_home().join("huggingface"))
    }

    /// The variable `name` as a path, with `~` and variables filled in.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let value = self.vars.get(name)?;
        let Some(text) = value.to_str() else { return Some(PathBuf::from(value)) };
        let expanded = self.expand(text);
        let rest = expanded.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with(['/', '\\']));
        Some(match rest {
            Some(rest) => self.home().join(rest.trim_start_matches(['/', '\\'])),
            None => PathBuf::from(expanded),
        })
    }

    /// Python's `os.path.expandvars`: `$NAME` and `${NAME}`, and `%NAME%` on Windows; an unknown name stays as it is.
    fn expand(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['$', '%']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let (name, length) = self.variable_at(rest);
            match name.and_then(|name| self.vars.text(name)) {
                Some(value) => out.push_str(value),
                None => out.push_str(&rest[..length]),
            }
            rest = &rest[length..];
        }
        out.push_str(rest);
        out
    }

    /// The name of the variable at the start of `text`, and how long it is with its marks.
    fn variable_at<'t>(&self, text: &'t str) -> (Option<&'t str>, usize) {
        let enclosed = |open: &str, close: char| {
            let inner = text.strip_prefix(open)?;
            let end = inner.find(close)?;
            (end > 0).then(|| (Some(&inner[..end]), open.len() + end + 1))
        };
        if text.starts_with('%') {
            let found = (self.os == Os::Windows).then(|| enclosed("%", '%')).flatten();
            return found.unwrap_or((None, 1));
        }
        if let Some(found) = enclosed("${", '}') {
            return found;
        }
        let name = &text[1..];
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
        ((end > 0).then(|| &name[..end]), end + 1)
    }

    fn token(&self, home: &Path, project_root: Option<&Path>, notes: &mut Vec<String>) -> Option<(Secret, String)> {
        if truth(self.vars.text("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
            return None;
        }
        let candidates = self.variable_tokens().chain(self.file_token(home)).chain(project_token(project_root));
        for (text, source) in candidates {
            let clean: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
            let clean = clean.trim();
            if clean.is_empty() {
                continue;
            }
            if clean.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Some((Secret::new(clean), source));
            }
            notes.push(format!("the token in {source} holds characters that no token has; it is not used"));
        }
        None
    }

    fn variable_tokens(&self) -> impl Iterator<Item = (String, String)> {
        ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]
            .into_iter()
            .filter_map(|name| Some((self.vars.text(name)?.to_owned(), name.to_owned())))
    }

    fn file_token(&self, home: &Path) -> Option<(String, String)> {
        let staging = truth(self.vars.text("HUGGINGFACE_CO_STAGING"));
        let path = self.path("HF_TOKEN_PATH").unwrap_or_else(|| match staging {
            true => self.home().join(".cache/huggingface_staging/token"),
            false => home.join("token"),
        });
        let bytes = bounded::read(&path, SMALL).ok()?;
        Some((String::from_utf8(bytes).ok()?, crate::support::escape::path(&path)))
    }
}

/// The token in the project's `config/secrets.json`.
fn project_token(root: Option<&Path>) -> Option<(String, String)> {
    let bytes = bounded::read(&root?.join("config").join("secrets.json"), SMALL).ok()?;
    let secrets: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    ["HF_TOKEN", "hf_token", "pyannote_token"].into_iter().find_map(|key| {
        let text = secrets.get(key)?.as_str().filter(|text| !text.trim().is_empty())?;
        Some((text.to_owned(), format!("config/secrets.json ({key})")))
    })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;

    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let vars: Vars = pairs.iter().copied().collect();
        Settings::of(&vars.with("HOME", "/home/ada"), Os::Linux, None)
    }

    fn cache(pairs: &[(&str, &str)]) -> String {
        settings(pairs).cache.display().to_string()
    }

    #[test]
    fn the_caches_place_follows_the_official_order() {
        let mut pairs =
            vec![("HF_HUB_CACHE", "/1"), ("HUGGINGFACE_HUB_CACHE", "/2"), ("HF_HOME", "/3"), ("XDG_CACHE_HOME", "/4")];
        let mut places = Vec::new();
        loop {
            places.push(cache(&pairs));
            if pairs.is_empty() {
                break;
            }
            pairs.remove(0);
        }
        assert_eq!(places, ["/1", "/2", "/3/hub", "/4/huggingface/hub", "/home/ada/.cache/huggingface/hub"]);
    }

    #[test]
    fn macos_and_windows_have_the_same_default() {
        let vars: Vars = [("HOME", "/Users/ada")].into_iter().collect();
        assert_eq!(Settings::of(&vars, Os::Macos, None).cache, Path::new("/Users/ada/.cache/huggingface/hub"));
        let vars: Vars = [("USERPROFILE", r"C:\Users\ada")].into_iter().collect();
        assert!(Settings::of(&vars, Os::Windows, None).cache.starts_with(r"C:\Users\ada"));
    }

    #[test]
    fn home_and_variables_are_filled_in_and_empty_ones_are_told_of() {
        assert_eq!(cache(&[("HF_HUB_CACHE", "~/h")]), "/home/ada/h");
        assert_eq!(cache(&[("HF_HOME", "$DATA/hf"), ("DATA", "/data")]), "/data/hf/hub");
        assert_eq!(cache(&[("HF_HOME", "/a${DATA}b$X/%DATA%"), ("DATA", "é")]), "/aéb$X/%DATA%/hub");
        let empty = settings(&[("HF_HOME", ""), ("HF_HUB_CACHE", "")]);
        assert_eq!(empty.cache, Path::new("/home/ada/.cache/huggingface/hub"));
        assert_eq!(empty.notes.len(), 2, "{:?}", empty.notes);
    }

    #[test]
    fn a_boolean_is_one_of_four_words() {
        for word in ["1", "on", "Yes", "TRUE"] {
            assert!(settings(&[("HF_HUB_OFFLINE", word)]).offline, "{word}");
        }
        for word in ["0", "", " 1", "y", "2", "false"] {
            assert!(!settings(&[("HF_HUB_OFFLINE", word)]).offline, "{word}");
        }
        assert!(!settings(&[("HF_HUB_OFFLINE", "0"), ("TRANSFORMERS_OFFLINE", "1")]).offline);
        assert!(settings(&[("HF_HUB_OFFLINE", ""), ("TRANSFORMERS_OFFLINE", "1")]).offline);
        assert!(!settings(&[("HF_HUB_DISABLE_SYMLINKS", "1")]).symlinks_wanted);
    }

    #[test]
    fn the_first_token_wins_and_loses_its_line_end() {
        let room = tempfile::tempdir().unwrap();
        let home = room.path().to_str().unwrap();
        fs::create_dir(room.path().join("config")).unwrap();
        fs::write(room.path().join("config/secrets.json"), r#"{"HF_TOKEN": " ", "pyannote_token": "five"}"#).unwrap();
        fs::write(room.path().join("other"), "four").unwrap();
        fs::write(room.path().join("token"), " three\r\n").unwrap();
        let mut pairs = vec![("HF_TOKEN", "one\n"), ("HUGGING_FACE_HUB_TOKEN", "two"), ("HF_HOME", home)];
        let found = |pairs: &[(&str, &str)]| {
            let vars: Vars = pairs.iter().copied().collect();
            let settings = Settings::of(&vars, Os::Linux, Some(room.path()));
            settings.token.map(|token| token.reveal().to_owned())
        };
        assert_eq!(found(&pairs).as_deref(), Some("one"));
        pairs[0] = ("HF_TOKEN", "");
        assert_eq!(found(&pairs).as_deref(), Some("two"));
        pairs.drain(..2);
        assert_eq!(found(&pairs).as_deref(), Some("three"));
        let other = format!("{home}/other");
        assert_eq!(found(&[("HF_TOKEN_PATH", &other)]).as_deref(), Some("four"));
        assert_eq!(found(&[]).as_deref(), Some("five"));
        assert_eq!(
            found(&[("HF_TOKEN", "bad token"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "0")]).as_deref(),
            Some("five")
        );
        assert_eq!(found(&[("HF_TOKEN", "one"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
    }

    #[test]
    fn only_the_endpoint_may_see_the_token() {
        let credential = settings(&[("HF_TOKEN", "t"), ("HF_ENDPOINT", "http://Mirror:8080/")]).credential().unwrap();
        let origins: Vec<_> = credential.origins.iter().map(|o| (o.scheme.as_str(), o.host.as_str(), o.port)).collect();
        assert_eq!(origins, [("http", "mirror", 8080)]);
        assert!(settings(&[("HF_TOKEN", "t"), ("HF_ENDPOINT", "nonsense")]).credential().is_none());
        assert_eq!(settings(&[("HF_ENDPOINT", "")]).endpoint, ENDPOINT);
    }
}
