//! System calls that have no safe wrapper: the only place for unsafe code.
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
pub(super) mod blocks;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(super) use windows::{answers as windows_answers, disk as windows_disk};

/// Windows' own answers, on Windows.
#[cfg(not(windows))]
pub(super) fn windows_answers() -> Result<String, String> {
    Err("this is not Windows".to_owned())
}
