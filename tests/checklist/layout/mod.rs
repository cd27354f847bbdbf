//! The Hub's checklist, 6 to 17: what lies in the cache after a download, name by name and byte by byte.
#![cfg(unix)]

mod files;
mod names;
mod scanner;
mod store;
