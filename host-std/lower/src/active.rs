//! A function that was active when a sub-VM failed: what engines tell of their stacks, for people.

use alloc::string::String;
use alloc::sync::Arc;

use subvm_core::Wasm;
use subvm_core::fingerprint::Frame;

use super::options::Options;

/// Who is told of failures, with the functions that were active, innermost first: of engines' options.
///
/// ```
/// use std::sync::Arc;
/// use subvm_lower::OnFailure;
/// let told: OnFailure = Arc::new(|active| eprintln!("failed in {} functions", active.len()));
/// told(&[]);
/// ```
pub type OnFailure = Arc<dyn Fn(&[Active]) + Send + Sync>;

/// A function that was active when a sub-VM failed, and where in it that was.
///
/// ```
/// use subvm_lower::{Active, origins};
/// /// Where in the module that the contract supplied, in bytes.
/// fn offset(active: &Active) -> Option<usize> {
///     origins(&active.wasm, &active.options).ok()?.original(active.lowered?)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Active {
    /// The name under which its module was linked.
    pub module_name: String,
    /// The module as the contract supplied it.
    pub wasm: Wasm,
    /// The function's index in it.
    pub func: u32,
    /// The instruction, in bytes of the lowered module, where the engine knows it: wasmtime does.
    pub lowered: Option<usize>,
    /// How the module was lowered.
    pub options: Options,
}

/// What a fingerprint says of it.
impl From<Active> for Frame {
    fn from(Active { module_name, func, .. }: Active) -> Self {
        Self { module_name, func }
    }
}
