//! `modelstrap verify`: whatever is cached and has a known digest is read again, offline; `--fix` mends what is damaged and nothing else.
#![cfg(unix)]

mod caches;
mod clients;
mod found;
mod hostile;
mod keeps;
#[cfg(target_os = "linux")]
mod memory;
mod mended;
mod words;
