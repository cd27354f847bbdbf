//! Where the project begins: the folder of the nearest manifest, else the Git root, else the folder asked about.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Manifest;
use crate::support::{digest, escape, paths};

/// The manifest's name.
pub const MANIFEST: &str = "modelstrap.toml";
/// The tool's own folder in a project.
pub const STATE_FOLDER: &str = ".modelstrap";

/// A project that was found, and its manifest.
#[derive(Debug, Clone)]
pub struct Project {
    /// Absolute; on Unix with links followed, so that one project has one name.
    pub root: PathBuf,
    /// The manifest's path, when there is one.
    pub manifest_path: Option<PathBuf>,
    /// The manifest, or the embedded default.
    pub manifest: Manifest,
    /// The root of the Git work tree that holds it, when there is one.
    pub git_root: Option<PathBuf>,
}

impl Project {
    /// Finds the project from `start`, which must be absolute, and reads its manifest.
    ///
    /// # Errors
    /// When `start` is not a folder, its path is not UTF-8, or the manifest is broken.
    pub fn discover(start: &Path) -> Result<Self> {
        if !start.is_dir() {
            bail!("{} is not a folder\n  give the project's folder with `-C DIR`", escape::path(start));
        }
        let found = start.ancestors().find(|folder| folder.join(MANIFEST).symlink_metadata().is_ok());
        let git_root = super::git::work_tree(start);
        let root = match (found, &git_root) {
            (Some(folder), _) => folder,
            (None, Some(root)) => root,
            (None, None) => start,
        };
        if root.to_str().is_none() {
            bail!(
                "{}: the project's path is not valid UTF-8, and neither JSON nor .env can hold it\n  rename the folder",
                escape::path(root)
            );
        }
        let manifest_path = found.map(|folder| folder.join(MANIFEST));
        let manifest = match &manifest_path {
            Some(path) => Manifest::read(path)?,
            None => Manifest::default(),
        };
        Ok(Self { root: root.to_path_buf(), manifest_path, manifest, git_root })
    }

    /// The nearest folder at or above `start` that `is_ready` says `setup` has made ready.
    pub fn made_ready(start: &Path, is_ready: impl Fn(&Path) -> bool) -> Option<&Path> {
        start.ancestors().find(|folder| is_ready(folder))
    }

    /// The name to show: the manifest's, else the folder's.
    pub fn name(&self) -> String {
        let folder = || self.root.file_name().unwrap_or(self.root.as_os_str()).to_string_lossy().into_owned();
        self.manifest.project.name.clone().unwrap_or_else(folder)
    }

    /// The tool's own folder in the project.
    pub fn state_folder(&self) -> PathBuf {
        self.root.join(STATE_FOLDER)
    }

    /// A short mark of this project, for temporary files beside files that projects share.
    pub fn tag(&self) -> String {
        Self::tag_of(&self.root)
    }

    /// The same of a project that may be gone, by the folder that it was in.
    pub fn tag_of(root: &Path) -> String {
        let mut tag = digest::sha256(root.as_os_str().as_encoded_bytes());
        tag.truncate(8);
        tag
    }
}

/// The working folder made absolute, as `--project` or the shell gave it. Links and `..` are
/// followed, so that one project has one path, however it was called.
///
/// # Errors
/// When the working folder cannot be told.
pub fn start_folder(asked: Option<&Path>, cwd: std::io::Result<PathBuf>) -> Result<PathBuf> {
    let base = match asked {
        Some(path) if path.is_absolute() => PathBuf::new(),
        _ => cwd.context(
            "the working folder cannot be told (was it removed?)\n  change to another folder, or give `-C DIR`",
        )?,
    };
    let folder = asked.map_or_else(|| base.clone(), |path| paths::absolute(&base, path));
    // Windows' own form of a path resolves `..` without touching the disk; `canonicalize` would change its looks there.
    let resolved = if cfg!(windows) { std::path::absolute(&folder) } else { folder.canonicalize() };
    Ok(resolved.unwrap_or(folder))
}
