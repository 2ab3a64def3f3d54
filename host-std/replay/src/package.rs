//! Packages in recordings. Source: `docs/spec/bundle.md`.

use subvm_core::Package;

/// The digest by which recordings name a package: [`Package::digest`].
///
/// ```
/// use subvm_core::{Parts, wasi::Refused};
/// let package = |args: &[&str]| {
///     let args = args.iter().map(|arg| (*arg).to_owned()).collect();
///     Parts { args, ..Parts::default() }.check(&Refused::default()).unwrap()
/// };
/// assert_eq!(subvm_replay::package_digest(&package(&["a"])), subvm_replay::package_digest(&package(&["a"])));
/// assert_ne!(subvm_replay::package_digest(&package(&["a"])), subvm_replay::package_digest(&package(&["b"])));
/// ```
#[must_use]
pub fn package_digest(package: &Package) -> [u8; 32] {
    package.digest()
}

/// The package that has these bytes, and no other.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Package, &'static str> {
    // Which names are refused was decided where the package was made, and is decided again where it runs.
    Package::from_bytes(bytes).map_err(|_| "what is said to be a package is none")
}
