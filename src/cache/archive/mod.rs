//! `backup` and `restore`: a cache, or some models of it, in one archive and back.
//!
//! An archive is a tar that every tar unpacks. Its first member is the [`index`]; each content comes once, and every other name
//! for it as a link. `gather` finds what goes in and `settle` what of it, `sorting` which of it has the same bytes, and `write`
//! writes it; `read` reads it without believing it (`check`), `merge` decides what of it a cache needs (`look`: what stands in its
//! places; `twins`: what is there under another name; `room`: how much of the disk that takes), and `place` puts it there, each
//! content whole and verified before it has its name.
//!
//! A million names are held in numbers: a [`table`] has their letters, and all that is known of a name lies in lists beside it.

mod bomb;
mod check;
pub mod contents;
pub mod folder;
mod found;
pub mod frames;
pub mod gather;
pub mod index;
mod letters;
mod look;
pub mod members;
pub mod merge;
pub mod names;
pub mod output;
pub mod pack;
pub mod place;
pub mod plan;
pub mod read;
pub mod restore;
pub mod room;
mod settle;
mod sharing;
mod sorting;
pub mod table;
pub mod tally;
pub mod tar;
pub mod target;
pub mod things;
pub mod twins;
pub mod unpack;
mod users;
pub mod wanted;
pub mod write;
mod written;
