//! What Git ignores already by the project's own ignore files: negations, parent folders and nested files understood.
//!
//! A person's global ignore file and `.git/info/exclude` do not count: what is written here is for everybody.

use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::support::bounded;

/// True when `path`, a folder or (with `is_dir` false) a file inside the work tree at `root`, is ignored. `own` is the content that the `.gitignore`
/// in `own_folder` is taken to have (the file without modelstrap's block).
pub fn is_ignored(root: &Path, path: &Path, is_dir: bool, own_folder: &Path, own: &str) -> bool {
    let Ok(relative) = path.strip_prefix(root) else { return false };
    let mut matchers: Vec<Gitignore> = vec![load(root, own_folder, own)];
    let mut current = root.to_path_buf();
    for part in relative.components() {
        current.push(part);
        // The last ignore file that has a say wins; a folder that is ignored hides everything in it.
        let verdict = matchers
            .iter()
            .rev()
            .map(|matcher| matcher.matched(&current, is_dir || current != path))
            .find(|found| !found.is_none());
        if let Some(Match::Ignore(_)) = verdict {
            return true;
        }
        matchers.push(load(&current, own_folder, own));
    }
    false
}

fn load(folder: &Path, own_folder: &Path, own: &str) -> Gitignore {
    let mut builder = GitignoreBuilder::new(folder);
    if folder == own_folder {
        for line in own.lines() {
            // Git skips a pattern that it cannot read, and so do we.
            let _ = builder.add_line(None, line);
        }
    } else {
        let text = bounded::read(&folder.join(".gitignore"), bounded::CONFIGURATION).unwrap_or_default();
        for line in String::from_utf8_lossy(&text).lines() {
            let _ = builder.add_line(None, line);
        }
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn parents_negations_and_nested_files_are_understood() {
        let room = tempfile::tempdir().unwrap();
        let root = room.path();
        fs::create_dir_all(root.join("glossary")).unwrap();
        fs::write(root.join("glossary/.gitignore"), "cache/\n").unwrap();
        let own = "out/\n*.tmp/\n!keep.tmp/\n/.cache\n";
        let ignored = |path: &str| is_ignored(root, &root.join(path), true, root, own);
        assert!(ignored("out/tmdb_cache"), "a parent folder is ignored");
        assert!(ignored(".cache") && !ignored("sub/.cache"), "an anchored pattern");
        assert!(ignored("a.tmp") && !ignored("keep.tmp"), "a negation");
        assert!(ignored("glossary/cache"), "a nested ignore file");
        assert!(!ignored("models"));
        let file = |own: &str| is_ignored(root, &root.join(".env"), false, root, own);
        assert!(file(".env\n") && !file(".env/\n"), "a pattern for folders does not ignore a file");
    }

    #[test]
    fn git_itself_agrees() {
        let room = tempfile::tempdir().unwrap();
        let root = room.path();
        let git = |arguments: &[&str]| std::process::Command::new("git").arg("-C").arg(root).args(arguments).output();
        let Ok(made) = git(&["init", "-q"]) else {
            eprintln!("skipped: git is not installed");
            return;
        };
        assert!(made.status.success());
        let own = "*\n!a\n!a/b\na/b/c*\n!a/b/cd\n/x/**/y\n[z\nspace\\ \n\\#h\n";
        fs::write(root.join(".gitignore"), own).unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/.gitignore"), "!ce\nq\n").unwrap();
        for path in ["a", "a/b", "a/b/cc", "a/b/cd", "a/b/ce", "a/b/q", "x/1/2/y", "other", "#h", "a/q"] {
            fs::create_dir_all(root.join(path)).unwrap();
            let asked = git(&["check-ignore", "-q", "--no-index", path]).unwrap();
            assert_eq!(is_ignored(root, &root.join(path), true, root, own), asked.status.success(), "{path}");
        }
    }
}
