//! What a shell has to be told: the snippet to source, and plain statements to evaluate.
//!
//! The scripts themselves are files in `templates/shells/`; this file knows how each shell quotes.

use std::collections::BTreeSet;

use crate::catalogue::variables::{Variable, VariableSet};
use crate::generate::quote;
use crate::generate::template::{self, Item};

/// A family of shells that read the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shell {
    /// sh, bash, zsh, ksh, mksh, dash, yash, busybox.
    Posix,
    /// fish.
    Fish,
    /// PowerShell, Windows PowerShell included.
    PowerShell,
    /// nushell.
    Nushell,
    /// tcsh and csh.
    Tcsh,
    /// xonsh.
    Xonsh,
    /// elvish.
    Elvish,
    /// The Windows command prompt.
    Cmd,
}

/// One change to the environment of a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assignment {
    /// Export the name with this value.
    Set(String, String),
    /// Remove the name.
    Unset(String),
}

impl Shell {
    /// Every shell, in the order in which they are shown.
    pub const ALL: [Self; 8] =
        [Self::Posix, Self::Fish, Self::PowerShell, Self::Nushell, Self::Tcsh, Self::Xonsh, Self::Elvish, Self::Cmd];

    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Posix => "sh, bash, zsh, ksh, dash",
            Self::Fish => "fish",
            Self::PowerShell => "PowerShell",
            Self::Nushell => "nushell",
            Self::Tcsh => "tcsh",
            Self::Xonsh => "xonsh",
            Self::Elvish => "elvish",
            Self::Cmd => "cmd",
        }
    }

    /// The name of the shell's snippet in `.modelstrap/`.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Posix => "env.sh",
            Self::Fish => "env.fish",
            Self::PowerShell => "env.ps1",
            Self::Nushell => "env.nu",
            Self::Tcsh => "env.csh",
            Self::Xonsh => "env.xsh",
            Self::Elvish => "env.elv",
            Self::Cmd => "env.cmd",
        }
    }

    /// The shell called `name`, which may be the path of its program.
    ///
    /// The stem is compared as a whole: rustup's search for `nu` anywhere in `$SHELL` takes
    /// `/gnu/store/…/bin/bash` for nushell.
    pub fn parse(name: &str) -> Option<Self> {
        match stem(name).as_str() {
            "sh" | "bash" | "zsh" | "dash" | "ash" | "ksh" | "ksh93" | "mksh" | "yash" | "posix" => Some(Self::Posix),
            "fish" => Some(Self::Fish),
            "pwsh" | "powershell" => Some(Self::PowerShell),
            "nu" | "nushell" => Some(Self::Nushell),
            "tcsh" | "csh" => Some(Self::Tcsh),
            "xonsh" => Some(Self::Xonsh),
            "elvish" => Some(Self::Elvish),
            "cmd" => Some(Self::Cmd),
            _ => None,
        }
    }

    /// `text` as one word of this shell's language, whatever it holds.
    ///
    /// For [`Shell::Cmd`] that is the text between the quotes of `set "NAME=…"`; a line break
    /// cannot be written there at all, see [`exports`].
    pub fn quote(self, text: &str) -> String {
        match self {
            Self::Posix => format!("'{}'", text.replace('\'', r"'\''")),
            Self::Fish => format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'")),
            Self::PowerShell => quote::powershell(text),
            Self::Nushell => quote::escaped(text, |code| format!("\\u{{{code:x}}}")),
            Self::Tcsh => quote::tcsh(text),
            Self::Xonsh => quote::escaped(text, |code| format!("\\x{code:02x}")),
            Self::Elvish => quote::elvish(text),
            Self::Cmd => quote::cmd(text),
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Posix => include_str!("../../templates/shells/env.sh"),
            Self::Fish => include_str!("../../templates/shells/env.fish"),
            Self::PowerShell => include_str!("../../templates/shells/env.ps1"),
            Self::Nushell => include_str!("../../templates/shells/env.nu"),
            Self::Tcsh => include_str!("../../templates/shells/env.csh"),
            Self::Xonsh => include_str!("../../templates/shells/env.xsh"),
            Self::Elvish => include_str!("../../templates/shells/env.elv"),
            Self::Cmd => include_str!("../../templates/shells/env.cmd"),
        }
    }
}

