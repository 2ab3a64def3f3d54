//! Every function that C calls goes through the border, so that no panic of the library's reaches C.

use std::path::Path;

/// The functions of the source that C calls, each with what its body begins with.
fn exported(source: &str) -> Vec<(&str, &str)> {
    let after_attribute = source.split("#[unsafe(no_mangle)]").skip(1);
    after_attribute
        .map(|function| {
            let name = function.split("fn ").nth(1).unwrap().split('(').next().unwrap();
            let mut body = function.split_once("{\n").unwrap().1.lines().map(str::trim);
            (name, body.find(|line| !line.starts_with("//") && *line != "unsafe {").unwrap())
        })
        .collect()
}

/// A panic in a function that has no guard would end the process.
#[test]
fn every_function_is_guarded() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let header = std::fs::read_to_string(here.join("include/subvm_host.h")).unwrap();
    let mut functions = 0;
    for file in std::fs::read_dir(here.join("src")).unwrap() {
        let file = file.unwrap().path();
        let source = std::fs::read_to_string(&file).unwrap();
        for (name, body) in exported(&source) {
            let guards =
                ["guard(|| ", "or(", "border::or(", "crate::border::or(", "of(receipt, ", "unsafe { of(receipt, "];
            assert!(
                guards.iter().any(|guard| body.starts_with(guard)),
                "{}: {name} begins with {body}",
                file.display()
            );
            assert!(header.contains(&format!("{name}(")), "{name} is not in the header");
            functions += 1;
        }
    }
    assert!(functions > 50, "{functions} functions were found");
}

#[test]
fn an_unguarded_function_is_seen() {
    let source = "#[unsafe(no_mangle)]\npub extern \"C\" fn subvm_x() -> u32 {\n    // guard(|| \n    5\n}\n";
    assert_eq!(exported(source), [("subvm_x", "5")]);
}
