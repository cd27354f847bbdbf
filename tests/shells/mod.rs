//! The snippets and the plain exports, proven by the shells themselves: what arrives in a child process.
#![cfg(unix)]

mod env;
mod five_ways;
mod hook_command;
mod hooks;
mod programs;
mod run;
mod run_command;
mod text;
