//! From flags, answers, manifest and machine to everything that a plan is built from.

use anyhow::{Context as _, Result, bail};

use super::super::context::Context;
use super::super::{Usage, wizard};
use super::{models, shelf};
use crate::catalogue;
use crate::catalogue::variables::VariableSet;
use crate::cli::SetupArgs;
use crate::plan::journal::Shelf;
use crate::plan::{Plan, Record};
use crate::platform::recommend::Settings;
use crate::platform::{Facts, home};
use crate::project::Project;
use crate::project::answers::{self, Answers};
use crate::setup::outside::{self, Outside};
use crate::setup::parts::{Part, Scene, Wishes, profile};
use crate::setup::{Layout, Overrides};
use crate::support::{digest, escape, time};
use crate::ui::card;

/// What was decided: everything that a plan is built from.
pub(super) struct Decided {
    pub(super) project: Project,
    pub(super) layout: Layout,
    pub(super) variables: VariableSet,
    pub(super) wishes: Wishes,
    /// The machine in one line, for who sees no card.
    pub(super) machine: String,
    force: bool,
    /// What was answered, now or earlier.
    pub(super) answers: Answers,
    /// On a first setup, what lies outside of the cache.
    pub(super) outside: Vec<Outside>,
    /// What the person chose of the models.
    pub(super) models: models::Choice,
}

impl Decided {
    /// The plan, as the disk is now.
    pub(super) fn plan(&self, shelf: &Shelf) -> Result<Plan> {
        let record = shelf.record();
        let plan = Plan::build(&self.wishes.changes, &record, self.force);
        if plan.obstacles.is_empty() {
            return Ok(plan);
        }
        let listed: Vec<String> = plan.obstacles.iter().map(ToString::to_string).collect();
        bail!("{}\nnothing was changed", listed.join("\n"));
    }
}

/// A home folder or the root of the disk is nobody's project.
pub(super) fn refuse_home(context: &Context, project: &Project) -> Result<()> {
    let home = home::home_dir(&context.vars, context.os);
    if project.root.parent().is_none() || home.is_some_and(|home| home.canonicalize().unwrap_or(home) == project.root) {
        bail!(
            "{} is not a project\n  change into the project's folder, or give it with `-C DIR`",
            escape::path(&project.root)
        );
    }
    Ok(())
}

/// Settles everything; with `asks` the person is asked what flags and earlier answers leave open.
pub(super) fn decide(
    context: &Context,
    arguments: &SetupArgs,
    project: Project,
    facts: &Facts,
    settings: &Settings,
    asks: bool,
) -> Result<Decided> {
    let mut chosen = models::Choice::default();
    if let Some(ids) = &arguments.libraries {
        catalogue::select(ids).map_err(|error| {
            let error = escape::printable(&error.to_string());
            Usage(format!(
                "--libraries: {error}\n  `modelstrap env --list-libraries` shows every library that is known"
            ))
        })?;
    }
    let mut overrides = Overrides { cache_dir: arguments.cache_dir.clone(), libraries: arguments.libraries.clone() };
    let record = shelf(&project).record();
    let mut answers = Answers::load(&project.state_folder());
    if !is_ours(&record, &project, &answers) {
        answers = answers.unproven();
    }
    let first_time = !record.is_set_up();
    // What a flag says is not asked.
    answers.profile = arguments.profile.clone().or(answers.profile);
    answers.link_whisper = arguments.link_whisper.or(answers.link_whisper);
    if asks && (first_time || arguments.force) {
        context.output.say(card::render(facts, settings, context.output.colour, context.output.width));
        answers = wizard::ask(context, &project, &overrides, &answers)?;
        if !arguments.skips_models(&context.vars) && arguments.models.is_none() {
            let layout = Layout::settle(&project, &answers, &overrides, &context.vars, context.os)?;
            chosen = models::ask(context, &project, &layout, facts, settings, &mut answers)?;
        }
    }
    // What a flag says is an answer, too: `env`, `run` and the hook must agree with what setup wrote.
    // `project` takes an earlier answer back: the manifest's word holds again.
    if overrides.cache_dir.as_deref() == Some("project") {
        (overrides.cache_dir, answers.cache_dir) = (None, None);
    }
    answers.cache_dir = overrides.cache_dir.clone().or(answers.cache_dir);
    answers.libraries = overrides.libraries.clone().or(answers.libraries);

    let layout = Layout::settle(&project, &answers, &overrides, &context.vars, context.os)?;
    let variables = layout.variables(&context.vars);
    let recommended = serde_json::to_value(settings).context("the recommended settings cannot be written as JSON")?;
    let now = time::now(&context.vars);
    let parts = parts(arguments, &project)?;
    let profile = answers.profile.clone().or_else(|| project.manifest.setup.profile.clone());
    let scene = Scene {
        project: &project,
        layout: &layout,
        variables: &variables,
        hardware: facts.hardware_json(),
        recommended,
        parts: &parts,
        profile: profile.as_deref().filter(|choice| *choice != profile::NONE),
        link_whisper: answers.link_whisper.unwrap_or(project.manifest.cache.link_whisper),
        answers: &answers,
        vars: &context.vars,
        os: context.os,
        now: &now,
    };
    let mut wishes = Wishes::of(&scene).map_err(|error| Usage(format!("{error:#}")))?;
    wishes.warnings.extend(overruled(&project, &answers));
    wishes.warnings.extend(layout.conflicts(&variables, &context.vars).iter().map(|conflict| {
        let ours = conflict.ours.as_ref().map_or_else(String::new, |ours| format!(", and {ours} here"));
        format!(
            "{} is {} in your shell{ours}\n    {}",
            conflict.name,
            escape::printable(&conflict.theirs),
            conflict.consequence
        )
    }));
    let machine = card::line(facts, settings);
    let outside = if first_time { outside::look(&layout, &context.vars) } else { Vec::new() };
    let force = arguments.force;
    Ok(Decided { project, layout, variables, wishes, machine, force, answers, outside, models: chosen })
}

