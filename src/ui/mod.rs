//! How things look: styles, the browser of the caches, the machine's card, plans and diffs, questions, downloads, tables.

pub mod browser;
pub mod card;
pub mod document;
pub mod events;
pub mod excerpt;
pub mod fit;
pub mod gauge;
mod leftover;
pub mod output;
pub mod plan;
pub mod progress;
pub mod prompts;
pub mod table;
pub mod text;
pub mod theme;
