//! The catalogues that come with the program: libraries and models, each mistake in them, and what the real libraries make of them.

mod libraries;
mod sources;
#[path = "../../build/texts.rs"]
mod texts;
