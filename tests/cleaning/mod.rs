//! `modelstrap clear` and `prune`, and removal underneath: what goes, what stays, what can be taken back, whatever happens meanwhile.

mod away;
mod clear;
mod clear_refusals;
mod downloads;
mod forgotten_claims;
mod full_disk;
mod guards;
mod hostile;
mod interrupted;
mod memory;
mod not_mine;
mod plans;
mod projects;
mod prune;
mod prune_disks;
mod prune_goals;
mod prune_links;
mod questions;
mod removal;
mod said;
mod swapped_links;
mod together;
mod two_projects;
mod undo_stuck;
