//! What a project's models are, for other tools: written from the lock alone, so that no server is asked.

pub mod cyclonedx;
mod licence;
mod purl;
