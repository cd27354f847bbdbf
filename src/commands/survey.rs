//! What every verb of the cache starts from: the project, where its libraries look, and every place where its data may lie.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::context::Context;
use crate::cache::hollow;
use crate::cache::linked::{self, Linked};
use crate::cache::others::{Led, Own};
use crate::cache::places::{Aside, Known, Places};
use crate::cache::trust::{Distrusted, NO_CACHE, Trust};
use crate::cache::{Kind, Place};
use crate::models::homes::Homes;
use crate::project::Project;
use crate::project::answers::Answers;
use crate::setup::layout::model_folders;
use crate::setup::{Layout, Overrides};
use crate::support::vars::Vars;
use crate::support::{escape, paths};
use crate::ui::output::Output;

/// A project, and where its data may lie.
#[derive(Debug, Clone)]
pub(super) struct Survey {
    pub(super) project: Project,
    pub(super) layout: Layout,
    pub(super) homes: Homes,
    pub(super) places: Vec<Place>,
    /// What would be a place, and leads into another project's cache.
    pub(super) led: Vec<Led>,
    /// What looks like a place and is counted elsewhere, or not at all.
    pub(super) aside: Vec<Aside>,
    /// Places that were left out, since they hold nothing but links.
    pub(super) hollow: Vec<PathBuf>,
    /// By what the others' is known.
    pub(super) own: Own,
    /// Those of the places in which nothing is deleted, as they came with the project and lead elsewhere.
    pub(super) distrusted: Vec<Distrusted>,
    /// Where the cache root leads, if that is out of the project and to no cache.
    root_leads_out: Option<PathBuf>,
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
        let Places { places, led, aside } = known(&project, &layout, &homes, &context.vars)?.places(&own);
        let root = &layout.cache_root;
        let mut libraries: Vec<PathBuf> = model_folders().into_iter().map(|name| root.join(name)).collect();
        libraries.extend([homes.hub.clone(), homes.torch_hub.clone()]);
        let trust = Trust::of(&project.root, root, layout.home.as_deref(), &libraries);
        let distrusted = trust.distrusted(&places);
        let root_leads_out = trust.root_leads_out().map(Path::to_path_buf);
        Ok(Self { project, layout, homes, places, led, aside, hollow: Vec::new(), own, distrusted, root_leads_out })
    }

    /// Refuses to delete or move anything where no project is: a home folder's `.cache` is every program's, and what others keep
    /// below a folder is theirs.
    ///
    /// # Errors
    /// That it is none.
    pub(super) fn check_project(&self) -> Result<()> {
        let Project { root, manifest_path, git_root, .. } = &self.project;
        let home = self.layout.home.as_deref();
        let is_home = home.is_some_and(|home| home == root || home.canonicalize().is_ok_and(|home| home == *root));
        let is_bare = || manifest_path.is_none() && git_root.is_none();
        let is_set_up = || super::setup::shelf(&self.project).record().is_set_up();
        if !is_home && root.parent().is_some() && !(is_bare() && self.own.is_others() && !is_set_up()) {
            return Ok(());
        }
        let shown = if is_home { "~".to_owned() } else { escape::path(root) };
        anyhow::bail!("{shown} is not a project: change into one, or name it with -C")
    }

    /// Refuses to bring anything into a cache root that is a link out of the project, unless that says that it is a cache: the link
    /// may have come with a clone.
    ///
    /// # Errors
    /// Where it leads.
    pub(super) fn check_root(&self) -> Result<()> {
        let Some(real) = &self.root_leads_out else { return Ok(()) };
        let root = paths::friendly(&self.project.root, self.layout.home.as_deref(), &self.layout.cache_root);
        anyhow::bail!(
            "the cache root {root} leads to {}, which is no cache: it is left alone\n  if it is one, put a CACHEDIR.TAG there",
            escape::path(real)
        )
    }

    /// Without the places outside of the cache in which nothing is left but links: for verbs that count what lies where.
    pub(super) fn without_links(mut self) -> Self {
        let Self { places, own, .. } = &mut self;
        places.retain(|place| !(place.kind.is_outside() && own.leads_back(&place.path)));
        self.hollow = hollow::taken_out(places);
        self
    }

    /// Takes the libraries' homes out of the places in which nothing may be changed.
    pub(super) fn leave_alone(&mut self) {
        let left = |place: &Place| self.distrusted.iter().any(|one| one.place == *place);
        self.places.retain(|place| place.kind != Kind::Home || !left(place));
    }

    /// Whether `path` lies where a home leads in which nothing may be changed.
    pub(super) fn is_left_alone(&self, path: &Path) -> bool {
        let real = paths::real_place(path).unwrap_or_else(|| path.to_path_buf());
        self.distrusted.iter().any(|one| one.place.kind == Kind::Home && real.starts_with(&one.place.real))
    }

    /// Why nothing is changed at `path`, where it is or holds a link to a home in which nothing may be, or lies behind one.
    pub(super) fn why_left_alone(&self, path: &Path) -> Option<String> {
        let mut homes = self.distrusted.iter().filter(|one| one.place.kind == Kind::Home);
        let meets = |place: &Place| path.starts_with(&place.path) || place.path.starts_with(path);
        let Some(one) = homes.find(|one| meets(&one.place)) else {
            return self.check_root().err().map(|error| error.to_string().replace("\n  ", "; "));
        };
        let shown = paths::friendly(&self.project.root, self.layout.home.as_deref(), &one.place.path);
        Some(format!("{shown} {}; if it is one, put a CACHEDIR.TAG there", one.why))
    }

    /// The links, by where they really lie, to the homes in which nothing may be changed, and to those on a larger disk: what lies
    /// in a home may go, and not the way to it.
    pub(super) fn links_left_alone(&self) -> Vec<PathBuf> {
        let all = self.distrusted.iter().map(|one| &one.place).chain(&self.places);
        let homes = all.filter(|place| place.kind == Kind::Home && place.path.is_symlink()).map(|place| &place.path);
        let link = |path: &PathBuf| Some(paths::real_place(path.parent()?)?.join(path.file_name()?));
        homes.filter_map(link).collect()
    }

    /// Says why nothing is changed in some of the libraries' homes.
    pub(super) fn warn_of_homes(&self, output: &Output) {
        for Distrusted { place, why } in self.distrusted.iter().filter(|one| one.place.kind == Kind::Home) {
            output.warn(distrust(&self.project.root, self.layout.home.as_deref(), place, why));
        }
    }

    /// Names the repositories that are links to elsewhere, for verbs that leave them.
    pub(super) fn tell_links(&self, output: &Output) {
        for Linked { path, leads } in linked::among(&self.places) {
            let shown = paths::friendly(&self.project.root, self.layout.home.as_deref(), &path);
            let leads = escape::path(&leads);
            output.warn(format!("{shown} is a link to {leads}: what is there is not looked at, and the link stays"));
        }
    }

    /// Says why nothing is deleted in some places.
    pub(super) fn warn(&self, output: &Output) {
        for Distrusted { place, why } in &self.distrusted {
            output.warn(distrust(&self.project.root, self.layout.home.as_deref(), place, why));
        }
    }
}

/// Why nothing is deleted in `place`, in a line.
pub(super) fn distrust(root: &Path, home: Option<&Path>, place: &Place, why: &str) -> String {
    match place.kind {
        Kind::Application { .. } => format!("[application_caches] {}: {why}", escape::printable(&place.name)),
        _ => {
            let advice = if why.ends_with(NO_CACHE) { "\n  if it is one, put a CACHEDIR.TAG there" } else { "" };
            format!("{} {why}{advice}", paths::friendly(root, home, &place.path))
        }
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
        home: layout.home.clone(),
        elsewhere: elsewhere.into_iter().map(|(name, path)| (name.to_owned(), PathBuf::clone(path))).collect(),
        applications,
        defaults: defaults.collect(),
        shell: layout.shell_locations(vars),
        legacy: manifest.legacy.paths.iter().map(|path| at(path)).collect(),
    })
}
