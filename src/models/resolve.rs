//! From what is meant to what it is, exactly: asks the source of a spec, and gives what the lock keeps.

use anyhow::{Context as _, Result, bail};

use super::hub::formats::{Form, LeftOut, Wanted};
use super::hub::{self, HubAsk, Resolved};
use super::locked::{Model, Part, Place, RepoType};
use super::placement::{self, FileState};
use super::request::{Choice, Weights};
use super::sources::{self, HubPart};
use super::spec::Spec;
use super::world::World;
use crate::environments::packages;
use crate::support::escape::printable;

/// A model, resolved, and what a person should know about it.
#[derive(Debug, Clone)]
pub struct Resolution {
    /// What the lock keeps.
    pub model: Model,
    /// Files that hold the same weights in another format: path, bytes, why.
    pub left_out: Vec<LeftOut>,
    /// Sentences for a person.
    pub notes: Vec<String>,
}

/// Asks what `choice` is; `environment` is the Python environment that a package goes to. A repository of the Hub that
/// `pin` has stays at the commit that it has there.
///
/// # Errors
/// What the source says.
pub fn resolve(world: &World, choice: &Choice, environment: Option<&str>, pin: Option<&Model>) -> Result<Resolution> {
    let mut resolution = Resolution {
        model: Model { name: choice.name.clone(), spec: choice.spec.to_string(), parts: Vec::new() },
        left_out: Vec::new(),
        notes: Vec::new(),
    };
    let parts = hub_parts(&choice.spec)?;
    if parts.is_empty() {
        resolution.model.parts.push(other_part(world, &choice.spec, environment)?);
        return Ok(resolution);
    }
    for part in parts {
        hub_part(world, choice, part, pin, &mut resolution)?;
    }
    if resolution.model.parts.is_empty() {
        bail!("none of its repositories could be resolved: {}", resolution.notes.join("; "));
    }
    Ok(resolution)
}

/// Marks in the Hub's cache which optional files the repositories of `model` do not have, as far as what `choice` asks for tells:
/// `model` must have been made for it, and be here. Of whole repositories the listing tells, and they are marked already.
pub fn mark_absent(world: &World, choice: &Choice, model: &Model) {
    let wanted = hub_parts(&choice.spec).unwrap_or_default();
    for part in &model.parts {
        let Place::Hub(place) = &part.place else { continue };
        let of = |one: &&HubPart| one.repo_type == place.repo_type && one.repo.eq_ignore_ascii_case(&place.repo);
        // A list of what a library reads may be another one in the next version of this program.
        let Some(one) = wanted.iter().find(of).filter(|one| one.include.is_none()) else { continue };
        if place.complete || place.repo_type != RepoType::Model {
            continue;
        }
        let exclude = one.exclude.iter().chain(&choice.exclude).cloned().collect();
        let filter = hub::patterns::Filter { include: choice.include.clone(), exclude };
        let repository = hub::layout::Repository::of(place, &world.homes.hub);
        // They save a library a minute where the Hub cannot be reached; without them it finds its files as well.
        let _ = hub::no_exist::write_filtered(&repository, &place.commit, &part.files, &filter);
    }
}

/// The repositories of the Hub that a spec means; none where its source is another one.
fn hub_parts(spec: &Spec) -> Result<Vec<HubPart>> {
    Ok(match spec {
        Spec::Hub { repo_type, repo, revision } => vec![HubPart {
            repo_type: *repo_type,
            repo: repo.clone(),
            revision: revision.clone(),
            include: None,
            exclude: Vec::new(),
            gated: false,
            optional: false,
        }],
        Spec::FasterWhisper(name) => sources::expand::faster_whisper(name)?,
        Spec::MlxWhisper(name) => sources::expand::mlx_whisper(name)?,
        Spec::Pyannote(name) => sources::expand::pyannote(name)?,
        Spec::SentenceTransformers(name) => sources::expand::sentence_transformers(name)?,
        _ => Vec::new(),
    })
}