/// What the manifest says and an answer of this machine overrules: nobody should wonder why an edit has no effect.
fn overruled(project: &Project, answers: &Answers) -> Vec<String> {
    let cache = &project.manifest.cache;
    let mut notes = Vec::new();
    if let (Some(ours), Some(theirs)) = (&answers.cache_dir, &cache.base_dir)
        && ours != theirs
    {
        notes.push(format!(
            "[cache] base_dir is {theirs:?} in the manifest, but {ours:?} was chosen on this machine and counts\n    \
             `modelstrap setup --cache-dir project` takes that choice back"
        ));
    }
    if let (Some(ours), Some(theirs)) = (&answers.libraries, &cache.libraries)
        && ours != theirs
    {
        let (ours, theirs) = (ours.join(","), theirs.join(","));
        notes.push(format!(
            "[cache] libraries is {theirs} in the manifest, but {ours} was chosen on this machine and counts\n    \
             `modelstrap setup --libraries {theirs}` chooses the manifest's"
        ));
    }
    notes.iter().map(|note| note.lines().map(escape::printable).collect::<Vec<_>>().join("\n")).collect()
}

/// Whether the answers are those that this machine's last setup wrote: others may have come with a clone.
fn is_ours(record: &Record, project: &Project, answers: &Answers) -> bool {
    let written = record.get(&project.state_folder().join(answers::FILE), "");
    written.is_some_and(|written| written == digest::sha256(answers.render().as_bytes()))
}

fn parts(arguments: &SetupArgs, project: &Project) -> Result<Vec<Part>> {
    let named = |names: &[String], flag: &str| -> Result<Vec<Part>> {
        let read = |name: &String| {
            name.parse::<Part>().map_err(|why| Usage(format!("`{flag} {}`: {why}", escape::printable(name))).into())
        };
        names.iter().filter(|name| !name.is_empty()).map(read).collect()
    };
    let (only, skip) = (named(&arguments.only, "--only")?, named(&arguments.skip, "--skip")?);
    let manifest = &project.manifest.setup;
    let switched_on = |part: Part| match part {
        Part::Cache => manifest.cache,
        Part::MachineConfig => manifest.machine_config,
        Part::Gitignore => manifest.gitignore,
        Part::Dotenv => manifest.dotenv,
        Part::Snippets => manifest.snippets,
        Part::Profile => true,
    };
    let wanted =
        |part: &Part| if only.is_empty() { switched_on(*part) && !skip.contains(part) } else { only.contains(part) };
    Ok(Part::ALL.into_iter().filter(wanted).collect())
}
