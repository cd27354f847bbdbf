//! What every verb starts from: the environment, where it was called, and where words go.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use anyhow::Result;

use crate::cli::{Color, Global};
use crate::platform::{Os, ci};
use crate::project::{Project, root};
use crate::support::vars::Vars;
use crate::ui::gauge::Gauge;
use crate::ui::output::{Output, Wanted};

/// What every verb starts from.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) global: Global,
    pub(super) vars: Vars,
    pub(super) os: Os,
    pub(super) output: Output,
    cwd: io::Result<PathBuf>,
}

impl Context {
    pub(super) fn new(global: Global, vars: Vars, cwd: io::Result<PathBuf>) -> Self {
        let wanted = match global.color {
            Color::Auto => Wanted::Auto,
            Color::Always => Wanted::Always,
            Color::Never => Wanted::Never,
        };
        let output = Output::new(wanted, global.quiet, global.verbose, &vars);
        Self { global, vars, os: Os::current(), output, cwd }
    }

    /// The same for another thread.
    pub(super) fn again(&self) -> Self {
        let cwd = self.cwd.as_ref().map(PathBuf::clone).map_err(|error| io::Error::from(error.kind()));
        let Self { global, vars, os, output, .. } = self;
        Self { global: global.clone(), vars: vars.clone(), os: *os, output: output.clone(), cwd }
    }

    /// The folder that was asked about: `--project`, or where the shell is.
    pub(super) fn start(&self) -> Result<PathBuf> {
        let cwd = match &self.cwd {
            Ok(path) => Ok(path.clone()),
            Err(error) => Err(io::Error::from(error.kind())),
        };
        root::start_folder(self.global.project.as_deref(), cwd)
    }

    /// The project around it.
    pub(super) fn project(&self) -> Result<Project> {
        Project::discover(&self.start()?)
    }

    /// The provider when this is a CI run.
    pub(super) fn ci(&self) -> Option<&'static str> {
        ci::ci(&self.vars)
    }

    /// Shows how far `what` is with `total` bytes, 0 where nobody knows how many; a program that reads JSON is not told.
    pub(super) fn gauge(&self, what: &str, total: u64) -> Gauge {
        Gauge::new(&self.output, self.global.json, what, total)
    }

    /// Whether a person can be asked.
    pub(super) fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal() && !self.global.json && self.ci().is_none()
    }

    /// Whether a person looks at a screen that can be drawn on, and has keys.
    pub(super) fn has_screen(&self) -> bool {
        let dumb = self.vars.text("TERM") == Some("dumb");
        io::stdin().is_terminal() && io::stdout().is_terminal() && !dumb
    }
}
