//! The cd-hook: code that a shell evaluates once, and the form in which it then gets its changes.
//!
//! The hook compares `$PWD` within the shell, so that an unchanged prompt spawns nothing, and asks
//! `modelstrap hook SHELL --export` after a change of directory. Bash and PowerShell have nothing but
//! their prompt for that; in the others `cd project && command` already runs with the project's variables.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::generate::shell::{Assignment, Shell, exports, stem};
use crate::generate::template::{self, Item};

/// A shell that has a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HookShell {
    /// bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
    /// PowerShell.
    PowerShell,
    /// nushell.
    Nushell,
    /// elvish.
    Elvish,
    /// xonsh.
    Xonsh,
}

/// Why there is no hook to print.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HookError {
    /// The program's path cannot be written in a script.
    #[error(
        "the path of modelstrap contains a control character, so no shell can be told to run it: {path:?}; move the program"
    )]
    Path {
        /// The path.
        path: String,
    },
}

impl HookShell {
    /// Every shell with a hook.
    pub const ALL: [Self; 7] =
        [Self::Bash, Self::Zsh, Self::Fish, Self::PowerShell, Self::Nushell, Self::Elvish, Self::Xonsh];

    /// The shell's name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::PowerShell => "powershell",
            Self::Nushell => "nushell",
            Self::Elvish => "elvish",
            Self::Xonsh => "xonsh",
        }
    }

    /// The shell called `name`, which may be the path of its program; `pwsh` and `nu` are known too.
    pub fn parse(name: &str) -> Option<Self> {
        match stem(name).as_str() {
            "pwsh" => Some(Self::PowerShell),
            "nu" => Some(Self::Nushell),
            stem => Self::ALL.into_iter().find(|shell| shell.name() == stem),
        }
    }

    /// The language that the shell speaks.
    pub fn shell(self) -> Shell {
        match self {
            Self::Bash | Self::Zsh => Shell::Posix,
            Self::Fish => Shell::Fish,
            Self::PowerShell => Shell::PowerShell,
            Self::Nushell => Shell::Nushell,
            Self::Elvish => Shell::Elvish,
            Self::Xonsh => Shell::Xonsh,
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Bash => include_str!("../../templates/bash.hook"),
            Self::Zsh => include_str!("../../templates/zsh.hook"),
            Self::Fish => include_str!("../../templates/fish.hook"),
            Self::PowerShell => include_str!("../../templates/powershell.hook"),
            Self::Nushell => include_str!("../../templates/nushell.hook"),
            Self::Elvish => include_str!("../../templates/elvish.hook"),
            Self::Xonsh => include_str!("../../templates/xonsh.hook"),
        }
    }
}

/// The code that `modelstrap hook SHELL` prints; `binary` is modelstrap's absolute path.
pub fn hook(shell: HookShell, binary: &str) -> Result<String, HookError> {
    if binary.chars().any(char::is_control) {
        return Err(HookError::Path { path: binary.to_owned() });
    }
    let item = Item { name: shell.name().to_owned(), value: shell.shell().quote(binary) };
    Ok(template::render(shell.template(), &[("binary", &[item])]))
}

/// What `modelstrap hook SHELL --export` prints; nothing when there is nothing to change.
///
/// Nushell cannot evaluate code at run time, and xonsh need not: they read a JSON object, in which
/// `null` removes a variable. The others evaluate statements.
pub fn export(shell: HookShell, assignments: &[Assignment]) -> String {
    if assignments.is_empty() {
        return String::new();
    }
    match shell {
        HookShell::Nushell | HookShell::Xonsh => {
            let pair = |assignment: &Assignment| match assignment {
                Assignment::Set(name, value) => (name.clone(), Value::from(value.as_str())),
                Assignment::Unset(name) => (name.clone(), Value::Null),
            };
            format!("{}\n", Value::Object(assignments.iter().map(pair).collect::<Map<_, _>>()))
        }
        _ => exports(shell.shell(), assignments),
    }
}
