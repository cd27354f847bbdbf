//! `modelstrap hook`

use clap::Args;

/// Flags of `modelstrap hook`.
#[derive(Debug, Clone, Args)]
pub struct HookArgs {
    /// bash, zsh, fish, powershell, nushell, elvish or xonsh
    pub shell: String,
    /// What the hook itself asks at a prompt: the changes for the folder that the shell is in
    #[arg(long, hide = true)]
    pub export: bool,
}
