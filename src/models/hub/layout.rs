//! The paths of the Hub's cache, computed: nothing here looks at the disk.

use std::path::{Path, PathBuf};

use super::names;
use crate::models::locked::{File, HubPlace, RepoType};

/// The folders of one repository in the Hub's cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    hub: PathBuf,
    folder: String,
}

impl Repository {
    /// The repository of `place` below the cache `hub`.
    pub fn of(place: &HubPlace, hub: &Path) -> Self {
        Self::named(place.repo_type, &place.repo, hub)
    }

    /// The repository `repo` below the cache `hub`.
    pub fn named(repo_type: RepoType, repo: &str, hub: &Path) -> Self {
        Self { hub: hub.to_path_buf(), folder: names::repo_folder(repo_type, repo) }
    }

    /// The repository whose folder below the cache `hub` is called so.
    pub fn called(hub: &Path, folder: String) -> Self {
        Self { hub: hub.to_path_buf(), folder }
    }

    /// `models--owner--name`.
    pub fn root(&self) -> PathBuf {
        self.hub.join(&self.folder)
    }

    /// The folder of the contents.
    pub fn blobs(&self) -> PathBuf {
        self.root().join("blobs")
    }

    /// The content with this name.
    pub fn blob(&self, name: &str) -> PathBuf {
        self.blobs().join(name)
    }

    /// The folder of the revisions' names.
    pub fn refs(&self) -> PathBuf {
        self.root().join("refs")
    }

    /// The file that says which commit `revision` is; its slashes are folders.
    pub fn reference(&self, revision: &str) -> PathBuf {
        joined(self.refs(), revision)
    }

    /// The folder of the commits.
    pub fn snapshots(&self) -> PathBuf {
        self.root().join("snapshots")
    }

    /// The folder that looks like the repository at `commit`.
    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.snapshots().join(commit)
    }

    /// Where a program opens the file `path` of `commit`.
    pub fn pointer(&self, commit: &str, path: &str) -> PathBuf {
        joined(self.snapshot(commit), path)
    }

    /// The listing of everything that `commit` holds.
    pub fn tree(&self, commit: &str) -> PathBuf {
        self.root().join("trees").join(format!("{commit}.json"))
    }

    /// The folder of the marks for files that `commit` does not hold.
    pub fn no_exist(&self, commit: &str) -> PathBuf {
        self.root().join(".no_exist").join(commit)
    }

    /// The folder of the locks that Python takes.
    pub fn locks(&self) -> PathBuf {
        self.hub.join(".locks").join(&self.folder)
    }

    /// The lock that Python takes while it fetches the content with this name.
    pub fn lock(&self, blob: &str) -> PathBuf {
        self.locks().join(format!("{blob}.lock"))
    }

    /// Our own folder in the repository: no scanner of any version looks into it, and it goes when the repository goes.
    pub fn private(&self) -> PathBuf {
        self.root().join(".modelstrap")
    }

    /// Unfinished bytes: `hf cache prune` removes every `blobs/*.incomplete`, so they do not lie there.
    pub fn partials(&self) -> PathBuf {
        self.private().join("partials")
    }
}

/// What a pointer at `path` says, as a path relative to its own folder: one step up for each folder of it.
pub fn pointer_target(path: &str, blob: &str) -> PathBuf {
    let depth = path.split('/').filter(|part| !part.is_empty() && *part != ".").count();
    let mut target = PathBuf::from("..");
    (0..depth).for_each(|_| target.push(".."));
    target.join("blobs").join(blob)
}

/// The name of the blob of `file`: its digest's digits, as the Hub's etag has them.
pub fn blob_name(file: &File) -> Option<String> {
    file.digest.map(|digest| digest.hex())
}

/// `path`, whose parts are separated by `/`, below `base`, in the system's own way.
fn joined(base: PathBuf, path: &str) -> PathBuf {
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    parts.fold(base, |mut base, part| {
        base.push(part);
        base
    })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_lies_where_the_official_client_looks() {
        let hub = Path::new("/hub");
        let dataset = Repository::named(RepoType::Dataset, "org/name", hub);
        let model = Repository::named(RepoType::Model, "gpt2", hub);
        let paths = [
            dataset.root(),
            model.blob("ab"),
            model.reference("refs/pr/1"),
            model.pointer("c0", "onnx//./m.onnx"),
            model.tree("c0"),
            model.no_exist("c0"),
            dataset.lock("ab"),
            model.partials(),
        ];
        let expected = [
            "/hub/datasets--org--name",
            "/hub/models--gpt2/blobs/ab",
            "/hub/models--gpt2/refs/refs/pr/1",
            "/hub/models--gpt2/snapshots/c0/onnx/m.onnx",
            "/hub/models--gpt2/trees/c0.json",
            "/hub/models--gpt2/.no_exist/c0",
            "/hub/.locks/datasets--org--name/ab.lock",
            "/hub/models--gpt2/.modelstrap/partials",
        ];
        assert_eq!(paths.map(|path| path.display().to_string()), expected);
    }

    #[test]
    fn a_pointer_climbs_one_step_for_each_folder() {
        let target = |path| pointer_target(path, "e").display().to_string();
        assert_eq!(target("f"), "../../blobs/e");
        assert_eq!(target("onnx/m"), "../../../blobs/e");
        assert_eq!(target("nested/dir/v"), "../../../../blobs/e");
        assert_eq!(target("a//./v"), "../../../blobs/e");
    }
}
