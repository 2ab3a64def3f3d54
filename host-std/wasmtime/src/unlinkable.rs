//! Why a module cannot be linked, in the words of who wrote it: of what lowering made of its imports, nothing is shown.

use subvm_core::{Invalid, sdk, wasi};
use subvm_lower::{COUNTERS_MODULE, HOST_MODULES, RESERVED, host_function, signature};
use wasmtime::{ExternType, FuncType, ImportType, Module, ValType};

use super::stopped::Refused;

/// Parameters of a function that lowering passes ticks to, these included.
const MOST_PARAMETERS: usize = 17;
/// Findings that are told; of more only the number.
const TOLD: usize = 4;

/// What there is, of libraries, for a module that is alone in its sub-VM.
pub(super) fn alone(_: &str, _: &str) -> Library {
    Library::Unknown
}

/// What a library has for an import.
pub(super) enum Library {
    /// No library of this name was linked.
    Unknown,
    /// It exports nothing of this name.
    Lacks,
    /// It exports something of this type.
    Has(ExternType),
}

/// The refusal of a module that the linker did not take, for the `error` that it gave.
pub(super) fn refused(
    module: &Module,
    libraries: impl FnMut(&str, &str) -> Library,
    error: &wasmtime::Error,
) -> Refused {
    let mut findings = findings(module, libraries);
    if findings.is_empty() {
        // Of a kind that lowering leaves as it is, so that the linker's words are the guest's.
        findings.push(format!("{error:#}"));
    }
    let more = findings.len().saturating_sub(TOLD);
    findings.truncate(TOLD);
    if more > 0 {
        findings.push(format!("and {more} more"));
    }
    Refused::new(Invalid::WasmLinking, findings.join("; "))
}

fn findings(module: &Module, mut libraries: impl FnMut(&str, &str) -> Library) -> Vec<String> {
    let imports = module.imports().filter(|import| import.module() != COUNTERS_MODULE);
    imports
        .filter_map(|import| match HOST_MODULES.contains(&import.module()) {
            true => with_host(&import),
            false => with_library(&import, libraries(import.module(), import.name())),
        })
        .collect()
}

/// What is wrong with an import of the host's.
fn with_host(import: &ImportType<'_>) -> Option<String> {
    let (module, name) = (import.module(), guests_name(import));
    let wanted = match import.ty() {
        ExternType::Func(ty) => guests_type(&ty),
        other => described(&other),
    };
    match host_function(module, name) {
        None => {
            let count = if module == wasi::MODULE { wasi::FUNCTIONS.len() } else { sdk::FUNCTIONS.len() };
            Some(format!("it imports {module}.{name}, which is none of the {count} functions there are"))
        }
        Some(is) if is == wanted => None,
        Some(is) => Some(format!("it imports {module}.{name} as {wanted}, which is {is}")),
    }
}

/// What is wrong with an import of a library's, where that can be told from kinds and from types of functions.
fn with_library(import: &ImportType<'_>, library: Library) -> Option<String> {
    let (module, name) = (import.module(), import.name());
    match (import.ty(), library) {
        (_, Library::Unknown) => Some(format!(
            "it imports {module}.{name}, and no library of the name {module:?} is linked before it (`--link {module}=FILE`)"
        )),
        (_, Library::Lacks) => Some(format!("it imports {module}.{name}, which the library {module} does not export")),
        (wanted, Library::Has(is)) => {
            let (wanted, is) = (described(&wanted), described(&is));
            (wanted != is).then(|| format!("it imports {module}.{name} as {wanted}, which is {is}"))
        }
    }
}

/// The name under which the guest imports something of the host's.
fn guests_name<'a>(import: &ImportType<'a>) -> &'a str {
    import.name().split(RESERVED).next().unwrap_or_default()
}

/// The type under which the guest imports a function of the host's: lowering passes ticks as the last parameter and result, where there
/// are not far too many of them to begin with.
fn guests_type(lowered: &FuncType) -> String {
    let (mut params, mut results): (Vec<_>, Vec<_>) = (lowered.params().collect(), lowered.results().collect());
    if let ([.., ValType::I64], [.., ValType::I64]) = (&params[..], &results[..])
        && params.len() <= MOST_PARAMETERS
    {
        params.pop();
        results.pop();
    }
    signature(params, results)
}

/// What something is, with the type of a function: other types are told by the linker, as the guest has them.
fn described(ty: &ExternType) -> String {
    match ty {
        ExternType::Func(ty) => signature(ty.params(), ty.results()),
        ExternType::Global(_) => "a global".to_owned(),
        ExternType::Table(_) => "a table".to_owned(),
        ExternType::Memory(_) => "a memory".to_owned(),
        ExternType::Tag(_) => "a tag".to_owned(),
    }
}