fn hub_part(
    world: &World,
    choice: &Choice,
    part: HubPart,
    pin: Option<&Model>,
    resolution: &mut Resolution,
) -> Result<()> {
    let requested = part.revision.unwrap_or_else(|| "main".to_owned());
    let pinned = pin.and_then(|model| commit_of(model, &part.repo));
    let mut exclude = part.exclude;
    exclude.extend(choice.exclude.iter().cloned());
    let ask = HubAsk {
        repo_type: part.repo_type,
        repo: part.repo.clone(),
        revision: Some(pinned.unwrap_or(&requested).to_owned()),
        filter: hub::patterns::Filter { include: choice.include.clone().or(part.include), exclude },
        wanted: wanted(choice)?,
    };
    match hub::resolve(&world.client, &world.hub, &ask) {
        Ok((mut found, resolved)) => {
            if let Place::Hub(place) = &mut found.place {
                place.requested = requested;
            }
            resolution.model.parts.push(found);
            resolution.notes.extend(notes(&part.repo, &resolved));
            resolution.left_out.extend(resolved.left_out);
            Ok(())
        }
        Err(error) if part.optional => {
            resolution.notes.push(format!("{} was left out: {error}", printable(&part.repo)));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn commit_of<'a>(model: &'a Model, repo: &str) -> Option<&'a str> {
    model.parts.iter().find_map(|part| match &part.place {
        Place::Hub(place) if place.repo == repo => Some(place.commit.as_str()),
        _ => None,
    })
}

fn wanted(choice: &Choice) -> Result<Wanted> {
    Ok(match &choice.weights {
        Weights::Auto => Wanted::Auto { reader: reader(&choice.spec).map(str::to_owned) },
        Weights::All => Wanted::All,
        Weights::Formats(words) => Wanted::Formats(
            words
                .iter()
                .map(|word| form(word).with_context(|| format!("`{}` is no format of weights", printable(word))))
                .collect::<Result<_>>()?,
        ),
    })
}

/// `safetensors`, or `gguf:Q8_0`.
fn form(word: &str) -> Result<Form> {
    let (format, quantisation) = word.split_once(':').map_or((word, None), |(format, rest)| (format, Some(rest)));
    Ok(Form { format: format.parse()?, quantisation: quantisation.map(str::to_ascii_uppercase) })
}

/// The library that reads what such a spec means, where the spec says it.
fn reader(spec: &Spec) -> Option<&'static str> {
    match spec {
        Spec::FasterWhisper(_) => Some("faster-whisper"),
        Spec::MlxWhisper(_) => Some("mlx"),
        Spec::Pyannote(_) => Some("pyannote"),
        Spec::SentenceTransformers(_) => Some("sentence-transformers"),
        _ => None,
    }
}

/// What a person should know about a repository.
fn notes(repo: &str, resolved: &Resolved) -> Vec<String> {
    let repo = printable(repo);
    let mut notes = Vec::new();
    if let Some(asked) = &resolved.asked_as {
        let now = printable(&resolved.repo);
        notes.push(format!(
            "the Hub writes {} as {now}; a library that asks for the other finds nothing offline",
            printable(asked)
        ));
    }
    if let Some(now) = &resolved.renamed {
        notes.push(format!("{repo} is called {} on the Hub now", printable(now)));
    }
    for group in &resolved.same_but_for_case {
        let names: Vec<String> = group.iter().map(|name| printable(name)).collect();
        notes.push(format!("{repo}: {} are one file on disks that ignore letter case", names.join(", ")));
    }
    notes
}

fn other_part(world: &World, spec: &Spec, environment: Option<&str>) -> Result<Part> {
    Ok(match spec {
        Spec::OpenaiWhisper(name) => sources::openai_whisper::resolve(name)?,
        Spec::Torchaudio(name) => sources::torchaudio::resolve(name)?,
        Spec::TorchHub { owner, repo, reference } => {
            sources::torch_hub::resolve(&world.client, owner, repo, reference.as_deref(), world.github.as_deref())?
        }
        Spec::Spacy { name, version } => {
            let folder = match environment {
                Some(name) => Some(
                    world
                        .environments
                        .iter()
                        .find(|(known, _)| known == name)
                        .map(|(_, path)| path.as_path())
                        .with_context(|| format!("there is no environment {}", printable(name)))?,
                ),
                None => None,
            };
            let installed = folder.and_then(|folder| packages::version_of(folder, "spacy"));
            sources::spacy::resolve(&world.client, name, version.as_deref(), installed.as_deref(), environment)?
        }
        Spec::Url { url, digest } => sources::url::resolve(url, *digest)?,
        _ => bail!("{spec} names no source"),
    })
}

/// Asks whether the commits of `model`, as a lock has it, are their repositories' own, where files of it are not here yet: GitHub
/// serves the commits of everybody's forks under the parent's name.
///
/// # Errors
/// When one is not, or the server cannot be asked.
pub fn check_commits(world: &World, model: &Model) -> Result<()> {
    let reference = match Spec::parse(&model.spec, &|_| None) {
        Ok(Spec::TorchHub { reference, .. }) => reference,
        _ => None,
    };
    for part in model.parts.iter().filter(|part| matches!(part.place, Place::TorchHub { .. })) {
        let mut states = part.files.iter().map(|file| placement::state(world, part, file));
        if states.all(|state| state.is_ok_and(|state| state == FileState::Here)) {
            continue;
        }
        sources::torch_hub::check_commit(&world.client, &part.place, reference.as_deref(), world.github.as_deref())
            .with_context(|| {
                format!("the commit of {} in the lock is not shown to be its own", printable(&model.spec))
            })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::request::FORMATS;

    #[test]
    fn every_format_that_a_manifest_may_ask_for_is_one_that_repositories_have() {
        for word in FORMATS {
            assert!(form(word).is_ok(), "{word}");
        }
        let quantisation = form("gguf:q8_0").unwrap().quantisation;
        assert_eq!(quantisation.as_deref(), Some("Q8_0"), "names of files are read in upper case");
        assert!(form("vhs").is_err());
    }
}
