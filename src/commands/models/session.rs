//! What every verb of `models` starts from: the project, what it asks for, what is locked, and where things are.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, bail};

use super::super::Usage;
use super::super::context::Context;
use super::super::detect;
use super::settle::describe;
use crate::catalogue::models as catalogue;
use crate::fetch::{Client, Digest, Network};
use crate::models::hub::settings::Settings;
use crate::models::lock::unseen::{self, Unseen};
use crate::models::lock::{self, Disagreement, Lock};
use crate::models::request::{self, Choice, Request, WellKnown};
use crate::models::sources::github;
use crate::models::world::World;
use crate::platform::{self, Facts, Options};
use crate::project::answers::Answers;
use crate::project::{Manifest, Project};
use crate::setup::{Layout, Overrides};
use crate::support::{atomic, bounded, escape, paths};
use crate::ui::output::Output;

/// What every verb of `models` starts from.
pub(in crate::commands) struct Session<'a> {
    pub(super) context: &'a Context,
    pub(super) project: Project,
    pub(super) layout: Layout,
    pub(super) world: World,
    /// Everything that the manifest asks for, on whatever machine.
    pub(in crate::commands) requests: Vec<Request>,
    /// The lock as it was read; `None` where there is none.
    pub(super) lock: Option<Lock>,
    /// Whether there was one that was edited or cut, and is made anew.
    spoilt: bool,
    /// What the manifest on the disk asks for, where the session is for another one.
    before: Option<Vec<Request>>,
    facts: OnceLock<Facts>,
}

/// A model that is wanted on this machine.
#[derive(Debug, Clone)]
pub(super) struct Pick {
    pub(super) request: Request,
    pub(super) choice: Choice,
    /// False for a spec of the command line: the lock does not keep it.
    pub(super) in_manifest: bool,
}

impl<'a> Session<'a> {
    pub(in crate::commands) fn open(context: &'a Context) -> Result<Self> {
        let project = context.project()?;
        let answers = Answers::load(&project.state_folder());
        let layout = Layout::settle(&project, &answers, &Overrides::default(), &context.vars, context.os)?;
        Self::of(context, project, layout)
    }

    /// The session of a project whose layout is not on the disk yet, on a machine that is known.
    pub(in crate::commands) fn open_at(
        context: &'a Context,
        project: &Project,
        layout: &Layout,
        facts: &Facts,
    ) -> Result<Self> {
        let session = Self::of(context, project.clone(), layout.clone())?;
        Ok(Self { facts: OnceLock::from(facts.clone()), ..session })
    }

    /// The same for `models lock`: a lock that was edited or cut is as good as none.
    pub(super) fn open_anew(context: &'a Context) -> Result<Self> {
        let path = context.project()?.root.join(lock::FILE);
        let bytes = bounded::read(&path, lock::MAX_SIZE).unwrap_or_default();
        if bytes.is_empty() || !Lock::is_spoilt(&String::from_utf8_lossy(&bytes)) {
            return Self::open(context);
        }
        context.output.warn(format!("{} was edited or cut, and is made anew", escape::path(&path)));
        let project = context.project()?;
        let answers = Answers::load(&project.state_folder());
        let layout = Layout::settle(&project, &answers, &Overrides::default(), &context.vars, context.os)?;
        Ok(Self { spoilt: true, ..Self::with(context, project, layout, None)? })
    }

    /// The session that the project would have with `manifest`.
    pub(super) fn open_with(context: &'a Context, manifest: Manifest) -> Result<Self> {
        let project = context.project()?;
        let before = request::of_manifest(&project.manifest, &known())?;
        let project = Project { manifest, ..project };
        let answers = Answers::load(&project.state_folder());
        let layout = Layout::settle(&project, &answers, &Overrides::default(), &context.vars, context.os)?;
        Ok(Self { before: Some(before), ..Self::of(context, project, layout)? })
    }

