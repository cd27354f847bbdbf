//! `modelstrap setup`: detect, decide, show the plan, ask, apply, and say what to do next.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};

use super::context::Context;
use super::{Exit, Usage, detect, wizard};
use crate::catalogue::variables::VariableSet;
use crate::cli::SetupArgs;
use crate::plan::apply::{ApplyError, settle};
use crate::plan::journal::Shelf;
use crate::plan::{Plan, Record, apply};
use crate::platform::recommend::{Settings, recommend};
use crate::platform::{self, Facts, Options, home};
use crate::project::Project;
use crate::project::answers::{self, Answers};
use crate::setup::parts::{Part, Scene, Wishes, profile};
use crate::setup::{Layout, Overrides, disk_notes};
use crate::support::interrupt::{self, Interrupted};
use crate::support::lock::Lock;
use crate::support::{escape, paths, time, units};
use crate::ui::card;
use crate::ui::plan::PlanView;
use crate::ui::prompts::Prompts;

/// How long a second setup waits for the first.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was decided: everything that a plan is built from.
struct Decided {
    project: Project,
    layout: Layout,
    variables: VariableSet,
    wishes: Wishes,
    force: bool,
}

pub(super) fn run(context: &Context, arguments: &SetupArgs) -> Result<Exit> {
    let project = context.project()?;
    refuse_home(context, &project)?;
    let probe = detect::probe(context, arguments.from.as_deref())?;
    let facts = platform::detect(&probe, &Options::default());
    let settings = recommend(&facts);
    let only_looks = arguments.dry_run || arguments.check;
    let asks = context.can_ask() && !arguments.yes && !only_looks;
    let mut decided = decide(context, arguments, project, &facts, &settings, asks)?;
    if let Some(file_system) =
        platform::disk::file_system(&probe, &decided.layout.cache_root).filter(|_| probe.is_live())
    {
        let container = facts.host.container.as_ref().map(|container| container.kind.as_str());
        decided.wishes.warnings.extend(disk_notes::notes(&file_system, container));
    }
    let shelf = shelf(&decided.project);
    let plan = decided.plan(&shelf)?;
    let unfinished = shelf.interrupted().is_some();
    let pending = !plan.is_empty() || unfinished;

    if only_looks || !pending {
        show(context, &decided, &plan, unfinished, !asks);
        if !pending && !only_looks {
            remember(&plan, &shelf)?;
        }
        report(context, &decided, &plan, false)?;
        return Ok(if arguments.check && pending { Exit::Found } else { Exit::Done });
    }
    show(context, &decided, &plan, unfinished, !asks);
    consent(context, arguments, asks)?;
    let applied = carry_out(context, &decided, &shelf)?;
    report(context, &decided, &applied, true)?;
    next_steps(context, &decided);
    Ok(Exit::Done)
}

/// The journals of `project`.
pub(super) fn shelf(project: &Project) -> Shelf {
    Shelf::new(project.state_folder().join("journal"), project.tag())
}

/// Takes the project's lock, telling the person when that takes a while.
pub(super) fn lock(context: &Context, project: &Project, patience: Duration) -> Result<Lock> {
    let shelf = shelf(project);
    shelf.lock(patience, || context.output.say("Another modelstrap is at work in this project; waiting for it …")).map_err(|error| {
        match error.kind() {
            std::io::ErrorKind::WouldBlock if interrupt::requested() => Interrupted("stopped; nothing was changed".to_owned()).into(),
            std::io::ErrorKind::WouldBlock => anyhow!(
                "another modelstrap has been at work in this project for {} seconds\n  wait for it, or end it, then run this again",
                patience.as_secs()
            ),
            _ => anyhow::Error::from(error).context(format!("{} cannot be locked", escape::path(&shelf.lock_path()))),
        }
    })
}

impl Decided {
    fn plan(&self, shelf: &Shelf) -> Result<Plan> {
        let record = shelf.record();
        let plan = Plan::build(&self.wishes.changes, &record, self.force);
        if plan.obstacles.is_empty() {
            return Ok(plan);
        }
        let listed: Vec<String> = plan.obstacles.iter().map(ToString::to_string).collect();
        bail!("{}\nnothing was changed", listed.join("\n"));
    }
}

