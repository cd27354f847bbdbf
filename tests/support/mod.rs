//! What several test programs share.

pub(crate) mod project;
pub(crate) mod shells;
