//! The rules of names and of the host's functions. Source: `docs/spec/sub-vm.md`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;

use subvm_core::wasi::ParamType;
use subvm_core::{sdk, wasi};
use subvm_lower::HOST_MODULES;

/// The export that prepares a module, be it a library or the start module.
pub const INITIALIZE: &str = "_initialize";

/// What the start module is called that has no name of its own.
pub const MAIN: &str = "main";

/// Bytes that the name of a linked module may have.
const NAME: usize = 64;

/// Whether a library may be linked under this name, where those that are `taken` stand before it.
///
/// ```
/// use subvm_link::is_library_name;
/// assert!(is_library_name("lib-1.2", |_| false));
/// assert!(!is_library_name("a b", |_| false) && !is_library_name("lib", |name| name == "lib"));
/// assert!(!is_library_name("wasi_snapshot_preview1", |_| false), "the host's");
/// ```
#[must_use]
pub fn is_library_name(name: &str, taken: impl Fn(&str) -> bool) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let well_formed = (1..=NAME).contains(&name.len()) && name.bytes().all(allowed);
    well_formed && !HOST_MODULES.contains(&name) && !taken(name)
}

/// The name of a start module that calls itself `own`, where libraries have the names that are `taken`: [`MAIN`] where it has none that it
/// may have, and nothing where that is taken, too.
///
/// ```
/// use subvm_link::start_name;
/// assert_eq!(start_name(Some("bank"), |_| false), Some("bank"));
/// assert_eq!([start_name(Some("a b"), |_| false), start_name(None, |name| name == "main")], [Some("main"), None]);
/// ```
pub fn start_name(own: Option<&str>, taken: impl Fn(&str) -> bool) -> Option<&str> {
    own.filter(|own| is_library_name(own, &taken)).or_else(|| (!taken(MAIN)).then_some(MAIN))
}

/// A function's type, as the text format has it.
///
/// ```
/// assert_eq!(subvm_link::signature(["i32", "i64"], ["i32"]), "(func (param i32 i64) (result i32))");
/// ```
pub fn signature<T: Display>(params: impl IntoIterator<Item = T>, results: impl IntoIterator<Item = T>) -> String {
    let list = |word: &str, types: Vec<String>| match &types[..] {
        [] => String::new(),
        types => format!(" ({word} {})", types.join(" ")),
    };
    let params = params.into_iter().map(|ty| ty.to_string()).collect();
    let results = results.into_iter().map(|ty| ty.to_string()).collect();
    format!("(func{}{})", list("param", params), list("result", results))
}

/// The [`signature`] of a function of the host's, where there is one of this name.
///
/// ```
/// use subvm_link::host_function;
/// assert_eq!(host_function("wasi_snapshot_preview1", "fd_close").as_deref(), Some("(func (param i32) (result i32))"));
/// assert_eq!(host_function("genlayer_sdk", "fd_close"), None);
/// ```
#[must_use]
pub fn host_function(module: &str, name: &str) -> Option<String> {
    if module == wasi::MODULE {
        let function = wasi::function(name)?;
        let params = function.types.iter().map(|ty| match ty {
            ParamType::I32 => "i32",
            ParamType::I64 => "i64",
        });
        return Some(signature(params, function.returns.then_some("i32")));
    }
    let function = sdk::FUNCTIONS.iter().find(|function| function.name == name)?;
    Some(signature(function.params.iter().map(|_| "i32"), ["i32"]))
}
