//! What setup writes, one part a file: each says what it wants on the disk, and what a person should know about it.

mod cache_tree;
mod dotenv;
mod gitignore;
mod machine_config;
pub mod profile;
mod snippets;

use std::path::PathBuf;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::Layout;
use crate::catalogue::variables::VariableSet;
use crate::plan::{Change, Want};
use crate::platform::Os;
use crate::project::Project;
use crate::project::answers::Answers;
use crate::support::vars::Vars;

/// A part of setup that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The cache tree.
    Cache,
    /// `config/hardware_cache.json`.
    MachineConfig,
    /// `.gitignore`.
    Gitignore,
    /// `.env`.
    Dotenv,
    /// `.modelstrap/env.*`.
    Snippets,
    /// The shells' rc files.
    Profile,
}

impl Part {
    /// Every part, in the order in which setup works on them.
    pub const ALL: [Self; 6] =
        [Self::Cache, Self::MachineConfig, Self::Gitignore, Self::Dotenv, Self::Snippets, Self::Profile];

    /// The word for it in `--skip` and `--only`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::MachineConfig => "machine-config",
            Self::Gitignore => "gitignore",
            Self::Dotenv => "dotenv",
            Self::Snippets => "snippets",
            Self::Profile => "profile",
        }
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|part| part.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|part| part.name()).collect();
            format!("there is no such part; the parts are {}", names.join(", "))
        })
    }
}

/// Everything that decides what setup wants: gathered before, changed by nobody.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The project.
    pub project: &'a Project,
    /// Its cache.
    pub layout: &'a Layout,
    /// The variables.
    pub variables: &'a VariableSet,
    /// The machine's stable facts, as the machine config holds them.
    pub hardware: Map<String, Value>,
    /// What the machine should run, as the machine config holds it.
    pub recommended: Value,
    /// The parts to work on.
    pub parts: &'a [Part],
    /// The rc files to write to, from `--profile`.
    pub profile: Option<&'a str>,
    /// Whether `~/.cache/whisper` becomes a link.
    pub link_whisper: bool,
    /// What to remember.
    pub answers: &'a Answers,
    /// The user's environment.
    pub vars: &'a Vars,
    /// The system.
    pub os: Os,
    /// Now, RFC 3339.
    pub now: &'a str,
}

/// What the parts want.
#[derive(Debug, Default)]
pub struct Wishes {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

impl Wishes {
    /// What every part of `scene` wants.
    ///
    /// # Errors
    /// When `--profile` names something that has no rc file.
    pub fn of(scene: &Scene<'_>) -> anyhow::Result<Self> {
        let mut wishes = Self::default();
        snippets::state_folder(scene, &mut wishes);
        for part in scene.parts {
            match part {
                Part::Cache => cache_tree::add(scene, &mut wishes),
                Part::MachineConfig => machine_config::add(scene, &mut wishes),
                Part::Gitignore => gitignore::add(scene, &mut wishes),
                Part::Dotenv => dotenv::add(scene, &mut wishes),
                Part::Snippets => snippets::add(scene, &mut wishes),
                Part::Profile => profile::add(scene, &mut wishes)?,
            }
        }
        Ok(wishes)
    }

    fn want(&mut self, path: PathBuf, why: impl Into<String>, want: Want) {
        self.changes.push(Change { path, why: why.into(), want, within: None });
    }

    /// As `want`, for a file that must not lie outside the project once links are followed.
    fn want_inside(&mut self, scene: &Scene<'_>, path: PathBuf, why: impl Into<String>, want: Want) {
        self.changes.push(Change { path, why: why.into(), want, within: Some(scene.project.root.clone()) });
    }
}
