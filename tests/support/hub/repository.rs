//! What lies on the hub: repositories, their commits, and the names that point at those.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sha1::{Digest as _, Sha1};

use super::content::{Content, hex};

/// What kind of repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A model.
    Model,
    /// A data set.
    Dataset,
    /// A space.
    Space,
}

impl Kind {
    /// As it stands in `/api/…`.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Dataset => "datasets",
            Self::Space => "spaces",
        }
    }

    /// The kind with this plural.
    pub(crate) fn of(plural: &str) -> Option<Self> {
        [Self::Model, Self::Dataset, Self::Space].into_iter().find(|kind| kind.plural() == plural)
    }
}

/// A file in a commit.
#[derive(Clone)]
pub(crate) struct File {
    /// Its path, as hostile as the test wants.
    pub(crate) path: String,
    /// Its content.
    pub(crate) content: Content,
    /// Whether it is an LFS file: its blob is named by SHA-256 and it comes from the CDN.
    pub(crate) lfs: bool,
    /// Git's name for it: for an LFS file that of the pointer, not of the content.
    pub(crate) oid: String,
}

impl File {
    /// A file at this path.
    pub(crate) fn new(path: &str, content: Content, lfs: bool) -> Self {
        let oid = if lfs { Content::from(pointer(&content)).git_sha1() } else { content.git_sha1() };
        Self { path: path.to_owned(), content, lfs, oid }
    }

    /// The name of its blob in a cache.
    pub(crate) fn etag(&self) -> String {
        if self.lfs { self.content.sha256() } else { self.oid.clone() }
    }

    /// Its name in the Xet store: 64 digits that are no digest of anything a client can compute.
    pub(crate) fn xet_hash(&self) -> Option<String> {
        self.lfs.then(|| Content::from(format!("xet {}", self.content.sha256())).sha256())
    }

    /// The size of its LFS pointer.
    pub(crate) fn pointer_size(&self) -> usize {
        pointer(&self.content).len()
    }
}

fn pointer(content: &Content) -> String {
    let (sha256, size) = (content.sha256(), content.size());
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n")
}

/// One commit.
pub(crate) struct Commit {
    /// 40 hexadecimal digits.
    pub(crate) id: String,
    /// In the order in which the hub lists them.
    pub(crate) files: Vec<File>,
    by_path: HashMap<String, usize>,
}

impl Commit {
    /// A commit of these files after `parent`. Its id follows from both.
    pub(crate) fn new(repository: &str, parent: Option<&str>, mut files: Vec<File>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut hasher = Sha1::new_with_prefix(format!("{repository}\0{}\0", parent.unwrap_or_default()));
        for file in &files {
            hasher.update(format!("{}\0{}\0", file.path, file.oid));
        }
        let mut by_path = HashMap::with_capacity(files.len());
        for (index, file) in files.iter().enumerate() {
            by_path.entry(file.path.clone()).or_insert(index);
        }
        Self { id: hex(&hasher.finalize()), files, by_path }
    }

    /// The file at this path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.by_path.get(path).map(|index| &self.files[*index])
    }

    /// The folders in which the files lie.
    pub(crate) fn folders(&self) -> BTreeSet<&str> {
        let above = |file: &'_ File| file.path.match_indices('/').map(|(at, _)| at).collect::<Vec<_>>();
        self.files
            .iter()
            .flat_map(|file| above(file).into_iter().map(|at| &file.path[..at]))
            .filter(|folder| !folder.is_empty())
            .collect()
    }
}

/// One repository.
#[derive(Clone)]
pub(crate) struct Repository {
    /// What kind.
    pub(crate) kind: Kind,
    /// Its name in the right letter case.
    pub(crate) id: String,
    /// All commits.
    pub(crate) commits: HashMap<String, Arc<Commit>>,
    /// Names of branches, and where they are.
    pub(crate) branches: BTreeMap<String, String>,
    /// Likewise for tags.
    pub(crate) tags: BTreeMap<String, String>,
    /// Likewise for pull requests, by number.
    pub(crate) pulls: BTreeMap<u32, String>,
    /// `auto` or `manual` where access must be asked for.
    pub(crate) gated: Option<&'static str>,
    /// Whether it looks as if it were not there.
    pub(crate) private: bool,
    /// Whether the hub has shut it.
    pub(crate) disabled: bool,
    /// The tokens that may read it though it is gated or private.
    pub(crate) readers: Vec<String>,
    /// Its licence.
    pub(crate) license: Option<String>,
    /// How often it was downloaded.
    pub(crate) downloads: u64,
    /// How many like it.
    pub(crate) likes: u64,
    /// Whether LFS files have a place in the Xet store.
    pub(crate) xet: bool,
    /// Whether the listing shows asterisks for it.
    pub(crate) masked: bool,
}

