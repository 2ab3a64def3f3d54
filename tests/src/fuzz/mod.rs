//! The bodies of the fuzz targets: what a fuzzer calls with bytes, and what tests on stable replay the corpora with.
//! They panic where something is wrong.

#[cfg(feature = "engine")]
pub mod answers;
#[cfg(feature = "engine")]
mod branching_programs;
mod bundle;
#[cfg(feature = "engine")]
pub mod cache;
pub mod calldata;
#[cfg(feature = "engine")]
mod calling_programs;
#[cfg(feature = "engine")]
mod configuration;
#[cfg(feature = "engine")]
pub mod counting;
#[cfg(feature = "engine")]
pub mod engines;
#[cfg(feature = "engine")]
mod execution;
#[cfg(feature = "engine")]
pub mod float_programs;
mod gl_call;
mod leader;
#[cfg(feature = "engine")]
pub mod lowering;
#[cfg(feature = "engine")]
pub mod modelled;
#[cfg(feature = "engine")]
mod prices;
mod proofs;
mod python;
mod recording;
mod runners;
#[cfg(feature = "engine")]
mod scenarios;
mod source;
mod stored;
mod supervisor;
mod symbols;
mod target;
#[cfg(feature = "engine")]
pub mod throwing;
pub mod wasi;

pub use target::Target;

/// Every target. What memory each may hold was measured on its corpus and rounded up: `docs/fuzzing.md`, *Memory*.
pub static TARGETS: &[Target] = &[
    Target::new("bundle", bundle::bundle).holding(600, 256 << 10),
    #[cfg(feature = "engine")]
    Target::new("cache", cache::damaged).holding(100, 32 << 10),
    Target::new("calldata_decode", calldata::decode).holding(200, 32 << 10),
    // Its Python is a process of its own.
    Target::new("calldata_python", python::calldata).holding(200, 64 << 10),
    Target::new("calldata_round_trip", calldata::round_trip).holding(600, 64 << 10),
    Target::new("calldata_serde", calldata::serde).holding(400, 32 << 10),
    Target::new("calldata_text", calldata::text).holding(1_000, 32 << 10),
    #[cfg(feature = "engine")]
    Target::new("configuration", configuration::configuration),
    Target::new("descriptors", wasi::descriptors).holding(600, 256 << 10),
    // The engine's memory is the engine's own.
    #[cfg(feature = "engine")]
    Target::new("engines", engines::engines),
    #[cfg(feature = "engine")]
    Target::new("execution", execution::execution),
    Target::new("gl_call", gl_call::gl_call).holding(1_000, 8 << 20),
    Target::new("leader", leader::leader).holding(1_000, 4 << 20),
    #[cfg(feature = "engine")]
    Target::new("lowering", lowering::any),
    // A call may print 512 times the 4 KiB of a guest, and the model says what.
    Target::new("preview1", wasi::preview1).holding(600, 5 << 20),
    Target::new("proofs", proofs::proofs).holding(1_000, 256 << 10),
    // What is packed unpacks to a thousand times as much.
    Target::new("recording", recording::recording).holding(5_000, 32 << 20),
    // A file is copied out of its archive, the archive is kept, and a tape's smallest file takes 512 bytes.
    Target::new("runners", runners::runners).holding(400, 256 << 10),
    #[cfg(feature = "engine")]
    Target::new("scenarios", scenarios::scenarios),
    Target::new("stored", stored::stored).holding(200, 32 << 10),
    Target::new("supervisor", supervisor::supervisor).holding(1_000, 32 << 20),
    // A custom section is kept, and its abbreviations and rows are parsed.
    Target::new("symbols", symbols::symbols).holding(2_000, 256 << 10),
    #[cfg(feature = "engine")]
    Target::new("throwing", throwing::throwing),
    Target::new("tree", wasi::tree).holding(600, 256 << 10),
];

/// Runs the body of a target on an input, and holds it to the target's memory.
///
/// # Panics
/// Where something is wrong, or there is no such target.
pub fn check(target: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|candidate| candidate.name() == target);
    found.unwrap_or_else(|| panic!("no target {target}")).check(data);
}
