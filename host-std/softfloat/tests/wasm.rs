//! The checked-in WebAssembly is what the pinned compiler makes of this crate.

use std::path::Path;
use std::process::Command;

/// How the recipe says that the toolchain cannot compile to WebAssembly.
const TARGET_IS_MISSING: i32 = 2;

#[test]
fn the_recipe_rebuilds_the_library_byte_for_byte() {
    let crate_directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target_directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("softfloat");
    let output = target_directory.with_extension("wasm");
    let recipe = Command::new(crate_directory.join("build-wasm"))
        .arg(&output)
        .env("CARGO_TARGET_DIR", &target_directory)
        .output()
        .expect("the recipe is executable");
    if recipe.status.code() == Some(TARGET_IS_MISSING) {
        println!("SKIPPED: {}", String::from_utf8_lossy(&recipe.stderr));
        return;
    }
    assert!(recipe.status.success(), "{}", String::from_utf8_lossy(&recipe.stderr));
    let rebuilt = std::fs::read(&output).expect("the recipe's output");
    let kept = std::fs::read(crate_directory.join("../lower/src/floats/softfloat.wasm")).expect("the checked-in file");
    assert!(rebuilt == kept, "run host-std/softfloat/build-wasm and review the difference");
}
