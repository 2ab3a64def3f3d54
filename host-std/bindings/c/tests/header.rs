//! The header is what the source says. `SUBVM_RECORD=1` writes it anew.

use std::path::Path;

#[test]
fn the_header_is_that_of_the_source() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(here.join("cbindgen.toml")).unwrap();
    let mut made = Vec::new();
    cbindgen::generate_with_config(here, config).unwrap().write(&mut made);
    let made = String::from_utf8(made).unwrap();
    let file = here.join("include/subvm_host.h");
    if std::env::var_os("SUBVM_RECORD").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == made, "{} is not what the source says: SUBVM_RECORD=1 cargo test --test header", file.display());
}
