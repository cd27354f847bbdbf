//! A browser of the caches for a terminal: what a key does (`keys.rs`), what is shown (`draw/`), and the terminal itself.
//!
//! The state knows neither disk nor terminal: keys and news go in, wishes come out, and a frame is a function of it. So tests press
//! keys and compare whole frames as text.

pub mod dialog;
pub mod draw;
mod keys;
mod level;
pub mod marks;
mod news;
pub mod screen;
pub mod state;
pub mod terminal;
pub mod tree;
#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
mod windows;

#[cfg(test)]
mod tests;

pub use dialog::{Dialog, Question};
pub use draw::Look;
pub use marks::Weight;
pub use state::{Browser, Key, News, Wish};
pub use tree::{Below, Branch, Id, Kind, Node, Tree};
