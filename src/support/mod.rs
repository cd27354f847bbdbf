//! Small leaves that every room may use: the injected environment, atomic writes, digests, human units.

pub mod vars;
