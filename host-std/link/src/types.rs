//! What modules import and export, in words that are no engine's.

use alloc::string::{String, ToString};
use core::fmt::{self, Display};

use subvm_lower::{HOST_MODULES, RESERVED};

use super::rules::signature;

/// Something that a module imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// From where.
    pub module: String,
    /// Under which name.
    pub name: String,
    /// What it must be.
    pub ty: Type,
}

/// What a library has for an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Library {
    /// No library of this name is linked before.
    Unknown,
    /// It exports nothing of this name.
    Lacks,
    /// It exports something of this type.
    Has(Type),
}

/// What something is.
///
/// ```
/// use subvm_link::Type;
/// let (is, wanted) = (Type::Memory { least: 5, most: None }, Type::Memory { least: 1, most: None });
/// assert!(is.fits(&wanted) && !wanted.fits(&is));
/// assert_eq!(is.to_string(), "(memory 5)");
/// assert_eq!(Type::function(["i32"], []).to_string(), "(func (param i32))");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// With its signature.
    Function(String),
    /// A global.
    Global {
        /// The type of its value.
        value: String,
        /// Whether it may be set.
        mutable: bool,
    },
    /// A table.
    Table {
        /// The type of its elements.
        element: String,
        /// The elements that it has, or must have.
        least: u64,
        /// The elements that it may have.
        most: Option<u64>,
    },
    /// A memory.
    Memory {
        /// The pages that it has, or must have.
        least: u64,
        /// The pages that it may have.
        most: Option<u64>,
    },
    /// A tag.
    Tag,
}

/// Parameters of a function that lowering passes ticks to, these included.
const MOST_PARAMETERS: usize = 17;

impl Type {
    /// A function of these parameters and results, as the text format names them.
    pub fn function<T: Display>(params: impl IntoIterator<Item = T>, results: impl IntoIterator<Item = T>) -> Self {
        Self::Function(signature(params, results))
    }

    /// Whether something of this type may be imported as `wanted`.
    #[must_use]
    pub fn fits(&self, wanted: &Self) -> bool {
        let limits = |is: (u64, Option<u64>), wanted: (u64, Option<u64>)| {
            is.0 >= wanted.0 && wanted.1.is_none_or(|most| is.1.is_some_and(|is| is <= most))
        };
        match (self, wanted) {
            (Self::Memory { least, most }, Self::Memory { least: wanted, most: wanted_most }) => {
                limits((*least, *most), (*wanted, *wanted_most))
            }
            (
                Self::Table { element, least, most },
                Self::Table { element: wanted_element, least: wanted, most: wanted_most },
            ) => element == wanted_element && limits((*least, *most), (*wanted, *wanted_most)),
            _ => self == wanted,
        }
    }
}

impl Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = |least: u64, most: Option<u64>| match most {
            Some(most) => alloc::format!("{least} {most}"),
            None => least.to_string(),
        };
        match self {
            Self::Function(signature) => f.write_str(signature),
            Self::Global { value, mutable: true } => write!(f, "(global (mut {value}))"),
            Self::Global { value, .. } => write!(f, "(global {value})"),
            Self::Table { element, least, most } => write!(f, "(table {} {element})", limits(*least, *most)),
            Self::Memory { least, most } => write!(f, "(memory {})", limits(*least, *most)),
            Self::Tag => f.write_str("a tag"),
        }
    }
}

impl Import {
    /// What a lowered module imports, as the guest wrote it: lowering passes ticks to functions of the host as the last parameter and result,
    /// where there are not far too many of them to begin with, and appends a number to their names.
    ///
    /// ```
    /// use subvm_link::{Import, Type};
    /// let host = "wasi_snapshot_preview1";
    /// let import = Import::lowered(host, "fd_close$subvm:2", &["i32", "i64"], &["i32", "i64"]);
    /// assert_eq!(import.name, "fd_close");
    /// assert_eq!(import.ty, Type::function(["i32"], ["i32"]));
    /// ```
    #[must_use]
    pub fn lowered<T: AsRef<str> + Display>(module: &str, name: &str, params: &[T], results: &[T]) -> Self {
        let may = HOST_MODULES.contains(&module) && params.len() <= MOST_PARAMETERS;
        let (params, results) = match (params, results) {
            ([before @ .., param], [first @ .., result]) if may && is_ticks(param) && is_ticks(result) => {
                (before, first)
            }
            whole => whole,
        };
        Self::of_other(module, name, Type::function(params, results))
    }

    /// What a lowered module imports that is no function: lowering leaves it as it is, but for the name of what is asked of the host.
    #[must_use]
    pub fn of_other(module: &str, name: &str, ty: Type) -> Self {
        let name = if HOST_MODULES.contains(&module) { name.split(RESERVED).next().unwrap_or_default() } else { name };
        Self { module: module.into(), name: name.into(), ty }
    }
}

fn is_ticks(ty: impl AsRef<str>) -> bool {
    ty.as_ref() == "i64"
}
