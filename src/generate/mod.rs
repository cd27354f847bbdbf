//! Pure renderers over `templates/`: data in, text out, no disk.

pub mod dotenv;
pub mod formats;
pub mod hook;
mod quote;
pub mod rc;
pub mod shell;
pub mod template;
pub mod transition;
