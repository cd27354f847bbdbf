//! The rc files of the shells in use: one managed block each, which only sources our snippet.
//!
//! Which files: rustup's table with its corrections. Bash reads a login file or `.bashrc`, so every one that exists
//! gets the block; a `.bash_profile` is never created, because it would hide `.profile` (conda#7730). Zsh reads
//! `.zshenv` always. Fish and Nushell load whole files of ours.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::{Scene, Wishes};
use crate::generate::rc;
use crate::generate::shell::Shell;
use crate::plan::{Want, block};
use crate::platform::Os;
use crate::support::vars::Vars;
use crate::support::{bounded, escape, paths};

/// The answer that writes to no rc file.
pub const NONE: &str = "none";
/// The answer that writes to those of every shell in use.
pub const AUTO: &str = "auto";

/// A shell by the name of its program: `bash` and `zsh` read different files but share a snippet.
const PROGRAMS: [&str; 11] = ["sh", "bash", "zsh", "ksh", "mksh", "fish", "tcsh", "nu", "pwsh", "xonsh", "elvish"];

/// An rc file, and the shell whose words it is written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RcFile {
    /// Absolute.
    pub path: PathBuf,
    /// Its shell.
    pub shell: Shell,
}

pub(super) fn add(scene: &Scene<'_>, wishes: &mut Wishes) -> Result<()> {
    let Some(home) = scene.layout.home.as_deref() else {
        if scene.profile.is_some_and(|choice| choice != NONE) {
            bail!("the shells' rc files cannot be found: HOME is not set\n  set it, or use `--profile none`");
        }
        return Ok(());
    };
    let chosen = match scene.profile {
        Some(choice) => choose(choice, home, &scene.project.root, scene.vars, scene.os)?,
        None => Vec::new(),
    };
    let state_folder = scene.project.state_folder();
    for file in &chosen {
        let snippet = state_folder.join(file.shell.file_name());
        let lines: Vec<String> = rc::lines(file.shell, &snippet.to_string_lossy()).lines().map(str::to_owned).collect();
        if let Some(there) = block_in(file).filter(|there| *there != block::body(&lines)) {
            wishes.warnings.push(format!(
                "{} loads another project's variables: {}\n    new shells will load this project's instead; for several projects, \
                 `modelstrap hook` sets those of the folder that you are in",
                paths::friendly(&scene.project.root, Some(home), &file.path),
                escape::printable(&String::from_utf8_lossy(&there))
            ));
        }
        wishes.want(file.path.clone(), "loads the variables in new shells", Want::Block { lines });
    }
    // A block of this project in a file that is no longer chosen goes.
    for file in every(home, scene.vars, scene.os) {
        if chosen.iter().all(|chosen| chosen.path != file.path) && holds_block_of(&file, &state_folder) {
            wishes.want(file.path, "no longer loads the variables", Want::Block { lines: Vec::new() });
        }
    }
    Ok(())
}

/// The rc files that `choice` means: `auto`, `none`, or shells and files separated by commas.
///
/// # Errors
/// When a word is neither a shell with an rc file nor a path.
pub fn choose(choice: &str, home: &Path, root: &Path, vars: &Vars, os: Os) -> Result<Vec<RcFile>> {
    let mut files: Vec<RcFile> = Vec::new();
    for word in choice.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let found = match word {
            NONE => Vec::new(),
            AUTO => in_use(home, vars, os),
            _ if PROGRAMS.contains(&word) => of_shell(word, home, vars, os),
            "nushell" => of_shell("nu", home, vars, os),
            "powershell" => of_shell("pwsh", home, vars, os),
            _ if word.contains(['/', '\\']) || word.starts_with(['.', '~']) => vec![of_path(word, home, root)],
            _ => bail!(
                "`--profile {}`: neither a shell with an rc file nor a path\n  the shells are {}; or `auto`, `none`, or a path such as ~/.bashrc",
                escape::printable(word),
                PROGRAMS.join(", ")
            ),
        };
        for file in found {
            if files.iter().all(|known| known.path != file.path) {
                files.push(file);
            }
        }
    }
    Ok(files)
}

/// The rc files of the shell that the person logs in with, and of those whose rc file exists.
pub fn in_use(home: &Path, vars: &Vars, os: Os) -> Vec<RcFile> {
    let login = vars.text("SHELL").and_then(|shell| Path::new(shell).file_stem()?.to_str()).unwrap_or_default();
    let mut files = Vec::new();
    for program in PROGRAMS {
        let candidates = of_shell(program, home, vars, os);
        let marks: &[&str] = match program {
            "bash" => &[".bashrc", ".bash_profile"],
            "zsh" => &[".zshenv", ".zshrc", ".zprofile"],
            "fish" => &[".config/fish"],
            "nu" => &[".config/nushell"],
            "tcsh" => &[".tcshrc", ".cshrc"],
            "xonsh" => &[".xonshrc", ".config/xonsh"],
            "elvish" => &[".config/elvish"],
            "pwsh" => &[".config/powershell"],
            _ => &[],
        };
        if program == login || marks.iter().any(|mark| home.join(mark).exists()) {
            files.extend(candidates);
        }
    }
    files
}

fn of_path(word: &str, home: &Path, root: &Path) -> RcFile {
    let path = match word.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => paths::absolute(root, word.as_ref()),
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let shell = match name.rsplit('.').next().unwrap_or_default() {
        "fish" => Shell::Fish,
        "nu" => Shell::Nushell,
        "ps1" => Shell::PowerShell,
        "xsh" | "xonshrc" => Shell::Xonsh,
        "elv" => Shell::Elvish,
        "csh" | "cshrc" | "tcshrc" => Shell::Tcsh,
        _ => Shell::Posix,
    };
    RcFile { path, shell }
}

