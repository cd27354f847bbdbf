//! A folder without the client's notes, of which somebody says of which repository it is: each file is read, and what equals a file
//! that is known of that repository, by path, size and digest, becomes part of its revision. Nothing else moves.

use std::collections::BTreeSet;
use std::mem::discriminant;
use std::path::{Path, PathBuf};

use super::dir::{Dir, Kind, real};
use super::known::{self, Claim};
use super::local_file::Source;
use super::notes::Note;
use super::work::{PREFIX, Stop, To, Work, check};
use crate::cache::hub::full_name;
use crate::fetch::Digest;
use crate::support::paths;

/// So many files that stay are named one by one.
const NAMED: usize = 20;

/// A file below the folder.
struct File {
    /// Its path, as it is and with `/`.
    path: PathBuf,
    name: String,
    source: Source,
}

impl Work<'_> {
    /// Makes what is proven to be of the repository whose folder is `to`, in the folder `dir`, revisions of it.
    pub(super) fn proven(&mut self, dir: Dir, to: To) -> Result<(), Stop> {
        self.sweep_room(&to)?;
        let before = self.out.tally;
        let known = &self.options.known;
        let (mut files, mut links) = (Vec::new(), Vec::new());
        self.files_of(&dir, Path::new(""), 0, (&mut files, &mut links));
        let ranks = known.ranks(files.iter().map(|file| (file.name.as_str(), file.source.look.stamp.size)));
        let (mut commits, mut others, mut doubted) = (BTreeSet::new(), Vec::new(), Vec::new());
        for file in &files {
            check()?;
            let mut claims: Vec<&Claim> = known.claims(&file.name, file.source.look.stamp.size).collect();
            claims.sort_by_key(|claim| ranks.get(claim.commit.as_str()));
            if claims.is_empty() {
                let is_doubted = known.is_doubted(&file.name, file.source.look.stamp.size);
                if is_doubted { &mut doubted } else { &mut others }.push(dir.path.join(&file.path));
            } else if let Some(commit) = self.proven_file(&dir, &to, file, &claims)? {
                commits.insert(commit);
            }
        }
        for commit in &commits {
            self.name_proven(&to, commit)?;
        }
        let name = repository(&to);
        self.name_others(&dir, others, &format!("no file of {name} that is known here has this path and size"));
        self.name_others(&dir, doubted, &known::doubt("what the files", &name));
        for why in known.unread() {
            self.out.notes.push(format!("{name}: what may know more of its files cannot be read: {why}"));
        }
        // Those that an earlier run left lead into the repository.
        let repository = real(&to.path);
        for path in
            links.into_iter().map(|path| dir.path.join(path)).filter(|path| !real(path).starts_with(&repository))
        {
            self.stay(path, "is no file");
        }
        self.tell_model(&to, before);
        if self.act() {
            self.end_of_target(&to);
        }
        Ok(())
    }

    /// One file; the commit that has it now.
    fn proven_file(&mut self, dir: &Dir, to: &To, file: &File, claims: &[&Claim]) -> Result<Option<String>, Stop> {
        let path = dir.path.join(&file.path);
        if let Some(why) = self.hindrance(&path, file.path.file_name().unwrap_or_default(), &file.source.look) {
            self.stay(path, why);
            return Ok(None);
        }
        let claim = match self.act() {
            true => self.equal(&path, &file.source, claims)?,
            // A run that only looks reads nothing.
            false => claims.first().copied(),
        };
        let Some((claim, digest)) = claim.and_then(|claim| Some((claim, claim.digest()?))) else {
            let name = repository(to);
            self.stay(path, format!("its bytes are those of no file of {name} that is known here by this path"));
            return Ok(None);
        };
        let note = Note { file: file.path.clone(), commit: claim.commit.clone(), etag: digest.hex() };
        let there = self.local_file(dir, to, &note, Some(file.source.look.stamp))?;
        Ok(there.then_some(note.commit))
    }

    /// The first of `claims` that the bytes equal. They are read once for each kind of digest.
    fn equal<'c>(&mut self, path: &Path, source: &Source, claims: &[&'c Claim]) -> Result<Option<&'c Claim>, Stop> {
        let mut found: Vec<Digest> = Vec::new();
        for claim in claims {
            let Some(expected) = claim.digest() else { continue };
            if !found.iter().any(|one| discriminant(one) == discriminant(&expected)) {
                let file = source.dir.file(&source.name);
                let Some(file) = self.heed(path, file)? else { return Ok(None) };
                let digest = self.digest(file, Some(&expected))?;
                let Some(digest) = self.heed(path, digest)? else { return Ok(None) };
                let now = source.dir.look(&source.name).ok().flatten();
                if !now.is_some_and(|now| now.stamp.is_same_content(&source.look.stamp)) {
                    return Ok(None);
                }
                found.push(digest);
            }
            if found.contains(&expected) {
                return Ok(Some(claim));
            }
        }
        Ok(None)
    }

    /// The files below `dir`, and what links of `dedupe` there lead to, without the client's and Git's own.
    fn files_of(
        &mut self,
        dir: &Dir,
        below: &Path,
        depth: usize,
        (found, others): (&mut Vec<File>, &mut Vec<PathBuf>),
    ) {
        for name in dir.names_or_none() {
            let path = below.join(&name);
            let Some(look) = dir.look(&name).ok().flatten() else { continue };
            if look.kind == Kind::Folder {
                let is_own = depth == 0 && [".cache", ".git"].iter().any(|own| name == *own);
                if let (false, true, Ok(sub)) = (is_own, depth < 64, dir.sub(&name)) {
                    self.files_of(&sub, &path, depth + 1, (&mut *found, &mut *others));
                }
            } else if !name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
                match self.source(dir, &name, &look) {
                    Ok(Some(source)) => found.push(File { name: paths::portable(Path::new(""), &path), path, source }),
                    _ => others.push(path),
                }
            }
        }
    }

    /// Gives the commit the name that the lock says it has, if it has none here and nobody else has that.
    fn name_proven(&mut self, to: &To, commit: &str) -> Result<(), Stop> {
        let references = self.references_of(to);
        if references.iter().any(|one| one.commit.as_deref() == Some(commit)) {
            return Ok(());
        }
        let short = commit.get(..12).unwrap_or(commit);
        let name = self.options.known.name(commit).filter(|name| references.iter().all(|one| one.name != *name));
        let Some(name) = name.map(str::to_owned) else {
            let why = format!("{}: no branch is proven to name {short}: ask for it by the commit", repository(to));
            self.out.notes.push(why);
            return Ok(());
        };
        self.out.notes.push(format!("{}: `{name}` names {short} from now on, as the lock says", repository(to)));
        self.write_name(to, &name, commit)
    }

    fn name_others(&mut self, dir: &Dir, others: Vec<PathBuf>, why: &str) {
        if others.len() > NAMED {
            let count = others.len();
            self.stay(dir.path.clone(), format!("{count} files in it: {why}"));
        } else {
            others.into_iter().for_each(|path| self.stay(path, why));
        }
    }
}

/// `org/name`.
fn repository(to: &To) -> String {
    let folder = to.path.file_name().unwrap_or_default().to_string_lossy();
    full_name(&folder).unwrap_or_else(|| folder.into_owned())
}
