//! `backup` and `restore`: a cache, or some models of it, in one archive and back.
//!
//! An archive is a tar that every tar unpacks. Its first member is the [`index`]; each content comes once, and every other name
//! for it as a link. `gather` decides what goes in and `write` writes it; `read` reads it without believing it, `merge` decides
//! what of it a cache needs (`twins`: what is
//! there under another name; `room`: how much of the disk that takes), and `place` puts it there, each content whole and verified before it has its name.

pub mod contents;
pub mod folder;
pub mod frames;
pub mod gather;
pub mod index;
pub mod merge;
pub mod names;
pub mod output;
pub mod pack;
pub mod place;
pub mod read;
pub mod restore;
pub mod room;
pub mod tally;
pub mod tar;
pub mod target;
pub mod twins;
pub mod unpack;
pub mod write;
mod written;