/// The files that `program` reads on this system.
fn of_shell(program: &str, home: &Path, vars: &Vars, os: Os) -> Vec<RcFile> {
    let folder = |name: &str, default: &str| {
        vars.get(name).map(PathBuf::from).filter(|path| path.is_absolute()).unwrap_or_else(|| home.join(default))
    };
    let config = folder("XDG_CONFIG_HOME", ".config");
    let existing = |names: &[&str]| names.iter().map(|name| home.join(name)).filter(|path| path.exists()).collect();
    let or = |found: Vec<PathBuf>, default: PathBuf| if found.is_empty() { vec![default] } else { found };
    let first = |found: Vec<PathBuf>, default: PathBuf| vec![found.into_iter().next().unwrap_or(default)];
    let (shell, files): (Shell, Vec<PathBuf>) = match program {
        "bash" => {
            (Shell::Posix, or(existing(&[".bashrc", ".bash_profile", ".bash_login", ".profile"]), home.join(".bashrc")))
        }
        "zsh" => {
            let own = folder("ZDOTDIR", "").join(".zshenv");
            let found = [own.clone(), home.join(".zshenv")].into_iter().filter(|path| path.exists()).collect();
            (Shell::Posix, first(found, own))
        }
        "mksh" => (Shell::Posix, vec![home.join(".mkshrc")]),
        "sh" | "ksh" => (Shell::Posix, vec![home.join(".profile")]),
        "fish" => (Shell::Fish, vec![config.join("fish/conf.d/modelstrap.fish")]),
        "nu" => {
            let data = match os {
                Os::Macos => home.join("Library/Application Support"),
                Os::Windows => folder("APPDATA", "AppData/Roaming"),
                _ => folder("XDG_DATA_HOME", ".local/share"),
            };
            (Shell::Nushell, vec![data.join("nushell/vendor/autoload/modelstrap.nu")])
        }
        "tcsh" => (Shell::Tcsh, first(existing(&[".tcshrc", ".cshrc"]), home.join(".tcshrc"))),
        "pwsh" if os == Os::Windows => (Shell::PowerShell, vec![home.join("Documents/PowerShell/profile.ps1")]),
        "pwsh" => (Shell::PowerShell, vec![config.join("powershell/profile.ps1")]),
        "xonsh" => (Shell::Xonsh, first(existing(&[".xonshrc"]), config.join("xonsh/rc.xsh"))),
        "elvish" => (Shell::Elvish, vec![config.join("elvish/rc.elv")]),
        _ => (Shell::Posix, Vec::new()),
    };
    files.into_iter().map(|path| RcFile { path, shell }).collect()
}

fn every(home: &Path, vars: &Vars, os: Os) -> Vec<RcFile> {
    PROGRAMS.iter().flat_map(|program| of_shell(program, home, vars, os)).collect()
}

fn holds_block_of(file: &RcFile, state_folder: &Path) -> bool {
    let ours = rc::lines(file.shell, &state_folder.join(file.shell.file_name()).to_string_lossy());
    block_in(file).is_some_and(|body| body == ours.as_bytes())
}

/// The body of the block in `file`, if it has one. A broken one is the plan's to report.
fn block_in(file: &RcFile) -> Option<Vec<u8>> {
    let bytes = bounded::read(&file.path, bounded::CONFIGURATION).ok()?;
    block::find(&bytes).ok().flatten().map(|found| found.body)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn chosen(choice: &str, home: &Path, vars: &Vars) -> Vec<String> {
        let files = choose(choice, home, Path::new("/p"), vars, Os::Linux).unwrap();
        files.iter().map(|file| paths::friendly(Path::new("/p"), Some(home), &file.path)).collect()
    }

    #[test]
    fn bash_gets_every_file_that_exists_and_never_a_new_bash_profile() {
        let home = tempfile::tempdir().unwrap();
        let vars = Vars::default();
        assert_eq!(chosen("bash", home.path(), &vars), ["~/.bashrc"]);
        std::fs::write(home.path().join(".profile"), "").unwrap();
        assert_eq!(chosen("bash", home.path(), &vars), ["~/.profile"]);
        std::fs::write(home.path().join(".bashrc"), "").unwrap();
        std::fs::write(home.path().join(".bash_profile"), "").unwrap();
        assert_eq!(chosen("bash", home.path(), &vars), ["~/.bashrc", "~/.bash_profile", "~/.profile"]);
    }

    #[test]
    fn auto_is_the_login_shell_and_shells_with_an_rc_file() {
        let home = tempfile::tempdir().unwrap();
        let vars = Vars::default().with("SHELL", "/usr/bin/zsh");
        assert_eq!(chosen("auto", home.path(), &vars), ["~/.zshenv"]);
        std::fs::create_dir_all(home.path().join(".config/fish")).unwrap();
        assert_eq!(chosen("auto", home.path(), &vars), ["~/.zshenv", "~/.config/fish/conf.d/modelstrap.fish"]);
        // Guix keeps bash below /gnu/store: that is not Nushell.
        let guix = Vars::default().with("SHELL", "/gnu/store/x/bin/bash");
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(chosen("auto", empty.path(), &guix), ["~/.bashrc"]);
    }

    #[test]
    fn the_zsh_folder_is_honoured_and_a_word_that_is_nothing_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let vars = Vars::default().with("ZDOTDIR", "/z");
        assert_eq!(chosen("zsh,~/.mine", home.path(), &vars), ["/z/.zshenv", "~/.mine"]);
        let error = choose("zhs", home.path(), Path::new("/p"), &vars, Os::Linux).unwrap_err();
        assert!(error.to_string().starts_with("`--profile zhs`: neither a shell"), "{error}");
    }
}
