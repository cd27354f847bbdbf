//! The Hub's checklist, 18 to 35: what is asked of the server, in which order, and what comes of every fault.
#![cfg(unix)]

mod access;
mod faults;
mod order;
mod resume;
