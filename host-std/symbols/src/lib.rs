//! What people call the functions of a module, and where in its source an instruction stands.
//!
//! Everything is read from the module *as its author supplied it*, and nothing here is hashed or voted on. A module is whatever somebody
//! sent: what cannot be read is left out, names are bounded and escaped, and reading DWARF costs no more than a constant times its bytes,
//! however it refers to itself.
//!
//! ```
//! use subvm_symbols::Symbols;
//!
//! let module = wat::parse_str("(module $coin (func $_ZN4coin4send17h0123456789abcdefE) (func (export \"run\")) (func))")?;
//! let symbols = Symbols::read(&module);
//! assert_eq!(symbols.module_name(), Some("coin"));
//! assert_eq!([0, 1, 2].map(|function| symbols.name(function)), ["coin::send", "run", "func[2]"]);
//! # Ok::<(), wat::Error>(())
//! ```

use std::fmt;
use std::ops::Range;

mod dwarf;
mod metered;
mod module;
mod names;
mod stack;

use dwarf::Lines;
use module::Module;
pub use names::{demangled, shown};
pub use stack::{Library, stack};

/// The functions of one module.
///
/// ```
/// use subvm_symbols::Symbols;
/// let broken = Symbols::read(b"no module");
/// assert_eq!((broken.functions(), broken.name(7)), (0, "func[7]".to_owned()));
/// ```
#[derive(Debug)]
pub struct Symbols {
    module: Module,
    lines: Lines,
}

/// Where in its source an instruction stands. It prints as `transfer at src/lib.rs:41:9`.
///
/// ```
/// use subvm_symbols::Place;
/// let place = Place { function: Some("transfer".into()), file: "src/lib.rs".into(), line: 41, column: 0 };
/// assert_eq!(place.to_string(), "transfer at src/lib.rs:41");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The function of the source, demangled; it may be one that was inlined.
    pub function: Option<String>,
    /// As the compiler wrote it; empty where it is not known.
    pub file: String,
    /// From 1 on; 0 where it is not known.
    pub line: u32,
    /// From 1 on; 0 where it is not known.
    pub column: u32,
}

/// A line of the source, and the bytes of the module that were made of it.
///
/// ```
/// use subvm_symbols::Symbols;
/// let module = wat::parse_str("(module (func))")?;
/// assert_eq!(Symbols::read(&module).rows(), [], "it has no DWARF");
/// # Ok::<(), wat::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Bytes of the module.
    pub code: Range<usize>,
    /// As the compiler wrote it.
    pub file: std::sync::Arc<str>,
    /// From 1 on.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, file, line, column } = self;
        if let Some(function) = function {
            write!(f, "{function}")?;
        }
        if file.is_empty() {
            return Ok(());
        }
        if function.is_some() {
            f.write_str(" at ")?;
        }
        f.write_str(file)?;
        match (line, column) {
            (0, _) => Ok(()),
            (_, 0) => write!(f, ":{line}"),
            _ => write!(f, ":{line}:{column}"),
        }
    }
}

impl Symbols {
    /// Reads what can be read.
    ///
    /// # Cost
    /// One pass over the module, and memory for its names and its DWARF, which is parsed when it is first asked for.
    ///
    /// ```
    /// use subvm_symbols::Symbols;
    /// let module = wat::parse_str(r#"(module (import "env" "log" (func)) (func $run))"#)?;
    /// let symbols = Symbols::read(&module);
    /// assert_eq!((symbols.functions(), symbols.name(0)), (2, "env.log".into()));
    /// # Ok::<(), wat::Error>(())
    /// ```
    #[must_use]
    pub fn read(wasm: &[u8]) -> Self {
        let (module, sections) = Module::read(wasm);
        Self { lines: Lines::new(sections, module.code), module }
    }

    /// The module's own name, from its name section.
    ///
    /// ```
    /// use subvm_symbols::Symbols;
    /// assert_eq!(Symbols::read(b"").module_name(), None);
    /// ```
    #[must_use]
    pub fn module_name(&self) -> Option<&str> {
        self.module.name.as_deref()
    }

