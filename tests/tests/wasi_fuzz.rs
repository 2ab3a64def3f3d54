//! The corpora of the WASI fuzz targets, replayed.

use std::path::Path;

use subvm_tests::fuzz::wasi;

fn replay(target: &str, body: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut count = 0;
    for directory in [root.join("corpus").join(target), root.join("regressions").join(target)] {
        for file in directory.read_dir().into_iter().flatten() {
            let path = file.unwrap().path();
            println!("{}", path.display());
            body(&std::fs::read(path).unwrap());
            count += 1;
        }
    }
    assert!(count > 0, "no corpus for {target}");
}

#[test]
fn preview1() {
    replay("preview1", wasi::preview1);
}

#[test]
fn descriptors() {
    replay("descriptors", wasi::descriptors);
}

#[test]
fn tree() {
    replay("tree", wasi::tree);
}
