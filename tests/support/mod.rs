//! What several test programs share.

#![allow(clippy::print_stderr, reason = "a test that leaves something out says so")]

pub(crate) mod bytes;
pub(crate) mod project;
pub(crate) mod shells;
