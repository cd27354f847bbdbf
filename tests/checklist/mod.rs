//! The Hub's checklist: what an official client does with a cache and a server, number by number, done here as well.

mod http;
mod interop;
mod layout;
mod paths;
mod patterns;
