//! The corpora of the WASI fuzz targets and all that fuzzing has ever found, replayed.

use subvm_tests::fuzz::{replay, wasi};

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
