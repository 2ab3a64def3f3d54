//! What is counted.

use std::hint::black_box;

use subvm_core::calldata::{Map, Value};
use subvm_core::fingerprint::{ZeroTree, hash_memory};
use subvm_core::wasi::entry;
use subvm_core::{Cx, End};

use crate::guest::Guest;

/// Something that is done once.
pub(crate) type Action = Box<dyn FnMut()>;

/// Its name, and what prepares it.
pub(crate) type Case = (&'static str, fn() -> Action);

fn call(function: impl Fn(&mut Cx<'_>) -> Result<u32, End> + 'static) -> Action {
    let mut guest = Guest::new();
    Box::new(move || guest.call(&function))
}

/// A call with arguments that the compiler does not know, as it knows none of a guest's.
macro_rules! call {
    ($name:ident, $($argument:expr),*) => {
        call(|cx| entry::$name(cx, $(black_box($argument)),*))
    };
}

/// A message of a kind that contracts get.
fn message() -> Value {
    let argument = |number: i32| {
        Value::from(Map::from([
            ("amount", Value::from(number)),
            ("memo", Value::from("a few words")),
            ("to", Value::Bytes(vec![number as u8; 20])),
        ]))
    };
    Value::from(Map::from([
        ("args", Value::Array((0..20).map(argument).collect())),
        ("method", Value::from("transfer")),
    ]))
}

pub(crate) const CASES: &[Case] = &[
    ("args_sizes_get", || call!(args_sizes_get, 1024, 1028)),
    ("calldata decode", || {
        let bytes = message().encode().expect("it is small");
        Box::new(move || drop(black_box(Value::decode(black_box(&bytes)))))
    }),
    ("calldata encode", || {
        let value = message();
        Box::new(move || drop(black_box(black_box(&value).encode())))
    }),
    ("clock_time_get", || call!(clock_time_get, 1, 0, 1024)),
    ("environ_get", || call!(environ_get, 1024, 2048)),
    ("fd_fdstat_get", || call!(fd_fdstat_get, 4, 1024)),
    ("fd_filestat_get", || call!(fd_filestat_get, 4, 1024)),
    ("fd_prestat_get", || call!(fd_prestat_get, 3, 1024)),
    ("fd_read, 4 KiB", || call!(fd_read, 4, 32, 1, 1024)),
    ("fd_readdir, 100 entries", || call!(fd_readdir, 5, 8192, 8192, 0, 1024)),
    ("fd_seek", || call!(fd_seek, 4, 128, 0, 1024)),
    ("fd_tell", || call!(fd_tell, 4, 1024)),
    ("fd_write, 64 bytes", || call!(fd_write, 1, 16, 1, 1024)),
    ("fingerprint of 1 MiB", || {
        let (memory, mut zeros) = (vec![7_u8; 1 << 20], ZeroTree::default());
        Box::new(move || {
            black_box(hash_memory(black_box(&memory), None, &mut zeros));
        })
    }),
    ("path_filestat_get", || call!(path_filestat_get, 3, 1, 64, 14, 1024)),
    ("path_open + fd_close", || {
        let mut guest = Guest::new();
        Box::new(move || guest.open_and_close())
    }),
    ("random_get, 32 bytes", || call!(random_get, 1024, 32)),
];
