//! How things look: styles, the machine's card, plans and diffs, questions.

pub mod card;
pub mod output;
pub mod plan;
pub mod prompts;
pub mod text;
pub mod theme;
