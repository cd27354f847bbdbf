//! What a machine is: the document of `modelstrap detect`, and the facts of recorded machines.

mod detect;
mod recorded;
