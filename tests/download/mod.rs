//! Downloads from end to end: faults, interruptions, networks, and what strangers serve or bring along.

mod bad_input;
mod commits_of_forks;
mod faults;
mod hostile_models;
mod network;
mod resume;
mod rust_client;
mod web_pages;
