//! The format of recordings. Source: `docs/spec/recording.md`.

pub(crate) mod block;
pub(crate) mod code;
pub(crate) mod function;
pub(crate) mod place;
pub(crate) mod record;
pub(crate) mod sample;
mod show;
pub(crate) mod wire;