fn refuse_home(context: &Context, project: &Project) -> Result<()> {
    let home = home::home_dir(&context.vars, context.os);
    if project.root.parent().is_none() || home.is_some_and(|home| home.canonicalize().unwrap_or(home) == project.root) {
        bail!(
            "{} is not a project\n  change into the project's folder, or give it with `-C DIR`",
            escape::path(&project.root)
        );
    }
    Ok(())
}

fn decide(
    context: &Context,
    arguments: &SetupArgs,
    project: Project,
    facts: &Facts,
    settings: &Settings,
    asks: bool,
) -> Result<Decided> {
    let overrides = Overrides { cache_dir: arguments.cache_dir.clone(), libraries: arguments.libraries.clone() };
    let record = shelf(&project).record();
    let mut answers = Answers::load(&project.state_folder());
    if !is_ours(&record, &project, &answers) {
        answers = answers.unproven();
    }
    let first_time = !Record::is_kept_in(shelf(&project).folder());
    // What a flag says is not asked.
    answers.profile = arguments.profile.clone().or(answers.profile);
    answers.link_whisper = arguments.link_whisper.or(answers.link_whisper);
    if asks && (first_time || arguments.force) {
        context.output.say(card::render(facts, settings, context.output.colour, context.output.width));
        answers = wizard::ask(context, &project, &overrides, &answers)?;
    }
    // What a flag says is an answer, too: `env`, `run` and the hook must agree with what setup wrote.
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
    wishes.warnings.extend(layout.conflicts(&variables, &context.vars).iter().map(|conflict| {
        let ours = conflict.ours.as_ref().map_or_else(String::new, |ours| format!(", and {ours} here"));
        format!(
            "{} is {} in your shell{ours}\n    {}",
            conflict.name,
            escape::printable(&conflict.theirs),
            conflict.consequence
        )
    }));
    Ok(Decided { project, layout, variables, wishes, force: arguments.force })
}

