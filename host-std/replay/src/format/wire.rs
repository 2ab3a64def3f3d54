//! Numbers and bytes as a recording has them: as packages have them.

pub(crate) use subvm_core::wire::{Read, Source, Wrong, put_bytes, put_uint};
