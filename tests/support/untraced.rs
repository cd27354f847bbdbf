//! Where there is no tracing as in `traced.rs`: the same words, and whoever asks is told that nothing can be traced.

use std::io;
use std::process::{Command, Output};

/// A program that stands still at one of its calls: there is none.
pub(crate) enum Moment {}

/// The calls that are named: none.
pub(crate) fn named(_calls: &str) -> impl Iterator<Item = &'static str> {
    std::iter::empty()
}

/// Says that nothing can be traced.
pub(crate) fn traced(
    _command: &mut Command,
    _calls: &[&'static str],
    _refused: &[&'static str],
    _after: bool,
    _at: impl FnMut(&Moment) + Send,
) -> io::Result<Output> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

impl Moment {
    pub(crate) fn call(&self) -> &'static str {
        match *self {}
    }

    pub(crate) fn failed(&self) -> Option<bool> {
        match *self {}
    }

    pub(crate) fn program(&self) -> u32 {
        match *self {}
    }

    pub(crate) fn send(&self, _signal: i32) {
        match *self {}
    }

    pub(crate) fn delay(&self, _time: std::time::Duration) {
        match *self {}
    }
}
