//! The form of one entry of the catalogue. `build.rs` writes the entries as static data of these types.

use crate::platform::Os;

/// A program that keeps models on disk.
#[derive(Debug, PartialEq, Eq)]
pub struct Library {
    /// What a manifest calls it.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// Other ids that mean it.
    pub aliases: &'static [&'static str],
    /// The file of the catalogue that it stands in.
    pub group: &'static str,
    /// The Python packages that bring it.
    pub pypi: &'static [&'static str],
    /// For which of their versions the entry holds, such as `<4`; all, if absent.
    pub versions: Option<&'static str>,
    /// Where it runs. Information only: its home and variables are the same everywhere.
    pub platforms: &'static [Os],
    /// Ids of the libraries that it builds on.
    pub inherits: &'static [&'static str],
    /// Its folders under the cache root, with `/`.
    pub homes: &'static [&'static str],
    /// Variables that keep the user's own value while a scoped variable of this library is set.
    pub protects: &'static [&'static str],
    /// What it checks when it reads a file.
    pub integrity: &'static str,
    /// How it is served without a network.
    pub offline: &'static str,
    /// What else a person should know.
    pub caution: Option<&'static str>,
    /// The versions whose source was read.
    pub read: &'static str,
    /// Where each claim was found.
    pub evidence: &'static [&'static str],
    /// Where it writes when nothing is set, with template variables.
    pub default_locations: PerOs<&'static [&'static str]>,
    /// The variables that it reads, or that people believe it reads.
    pub env: &'static [Env],
}

/// One variable of one library.
#[derive(Debug, PartialEq, Eq)]
pub struct Env {
    /// The variable's name.
    pub name: &'static str,
    /// What it is set to, with template variables.
    pub value: Option<&'static str>,
    /// What the tool does with it.
    pub policy: Policy,
    /// Only under this switch.
    pub when: Option<Switch>,
    /// Removed while the switch does not hold.
    pub unset_otherwise: bool,
    /// The user's own place, for [`Policy::Protect`].
    pub user_place: Option<PerOs<&'static str>>,
    /// True if the value is known only inside one Python environment, so that a project's set has none.
    pub per_environment: bool,
    /// One line on what it does.
    pub note: &'static str,
}

/// One thing for each family of operating systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerOs<T> {
    /// On Linux, and other Unix systems.
    pub linux: T,
    /// On macOS.
    pub macos: T,
    /// On Windows.
    pub windows: T,
}

impl<T: Copy> PerOs<T> {
    /// What holds on `os`.
    pub const fn on(&self, os: Os) -> T {
        match os {
            Os::Linux | Os::Other => self.linux,
            Os::Macos => self.macos,
            Os::Windows => self.windows,
        }
    }
}

/// What the tool does with a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Sets it.
    Export,
    /// Sets it too, so that old versions and other tools agree with the main variable.
    Mirror,
    /// Sets it for one command only, because it moves more than models.
    ExportScoped,
    /// Keeps the user's own value while a scoped variable is set.
    Protect,
    /// Removes it.
    Unset,
    /// Sets it only if a project asks.
    Optional,
    /// Reports that nothing reads it.
    Ignored,
    /// Reports it, and changes nothing.
    Warn,
    /// Follows the user's choice.
    Respect,
    /// Sets it for one command without a network.
    RunSwitch,
    /// Never writes it anywhere.
    Secret,
    /// Leaves it to the user's consent.
    Ask,
    /// Changes nothing: another library's files move along.
    SideEffect,
}

/// A condition that the catalogue cannot know by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// The manifest wants `TRANSFORMERS_CACHE` set.
    TransformersCache,
    /// An environment of the project has a `huggingface_hub` older than 1.32.
    OldHuggingfaceHub,
}