    fn of(context: &'a Context, project: Project, layout: Layout) -> Result<Self> {
        let lock = read_lock(&project.root.join(lock::FILE))?;
        Self::with(context, project, layout, lock)
    }

    fn with(context: &'a Context, project: Project, layout: Layout, lock: Option<Lock>) -> Result<Self> {
        let requests = request::of_manifest(&project.manifest, &known())?;
        let mut world = world(context, &project, &layout)?;
        world.named = requests.iter().flat_map(|one| &one.choices).map(|choice| choice.name.clone()).collect();
        Ok(Self {
            context,
            project,
            layout,
            world,
            requests,
            lock,
            spoilt: false,
            before: None,
            facts: OnceLock::new(),
        })
    }

    /// This machine; asked once, and only by who needs it.
    pub(super) fn facts(&self) -> Result<&Facts> {
        if let Some(facts) = self.facts.get() {
            return Ok(facts);
        }
        let probe = detect::probe(self.context, None)?;
        Ok(self.facts.get_or_init(|| platform::detect(&probe, &Options::default())))
    }

    /// How the lock does not fit the manifest, in words; that there is none is one of them. That a model of `left_out` is not
    /// locked counts for nothing: this machine does without it.
    pub(in crate::commands) fn disagreements(&self, left_out: &[String]) -> Vec<String> {
        let counts = |found: &&Disagreement| match found {
            Disagreement::Missing(name) => {
                let mut without = self.requests.iter().filter(|request| left_out.contains(&request.name));
                !without.any(|request| request.choices.iter().any(|choice| choice.name == *name))
            }
            _ => true,
        };
        match &self.lock {
            Some(lock) => lock.disagreements(&self.requests).iter().filter(counts).map(describe).collect(),
            None if self.requests.is_empty() => Vec::new(),
            None => vec![format!("there is no {}", lock::FILE)],
        }
    }

    /// Whether there is a lock.
    pub(in crate::commands) fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// The requests that `words` mean, or all of the manifest.
    pub(in crate::commands) fn select(&self, words: &[String]) -> Result<Vec<Request>> {
        if words.iter().all(|word| word.trim().is_empty()) {
            return Ok(self.requests.clone());
        }
        request::select(words, &self.requests, &known()).map_err(|error| Usage(error.to_string()).into())
    }

    /// What `words` mean on this machine: without those that are for other machines, unless `everywhere`.
    pub(super) fn picks(&self, words: &[String], everywhere: bool) -> Result<Vec<Pick>> {
        let mut picks = Vec::new();
        for request in self.select(words)? {
            let in_manifest = self.requests.iter().any(|own| own.name == request.name);
            let pick = |choice: &Choice| Pick { request: request.clone(), choice: choice.clone(), in_manifest };
            if everywhere {
                picks.extend(request.choices.iter().map(pick));
            } else if request.choices.iter().all(|choice| choice.when.is_always()) {
                picks.extend(request.choices.first().map(pick));
            } else {
                picks.extend(request.chosen(self.facts()?).map(pick));
            }
        }
        Ok(picks)
    }

    /// The models of the lock that this machine should have, and what the manifest calls the request of each.
    pub(in crate::commands) fn wanted(&self) -> Result<HashMap<String, String>> {
        let picks = self.picks(&[], false)?;
        Ok(picks.into_iter().map(|pick| (pick.choice.name, pick.request.name)).collect())
    }

    /// The lock as it was read.
    pub(in crate::commands) fn locked(&self) -> Option<&Lock> {
        self.lock.as_ref()
    }

    /// What models are placed with.
    pub(in crate::commands) fn world(&self) -> &World {
        &self.world
    }

    /// Contents that the committed lock vouches for.
    pub(in crate::commands) fn trusted(&self) -> HashSet<Digest> {
        self.lock.as_ref().map(|lock| self.unseen().vouched(lock)).unwrap_or_default()
    }

    /// Where words go.
    pub(in crate::commands) fn output(&self) -> &Output {
        &self.context.output
    }

