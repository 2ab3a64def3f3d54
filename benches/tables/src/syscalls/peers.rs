//! Who makes the calls.

use std::sync::Arc;
use std::time::Instant;

use subvm_core::{Engine, Package, Parts};
use subvm_host_std::WasmtimeEngine;
use subvm_host_std::lower::Options;

use crate::node::Marks;
use crate::plain::{self, Plain};
use crate::program::{package, succeed};
use crate::syscalls::cases::{Bar, ENTRIES, FILE, READ};
use crate::syscalls::guest::{MarkBy, text};
use crate::syscalls::{Case, Comparison};

/// Arguments of every peer's guest.
pub const ARGS: [&str; 3] = ["prog", "--flag", "value"];
/// Its environment.
pub const ENV: [(&str, &str); 5] =
    [("HOME", "/"), ("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC"), ("USER", "vm")];

/// One prepared guest: each call runs it once and gives the marks that it made.
pub type Runner = Box<dyn FnMut() -> Vec<Instant>>;

/// Something that runs guests.
pub trait Peer {
    /// What the tables call it.
    fn name(&self) -> &str;

    /// A guest that makes the calls of `case` so many times; nothing where it has no such call.
    fn prepare(&self, case: &Case, times: u32) -> Option<Runner>;
}

/// The files of every guest's tree: path from the root, and bytes.
#[must_use]
pub fn files() -> Vec<(String, Arc<[u8]>)> {
    let content: Arc<[u8]> = (0..FILE).map(|at| ((at * 31) >> 3) as u8).collect();
    let entries = (0..ENTRIES).map(|number| (format!("/dir100/entry_{number:03}.txt"), Arc::from([])));
    std::iter::once(("/a/b/c/file.txt".to_owned(), content)).chain(entries).collect()
}

/// What subvm runs to make the calls of `case` so many times.
#[must_use]
pub fn contract(case: &Case, times: u32) -> Arc<Package> {
    let parts = Parts {
        files: files(),
        args: ARGS.map(str::to_owned).into(),
        env: ENV.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..Parts::default()
    };
    package(&text(case, times, MarkBy::Stderr), parts)
}

/// subvm: gas, rights, budgets and bounds on; a file tree in memory.
#[derive(Clone)]
pub struct Subvm(pub Arc<dyn Engine>);

impl Default for Subvm {
    fn default() -> Self {
        Self(Arc::new(WasmtimeEngine::new().expect("wasmtime runs here")))
    }
}

impl Peer for Subvm {
    fn name(&self) -> &str {
        "subvm"
    }

    fn prepare(&self, case: &Case, times: u32) -> Option<Runner> {
        let (engine, marks) = (Arc::clone(&self.0), Marks::default());
        let package = contract(case, times);
        Some(Box::new(move || {
            succeed(&engine, &package, &marks);
            marks.take()
        }))
    }
}

/// The same module, lowered too, on the same engine, with functions that return 0 at once and are handed no ticks.
pub struct Empty(pub wasmtime::Engine);

impl Default for Empty {
    fn default() -> Self {
        Self(plain::engine())
    }
}

impl Peer for Empty {
    fn name(&self) -> &str {
        "empty function"
    }

    fn prepare(&self, case: &Case, times: u32) -> Option<Runner> {
        let marks = Marks::default();
        let mut guest = Plain::new(&self.0, &text(case, times, MarkBy::Stderr), &Options::default(), &marks);
        Some(Box::new(move || {
            guest.run();
            marks.take()
        }))
    }
}

/// Copying the file in memory, as `fd_read` has to.
pub struct Copy;

impl Peer for Copy {
    fn name(&self) -> &str {
        "copy"
    }

    fn prepare(&self, case: &Case, times: u32) -> Option<Runner> {
        if !matches!(case.bar, Some(Bar::CopyAnd(_))) {
            return None;
        }
        let (_, from) = files().swap_remove(0);
        let mut into = vec![0; READ];
        Some(Box::new(move || {
            let start = Instant::now();
            for chunk in from.chunks_exact(READ).cycle().take(times as usize) {
                into.copy_from_slice(std::hint::black_box(chunk));
                std::hint::black_box(&mut into);
            }
            vec![start, start, Instant::now()]
        }))
    }
}

impl Comparison {
    /// How many times as fast as the peer subvm must be.
    #[must_use]
    pub fn bar(self) -> Option<f64> {
        (self == Self::Alike).then_some(8.0)
    }
}
