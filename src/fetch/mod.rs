//! The download engine: URLs, sizes, digests and destinations go in, verified files come out. It knows nothing of hubs.
//!
//! A source (`models::sources`) turns a model into [`Artifact`]s; this room brings them onto the disk, in parallel, from
//! where an earlier run stopped, and gives no file its final name before its bytes are proven.

mod artifact;
mod digest;
mod error;
mod event;
mod secret;

pub use artifact::{Artifact, Steward};
pub use digest::{Digest, Proof};
pub use error::{Error, Status};
pub use event::{Event, Outcome};
pub use secret::{Credential, Origin, Secret};