impl Repository {
    /// An empty one.
    pub(crate) fn new(kind: Kind, id: &str) -> Self {
        Self {
            kind,
            id: id.to_owned(),
            commits: HashMap::new(),
            branches: BTreeMap::new(),
            tags: BTreeMap::new(),
            pulls: BTreeMap::new(),
            gated: None,
            private: false,
            disabled: false,
            readers: Vec::new(),
            license: None,
            downloads: 0,
            likes: 0,
            xet: true,
            masked: false,
        }
    }

    /// The commit that a revision means: an id or its beginning, a branch, a tag, `refs/…`.
    pub(crate) fn commit(&self, revision: &str) -> Option<&Arc<Commit>> {
        let pull = || revision.strip_prefix("refs/pr/").and_then(|n| n.parse().ok()).and_then(|n| self.pulls.get(&n));
        let branch = revision.strip_prefix("refs/heads/").unwrap_or(revision);
        let tag = revision.strip_prefix("refs/tags/").unwrap_or(revision);
        let named = self.branches.get(branch).or_else(|| self.tags.get(tag)).or_else(pull);
        if let Some(id) = named {
            return self.commits.get(id);
        }
        let hexadecimal = revision.len() >= 7 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.commits.values().find(|commit| hexadecimal && commit.id.starts_with(revision))
    }

    /// Whether a token opens it.
    pub(crate) fn admits(&self, token: Option<&str>) -> bool {
        token.is_some_and(|token| self.readers.iter().any(|reader| reader == token))
    }
}

/// Everything on the hub.
#[derive(Default)]
pub(crate) struct Store {
    repositories: BTreeMap<(Kind, String), Arc<Repository>>,
    renamed: HashMap<(Kind, String), String>,
    users: HashMap<String, String>,
    contents: HashMap<String, (Content, String)>,
}

impl Store {
    /// The repository of this name, in any letter case.
    pub(crate) fn find(&self, kind: Kind, id: &str) -> Option<&Arc<Repository>> {
        self.repositories.get(&(kind, id.to_lowercase()))
    }

    /// The repository of this name, made if it is not there.
    pub(crate) fn entry(&mut self, kind: Kind, id: &str) -> &mut Repository {
        let made = || Arc::new(Repository::new(kind, id));
        Arc::make_mut(self.repositories.entry((kind, id.to_lowercase())).or_insert_with(made))
    }

    /// What a repository is called now.
    pub(crate) fn new_name(&self, kind: Kind, id: &str) -> Option<&str> {
        self.renamed.get(&(kind, id.to_lowercase())).map(String::as_str)
    }

    /// All repositories of a kind.
    pub(crate) fn all(&self, kind: Kind) -> impl Iterator<Item = &Repository> {
        self.repositories.values().map(Arc::as_ref).filter(move |repository| repository.kind == kind)
    }

    /// Takes one away.
    pub(crate) fn remove(&mut self, kind: Kind, id: &str) {
        self.repositories.remove(&(kind, id.to_lowercase())).unwrap();
    }

    /// Gives it another name; the old one leads there.
    pub(crate) fn rename(&mut self, kind: Kind, old: &str, new: &str) {
        let mut repository = self.repositories.remove(&(kind, old.to_lowercase())).unwrap();
        new.clone_into(&mut Arc::make_mut(&mut repository).id);
        self.repositories.insert((kind, new.to_lowercase()), repository);
        self.renamed.insert((kind, old.to_lowercase()), new.to_owned());
    }

    /// Notes whose token it is.
    pub(crate) fn register(&mut self, token: &str, user: &str) {
        self.users.insert(token.to_owned(), user.to_owned());
    }

    /// Whose token it is.
    pub(crate) fn user(&self, token: &str) -> Option<&str> {
        self.users.get(token).map(String::as_str)
    }

    /// Puts a content where the CDN finds it, with the path for the globs of its faults.
    pub(crate) fn keep(&mut self, content: &Content, path: String) {
        self.contents.insert(content.sha256(), (content.clone(), path));
    }

    /// What the CDN has under a digest.
    pub(crate) fn content(&self, sha256: &str) -> Option<&(Content, String)> {
        self.contents.get(sha256)
    }
}
