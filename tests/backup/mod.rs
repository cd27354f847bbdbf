//! `modelstrap backup` and `restore`.

mod hostile;
mod links;
mod memory;
mod round_trip;
mod store;
mod usage;
mod words;
