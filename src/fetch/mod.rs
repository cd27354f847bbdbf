//! The download engine: URLs, sizes, digests and destinations go in, verified files come out. It knows nothing of hubs.
//!
//! A source (`models::sources`) turns a model into [`Artifact`]s; this room brings them onto the disk, in parallel, from
//! where an earlier run stopped, and gives no file its final name before its bytes are proven.

mod addresses;
mod artifact;
mod at;
mod client;
mod digest;
mod engine;
mod error;
mod event;
mod exchange;
mod finish;
mod gate;
mod hash;
mod headers;
mod large;
mod limit;
mod network;
mod partial;
mod proxies;
mod queue;
mod ranged;
mod ranges;
mod roots;
mod secret;
mod side;
mod sockets;
mod space;
mod stream;
#[cfg(test)]
mod tests;
mod transport;
mod url;
mod work;

pub use artifact::{Artifact, Order, Steward};
pub use client::{Answer, Ask, Client};
pub use digest::{Digest, Proof};
pub use engine::{Options, fetch, fetch_each};
pub use error::{Error, Status};
pub use event::{Event, Outcome};
pub use hash::{BLOCK, hash_file};
pub use headers::{PAGE, is_named_as_a_page};
pub use network::Network;
pub use partial::{left, resumable};
pub use secret::{Credential, Origin, Secret};
pub use url::redact;
