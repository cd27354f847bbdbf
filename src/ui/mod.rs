//! How things look on a terminal.

pub mod card;
