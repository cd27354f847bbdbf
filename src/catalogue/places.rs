//! What a template variable such as `{xdg_cache}` stands for on one machine.
//!
//! Paths are put together as text, because the rules of one system must be computable, and testable, on another.

use super::variables::Request;
use crate::platform::Os;

/// The folders of one user on one machine, as the environment tells them.
pub(super) struct Places<'a> {
    request: &'a Request<'a>,
}

impl<'a> Places<'a> {
    pub(super) const fn of(request: &'a Request<'a>) -> Self {
        Self { request }
    }

    /// `template` with its variables replaced and the system's own separators; `None` if one of them is not known.
    pub(super) fn expand(&self, template: &str) -> Option<String> {
        let mut out = String::with_capacity(template.len() + 64);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}')?;
            self.push(&mut out, before);
            out.push_str(&self.variable(name)?);
            rest = tail;
        }
        self.push(&mut out, rest);
        (!out.is_empty()).then_some(out)
    }

    /// The user's own value of `name`, if it says where an absolute path is.
    ///
    /// An absolute value is taken as it stands. The home folder at the start of another one is filled in, as the libraries
    /// do (huggingface_hub 2.4.0 constants.py), since a value of ours must be absolute; other variables are not, since they
    /// may be ours in an activated project.
    pub(super) fn user_value(&self, name: &str) -> Option<String> {
        let value = self.request.vars.text(name)?;
        if self.is_absolute(value) {
            return Some(self.native(self.trimmed(value)));
        }
        let end = value.find(['/', '\\']).unwrap_or(value.len());
        let (first, rest) = value.split_at(end);
        let start = matches!(first, "~" | "$HOME" | "${HOME}").then(|| self.home())??;
        let whole = self.native(&format!("{start}{rest}"));
        self.is_absolute(&whole).then(|| self.trimmed(&whole).to_owned())
    }

    /// True if `path` is `root` or lies below it, by its text.
    pub(super) fn inside(&self, path: &str, root: &str) -> bool {
        let [path, root] = [path, root].map(|text| match self.request.os {
            Os::Windows => self.native(self.trimmed(text)).to_lowercase(),
            _ => self.trimmed(text).to_owned(),
        });
        path.strip_prefix(&root).is_some_and(|rest| rest.is_empty() || rest.starts_with(self.separator()))
    }

    fn variable(&self, name: &str) -> Option<String> {
        let vars = self.request.vars;
        match name {
            "cache" => Some(self.cache()),
            "project" => Some(self.native(self.trimmed(&self.request.project.to_string_lossy()))),
            "home" => self.home(),
            "xdg_cache" => self.user_xdg_cache().or_else(|| self.expand("{home}/.cache")),
            "xdg_config" => self.absolute("XDG_CONFIG_HOME").or_else(|| self.expand("{home}/.config")),
            "xdg_data" => self.absolute("XDG_DATA_HOME").or_else(|| self.expand("{home}/.local/share")),
            "user_cache" => match self.request.os {
                Os::Linux | Os::Other => self.variable("xdg_cache"),
                // platformdirs obeys the variable on macOS from 4.6, and with it pip from 26.3.
                Os::Macos => self.user_xdg_cache().or_else(|| self.expand("{home}/Library/Caches")),
                Os::Windows => self.variable("localappdata"),
            },
            "localappdata" => self.absolute("LOCALAPPDATA").or_else(|| self.expand("{home}/AppData/Local")),
            "appdata" => self.absolute("APPDATA").or_else(|| self.expand("{home}/AppData/Roaming")),
            "tmp" => ["TMPDIR", "TEMP", "TMP"].into_iter().find_map(|name| self.absolute(name)).or_else(|| match self
                .request
                .os
            {
                Os::Windows => self.expand("{localappdata}/Temp"),
                _ => Some("/tmp".to_owned()),
            }),
            "user" => {
                ["LOGNAME", "USER", "LNAME", "USERNAME"].into_iter().find_map(|n| vars.text(n)).map(str::to_owned)
            }
            "hf_token" => self.hf_token(),
            "ccache" => self.ccache(),
            // The others are known inside one Python environment only.
            _ => None,
        }
    }

    /// Where the login lies that the user has, whatever the project does with `HF_HOME`.
    ///
    /// Inside an activated project `HF_HOME` is ours: it says nothing about the user.
    fn hf_token(&self) -> Option<String> {
        if let Some(chosen) = self.user_value("HF_TOKEN_PATH") {
            return Some(chosen);
        }
        // Inside the project it is the project's own, whoever set it: a login must never lie there. Elsewhere a value of
        // ours never comes without a token path, unless there is no home folder to keep the token in.
        let users = |home: &String| {
            let project = self.native(self.trimmed(&self.request.project.to_string_lossy()));
            !self.inside(home, &project) && (self.home().is_some() || !self.inside(home, &self.cache()))
        };
        match self.user_value("HF_HOME").filter(users) {
            Some(home) => Some(self.native(&format!("{home}/token"))),
            None => self.expand("{xdg_cache}/huggingface/token"),
        }
    }

    /// On Unix: `~/.ccache` where it exists, then `$XDG_CACHE_HOME`, then the system's own place (ccache's manual, `cache_dir`).
    fn ccache(&self) -> Option<String> {
        match self.request.os {
            Os::Windows => self.expand("{localappdata}/ccache"),
            _ if self.request.legacy_ccache => self.expand("{home}/.ccache"),
            Os::Macos => self.expand("{user_cache}/ccache"),
            Os::Linux | Os::Other => self.expand("{xdg_cache}/ccache"),
        }
    }

    /// `$XDG_CACHE_HOME` where the user chose it: not where we did, for this project or for one around it.
    ///
    /// Without a home folder there is no place to fall back to, so nothing is said: the answer must not change once
    /// `PRIMARY_CACHE_PATH` is that of this project.
    fn user_xdg_cache(&self) -> Option<String> {
        self.home()?;
        let chosen = self.absolute("XDG_CACHE_HOME")?;
        let outer = self.absolute("PRIMARY_CACHE_PATH");
        let ours = outer.is_some_and(|root| self.inside(&chosen, &root));
        (!ours).then_some(chosen)
    }

    fn cache(&self) -> String {
        self.native(self.trimmed(&self.request.cache.to_string_lossy()))
    }

    fn home(&self) -> Option<String> {
        let home = self.request.home?.to_str()?;
        self.is_absolute(home).then(|| self.native(self.trimmed(home)))
    }

    /// A relative value is ignored, as the XDG specification asks.
    fn absolute(&self, name: &str) -> Option<String> {
        let value = self.request.vars.text(name)?;
        self.is_absolute(value).then(|| self.native(self.trimmed(value)))
    }

    fn is_absolute(&self, path: &str) -> bool {
        match self.request.os {
            Os::Windows => {
                let bytes = path.as_bytes();
                let drive = bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':';
                (drive && matches!(bytes[2], b'\\' | b'/')) || path.starts_with(r"\\")
            }
            _ => path.starts_with('/'),
        }
    }

    /// Without separators at its end, except for a root, which is nothing else.
    fn trimmed<'t>(&self, path: &'t str) -> &'t str {
        let shorter = match self.request.os {
            Os::Windows => path.trim_end_matches(['\\', '/']),
            _ => path.trim_end_matches('/'),
        };
        let is_root = shorter.is_empty() || shorter.ends_with(':');
        if is_root && self.is_absolute(path) { path } else { shorter }
    }

    fn push(&self, out: &mut String, literal: &str) {
        let literal = self.native(literal);
        let doubled = out.ends_with(self.separator()) && literal.starts_with(self.separator());
        out.push_str(if doubled { &literal[1..] } else { &literal });
    }

    fn native(&self, path: &str) -> String {
        match self.request.os {
            Os::Windows => path.replace('/', r"\"),
            _ => path.to_owned(),
        }
    }

    const fn separator(&self) -> char {
        match self.request.os {
            Os::Windows => '\\',
            _ => '/',
        }
    }
}
