//! What goes between the markers in a shell's rc file: it only sources our file.
//!
//! Everything of ours stays in our own file, and the block does nothing, with status 0, once that
//! file is gone: an `[ -f … ] && . …` would leave status 1 as the last word of an rc file.

use crate::generate::shell::Shell;

/// The lines that source the snippet at `path`, without a final line break.
pub fn lines(shell: Shell, path: &str) -> String {
    let file = shell.quote(path);
    match shell {
        Shell::Posix => format!("if [ -f {file} ]; then . {file}; fi"),
        Shell::Fish => format!("if test -f {file}; source {file}; end"),
        Shell::PowerShell => format!("if (Test-Path -LiteralPath {file}) {{ . {file} }}"),
        // `source` is resolved while the file is parsed, and an absent file is an error then.
        Shell::Nushell => format!("source (if ({file} | path exists) {{ {file} }} else {{ null }})"),
        Shell::Tcsh => format!("if ( -f {file} ) source {file}"),
        Shell::Xonsh => format!("if __import__(\"os\").path.isfile({file}):\n    source @({file})"),
        Shell::Elvish => {
            format!("use path\nif (path:is-regular &follow-symlink=$true {file}) {{ eval (slurp < {file}) }}")
        }
        Shell::Cmd => format!("@if exist \"{file}\" call \"{file}\""),
    }
}
