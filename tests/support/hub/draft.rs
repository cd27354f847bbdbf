//! How a test describes a repository: `hub.model("org/tiny").file("config.json", "{}").commit()`.

use std::sync::Arc;

use super::content::Content;
use super::repository::{Commit, File, Kind, Repository};
use super::world::World;

/// A commit being described. It begins with what the branch holds already.
#[must_use = "nothing is there before `commit`"]
pub(crate) struct Draft<'a> {
    world: &'a World,
    repository: Repository,
    files: Vec<File>,
    target: Target,
}

/// What will point at the commit.
enum Target {
    Branch(String),
    Tag(String),
    Pull(u32),
}

impl<'a> Draft<'a> {
    pub(super) fn new(world: &'a World, kind: Kind, id: &str) -> Self {
        let repository = world.store().entry(kind, id).clone();
        let files = repository.commit("main").map(|commit| commit.files.clone()).unwrap_or_default();
        Self { world, repository, files, target: Target::Branch("main".to_owned()) }
    }

    /// On this branch: it begins with what `main` holds, if it is new.
    pub(crate) fn branch(mut self, name: &str) -> Self {
        if let Some(commit) = self.repository.commit(name) {
            self.files = commit.files.clone();
        }
        Self { target: Target::Branch(name.to_owned()), ..self }
    }

    /// As a tag, on no branch.
    pub(crate) fn tag(self, name: &str) -> Self {
        Self { target: Target::Tag(name.to_owned()), ..self }
    }

    /// As a pull request: `refs/pr/N`.
    pub(crate) fn pull_request(self, number: u32) -> Self {
        Self { target: Target::Pull(number), ..self }
    }

    /// With this small file, kept in Git.
    pub(crate) fn file(self, path: &str, content: impl Into<Content>) -> Self {
        self.put(File::new(path, content.into(), false))
    }

    /// With this large file, kept in LFS and served by the CDN.
    pub(crate) fn lfs(self, path: &str, content: impl Into<Content>) -> Self {
        self.put(File::new(path, content.into(), true))
    }

    /// With `count` small files, each told by its number.
    pub(crate) fn files<C: Into<Content>>(mut self, count: u64, each: impl Fn(u64) -> (String, C)) -> Self {
        for number in 0..count {
            let (path, content) = each(number);
            self.files.push(File::new(&path, content.into(), false));
        }
        self
    }

    /// With this file, also if there is one of the same name already: the listing names it twice.
    pub(crate) fn also(mut self, path: &str, content: impl Into<Content>) -> Self {
        self.files.push(File::new(path, content.into(), false));
        self
    }

    /// Without this file.
    pub(crate) fn without(mut self, path: &str) -> Self {
        self.files.retain(|file| file.path != path);
        self
    }

    fn put(self, file: File) -> Self {
        let mut draft = self.without(&file.path);
        draft.files.push(file);
        draft
    }

    /// Whoever wants it must have asked (`gated: "auto"`).
    pub(crate) fn gated(mut self) -> Self {
        self.repository.gated = Some("auto");
        self
    }

    /// Whoever wants it must have asked, and a person answers (`gated: "manual"`).
    pub(crate) fn gated_by_hand(mut self) -> Self {
        self.repository.gated = Some("manual");
        self
    }

    /// It looks as if it were not there.
    pub(crate) fn private(mut self) -> Self {
        self.repository.private = true;
        self
    }

    /// The hub has shut it.
    pub(crate) fn disabled(mut self) -> Self {
        self.repository.disabled = true;
        self
    }

    /// The owner of this token may read it; the token is a valid one.
    pub(crate) fn readable_with(mut self, token: &str) -> Self {
        self.repository.readers.push(token.to_owned());
        self.world.store().register(token, "reader");
        self
    }

    /// Its licence, as in its card.
    pub(crate) fn license(mut self, license: &str) -> Self {
        self.repository.license = Some(license.to_owned());
        self
    }

    /// How often it was downloaded and how many like it: what a search shows.
    pub(crate) fn popular(mut self, downloads: u64, likes: u64) -> Self {
        (self.repository.downloads, self.repository.likes) = (downloads, likes);
        self
    }

    /// Its LFS files are not in the Xet store.
    pub(crate) fn without_xet(mut self) -> Self {
        self.repository.xet = false;
        self
    }

    /// The listing shows asterisks for Xet hashes, as for repositories that one may not read.
    pub(crate) fn with_masked_xet(mut self) -> Self {
        self.repository.masked = true;
        self
    }

    /// Makes it so, and returns the commit's id.
    pub(crate) fn commit(self) -> String {
        let Self { world, mut repository, files, target } = self;
        let parent = match &target {
            Target::Branch(name) => repository.commit(name).or_else(|| repository.commit("main")),
            Target::Tag(_) | Target::Pull(_) => repository.commit("main"),
        };
        let commit = Commit::new(&repository.id, parent.map(|commit| commit.id.as_str()), files);
        let id = commit.id.clone();
        match target {
            Target::Branch(name) => drop(repository.branches.insert(name, id.clone())),
            Target::Tag(name) => drop(repository.tags.insert(name, id.clone())),
            Target::Pull(number) => drop(repository.pulls.insert(number, id.clone())),
        }
        let mut store = world.store();
        for file in commit.files.iter().filter(|file| file.lfs) {
            store.keep(&file.content, format!("/{}/{}", repository.id, file.path));
        }
        repository.commits.insert(id.clone(), Arc::new(commit));
        let (kind, name) = (repository.kind, repository.id.clone());
        *store.entry(kind, &name) = repository;
        id
    }
}
