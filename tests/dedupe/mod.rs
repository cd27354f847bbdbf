//! `modelstrap dedupe`: what is stored twice becomes one, the hub's copy stays, and nothing is lost on the way.
#![cfg(unix)]

mod desk;
mod hostile;
mod killed;
#[cfg(target_os = "linux")]
mod memory;
mod one;
mod script;
mod systems;
