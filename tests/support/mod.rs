//! What tests share: the rooms that they play in, the Hub and other servers, the programs that they ask.

#[cfg(unix)]
pub(crate) mod aged;
#[cfg(unix)]
pub(crate) mod bytes;
#[cfg(unix)]
pub(crate) mod desk;
#[cfg(unix)]
pub(crate) mod download;
pub(crate) mod hub;
#[cfg(unix)]
pub(crate) mod itself;
#[cfg(unix)]
pub(crate) mod large;
#[cfg(unix)]
pub(crate) mod lived;
#[cfg(unix)]
pub(crate) mod makers;
#[cfg(unix)]
pub(crate) mod memory;
#[cfg(unix)]
pub(crate) mod offline;
#[cfg(target_os = "linux")]
pub(crate) mod peak;
#[cfg(unix)]
pub(crate) mod programs;
#[cfg(unix)]
pub(crate) mod project;
pub(crate) mod python;
#[cfg(unix)]
pub(crate) mod shells;
#[cfg(unix)]
pub(crate) mod strace;
#[cfg(unix)]
pub(crate) mod stray;
#[cfg(unix)]
pub(crate) mod strike;
#[cfg(unix)]
pub(crate) mod terminal;
#[cfg(target_os = "linux")]
pub(crate) mod traced;
mod tracing;
#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) mod untraced;
pub(crate) mod zip;
#[cfg(unix)]
pub(crate) mod zoo;