    /// Whether a program reads what is printed.
    pub(in crate::commands) fn json(&self) -> bool {
        self.context.global.json
    }

    /// The lock file's path.
    pub(super) fn lock_path(&self) -> PathBuf {
        self.project.root.join(lock::FILE)
    }

    /// Whether models of the lock may be wanted with other patterns than it was made for, by the manifest on the disk.
    pub(super) fn is_behind(&self) -> bool {
        self.lock.as_ref().is_some_and(|lock| lock.is_behind(self.before.as_ref().unwrap_or(&self.requests)))
    }

    /// The lock as it is on the disk now.
    pub(super) fn read_newest_lock(&self) -> Result<Option<Lock>> {
        match read_lock(&self.lock_path()) {
            // What was spoilt when this began is made anew.
            Err(_) if self.spoilt => Ok(None),
            read => read,
        }
    }

    /// Refuses a lock file that a link leads out of the project.
    pub(super) fn guard_lock(&self) -> Result<()> {
        self.stays_inside(&self.lock_path())?;
        self.stays_inside(&self.project.state_folder().join(unseen::FILE))
    }

    /// Notes which files of `lock` nobody vouched for before it is written.
    pub(super) fn note_unseen(&self, lock: &Lock) -> Result<()> {
        // What lies on the disk now: `self.lock` may be another state.
        self.guard_lock()?;
        let old = read_lock(&self.lock_path()).ok().flatten();
        self.unseen().note(old.as_ref(), lock)
    }

    /// Refuses to write what a link leads out of the project: links come with a project from somebody else.
    fn stays_inside(&self, path: &Path) -> Result<()> {
        let root = paths::real_place(&self.project.root);
        let real = atomic::resolve(path).ok().and_then(|target| paths::real_place(&target));
        match (real, root) {
            (Some(real), Some(root)) if real.starts_with(&root) => Ok(()),
            _ => bail!("{} leads out of the project through a link\n  remove the link", escape::path(path)),
        }
    }

    /// What was locked here before it came.
    pub(super) fn unseen(&self) -> Unseen {
        Unseen::load(&self.project.state_folder())
    }

    /// A path for a person.
    pub(in crate::commands) fn shown(&self, path: &Path) -> String {
        paths::friendly(&self.project.root, self.layout.home.as_deref(), path)
    }
}

/// The catalogue's names, for who reads specs.
pub(in crate::commands) fn known() -> WellKnown<'static> {
    WellKnown {
        find: &|name| catalogue::find(name).map(|known| known.spec),
        nearest: &|name| catalogue::nearest(name).map(str::to_owned),
    }
}

fn read_lock(path: &Path) -> Result<Option<Lock>> {
    let shown = escape::path(path);
    let bytes = match bounded::read(path, lock::MAX_SIZE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{shown} cannot be read")),
    };
    let text = std::str::from_utf8(&bytes).with_context(|| {
        format!("{shown} is not UTF-8\n  take the committed one back, or remove it and run `modelstrap models lock`")
    })?;
    Lock::parse(text).map(Some).map_err(|problem| anyhow::anyhow!("{shown}{problem}"))
}

fn world(context: &Context, project: &Project, layout: &Layout) -> Result<World> {
    let homes = layout.homes(&context.vars);
    let mut hub = Settings::of(&context.vars, context.os, Some(&project.root));
    hub.cache.clone_from(&homes.hub);
    let network = Network::from_vars(&context.vars, context.global.offline || hub.offline)?;
    let environments = project.manifest.environments.iter();
    Ok(World {
        credential: hub.credential(),
        github: github::credential(&context.vars).map(Arc::new),
        homes,
        hub,
        client: Client::new(network)?,
        project: project.tag(),
        named: HashSet::new(),
        environments: environments
            .map(|(name, one)| (name.clone(), paths::absolute(&project.root, one.path.as_ref())))
            .collect(),
    })
}
