//! Why a module cannot be linked, in the words of who wrote it: of what lowering made of its imports, nothing is shown.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use subvm_core::{Invalid, sdk, wasi};
use subvm_lower::{HOST_MODULES, RESERVED};

use super::rules::host_function;
use super::stopped::Refused;
use super::types::{Import, Library, Type};

/// Findings that are told; of more only the number.
const TOLD: usize = 4;

/// The refusal of a module with these imports, where one of them is wrong. `library` says what the libraries before it have under two names.
pub fn unlinkable(
    imports: impl IntoIterator<Item = Import>,
    mut library: impl FnMut(&str, &str) -> Library,
) -> Option<Refused> {
    let mut findings: Vec<String> = imports
        .into_iter()
        .filter_map(|import| {
            let found = library(&import.module, &import.name);
            let wrong = wrong(&import, &found)?;
            let Import { module, .. } = &import;
            Some(match found {
                Library::Unknown if !HOST_MODULES.contains(&&module[..]) => format!("{wrong} (`--link {module}=FILE`)"),
                _ => wrong,
            })
        })
        .collect();
    let more = findings.len().saturating_sub(TOLD);
    findings.truncate(TOLD);
    if more > 0 {
        findings.push(format!("and {more} more"));
    }
    (!findings.is_empty()).then(|| Refused::new(Invalid::WasmLinking, findings.join("; ")))
}

/// What is wrong with an import, where the host has it, or else a library that has `found` for it.
///
/// ```
/// use subvm_link::{Import, Library, Type, wrong};
/// let import = Import { module: "lib".into(), name: "f".into(), ty: Type::function(["i32"], []) };
/// let has = Library::Has(Type::function::<&str>([], []));
/// assert_eq!(wrong(&import, &has).unwrap(), "it imports lib.f as (func (param i32)), which is (func)");
/// ```
#[must_use]
pub fn wrong(import: &Import, found: &Library) -> Option<String> {
    let Import { module, name, ty } = import;
    // Lowering's own: what no guest can name.
    if module.contains(RESERVED) {
        return None;
    }
    if HOST_MODULES.contains(&&module[..]) {
        return with_host(module, name, ty);
    }
    match found {
        Library::Unknown => {
            Some(format!("it imports {module}.{name}, and no library of the name {module:?} is linked before it"))
        }
        Library::Lacks => Some(format!("it imports {module}.{name}, which the library {module} does not export")),
        Library::Has(is) => (!is.fits(ty)).then(|| format!("it imports {module}.{name} as {ty}, which is {is}")),
    }
}

/// What is wrong with an import of the host's.
fn with_host(module: &str, name: &str, wanted: &Type) -> Option<String> {
    match host_function(module, name) {
        None => {
            let count = if module == wasi::MODULE { wasi::FUNCTIONS.len() } else { sdk::FUNCTIONS.len() };
            Some(format!("it imports {module}.{name}, which is none of the {count} functions there are"))
        }
        Some(is) if Type::Function(is.clone()) == *wanted => None,
        Some(is) => Some(format!("it imports {module}.{name} as {wanted}, which is {is}")),
    }
}
