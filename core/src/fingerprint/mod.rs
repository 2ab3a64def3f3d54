//! What a failed run carries as proof that it was run. Source: `docs/spec/fingerprint.md`.
//!
//! ```
//! use subvm_core::{Trap, calldata::Value};
//! use subvm_host_mock::{MemoryHost, play};
//!
//! let report = play(&MemoryHost::new(), |_| Err(Trap::Unreachable.into()));
//! let failure = Value::decode(&report.receipt.result[1..]).unwrap();
//! assert_eq!(failure["fingerprint"], report.fingerprint.unwrap().to_value());
//! ```

mod memory;
mod touched;
mod zeros;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use subvm_calldata::{Map, Value};

pub use memory::{LEAF_LEN, hash_memory};
pub use touched::Touched;
pub use zeros::ZeroTree;

/// A function that was active when a run failed.
///
/// ```
/// use subvm_core::fingerprint::{Fingerprint, Frame};
/// let frames = vec![Frame { module_name: "main".into(), func: 7 }];
/// let value = Fingerprint { frames, ..Fingerprint::default() }.to_value();
/// assert_eq!(value["frames"][0].to_string(), r#"{"func":7,"module_name":"main"}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The name under which its instance was linked.
    pub module_name: String,
    /// Its index in the module as the contract supplied it.
    pub func: u32,
}

/// Frames and memories of a failed run.
///
/// ```
/// use subvm_core::fingerprint::{Fingerprint, Frame};
/// let fingerprint = Fingerprint {
///     frames: vec![Frame { module_name: "main".into(), func: 7 }],
///     module_instances: [("main".into(), vec![[0; 32]])].into(),
/// };
/// assert!(fingerprint.to_value().to_string().starts_with(r#"{"frames":[{"func":7,"module_name":"main"}]"#));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Active functions, innermost first.
    pub frames: Vec<Frame>,
    /// By instance name: BLAKE3 of each memory, in order of the module's memory index space.
    pub module_instances: BTreeMap<String, Vec<[u8; 32]>>,
}

impl Fingerprint {
    /// The calldata of it, exactly the seed's.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let frames = self.frames.iter().map(|frame| {
            let name = Value::Str(frame.module_name.clone());
            Value::Map(Map::from([("func", Value::Int(frame.func.into())), ("module_name", name)]))
        });
        let instances = self.module_instances.iter().map(|(name, memories)| {
            let memories = memories.iter().map(|digest| Value::Bytes(digest.to_vec())).collect();
            (name.clone(), Value::Map(Map::from([("memories", Value::Array(memories))])))
        });
        Value::Map(Map::from([
            ("frames", Value::Array(frames.collect())),
            ("module_instances", Value::Map(instances.collect())),
        ]))
    }
}