    /// How many functions it has, imported ones included.
    ///
    /// ```
    /// use subvm_symbols::Symbols;
    /// assert_eq!(Symbols::read(b"").functions(), 0);
    /// ```
    #[must_use]
    pub fn functions(&self) -> u32 {
        self.module.functions
    }

    /// What people call function `index`: its name in the name section, else in the exports, else that under which it is imported; demangled,
    /// and as [`shown`] has it. Without any, `func[index]`.
    ///
    /// ```
    /// use subvm_symbols::Symbols;
    /// let module = wat::parse_str("(module (func $\"two\\nlines\"))")?;
    /// assert_eq!(Symbols::read(&module).name(0), "two\\nlines");
    /// # Ok::<(), wat::Error>(())
    /// ```
    #[must_use]
    pub fn name(&self, index: u32) -> String {
        self.known_name(index).unwrap_or_else(|| format!("func[{index}]"))
    }

    /// As [`name`](Self::name); nothing where it has none.
    ///
    /// ```
    /// use subvm_symbols::Symbols;
    /// assert_eq!(Symbols::read(b"").known_name(0), None);
    /// ```
    #[must_use]
    pub fn known_name(&self, index: u32) -> Option<String> {
        self.module.names.get(&index).map(|name| demangled(name))
    }

    /// The bytes of the module that are the body of function `index`, from its declaration of locals on; nothing where it is imported, or
    /// claims to have no byte.
    ///
    /// ```
    /// use subvm_symbols::Symbols;
    /// let module = wat::parse_str("(module (func))")?;
    /// assert_eq!(Symbols::read(&module).body(0).map(|body| body.len()), Some(2), "no locals, and end");
    /// # Ok::<(), wat::Error>(())
    /// ```
    #[must_use]
    pub fn body(&self, index: u32) -> Option<Range<usize>> {
        let defined = index.checked_sub(self.module.imported)?;
        // A body has its locals and its end: what claims to have nothing is none, and no byte belongs to it.
        self.module.bodies.get(defined as usize).filter(|body| !body.is_empty()).cloned()
    }

    /// The function to whose body byte `offset` of the module belongs.
    ///
    /// ```
    /// use subvm_symbols::Symbols;
    /// let module = wat::parse_str("(module (func) (func (drop (i32.const 1))))")?;
    /// let symbols = Symbols::read(&module);
    /// assert_eq!(symbols.function_at(symbols.body(1).unwrap().start), Some(1));
    /// # Ok::<(), wat::Error>(())
    /// ```
    #[must_use]
    pub fn function_at(&self, offset: usize) -> Option<u32> {
        // Bodies stand in order.
        let after = self.module.bodies.partition_point(|body| body.end <= offset);
        let found = self.module.bodies.get(after).is_some_and(|body| body.contains(&offset));
        found.then(|| self.module.imported + after as u32)
    }

    /// Whether the module has DWARF.
    ///
    /// ```
    /// use subvm_symbols::Symbols;
    /// assert!(!Symbols::read(b"").has_lines());
    /// ```
    #[must_use]
    pub fn has_lines(&self) -> bool {
        self.lines.are_there()
    }

    /// Where in the source the instruction at byte `offset` of the module stands: the innermost function that was inlined there first, the
    /// function itself last. Nothing without DWARF that tells it.
    ///
    /// # Cost
    /// The first one reads the heads of all compilation units; each reads the unit it falls into, once.
    ///
    /// ```
    /// use subvm_symbols::Symbols;
    /// assert_eq!(Symbols::read(b"").places(10), []);
    /// ```
    #[must_use]
    pub fn places(&self, offset: usize) -> Vec<Place> {
        self.lines.places(offset)
    }

    /// Every line of the source of which instructions were made, by their bytes; in no order.
    ///
    /// # Cost
    /// Reads all line programs: memory in proportion to them, for 4,194,304 rows at most.
    ///
    /// ```
    /// use subvm_symbols::Symbols;
    /// assert_eq!(Symbols::read(b"").rows(), []);
    /// ```
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.lines.rows()
    }
}