/// The file of this shell in `.modelstrap/`: sourcing it enters the project, `modelstrap_deactivate` leaves it.
///
/// Values are saved once and restored exactly, set and not set told apart; only what was set without being
/// exported comes back exported from POSIX shells and tcsh, which cannot say so without starting a process.
pub fn snippet(shell: Shell, variables: &VariableSet) -> String {
    let (mut set, mut skipped) = (Vec::new(), Vec::new());
    // A name twice would be saved twice, the second time with our own value.
    let mut seen = BTreeSet::new();
    for variable in named(variables) {
        if !seen.insert(variable.name.as_str()) {
            continue;
        }
        let item = Item { name: variable.name.clone(), value: shell.quote(&variable.value) };
        if shell == Shell::Cmd && !quote::fits_cmd(&variable.value) { skipped.push(item) } else { set.push(item) }
    }
    let bare = |name: &str| Item { name: name.to_owned(), value: String::new() };
    let unwanted = variables.unset.iter().filter(|name| is_name(name) && seen.insert(name.as_str()));
    let unset: Vec<Item> = unwanted.map(|name| bare(name)).collect();
    let all: Vec<Item> = set.iter().chain(&unset).map(|item| bare(&item.name)).collect();
    // cmd reads a file in the console's code page; only a file that needs UTF-8 switches it.
    let utf8 = if set.iter().any(|item| !item.value.is_ascii()) { vec![bare("")] } else { Vec::new() };
    let lists = [("set", &set[..]), ("unset", &unset), ("all", &all), ("skipped", &skipped), ("utf8", &utf8)];
    let text = template::render(shell.template(), &lists);
    if shell == Shell::Cmd { text.replace('\n', "\r\n") } else { text }
}

/// The assignments as statements of this shell, one per line (a value may hold line breaks).
pub fn exports(shell: Shell, assignments: &[Assignment]) -> String {
    let mut out = String::new();
    for assignment in assignments {
        let line = match assignment {
            Assignment::Set(name, value) if is_name(name) => set_statement(shell, name, value),
            Assignment::Unset(name) if is_name(name) => unset_statement(shell, name),
            _ => continue,
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// The variables to set whose names are names; see [`is_name`].
pub(crate) fn named(variables: &VariableSet) -> impl Iterator<Item = &Variable> {
    variables.set.iter().filter(|variable| is_name(&variable.name))
}

/// True for what every shell accepts as the name of a variable. Anything else never becomes code.
pub(crate) fn is_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(word) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

fn set_statement(shell: Shell, name: &str, value: &str) -> String {
    let quoted = shell.quote(value);
    match shell {
        Shell::Posix => format!("export {name}={quoted}"),
        Shell::Fish => format!("set -gx {name} {quoted}"),
        Shell::PowerShell => format!("$env:{name} = {quoted}"),
        Shell::Nushell => format!("$env.{name} = {quoted}"),
        Shell::Tcsh => format!("setenv {name} {quoted}"),
        // xonsh makes a list of every *PATH and expands `~` and `$` in it; a string is passed on as it is.
        Shell::Xonsh => format!("__xonsh__.env.register('{name}', type='str'); ${name} = {quoted}"),
        Shell::Elvish => format!("set-env {name} {quoted}"),
        Shell::Cmd if !quote::fits_cmd(value) => {
            format!("rem {name} is left out: cmd cannot hold a line break in a value")
        }
        Shell::Cmd => format!("set \"{name}={quoted}\""),
    }
}

fn unset_statement(shell: Shell, name: &str) -> String {
    match shell {
        Shell::Posix => format!("unset {name}"),
        Shell::Fish => format!("set -e -g {name}"),
        Shell::PowerShell => format!("Remove-Item Env:\\{name} -ErrorAction Ignore"),
        Shell::Nushell => format!("hide-env --ignore-errors {name}"),
        Shell::Tcsh => format!("unsetenv {name}"),
        Shell::Xonsh => format!("__xonsh__.env.pop('{name}', None)"),
        Shell::Elvish => format!("unset-env {name}"),
        Shell::Cmd => format!("set \"{name}=\""),
    }
}

/// The lower-case name of a program, without its folder, `.exe`, and a login shell's dash.
pub(crate) fn stem(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let lower = file.to_ascii_lowercase();
    let lower = lower.strip_prefix('-').unwrap_or(&lower);
    lower.strip_suffix(".exe").unwrap_or(lower).to_owned()
}
