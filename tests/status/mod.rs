//! `modelstrap status`, its browser and `report`: what is said of every cache, and what is shown of odd ones.

mod as_it_is;
mod counted;
mod last_use;
mod narrow_tables;
mod odd_names;
mod places;
mod report;
mod shell_places;
mod split_models;
mod truth;
mod tui;
mod tui_links;
mod unreadable;
mod verb;