/// Whether the answers are those that this machine's last setup wrote: others may have come with a clone.
fn is_ours(record: &Record, project: &Project, answers: &Answers) -> bool {
    let written = record.get(&project.state_folder().join(answers::FILE), "");
    written.is_some_and(|written| written == crate::support::digest::sha256(answers.render().as_bytes()))
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

/// The plan, then what a person should know. `machine` adds the project's line, for who saw no card.
fn show(context: &Context, decided: &Decided, plan: &Plan, unfinished: bool, machine: bool) {
    let output = &context.output;
    let view = PlanView { output, root: &decided.project.root, home: decided.layout.home.as_deref() };
    let bold = output.style().bold();
    if machine {
        output.say(format!("{} {}", bold.apply_to("Project"), view_root(decided)));
    }
    if !plan.is_empty() {
        output.say(format!("\n{}", bold.apply_to(format!("Plan: {}", units::count(plan.edits.len(), "change")))));
        output.say(view.list(plan).trim_end());
        output.say(view.diffs(plan).trim_end());
        output.say("");
    }
    for kept in &plan.kept {
        output.warn(format!(
            "{} stays as it is: {}; `--force` replaces it, `undo` brings it back",
            view.path(&kept.path),
            kept.why
        ));
    }
    for warning in &decided.wishes.warnings {
        output.warn(warning);
    }
    if plan.is_empty() {
        output.say(match unfinished {
            true => "The last setup was interrupted when everything was written; `modelstrap setup` ends it.",
            false => "Nothing to do: this project is ready.",
        });
    }
}

fn view_root(decided: &Decided) -> String {
    let root = &decided.project.root;
    paths::friendly(std::path::Path::new("/nowhere"), decided.layout.home.as_deref(), root)
}

fn consent(context: &Context, arguments: &SetupArgs, asks: bool) -> Result<()> {
    if arguments.yes {
        return Ok(());
    }
    if asks {
        return match Prompts::new(&context.output).yes("Apply this plan?")? {
            true => Ok(()),
            false => Err(Interrupted("left; nothing was changed".to_owned()).into()),
        };
    }
    match context.ci() {
        Some(provider) => {
            context.output.say(format!("This is a CI run ({provider}): going on without asking."));
            Ok(())
        }
        None => Err(Usage(
            "setup asks before it changes anything, and there is no terminal to ask on\n  give `--yes` to apply the plan, or `--dry-run` to look at it".to_owned(),
        )
        .into()),
    }
}

/// Applies the plan under the project's lock: the plan is made again there, because another run may have been quicker.
fn carry_out(context: &Context, decided: &Decided, shelf: &Shelf) -> Result<Plan> {
    interrupt::watch();
    let held = lock(context, &decided.project, PATIENCE)?;
    let view = PlanView { output: &context.output, root: &decided.project.root, home: decided.layout.home.as_deref() };
    let applied = decided.plan(shelf).and_then(|plan| {
        let mut record = shelf.record();
        let now = time::now(&context.vars);
        let tick = |edit: &crate::plan::Edit| view.tick(edit).into_iter().for_each(|line| context.output.say(line));
        match apply(&plan, shelf, &mut record, "setup", &now, tick) {
            Ok(_) => Ok(plan),
            Err(error @ ApplyError::Interrupted { .. }) => Err(Interrupted(error.to_string()).into()),
            Err(error) => Err(error.into()),
        }
    });
    if applied.is_err() && shelf.past().is_empty() {
        held.remove();
        shelf.remove_state_folder();
    }
    applied
}

/// Brings the record up to date where nothing had to be written: a teammate's equal block is ours from now on.
fn remember(plan: &Plan, shelf: &Shelf) -> Result<()> {
    if !shelf.folder().is_dir() {
        return Ok(());
    }
    shelf.guard()?;
    let mut record = shelf.record();
    let before = record.clone();
    settle(plan, &mut record);
    if record != before {
        record
            .save(shelf.folder(), shelf.tag())
            .with_context(|| format!("{} cannot be written", escape::path(shelf.folder())))?;
    }
    Ok(())
}

fn report(context: &Context, decided: &Decided, plan: &Plan, applied: bool) -> Result<()> {
    if !context.global.json {
        return Ok(());
    }
    let changes: Vec<Value> = plan
        .edits
        .iter()
        .map(|edit| {
            let (added, removed) = edit.line_counts();
            json!({
                "path": edit.path.to_string_lossy(), "action": edit.action(), "kind": edit.kind, "why": edit.why,
                "lines_added": added, "lines_removed": removed,
            })
        })
        .collect();
    let kept: Vec<Value> =
        plan.kept.iter().map(|kept| json!({"path": kept.path.to_string_lossy(), "why": kept.why})).collect();
    let variables: serde_json::Map<String, Value> =
        decided.variables.set.iter().map(|variable| (variable.name.clone(), variable.value.clone().into())).collect();
    let document = json!({
        "schema": "modelstrap.setup/1",
        "project": decided.project.root.to_string_lossy(),
        "cache_root": decided.layout.cache_root.to_string_lossy(),
        "applied": applied,
        "changes": changes,
        "kept": kept,
        "warnings": decided.wishes.warnings,
        "variables": variables,
    });
    context.output.result(format!("{document:#}\n"))?;
    Ok(())
}

fn next_steps(context: &Context, decided: &Decided) {
    let output = &context.output;
    let name = escape::printable(&decided.project.name());
    output.say(format!("\n{}", output.style().green().bold().apply_to(format!("{name} is ready."))));
    for (command, what) in [
        ("modelstrap run -- python main.py", "runs a command with its models in one place"),
        (". .modelstrap/env.sh", "does so for every command of this shell"),
        ("modelstrap undo", "takes all of this back"),
    ] {
        output.say(format!("  {}  {what}", output.style().cyan().apply_to(format!("{command:32}"))));
    }
}
