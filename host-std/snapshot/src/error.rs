//! Why there is no snapshot.

use std::fmt;

/// Why there is no snapshot: what was found, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It is no module that a run would accept.
    Module(String),
    /// The files, arguments or environment make no package.
    Package(String),
    /// It is linked with a library of this name, whose state would have to be kept as well.
    Library(String),
    /// It imports something beside functions of the host.
    Import {
        /// What kind of thing.
        kind: &'static str,
        /// The module that it is imported from.
        module: String,
        /// Its name.
        name: String,
    },
    /// There is no such export that is a function of the module's own without parameters and results.
    Function {
        /// What it was wanted for.
        wanted: &'static str,
        /// The name.
        name: String,
        /// What was found in its place.
        found: &'static str,
    },
    /// It exports nothing with which a run begins.
    NoEntry,
    /// The initialisation asked for something that every run may be told otherwise, or did something that is not kept.
    Asked {
        /// The call.
        call: String,
        /// Why that is refused.
        why: &'static str,
    },
    /// The initialisation did not come to its end.
    Failed {
        /// What it came to.
        outcome: String,
        /// What is known about it.
        diagnostics: String,
        /// The last of what it printed.
        printed: String,
    },
    /// A descriptor is not what it was before the initialisation.
    Descriptor {
        /// Its number.
        number: u32,
        /// What it is.
        is: String,
        /// What it was.
        was: String,
    },
    /// The numbers of descriptors would not be given again as to a program that has opened nothing.
    Order,
    /// A reference that cannot be written into a module.
    Reference(String),
    /// The engine failed, or it is not one into which was looked.
    Engine(String),
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(why) => write!(f, "it is no module that a run would accept: {why}"),
            Self::Package(why) => write!(f, "{why}"),
            Self::Library(name) => {
                write!(f, "it is linked with the library {name:?}, whose state would not be kept: make one module of both first")
            }
            Self::Import { kind, module, name } => {
                write!(f, "it imports the {kind} {name:?} from {module:?}: only functions of the host may be imported, define it in the module")
            }
            Self::Function { wanted, name, found } => {
                write!(f, "{name:?} is to be {wanted}, an exported function without parameters and results, and is {found}")
            }
            Self::NoEntry => {
                f.write_str("it exports neither \"_start\" nor \"\": nothing would run; name another function with `resume`")
            }
            Self::Asked { call, why } => write!(f, "the initialisation called {call}: {why}"),
            Self::Failed { outcome, diagnostics, printed } => {
                write!(f, "the initialisation did not come to its end: {outcome}")?;
                for (what, text) in [("", diagnostics), ("it printed: ", printed)] {
                    if !text.is_empty() {
                        write!(f, "; {what}{text}")?;
                    }
                }
                Ok(())
            }
            Self::Descriptor { number, is, was } => {
                write!(f, "after the initialisation descriptor {number} is {is}, where it was {was}: what is open is not kept, close it")
            }
            Self::Order => f.write_str(
                "the initialisation closed descriptors in such an order that the next would get other numbers than in a run without it: close what was opened last first",
            ),
            Self::Reference(what) => write!(f, "{what}"),
            Self::Engine(why) => write!(f, "the engine failed: {why}"),
        }
    }
}

impl std::error::Error for SnapshotError {}
