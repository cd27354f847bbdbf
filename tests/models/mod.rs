//! `modelstrap models` and its verbs, the pickles that are not let in, and weights that real libraries load.

mod add_remove;
mod bill_of_materials;
mod download;
mod end_to_end;
mod hostile_environments;
mod hostile_purge;
mod lock;
mod path_list;
mod pickles;
mod purge_killed;
mod purge_spares;
mod purge_undo;
mod remove;
mod scan;
mod search_export;
mod setup;
mod together;
mod verify;
mod weights;
