//! Small leaves that every room may use: the injected environment, atomic writes, digests, human units.

pub mod atomic;
pub mod bounded;
pub mod delete;
pub mod digest;
pub mod escape;
pub mod folder;
pub mod interrupt;
pub mod letters;
pub mod lock;
pub mod nearest;
pub mod nofollow;
pub mod own_folder;
pub mod paths;
pub mod quiet;
pub mod quoted;
pub mod row;
pub mod seal;
pub mod stamp;
pub mod time;
pub mod toml_text;
pub mod units;
pub mod vars;
