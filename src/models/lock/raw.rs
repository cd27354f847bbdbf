//! A lock as TOML has it, and how each of its tables becomes what it says, or is refused.

use std::collections::HashSet;

use serde::Deserialize;
use toml::Spanned;

use super::parse::Flaw;
use super::render::{files_home, repo_type};
use crate::fetch::Digest;
use crate::models::locked::{self, FilesHome, HubPlace, Place, RepoType};
use crate::models::sources::home_ground;
use crate::models::spec::Spec;
use crate::models::{names, web};
use crate::support::escape::printable;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    pub(super) version: i64,
    pub(super) manifest: Spanned<String>,
    #[serde(default)]
    pub(super) model: Vec<Model>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    pub(super) name: Spanned<String>,
    spec: Spanned<String>,
    #[serde(default)]
    pub(super) part: Vec<Part>,
}

/// All keys of all places; which of them belong together, `place` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    place: Spanned<String>,
    #[serde(rename = "type")]
    repo_type: Option<Spanned<String>>,
    repo: Option<Spanned<String>>,
    requested: Option<Spanned<String>>,
    commit: Option<Spanned<String>>,
    complete: Option<Spanned<bool>>,
    home: Option<Spanned<String>>,
    owner: Option<Spanned<String>>,
    reference: Option<Spanned<String>>,
    environment: Option<Spanned<String>>,
    pub(super) files: Vec<File>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    path: Spanned<String>,
    size: Option<Spanned<i64>>,
    digest: Option<Spanned<String>>,
    url: Option<Spanned<String>>,
}

type Text = Option<Spanned<String>>;

impl Model {
    /// `part` makes each of its parts what it says.
    pub(super) fn checked(
        self,
        part: &mut dyn FnMut(Part) -> Result<locked::Part, Flaw>,
    ) -> Result<locked::Model, Flaw> {
        let name = self.name.get_ref();
        if name.is_empty() || name.len() > 2_600 || name.contains(char::is_control) {
            return Err(flaw(&self.name, "the name is empty, very long or holds a control character"));
        }
        match Spec::parse(self.spec.get_ref(), &|_| None) {
            Ok(spec) if spec.to_string() == *self.spec.get_ref() => {}
            Ok(spec) => return Err(flaw(&self.spec, &format!("the spec is not written as `{spec}`"))),
            Err(error) => return Err(flaw(&self.spec, &error.to_string())),
        }
        if self.part.is_empty() {
            return Err(flaw(&self.name, &format!("the model {} has no part", printable(name))));
        }
        let parts = self.part.into_iter().map(part).collect::<Result<_, _>>()?;
        Ok(locked::Model { name: self.name.into_inner(), spec: self.spec.into_inner(), parts })
    }
}

impl Part {
    pub(super) fn checked(mut self) -> Result<locked::Part, Flaw> {
        let files = std::mem::take(&mut self.files);
        let place = self.placed()?;
        let mut paths = HashSet::with_capacity(files.len());
        let mut checked = Vec::with_capacity(files.len());
        for file in files {
            if !paths.insert(file.path.get_ref().clone()) {
                return Err(flaw(&file.path, &format!("the path {} comes twice", printable(file.path.get_ref()))));
            }
            checked.push(file.checked(&place)?);
        }
        Ok(locked::Part { place, files: checked.into() })
    }

    /// Its place; the files are left out.
    pub(super) fn placed(mut self) -> Result<Place, Flaw> {
        let kind = self.place.clone();
        let place = match kind.get_ref().as_str() {
            "hub" => Place::Hub(HubPlace {
                repo_type: need(&kind, "type", self.repo_type.take(), |text| {
                    let types = [RepoType::Model, RepoType::Dataset];
                    types.into_iter().find(|one| repo_type(*one) == text).ok_or("is not `model` or `dataset`")
                })?,
                repo: need(&kind, "repo", self.repo.take(), |text| kept(names::hub_repo(text), text))?,
                requested: need(&kind, "requested", self.requested.take(), |text| kept(names::revision(text), text))?,
                commit: need(&kind, "commit", self.commit.take(), commit)?,
                complete: self.complete.take().ok_or_else(|| missing(&kind, "complete"))?.into_inner(),
            }),
            "files" => Place::Files {
                home: need(&kind, "home", self.home.take(), |text| {
                    let homes = [
                        FilesHome::Whisper,
                        FilesHome::TorchCheckpoints,
                        FilesHome::TorchaudioAssets,
                        FilesHome::Files,
                    ];
                    homes.into_iter().find(|home| files_home(*home) == text).ok_or("is not the home of a library")
                })?,
            },
            "torch-hub" => Place::TorchHub {
                owner: need(&kind, "owner", self.owner.take(), |text| kept(names::github_owner(text), text))?,
                repo: need(&kind, "repo", self.repo.take(), |text| kept(names::github_repo(text), text))?,
                reference: need(&kind, "reference", self.reference.take(), folder_suffix)?,
                commit: need(&kind, "commit", self.commit.take(), commit)?,
            },
            "wheel" => Place::Wheel {
                environment: match self.environment.take() {
                    Some(name) => Some(need(&kind, "environment", Some(name), environment)?),
                    None => None,
                },
            },
            other => return Err(flaw(&kind, &format!("there is no place called `{}`", printable(other)))),
        };
        self.nothing_is_left()?;
        Ok(place)
    }

