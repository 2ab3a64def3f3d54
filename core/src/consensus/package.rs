//! A contract's code.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use crate::consensus::config::{Args, ArgsError, Env, EnvError, Refused};
use crate::costs::LIBRARIES;
use crate::outcome::Invalid;
use crate::vfs::{MapError, Tree};

/// A module's bytes, with their BLAKE3: hashed when made, so that no engine hashes megabytes at each spawn to find what it compiled.
/// A clone is cheap.
///
/// ```
/// let wasm = subvm_core::Wasm::from(*b"\0asm\x01\0\0\0");
/// assert_eq!(wasm.digest(), blake3::hash(&wasm).as_bytes());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Wasm {
    digest: [u8; 32],
    bytes: Arc<[u8]>,
}

impl Wasm {
    /// BLAKE3 of the bytes.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl<T: Into<Arc<[u8]>>> From<T> for Wasm {
    fn from(bytes: T) -> Self {
        let bytes = bytes.into();
        Self { digest: *blake3::hash(&bytes).as_bytes(), bytes }
    }
}

impl Default for Wasm {
    fn default() -> Self {
        Self::from(&[][..])
    }
}

impl Deref for Wasm {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Wasm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wasm({} bytes)", self.bytes.len())
    }
}

/// A WebAssembly module under the name by which others import from it.
///
/// ```
/// use subvm_core::{Library, Parts, Wasm, wasi::Refused};
/// let math = Library { name: "math".into(), wasm: Wasm::from(*b"\0asm\x01\0\0\0") };
/// let package = Parts { libraries: vec![math], ..Parts::default() }.check(&Refused::default())?;
/// assert_eq!(package.libraries[0].name, "math");
/// # Ok::<(), subvm_core::PackageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Library {
    /// `[A-Za-z0-9_.-]{1,64}`, unique within the package.
    pub name: String,
    /// The module.
    pub wasm: Wasm,
}

/// A contract's code: what every node runs for an address. All parts are shared, so that a clone is cheap. It is made from [`Parts`].
///
/// ```
/// use subvm_core::{Parts, wasi::Refused};
/// let parts = Parts { start: b"\0asm\x01\0\0\0"[..].into(), files: vec![("/data".into(), b"x"[..].into())], ..Parts::default() };
/// let package = parts.check(&Refused::default())?;
/// assert_eq!(package.start.len(), 8);
/// # Ok::<(), subvm_core::PackageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Package {
    /// The module whose entry export is called.
    pub start: Wasm,
    /// Modules linked before it, in this order.
    pub libraries: Vec<Library>,
    /// The files it sees.
    pub files: Arc<Tree>,
    /// Its arguments.
    pub args: Arc<Args>,
    /// Its environment.
    pub env: Arc<Env>,
}

/// The parts of a package as they are stored or typed, unchecked.
///
/// ```
/// use subvm_core::{Invalid, Parts, wasi::Refused};
/// let parts = Parts { env: vec![("LD_PRELOAD".into(), "x".into())], ..Parts::default() };
/// let error = parts.check(&Refused::default()).unwrap_err();
/// assert_eq!(error.invalid(), Invalid::Env);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// The module whose entry export is called.
    pub start: Wasm,
    /// Modules linked before it, in this order, at most [`LIBRARIES`].
    pub libraries: Vec<Library>,
    /// Paths and bytes.
    pub files: Vec<(String, Arc<[u8]>)>,
    /// Paths of directories that are there though no file is below them.
    pub directories: Vec<String>,
    /// Paths of directories of it that are announced beside `/`, in this order, at most [`ROOTS`](crate::costs::ROOTS).
    pub roots: Vec<String>,
    /// Arguments.
    pub args: Vec<String>,
    /// Names and values.
    pub env: Vec<(String, String)>,
}

impl Parts {
    /// A package of these parts, where the rules allow them.
    ///
    /// # Errors
    /// [`PackageError`], which names the offender; to consensus it is its [`invalid`](PackageError::invalid).
    pub fn check(self, refused: &Refused) -> Result<Package, PackageError> {
        if self.libraries.len() > LIBRARIES {
            return Err(PackageError::Libraries(self.libraries.len()));
        }
        let mut files = Tree::builder();
        for (path, bytes) in self.files {
            files.map(&path, bytes).map_err(|error| PackageError::File { path, error })?;
        }
        for path in self.directories {
            files.make_directory(&path).map_err(|error| PackageError::Directory { path, error })?;
        }
        for path in self.roots {
            files.announce(&path).map_err(|error| PackageError::Root { path, error })?;
        }
        Ok(Package {
            start: self.start,
            libraries: self.libraries,
            files: Arc::new(files.build()),
            args: Arc::new(Args::new(&self.args).map_err(PackageError::Args)?),
            env: Arc::new(Env::new(self.env, refused).map_err(PackageError::Env)?),
        })
    }
}

/// Why parts make no package.
///
/// ```
/// use subvm_core::{Invalid, PackageError, Parts, wasi::Refused};
/// let parts = Parts { files: vec![("relative".into(), b""[..].into())], ..Parts::default() };
/// let error = parts.check(&Refused::default()).unwrap_err();
/// assert!(matches!(&error, PackageError::File { path, .. } if path == "relative"));
/// assert_eq!(error.invalid(), Invalid::Package);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackageError {
    /// More than [`LIBRARIES`].
    Libraries(usize),
    /// A path that cannot be mapped.
    File {
        /// The path.
        path: String,
        /// Why.
        error: MapError,
    },
    /// A directory that cannot be made.
    Directory {
        /// The path.
        path: String,
        /// Why.
        error: MapError,
    },
    /// A directory that cannot be announced.
    Root {
        /// The path.
        path: String,
        /// Why.
        error: MapError,
    },
    /// An argument that is refused.
    Args(ArgsError),
    /// An environment variable that is refused.
    Env(EnvError),
}

impl PackageError {
    /// What it is to consensus.
    #[must_use]
    pub fn invalid(&self) -> Invalid {
        match self {
            Self::Libraries(_) | Self::File { .. } | Self::Directory { .. } | Self::Root { .. } => Invalid::Package,
            Self::Args(_) => Invalid::Args,
            Self::Env(_) => Invalid::Env,
        }
    }
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Libraries(found) => write!(f, "{found} libraries, where {LIBRARIES} are allowed"),
            Self::File { path, error } => write!(f, "file {path:?}: {error}"),
            Self::Directory { path, error } => write!(f, "directory {path:?}: {error}"),
            Self::Root { path, error } => write!(f, "root {path:?}: {error}"),
            Self::Args(error) => write!(f, "{error}"),
            Self::Env(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for PackageError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn a_package_has_as_many_libraries_as_allowed_and_no_more() {
        let parts = |count| {
            let library = |number| Library { name: alloc::format!("l{number}"), wasm: Wasm::default() };
            Parts { libraries: (0..count).map(library).collect(), ..Parts::default() }
        };
        assert!(parts(LIBRARIES).check(&Refused::default()).is_ok());
        let error = parts(LIBRARIES + 1).check(&Refused::default()).expect_err("one too many");
        assert_eq!((&error, error.invalid()), (&PackageError::Libraries(17), Invalid::Package));
        assert_eq!(error.to_string(), "17 libraries, where 16 are allowed");
    }
}
