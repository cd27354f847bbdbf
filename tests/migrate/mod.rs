//! `modelstrap migrate`: what lies outside of the cache comes into it, once, and nothing is lost on the way.
#![cfg(unix)]

mod again;
mod asked;
mod clients;
mod dedupes_links;
mod disks;
mod hostile;
mod hubs;
mod killed;
mod last_use;
mod linked_root;
mod linkless;
mod mixed;
mod names_of_one;
mod others;
mod own_links;
mod proven;
mod same_size;
mod stays;
mod whole;
mod words;