    /// A key that belongs to another place is a sign of an edit.
    fn nothing_is_left(self) -> Result<(), Flaw> {
        let place = self.place.into_inner();
        let texts = [
            ("type", self.repo_type),
            ("repo", self.repo),
            ("requested", self.requested),
            ("commit", self.commit),
            ("home", self.home),
            ("owner", self.owner),
            ("reference", self.reference),
            ("environment", self.environment),
        ];
        let mut left = texts.into_iter().filter_map(|(key, value)| Some((key, value?.span())));
        match left.next().or_else(|| Some(("complete", self.complete?.span()))) {
            Some((key, at)) => Err(Flaw { at, message: format!("`{key}` does not belong to the place `{place}`") }),
            None => Ok(()),
        }
    }
}

impl File {
    pub(super) fn checked(self, place: &Place) -> Result<locked::File, Flaw> {
        let own_urls = !matches!(place, Place::Hub(_));
        let path = self.path.get_ref();
        let of_file =
            |at: std::ops::Range<usize>, what: &str| Flaw { at, message: format!("{}: {what}", printable(path)) };
        names::file_path(path).map_err(|why| of_file(self.path.span(), &format!("the path {why}")))?;
        let size = match &self.size {
            Some(size) => {
                let bytes = u64::try_from(*size.get_ref())
                    .map_err(|_| of_file(size.span(), "the size is less than nothing"))?;
                if bytes > locked::LARGEST_FILE {
                    return Err(of_file(size.span(), "the size is larger than any file of a model"));
                }
                Some(bytes)
            }
            None => None,
        };
        let digest = match &self.digest {
            Some(digest) => {
                Some(digest.get_ref().parse::<Digest>().map_err(|why| of_file(digest.span(), &why.to_string()))?)
            }
            None => None,
        };
        match &self.url {
            Some(url) if !own_urls => return Err(of_file(url.span(), "a file of the Hub has no `url` of its own")),
            Some(url) => web::check(url.get_ref())
                .and_then(|()| home_ground::check(place, path, url.get_ref()))
                .map_err(|why| of_file(url.span(), &format!("the address {why}")))?,
            None => {}
        }
        // What the Hub lists has a size and a digest always; a URL that nobody fetched yet has neither.
        if !own_urls && (size.is_none() || digest.is_none()) {
            return Err(of_file(self.path.span(), "needs `size` and `digest`"));
        }
        Ok(locked::File { size, digest, url: self.url.map(Spanned::into_inner), path: self.path.into_inner() })
    }
}

fn need<T>(
    place: &Spanned<String>,
    key: &str,
    value: Text,
    read: impl FnOnce(&str) -> Result<T, names::Flaw>,
) -> Result<T, Flaw> {
    let value = value.ok_or_else(|| missing(place, key))?;
    let said = printable(&value.get_ref().chars().take(80).collect::<String>());
    read(value.get_ref()).map_err(|why| flaw(&value, &format!("`{key}` is `{said}`: it {why}")))
}

fn kept(checked: Result<(), names::Flaw>, text: &str) -> Result<String, names::Flaw> {
    checked.map(|()| text.to_owned())
}

fn commit(text: &str) -> Result<String, names::Flaw> {
    match Digest::from_hex(text) {
        Some(Digest::Git(_)) => Ok(text.to_owned()),
        _ => Err("is not a commit: 40 lower-case hexadecimal digits"),
    }
}

/// A reference as it ends a folder's name: `/` is `_` there.
fn folder_suffix(text: &str) -> Result<String, names::Flaw> {
    if text.contains('/') {
        return Err("holds a `/`, and is the end of a folder's name");
    }
    kept(names::revision(text), text)
}

fn environment(text: &str) -> Result<String, names::Flaw> {
    if text.is_empty() || text.len() > 200 || text.contains(char::is_control) {
        return Err("is empty, very long or holds a control character");
    }
    Ok(text.to_owned())
}

fn missing(place: &Spanned<String>, key: &str) -> Flaw {
    flaw(place, &format!("a part of the place `{}` needs `{key}`", place.get_ref()))
}

fn flaw<T>(value: &Spanned<T>, message: &str) -> Flaw {
    Flaw { at: value.span(), message: message.to_owned() }
}
