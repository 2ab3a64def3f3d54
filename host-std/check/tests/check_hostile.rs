//! Whatever bytes a module is made of, checking it ends, and says that it does not validate where it does not.

use subvm_check::check;
use subvm_core::{Invalid, Library, Params, Parts, VmError};
use subvm_lower::{Options, lower};

/// A module with something of every section that is looked at.
const WHOLE: &str = r#"(module $whole
    (type $unused (func (param i64) (result i64)))
    (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
    (import "env" "memory" (memory 1))
    (import "env" "global" (global i32))
    (table 3 funcref)
    (memory $own 2 4)
    (global $count (mut i64) (i64.const 0))
    (elem (i32.const 0) func $close $twice)
    (func $twice (param i32) (result i32) (i32.add (local.get 0) (call $close (local.get 0))))
    (func (export "_initialize"))
    (func (export "_start") (drop (call $twice (i32.const 1))))
    (data (memory $own) (i32.const 0) "data"))"#;

/// What it imports from.
const LIBRARY: &str = r#"(module (memory (export "memory") 1) (global (export "global") i32 (i32.const 0)))"#;

fn errors(start: &[u8], library: &[u8]) -> Vec<VmError> {
    let library = Library { name: "env".into(), wasm: library.into() };
    let parts = Parts { start: start.into(), libraries: vec![library], ..Parts::default() };
    let package = parts.check(&Params::default().refused_env).expect("the parts of a package");
    let checked = check(&package, &Params::default());
    // What is printed must not end it either.
    let lines: Vec<String> = checked.findings.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), checked.findings.len());
    checked.findings.into_iter().map(|finding| finding.error).collect()
}

/// Each beginning of the bytes, and the bytes with each one changed in four ways.
fn broken(whole: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let cut = (0..whole.len()).map(|len| whole[..len].to_vec());
    let changed = (0..whole.len()).flat_map(|at| {
        [whole[at] ^ 1, whole[at] ^ 0x80, 0, 0xff].map(|byte| {
            let mut changed = whole.to_vec();
            changed[at] = byte;
            changed
        })
    });
    cut.chain(changed)
}

#[test]
fn whatever_a_module_is_it_is_checked() {
    let (whole, library) = (wat::parse_str(WHOLE).unwrap(), wat::parse_str(LIBRARY).unwrap());
    assert_eq!(errors(&whole, &library), []);
    let validating = VmError::InvalidContract(Invalid::WasmValidating);
    let mut refused = 0;
    for start in broken(&whole) {
        let errors = errors(&start, &library);
        assert_eq!(errors.contains(&validating), lower(&start, &Options::default()).is_err(), "{start:02x?}");
        refused += u32::from(!errors.is_empty());
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn whatever_a_library_is_it_is_checked() {
    let (whole, library) = (wat::parse_str(WHOLE).unwrap(), wat::parse_str(LIBRARY).unwrap());
    let validating = VmError::InvalidContract(Invalid::WasmValidating);
    for library in broken(&library) {
        let errors = errors(&whole, &library);
        assert_eq!(errors.contains(&validating), lower(&library, &Options::default()).is_err(), "{library:02x?}");
    }
}
