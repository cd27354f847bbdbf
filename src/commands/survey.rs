//! What every verb of the cache starts from: the project, where its libraries look, and every place where its data may lie.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::context::Context;
use crate::cache::others::{Led, Own};
use crate::cache::places::Known;
use crate::cache::{Kind, Place};
use crate::models::homes::Homes;
use crate::project::Project;
use crate::project::answers::Answers;
use crate::setup::{Layout, Overrides};
use crate::support::paths;
use crate::support::vars::Vars;

/// A project, and where its data may lie.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) project: Project,
    pub(super) layout: Layout,
    pub(super) homes: Homes,
    pub(super) places: Vec<Place>,
    /// What would be a place, and leads into another project's cache.
    pub(super) led: Vec<Led>,
    /// By what the others' is known.
    pub(super) own: Own,
}

impl Survey {
    /// Of the project that `context` is about.
    ///
    /// # Errors
    /// When the manifest cannot be read, or something in it is refused.
    pub(super) fn of(context: &Context) -> Result<Self> {
        let project = context.project()?;
        let answers = Answers::load(&project.state_folder());
        let layout = Layout::settle(&project, &answers, &Overrides::default(), &context.vars, context.os)?;
        let homes = layout.homes(&context.vars);
        let own = Own::new(&layout.cache_root, &project.root);
        let (places, led) = known(&project, &layout, &homes, &context.vars)?.places(&own);
        Ok(Self { project, layout, homes, places, led, own })
    }

    /// Without the places in which nothing is left but links into this project's cache: for verbs that show what lies where.
    pub(super) fn without_links_back(mut self) -> Self {
        let Self { places, own, .. } = &mut self;
        places
            .retain(|place| !(matches!(place.kind, Kind::Stray { .. } | Kind::Legacy) && own.leads_back(&place.path)));
        self
    }
}

/// Where the project's data may lie.
fn known(project: &Project, layout: &Layout, homes: &Homes, vars: &Vars) -> Result<Known> {
    let manifest = &project.manifest;
    let at = |path: &str| paths::absolute(&project.root, Path::new(path));
    let mut applications = Vec::new();
    for (name, cache) in &manifest.application_caches {
        let age = cache.max_age.as_deref().map(humantime::parse_duration).transpose();
        let age = age.with_context(|| format!("[application_caches] {name}: max_age"))?;
        let seconds = age.map(|age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        applications.push((name.clone(), at(&cache.path), seconds));
    }
    let elsewhere = [("huggingface", &homes.hub), ("torch", &homes.torch_hub)];
    let defaults = layout.default_locations(vars).into_iter().map(|(library, path)| (library.name.to_owned(), path));
    Ok(Known {
        cache_root: layout.cache_root.clone(),
        project: project.root.clone(),
        elsewhere: elsewhere.into_iter().map(|(name, path)| (name.to_owned(), PathBuf::clone(path))).collect(),
        applications,
        defaults: defaults.collect(),
        legacy: manifest.legacy.paths.iter().map(|path| at(path)).collect(),
    })
}
