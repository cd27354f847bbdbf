//! This program of tests, started again for one of them: what is struck dead, or needs another umask, has a process of its own.

use std::path::PathBuf;

/// The program.
pub(crate) fn program() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// What `--exact` takes for `test` of the module that says `module_path!()`. A name that fits nothing runs nothing, and that succeeds.
pub(crate) fn test(module: &str, test: &str) -> String {
    let (_, inside) = module.split_once("::").expect("a module of this program");
    format!("{inside}::{test}")
}
