//! `.gitignore` entries for every cache path inside the project that Git does not ignore already.

use std::path::{Path, PathBuf};

use super::{Scene, Wishes};
use crate::plan::{State, Want, block, kept};
use crate::project::{git, ignored};
use crate::support::paths;

pub(super) fn add(scene: &Scene<'_>, wishes: &mut Wishes) {
    let root = &scene.project.root;
    let file = root.join(".gitignore");
    // Outside Git the file is nobody's, unless somebody keeps one all the same.
    let Some(git_root) = scene.project.git_root.clone().or_else(|| file.is_file().then(|| root.clone())) else {
        return;
    };
    let there = State::observe(&file).ok().and_then(State::into_bytes).unwrap_or_default();
    // A broken marker pair is the plan's to report.
    let own = block::set(&there, &[]).unwrap_or_else(|_| there.clone());
    let own = String::from_utf8_lossy(&own);
    let not_yet = |path: &Path, is_dir: bool| !ignored::is_ignored(&git_root, path, is_dir, root, &own);

    let mut wanted: Vec<(PathBuf, String)> =
        folders(scene).into_iter().filter(|(path, _)| not_yet(path, true)).collect();
    for generated in generated(scene).into_iter().filter(|path| not_yet(path, false)) {
        let pattern = pattern(root, &generated, "");
        wanted.push((generated, pattern));
    }
    wanted.extend(left_behind(scene, &there, wishes));
    wanted.retain(|(_, pattern)| !own.lines().any(|line| line.trim_end() == pattern));
    in_their_order(&mut wanted, &there);
    let extra: Vec<String> = scene.project.manifest.gitignore.extra.clone();
    let extra: Vec<String> =
        extra.into_iter().filter(|line| !own.lines().any(|there| there.trim_end() == line)).collect();

    let lines = lines(&wanted, &extra);
    let settled = block::find(&there).ok().flatten().is_some_and(|found| found.body == block::body(&lines));
    // The block of an earlier run needs no second look at the index.
    let lines = if settled || scene.project.git_root.is_none() {
        lines
    } else {
        untracked(scene, &git_root, wanted, &extra, wishes)
    };
    wishes.want_inside(scene, file, "keeps the caches out of Git", Want::Block { lines });
}

/// Brings `wanted` into the order that the block of `file` has, if it holds the same lines. All of them are anchored and
/// none is a negation, so their order means nothing: another one would be a change for nothing.
fn in_their_order(wanted: &mut [(PathBuf, String)], file: &[u8]) {
    let body = block::find(file).ok().flatten().map(|found| found.body).unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    let place = |pattern: &str| body.lines().position(|line| line == pattern);
    if wanted.iter().all(|(_, pattern)| place(pattern).is_some_and(|place| place < wanted.len())) {
        wanted.sort_by_key(|(_, pattern)| place(pattern));
    }
}

/// The cache folders inside the project, with their patterns. A folder that lies in another one needs no line of its own.
fn folders(scene: &Scene<'_>) -> Vec<(PathBuf, String)> {
    let root = &scene.project.root;
    let applications = scene.project.manifest.application_caches.iter();
    let mut folders: Vec<PathBuf> = vec![scene.layout.cache_root.clone()];
    folders.extend(applications.map(|(_, cache)| paths::absolute(root, cache.path.as_ref())));
    folders.retain(|path| path.starts_with(root) && path != root && !paths::has_parent_component(path));
    let all = folders.clone();
    folders.retain(|path| !all.iter().any(|other| path != other && path.starts_with(other)));
    folders.dedup();
    folders.into_iter().map(|path| (path.clone(), pattern(root, &path, "/"))).collect()
}

/// The folders of an earlier block that are no caches any more but still hold files: without their line, the next
/// `git add -A` would commit the models in them.
fn left_behind(scene: &Scene<'_>, file: &[u8], wishes: &mut Wishes) -> Vec<(PathBuf, String)> {
    let root = &scene.project.root;
    let caches = folders(scene);
    let extra = &scene.project.manifest.gitignore.extra;
    let body = block::find(file).ok().flatten().map(|found| found.body).unwrap_or_default();
    let mut left = Vec::new();
    for line in String::from_utf8_lossy(&body).lines() {
        let Some(folder) = kept::folder(root, line) else { continue };
        let known = caches.iter().any(|(path, _)| *path == folder) || extra.iter().any(|extra| extra == line);
        if !known && folder.is_dir() {
            wishes.warnings.push(format!(
                "{} was a cache of this project and is still there; no library reads it any more\n    \
                 its line in .gitignore stays until the folder is gone",
                crate::support::escape::printable(&paths::portable(root, &folder))
            ));
            left.push((folder, line.to_owned()));
        }
    }
    left
}

/// What setup generates for this machine alone.
fn generated(scene: &Scene<'_>) -> Vec<PathBuf> {
    let root = &scene.project.root;
    // Not this run's parts: a run of `--only gitignore` must not take the lines of the others away.
    let setup = &scene.project.manifest.setup;
    let files = [(setup.machine_config, "config/hardware_cache.json"), (setup.dotenv, ".env")];
    let files = files.iter().map(|(wanted, file)| (*wanted, root.join(file)));
    files.filter(|(wanted, file)| *wanted || file.exists()).map(|(_, file)| file).collect()
}

/// `wanted` without what Git tracks: for a cache that is a mistake to mend, for a generated file a choice.
fn untracked(
    scene: &Scene<'_>,
    git_root: &Path,
    wanted: Vec<(PathBuf, String)>,
    extra: &[String],
    wishes: &mut Wishes,
) -> Vec<String> {
    let paths: Vec<PathBuf> = wanted.iter().map(|(path, _)| path.clone()).collect();
    let Some(tracked) = git::tracked(git_root, &paths) else {
        wishes
            .warnings
            .push("Git could not be asked which paths it tracks; .gitignore is written without knowing".to_owned());
        return lines(&wanted, extra);
    };
    let caches = folders(scene);
    for path in tracked.iter().filter(|path| caches.iter().any(|(cache, _)| cache == *path)) {
        let shown = paths::portable(&scene.project.root, path);
        wishes.warnings.push(format!(
            "Git tracks files in {shown}, so no ignore line is written for it; take them out of the index with\n    git rm -r --cached -- {}",
            crate::generate::shell::Shell::Posix.quote(&shown)
        ));
    }
    let rest: Vec<_> = wanted.into_iter().filter(|(path, _)| !tracked.contains(path)).collect();
    lines(&rest, extra)
}

fn lines(wanted: &[(PathBuf, String)], extra: &[String]) -> Vec<String> {
    wanted.iter().map(|(_, pattern)| pattern.clone()).chain(extra.iter().cloned()).collect()
}

/// An anchored pattern for `path`, with what Git would read as a wildcard, a comment or a trailing blank escaped.
fn pattern(root: &Path, path: &Path, end: &str) -> String {
    let mut pattern = String::from("/");
    for character in paths::portable(root, path).chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    if end.is_empty() && pattern.ends_with(' ') {
        pattern.insert(pattern.len() - 1, '\\');
    }
    pattern + end
}
