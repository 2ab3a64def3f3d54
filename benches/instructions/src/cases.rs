//! What is counted.

use std::hint::black_box;

use subvm_core::calldata::{Map, Value};
use subvm_core::fingerprint::{ZeroTree, hash_memory};
use subvm_core::wasi::entry;
use subvm_core::{Cx, End, EntryKind, Gas, Message, PageWrite, Params, Receipt, SlotId, sdk};
use subvm_host_mock::Machine;

use crate::guest::Guest;

/// Something that is done once.
pub(crate) type Action = Box<dyn FnMut()>;

/// What prepares it.
pub(crate) enum Case {
    /// On its own.
    Alone(fn() -> Action),
    /// In a sub-VM, whose calls need a transaction.
    Within(fn(&mut Machine<'_>)),
}
use Case::{Alone, Within};

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

/// A receipt of a kind that transfers leave: two pages, a result, no message.
fn receipt() -> Receipt {
    let page = |number| PageWrite { slot: SlotId([number; 32]), page: 0, content: [number; 32] };
    Receipt {
        params: [1; 32],
        message: [2; 32],
        result: vec![0, 0],
        gas: Gas { data: 2, storage: 2, time: 84_335 },
        storage: vec![page(3), page(4)],
        messages: Vec::new(),
        nondet: Vec::new(),
    }
}

/// Each with its name.
pub(crate) const CASES: &[(&str, Case)] = &[
    ("args_sizes_get", Alone(|| call!(args_sizes_get, 1024, 1028))),
    (
        "calldata decode",
        Alone(|| {
            let bytes = message().encode().expect("it is small");
            Box::new(move || drop(black_box(Value::decode(black_box(&bytes)))))
        }),
    ),
    (
        "calldata encode",
        Alone(|| {
            let value = message();
            Box::new(move || drop(black_box(black_box(&value).encode())))
        }),
    ),
    ("clock_time_get", Alone(|| call!(clock_time_get, 1, 0, 1024))),
    ("environ_get", Alone(|| call!(environ_get, 1024, 2048))),
    ("fd_fdstat_get", Alone(|| call!(fd_fdstat_get, 4, 1024))),
    ("fd_filestat_get", Alone(|| call!(fd_filestat_get, 4, 1024))),
    ("fd_prestat_get", Alone(|| call!(fd_prestat_get, 3, 1024))),
    ("fd_read, 4 KiB", Alone(|| call!(fd_read, 4, 32, 1, 1024))),
    ("fd_readdir, 100 entries", Alone(|| call!(fd_readdir, 5, 8192, 8192, 0, 1024))),
    ("fd_seek", Alone(|| call!(fd_seek, 4, 128, 0, 1024))),
    ("fd_tell", Alone(|| call!(fd_tell, 4, 1024))),
    ("fd_write, 64 bytes", Alone(|| call!(fd_write, 1, 16, 1, 1024))),
    (
        "fingerprint of 1 MiB",
        Alone(|| {
            let (memory, mut zeros) = (vec![7_u8; 1 << 20], ZeroTree::default());
            Box::new(move || {
                black_box(hash_memory(black_box(&memory), None, &mut zeros));
            })
        }),
    ),
    (
        "message to bytes",
        Alone(|| {
            let message = Message { entry_data: message().encode().expect("it is small"), ..Message::default() };
            Box::new(move || {
                drop(black_box(black_box(&message).to_bytes(EntryKind::Main, "2026-11-30T12:00:00Z", None)))
            })
        }),
    ),
    (
        "params digest",
        Alone(|| {
            let params = Params::default();
            Box::new(move || {
                black_box(black_box(&params).digest());
            })
        }),
    ),
    ("path_filestat_get", Alone(|| call!(path_filestat_get, 3, 1, 64, 14, 1024))),
    (
        "path_open + fd_close",
        Alone(|| {
            let mut guest = Guest::new();
            Box::new(move || guest.open_and_close())
        }),
    ),
    ("random_get, 32 bytes", Alone(|| call!(random_get, 1024, 32))),
    (
        "receipt digest",
        Alone(|| {
            let receipt = receipt();
            Box::new(move || {
                black_box(black_box(&receipt).digest());
            })
        }),
    ),
    (
        "receipt from bytes",
        Alone(|| {
            let bytes = receipt().to_bytes();
            Box::new(move || drop(black_box(Receipt::from_bytes(black_box(&bytes)))))
        }),
    ),
    (
        "storage_read, 32 bytes",
        Within(|machine| {
            let read = sdk::entry::storage_read(&mut machine.guest(), black_box(4096), 0, 8192, 32);
            assert!(matches!(read, Ok(0)), "the call failed");
        }),
    ),
    (
        "storage_write, 32 bytes",
        Within(|machine| {
            let written = sdk::entry::storage_write(&mut machine.guest(), black_box(4096), 0, 8192, 32);
            assert!(matches!(written, Ok(0)), "the call failed");
        }),
    ),
];
