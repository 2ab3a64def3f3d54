//! What lowering found and changed, for `subvm inspect`.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;

use wasmparser::TypeRef;

use super::module::Rewritten;
use super::survey::Survey;

/// How many of the largest frames a report lists.
const LARGEST_FRAMES: usize = 10;

/// What was found in a module and what lowering changed.
///
/// ```
/// use subvm_lower::{Options, lower};
/// let module = wat::parse_str("(module (memory 1) (func (result f32) (f32.sqrt (f32.const 2))))")?;
/// let report = lower(&module, &Options::default()).unwrap().report;
/// assert_eq!((report.float_operators, report.memories), (vec!["f32.sqrt"], 1));
/// # Ok::<(), wat::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What the module imports, in order, under the guest's names.
    pub imports: Vec<Import>,
    /// Functions that the module defines.
    pub functions: u32,
    /// Memories, imported ones included.
    pub memories: u32,
    /// Tables, imported ones included.
    pub tables: u32,
    /// The float operators in use, by name.
    pub float_operators: Vec<&'static str>,
    /// How many instructions are float operators on scalars.
    pub float_sites: u64,
    /// How many instructions are float operators on vectors.
    pub vector_float_sites: u64,
    /// Tags of exceptions, imported ones included.
    pub tags: u32,
    /// How many instructions throw an exception.
    pub throws: u64,
    /// How many instructions catch exceptions: each `try_table`.
    pub tries: u64,
    /// After how many instructions a NaN is made canonical; 0 but under the canonical policy.
    pub canonicalised: u64,
    /// The values that a compiler makes of all functions, estimated ([`Limit::ModuleValues`](super::Limit::ModuleValues)).
    pub values: u64,
    /// The most of them in one function ([`Limit::Values`](super::Limit::Values)).
    pub most_values: u64,
    /// The values that compiling is priced for: [`values`](Self::values), one for each 32 of the squares of functions' branches
    /// ([`Limit::BranchSquares`](super::Limit::BranchSquares)), and one for each 4 of the squares of the slots of operands beyond 64 that they have
    /// at once, by which compilers take time.
    pub priced_values: u64,
    /// How many functions were appended.
    pub helpers: u32,
    /// Bytes of the lowered module.
    pub lowered_size: usize,
    /// The custom sections that were dropped, by name.
    pub dropped_sections: Vec<String>,
    /// The functions with the largest frames, largest first.
    pub largest_frames: Vec<Frame>,
}

/// Something imported.
///
/// ```
/// use subvm_lower::{Options, lower};
/// let module = wat::parse_str("(module (import \"env\" \"table\" (table 1 funcref)))")?;
/// let [import] = &lower(&module, &Options::default()).unwrap().report.imports[..] else { unreachable!() };
/// assert_eq!((&*import.module, &*import.name, import.kind), ("env", "table", "table"));
/// # Ok::<(), wat::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Import {
    /// From which module.
    pub module: String,
    /// Under which name.
    pub name: String,
    /// `func`, `table`, `memory`, `global` or `tag`.
    pub kind: &'static str,
}

/// What a function's frame costs.
///
/// ```
/// use subvm_lower::{Options, lower};
/// let module = wat::parse_str("(module (func) (func (local i64 i64)))")?;
/// let frames = lower(&module, &Options::default()).unwrap().report.largest_frames;
/// assert_eq!((frames[0].function, frames[0].units - frames[1].units), (1, 2));
/// # Ok::<(), wat::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// The function's index.
    pub function: u32,
    /// Stack units.
    pub units: u32,
}

/// Squares of branches that cost a compiler as much as a value: a switch of 4,000 cases that fall through takes Cranelift half a second, and
/// 32,768 `br_if` six.
const SQUARES_PER_VALUE: u64 = 32;

/// Squares of slots of operands that cost a compiler as much as a value: 8,000 vectors that are kept over one call take Cranelift 11 seconds,
/// 1,000 a sixteenth of one.
const OPERAND_SQUARES_PER_VALUE: u64 = 4;

/// Describes the surveyed and rewritten module.
pub(super) fn report(survey: &Survey<'_>, rewritten: &Rewritten) -> Report {
    Report {
        imports: imports(survey),
        functions: survey.function_types.len() as u32,
        memories: survey.memories,
        tables: survey.tables.len() as u32,
        float_operators: survey.floats.iter().map(|float| float.name).collect(),
        float_sites: survey.float_sites,
        vector_float_sites: survey.vector_float_sites,
        tags: survey.tags.len() as u32,
        throws: survey.throws,
        tries: survey.tries,
        canonicalised: survey.canonicalise.len() as u64,
        values: survey.values,
        most_values: survey.most_values,
        priced_values: survey.values
            + survey.branch_squares / SQUARES_PER_VALUE
            + survey.operand_squares / OPERAND_SQUARES_PER_VALUE,
        helpers: rewritten.helpers,
        lowered_size: rewritten.wasm.len(),
        dropped_sections: survey.dropped.clone(),
        largest_frames: largest_frames(survey),
    }
}

fn imports(survey: &Survey<'_>) -> Vec<Import> {
    let imports = survey.sections.imports.iter().flat_map(|imports| imports.clone().into_imports().flatten());
    imports
        .map(|import| Import {
            module: import.module.to_owned(),
            name: import.name.to_owned(),
            kind: match import.ty {
                TypeRef::Func(_) | TypeRef::FuncExact(_) => "func",
                TypeRef::Table(_) => "table",
                TypeRef::Memory(_) => "memory",
                TypeRef::Global(_) => "global",
                TypeRef::Tag(_) => "tag",
            },
        })
        .collect()
}

fn largest_frames(survey: &Survey<'_>) -> Vec<Frame> {
    let frames = survey.facts.iter().zip(survey.imported_functions()..);
    let mut frames: Vec<Frame> = frames.map(|(facts, function)| Frame { function, units: facts.units }).collect();
    frames.sort_by_key(|frame| (Reverse(frame.units), frame.function));
    frames.truncate(LARGEST_FRAMES);
    frames
}
