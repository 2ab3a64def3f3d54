//! Code as it is deployed: a module alone, or a bundle with all that it needs.

use std::fmt::Display;

use subvm_core::wasi::Refused;
use subvm_core::{Package, Parts};

/// What a bundle begins with (`docs/spec/bundle.md`), and no module does.
const BUNDLE: &[u8] = b"subvm";

/// The package of a module, or of a bundle; or why there is none.
pub(crate) fn package(code: &[u8]) -> Result<Package, String> {
    let why = |error: &dyn Display| error.to_string();
    if code.starts_with(BUNDLE) {
        return Package::from_bundle(code).map_err(|error| why(&error));
    }
    let parts = Parts { start: code.into(), ..Parts::default() };
    parts.check(&Refused::default()).map_err(|error| why(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_a_module_or_a_bundle() {
        let files = vec![("/a".to_owned(), b"x"[..].into())];
        let whole = Parts { start: b"\0asm"[..].into(), files, ..Parts::default() }.check(&Refused::default()).unwrap();
        let bundle = whole.to_bundle();
        assert_eq!(package(&bundle).unwrap().digest(), whole.digest());
        assert_eq!(&package(b"\0asm").unwrap().start[..], b"\0asm");
        assert!(package(&bundle[..bundle.len() - 1]).is_err(), "a bundle that is cut short is none");
    }
}
