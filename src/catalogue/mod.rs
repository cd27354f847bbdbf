//! The libraries as data, and the variables that lead them into the cache root.

pub mod variables;
