//! Packages: their digest, and their bytes. Source: `docs/spec/recording.md`, *Packages*.

use std::sync::Arc;

use subvm_core::wasi::Refused;
use subvm_core::{Library, Package, Parts};

use crate::format::wire::{Read, Source, Wrong, put_bytes, put_uint};

/// The digest by which recordings name a package: BLAKE3 of what it is made of.
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
///
/// # Cost
/// Modules bring their digests, and a tree of files keeps its own once it was asked for; the rest is short.
#[must_use]
pub fn package_digest(package: &Package) -> [u8; 32] {
    let mut bytes = package.start.digest().to_vec();
    put_uint(&mut bytes, package.libraries.len() as u64);
    for library in &package.libraries {
        put_bytes(&mut bytes, library.name.as_bytes());
        bytes.extend_from_slice(library.wasm.digest());
    }
    bytes.extend_from_slice(&package.files.digest());
    put_surroundings(&mut bytes, package);
    *blake3::hash(&bytes).as_bytes()
}

/// All of a package.
pub(crate) fn to_bytes(package: &Package) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_bytes(&mut bytes, &package.start);
    put_uint(&mut bytes, package.libraries.len() as u64);
    for library in &package.libraries {
        put_bytes(&mut bytes, library.name.as_bytes());
        put_bytes(&mut bytes, &library.wasm);
    }
    let files = package.files.files();
    put_uint(&mut bytes, files.len() as u64);
    for (path, content) in files {
        put_bytes(&mut bytes, path.as_bytes());
        put_bytes(&mut bytes, content);
    }
    let directories = package.files.empty_directories();
    put_uint(&mut bytes, directories.len() as u64);
    directories.iter().for_each(|path| put_bytes(&mut bytes, path.as_bytes()));
    put_surroundings(&mut bytes, package);
    bytes
}

fn put_surroundings(bytes: &mut Vec<u8>, package: &Package) {
    put_uint(bytes, package.args.iter().count() as u64);
    package.args.iter().for_each(|arg| put_bytes(bytes, arg.as_bytes()));
    put_uint(bytes, package.env.iter().count() as u64);
    package.env.iter().for_each(|variable| put_bytes(bytes, variable));
}

/// The package that has these bytes, and no other.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Package, &'static str> {
    const NONE: &str = "what is said to be a package is none";
    let mut source = Source(bytes);
    let parts = parts(&mut source).map_err(|_| NONE)?;
    // Which names are refused was decided where the package was made, and is decided again where it runs.
    let package = parts.check(&Refused::new([])).map_err(|_| NONE)?;
    if source.0.is_empty() && to_bytes(&package) == bytes { Ok(package) } else { Err(NONE) }
}

fn parts(source: &mut Source<'_>) -> Read<Parts> {
    let start = Arc::<[u8]>::from(source.bytes()?).into();
    let libraries = source.list(|source| {
        Ok(Library { name: source.text()?.to_owned(), wasm: Arc::<[u8]>::from(source.bytes()?).into() })
    })?;
    let files = source.list(|source| Ok((source.text()?.to_owned(), source.bytes()?.into())))?;
    let directories = source.list(|source| Ok(source.text()?.to_owned()))?;
    let args = source.list(|source| Ok(source.text()?.to_owned()))?;
    let env = source.list(|source| {
        let (name, value) = source.text()?.split_once('=').ok_or(Wrong::Malformed("a variable without ="))?;
        Ok((name.to_owned(), value.to_owned()))
    })?;
    Ok(Parts { start, libraries, files, directories, args, env })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> Package {
        let library = |name: &str| Library { name: name.into(), wasm: b"lib"[..].into() };
        let parts = Parts {
            start: b"start"[..].into(),
            libraries: vec![library("a"), library("b")],
            files: vec![("/x/y".into(), b"1"[..].into()), ("/a".into(), b""[..].into())],
            directories: vec!["/empty/er".into()],
            args: vec!["prog".into(), "--flag".into()],
            env: vec![("TZ".into(), "CET".into()), ("HOME".into(), "/=".into())],
        };
        parts.check(&Refused::default()).unwrap()
    }

    #[test]
    fn a_package_comes_back_as_it_was() {
        let bytes = to_bytes(&package());
        let back = from_bytes(&bytes).unwrap();
        assert_eq!(to_bytes(&back), bytes);
        assert_eq!(package_digest(&back), package_digest(&package()));
    }

    #[test]
    fn what_is_not_one_is_refused() {
        let bytes = to_bytes(&package());
        for len in 0..bytes.len() {
            assert!(from_bytes(&bytes[..len]).is_err(), "the first {len} bytes");
        }
        assert!(from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        // Another order of files is another spelling.
        let swapped = Parts { files: vec![("/b".into(), b"2"[..].into())], ..Parts::default() };
        let mut bytes = to_bytes(&swapped.check(&Refused::default()).unwrap());
        let at = bytes.iter().position(|byte| *byte == b'/').unwrap();
        bytes[at] = b'x';
        assert!(from_bytes(&bytes).is_err());
    }

    #[test]
    fn whatever_of_it_changes_changes_the_digest() {
        let digest = package_digest(&package());
        let with = |change: fn(&mut Package)| {
            let mut package = package();
            change(&mut package);
            package_digest(&package)
        };
        assert_eq!(with(|_| ()), digest);
        assert_ne!(with(|package| package.start = b"other"[..].into()), digest);
        assert_ne!(with(|package| package.libraries.reverse()), digest);
        assert_ne!(with(|package| package.files = Arc::default()), digest);
        assert_ne!(with(|package| package.args = Arc::default()), digest);
        assert_ne!(with(|package| package.env = Arc::default()), digest);
    }
}
