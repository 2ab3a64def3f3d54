//! The C programs beside this file, compiled with gcc against the library, run as they are and under valgrind: `node.c` comes to the receipts that
//! Rust computes, `kept.c` is that node with a ledger, whose runs are recorded and run again, `watched.c` has an observer and a log, `border.c` finds an
//! error wherever it does something wrong, and `buffer.c` gives buffers their own bytes.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{checked, computed, here, is_there, library, oracle, receipts};

/// A program of this directory, compiled with all warnings, and linked to a file of the library; `to` is what it is then called.
fn compiled(name: &str, link: &str, to: &str) -> PathBuf {
    let program = library().join(to);
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"]).arg(here().join("include"));
    gcc.arg(here().join(format!("tests/{name}.c"))).arg(library().join(link)).arg("-o").arg(&program);
    gcc.arg(format!("-Wl,-rpath,{}", library().display())).args(["-lpthread", "-ldl", "-lm"]);
    let done = gcc.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    program
}

/// Errors are of memory, and what is lost at the end.
fn valgrind(program: &Path) -> Command {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect"]);
    // Stacks of guests are reserved, and larger than what it takes for a stack.
    valgrind.arg("--max-stackframe=2000000000").arg(program);
    valgrind
}

#[test]
fn a_node_in_c_comes_to_the_receipts_of_rust() {
    if !is_there("gcc --version") {
        return;
    }
    let expected = computed();
    assert_eq!(expected.len(), 12);
    for link in ["libsubvm.a", "libsubvm.so"] {
        let node = compiled("node", link, &format!("node-{link}"));
        for engine in ["wasmtime", "wasmi"] {
            for callbacks in ["anywhere", "on-caller"] {
                let printed = checked(Command::new(&node).arg(oracle()).args([engine, callbacks]));
                assert_eq!(receipts(&printed), expected, "{link}, {engine}, {callbacks}:\n{printed}");
                assert!(printed.contains("all five parts keep their promises"), "{printed}");
            }
        }
    }
}

#[test]
fn a_node_in_c_loses_no_memory() {
    if !is_there("gcc --version") || !is_there("valgrind --version") {
        return;
    }
    let (node, expected) = (compiled("node", "libsubvm.so", "node-valgrind"), computed());
    for (engine, callbacks) in [("wasmi", "anywhere"), ("wasmi", "on-caller"), ("wasmtime", "anywhere")] {
        let printed = checked(valgrind(&node).arg(oracle()).args([engine, callbacks]));
        assert_eq!(receipts(&printed), expected, "{engine}, {callbacks}:\n{printed}");
    }
}

/// A directory for ledgers and recordings, which nothing is in.
fn empty(name: &str) -> PathBuf {
    let directory = library().join(name);
    // It is not there, but for a test that was killed.
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir(&directory).unwrap();
    directory
}

/// The leader's and the first validator's of each call: the program runs these.
fn kept(computed: &[String]) -> Vec<&String> {
    computed.chunks(4).flat_map(|call| &call[..2]).collect()
}

#[test]
fn what_a_node_in_c_keeps_is_what_it_ran() {
    if !is_there("gcc --version") {
        return;
    }
    let (node, expected) = (compiled("kept", "libsubvm.so", "kept"), computed());
    for (engine, callbacks) in [("wasmtime", "anywhere"), ("wasmi", "on-caller")] {
        let directory = empty(&format!("kept-{engine}"));
        let printed = checked(Command::new(&node).arg(oracle()).args([engine, callbacks]).arg(&directory));
        assert_eq!(receipts(&printed), kept(&expected), "{engine}, {callbacks}:\n{printed}");
        assert!(printed.contains("the ledger keeps its promises"), "{printed}");
        assert_eq!(printed.matches("the run is the recorded one").count(), 6, "{printed}");
        std::fs::remove_dir_all(directory).unwrap();
    }
}

#[test]
fn what_a_node_in_c_keeps_loses_no_memory() {
    if !is_there("gcc --version") || !is_there("valgrind --version") {
        return;
    }
    let (node, expected) = (compiled("kept", "libsubvm.so", "kept-valgrind"), computed());
    let directory = empty("kept-in-valgrind");
    let printed = checked(valgrind(&node).arg(oracle()).args(["wasmi", "anywhere"]).arg(&directory));
    assert_eq!(receipts(&printed), kept(&expected), "{printed}");
    std::fs::remove_dir_all(directory).unwrap();
}

/// The leader's of the first and the last call, twice: without a log and with one.
#[test]
fn who_watches_a_node_in_c_changes_no_receipt() {
    if !is_there("gcc --version") {
        return;
    }
    let (node, all) = (compiled("watched", "libsubvm.so", "watched"), computed());
    // Each begins with an empty store, as the first call of Rust's does; the last one's failure says nothing of what is stored.
    let checks = |printed: &str, what: &str| {
        let found = receipts(printed);
        assert_eq!((found.len(), found[0], &found[..2]), (4, &*all[0], &found[2..]), "{what}:\n{printed}");
        assert!(printed.contains("watching changes nothing"), "{printed}");
    };
    for (engine, callbacks, log) in [("wasmtime", "anywhere", "text"), ("wasmi", "on-caller", "json")] {
        let printed = checked(Command::new(&node).arg(oracle()).args([engine, callbacks, log]));
        checks(&printed, engine);
    }
    if is_there("valgrind --version") {
        for callbacks in ["anywhere", "on-caller"] {
            let printed = checked(valgrind(&node).arg(oracle()).args(["wasmi", callbacks, "json"]));
            checks(&printed, "valgrind");
        }
    }
}

#[test]
fn whatever_is_wrong_is_an_error() {
    if !is_there("gcc --version") {
        return;
    }
    let border = compiled("border", "libsubvm.so", "border");
    for engine in ["tiered", "wasmi"] {
        checked(Command::new(&border).arg(engine));
    }
    if is_there("valgrind --version") {
        checked(valgrind(&border).arg("wasmi"));
    }
}

/// What is wrong with memory may go unseen without valgrind: it is asked first.
#[test]
fn a_buffer_may_be_given_its_own_bytes() {
    if !is_there("gcc --version") {
        return;
    }
    let buffer = compiled("buffer", "libsubvm.so", "buffer");
    if is_there("valgrind --version") {
        checked(&mut valgrind(&buffer));
    }
    checked(&mut Command::new(&buffer));
}

/// The header is one for C++ as well.
#[test]
fn the_header_compiles_as_cpp() {
    if !is_there("g++ --version") {
        return;
    }
    let header = here().join("include/subvm_host.h");
    checked(
        Command::new("g++")
            .args(["-std=c++11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-x", "c++"])
            .arg(header),
    );
}
