//! The key of a compiled module.

use std::fmt;
use std::hash::{Hash, Hasher};

use subvm_core::Wasm;
use wasmtime::Engine;

use subvm_lower::Options;

/// What decides how a module is compiled, as one digest: the module as the guest supplied it, how it is lowered, and the
/// engine. Modules with equal keys have equal code.
///
/// ```
/// use subvm_wasmtime::cache::Key;
/// assert_eq!(Key([0xab; 32]).to_string(), "ab".repeat(32), "the name of its file");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub [u8; 32]);

/// Sets keys apart from every other use of BLAKE3.
const CONTEXT: &str = "subvm 2026-11-21 key of a compiled module";

impl Key {
    /// The key of `wasm`, lowered as `options` say and compiled for `engine`. No other function makes one.
    pub(crate) fn new(wasm: &Wasm, options: &Options, engine: &EngineId) -> Self {
        // All of them have a fixed length.
        let mut input = Vec::with_capacity(128);
        [&wasm.digest()[..], &options.key(), &engine.0].into_iter().for_each(|part| input.extend_from_slice(part));
        Self(blake3::derive_key(CONTEXT, &input))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// All that an engine adds to a key: this library's version, and wasmtime's version, settings, target and the features of
/// the CPU that it compiles for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EngineId([u8; 32]);

impl EngineId {
    pub(crate) fn of(engine: &Engine) -> Self {
        let mut digest = Digest(blake3::Hasher::new());
        env!("CARGO_PKG_VERSION").hash(&mut digest);
        engine.precompile_compatibility_hash().hash(&mut digest);
        Self(*digest.0.finalize().as_bytes())
    }
}

/// Takes what is hashed into a digest that has no collisions, where `Hasher` asks for 64 bits only.
struct Digest(blake3::Hasher);

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.finalize();
        u64::from_le_bytes(std::array::from_fn(|at| digest.as_bytes()[at]))
    }
}
