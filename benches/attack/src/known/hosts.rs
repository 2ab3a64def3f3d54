//! What the host does around a guest's calls: starting sub-VMs of unusual packages, believing and showing results, pages far apart, answers
//! that the guest keeps.

use subvm_core::calldata::{Map, Value};
use subvm_core::{Message, Parts, Personality, Profile, Role};

use super::{Case, text};

/// A package whose sandboxes do nothing, changed so.
fn spawned(change: impl FnOnce(&mut Parts)) -> Parts {
    let mut parts = text::parts(&text::nested("(memory 1)", "", "(call $spawn)", ""));
    change(&mut parts);
    parts
}

/// As many variables as there may be, with the longest names, which end like one that is refused.
fn environment() -> Parts {
    spawned(|parts| {
        parts.env = (0..1021).map(|number| (format!("V{number:0>120}PASSWOR"), format!("{number}"))).collect();
    })
}

/// A sandbox that ends with a trap, in a module with so many globals of its own.
fn trapping(globals: usize) -> String {
    let globals = "(global (mut i64) (i64.const 1)) ".repeat(globals);
    text::nested(&format!("(memory 1) {globals}"), "", "(call $spawn)", "unreachable")
}

/// Pages of storage without neighbours, all that there is gas for.
fn apart() -> String {
    let import = r#"(import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))"#;
    // The first of each 32 pages of a slot, 2^22 of them, and then the next slot.
    let write = "(drop (call $write (i32.const 0) (local.get $i) (i32.const 64) (i32.const 1)))
        (br_if $l (local.tee $i (i32.add (local.get $i) (i32.const 1024))))
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))";
    text::endless(&format!("{import} (memory 1)"), "(local $i i32)", write)
}

/// Sandboxes after so many pages of storage were written, none beside another.
fn inheriting(pages: u32) -> String {
    let sandbox = r#"{"Sandbox": {"data": b#, "allow_write_storage": false, "allow_send_messages": false, "allow_register_runners": false, "runner": "contract"}}"#;
    let fill = format!(
        "(if (i32.eqz (local.get $i)) (then
            (loop $w (drop (call $write (i32.const 0) (local.get $i) (i32.const 64) (i32.const 1)))
                (br_if $w (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1024))) (i32.const {}))))))",
        pages * 1024
    );
    text::nested_by(sandbox, "(memory 1)", "", &format!("{fill} (call $spawn)"), "")
}

/// Blocks, one after the other, with this request; what they come to is closed.
fn blocks(request: &str) -> String {
    text::nested_by(request, "(memory 1)", "", "(call $spawn)", "")
}

/// A result of so many nulls: the dearest bytes to take apart and to print.
fn nulls(count: usize) -> Vec<u8> {
    [vec![0], text::uleb((count as u64) << 3 | 5), vec![0; count]].concat()
}

/// The largest result that may be.
const LARGEST: usize = (16 << 20) - 8;

/// A request that is refused, again and again.
fn refused(request: &[u8]) -> String {
    let import = r#"(import "genlayer_sdk" "gl_call" (func $gl (param i32 i32 i32) (result i32)))"#;
    let call = format!("(drop (call $gl (i32.const 1024) (i32.const {}) (i32.const 16)))", request.len());
    let data = format!("(data (i32.const 1024) \"{}\")", text::escaped(request));
    text::endless(&format!("{import} (memory 1) {data}"), "", &call.repeat(8))
}

/// The same, in the text form.
fn made(request: &str) -> String {
    refused(&request.parse::<Value>().expect("a value").encode().expect("within the limits"))
}

/// Functions whose answers are kept: name, type, and a call without its index.
const KEPT: [(&str, &str, &str); 4] = [
    ("clock_time_get", "(param i32 i64 i32) (result i32)", "(i32.const 0) (i64.const 0) (i32.const 64)"),
    ("args_sizes_get", "(param i32 i32) (result i32)", "(i32.const 64) (i32.const 68)"),
    ("fd_fdstat_get", "(param i32 i32) (result i32)", "(i32.const 3) (i32.const 64)"),
    ("sock_shutdown", "(param i32 i32) (result i32)", "(i32.const 3) (i32.const 0)"),
];

/// So many imports of functions whose answers are kept.
fn imports(count: usize) -> String {
    (0..count)
        .map(|number| {
            let (name, ty, _) = KEPT[number % KEPT.len()];
            format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func $k{number} {ty})) ")
        })
        .collect()
}

/// Calls of so many of them.
fn calls(count: usize) -> String {
    (0..count).map(|number| format!("(drop (call $k{number} {})) ", KEPT[number % KEPT.len()].2)).collect()
}

/// Answers that are kept, and forgotten at once.
fn forgotten() -> String {
    let close = "(import \"wasi_snapshot_preview1\" \"fd_close\" (func $close (param i32) (result i32)))";
    let pair = format!("(drop (call $close (i32.const 99))) {}", calls(3));
    text::endless(&format!("{} {close} (memory 1)", imports(4)), "", &pair.repeat(8))
}

fn personal(name: &'static str, call: &str, ty: &str, data: &str) -> String {
    let import = format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func $f {ty})) (memory 2) {data}");
    text::endless(&import, "", &format!("(drop (call $f {call}))").repeat(4))
}

/// Bytes that an engine and an allocator take for themselves in any run.
const WORKING: u64 = 16 << 20;

pub(super) fn cases() -> Vec<Case> {
    let long = |case: Case, ticks: u64| case.with(|setting| setting.ticks = ticks);
    let genvm = |case: Case| {
        case.with(|setting| {
            setting.message =
                Message { entry_data: Value::Map(Map::new()).encode().expect("a map"), ..Message::default() };
            setting.ram = 4 << 30;
            setting.change = |params| (params.profile, params.personality) = (Profile::GenVm0_3, Personality::GenVm);
        })
    };
    let validates = |case: Case, role: Role| case.with(|setting| (setting.role, setting.ticks) = (role, 600_000_000));
    const JUDGED: &str =
        r#"{"RunNondetWith": {"data": b#, "strategy": {"NonComparative": {"task": "t", "criteria": "c"}}}}"#;
    const CALL: &str =
        r#"{"CallContract": {"address": addr#ffffffffffffffffffffffffffffffffffffffff, "calldata": null, "state": 0}}"#;
    const PAID: &str = r#"{"PostMessage": {"address": addr#0101010101010101010101010101010101010101, "calldata": null, "value": 1, "on": "accepted"}}"#;
    vec![
        Case::new("spawn_env", "sandboxes with 1,024 variables of long names", "", environment),
        genvm(Case::new("spawn_env_genvm", "the same under GenVM's rules", "", || {
            let sandbox = inheriting(1);
            Parts { start: text::module(&sandbox).into(), ..environment() }
        })),
        Case::new("spawn_roots", "sandboxes with 64 more roots", "", || {
            spawned(|parts| {
                parts.directories = (0..64).map(|number| format!("/d{number}")).collect();
                parts.roots = parts.directories.clone();
            })
        }),
        Case::of_text("spawn_traps", "sandboxes that trap", "", || trapping(0)),
        Case::of_text("spawn_traps_globals", "sandboxes with 4,000 globals that trap", "", || trapping(4000)),
        long(
            genvm(Case::of_text("inherited", "sandboxes after 16,384 pages of storage, each by itself", "", || {
                inheriting(16_384)
            })),
            100_000_000,
        ),
        long(
            Case::of_text(
                "pages_apart",
                "storage that is written a page of 32 at a time, all that a run may",
                "",
                apart,
            ),
            2_000_000_000,
        ),
        validates(
            Case::of_text("believed", "blocks whose leader says 16 MiB of nulls, which are believed", "", || {
                blocks(r#"{"RunNondet": {"data_leader": b#, "data_validator": b#}}"#)
            }),
            Role::Sync { results: vec![nulls(LARGEST); 3] },
        ),
        validates(
            Case::of_text("shown", "a leader's 16 MiB of nulls, shown to a model", "", || blocks(JUDGED)),
            Role::Validator { results: vec![nulls(LARGEST)] },
        )
        .holding(2 * WORKING + 3 * (16 << 20))
        .with(|setting| setting.ticks = 3_000_000_000),
        Case::of_text("missing", "calls of a contract that is not there", "", || made(CALL)),
        Case::of_text("messages_refused", "messages that there is no money for", "", || made(PAID)),
        Case::of_text("spawns_nothing", "requests that begin like a sandbox, and end there", "", || {
            refused(b"\x0e\x07Sandbox")
        }),
        Case::of_text("kept_imports", "10,000 imports of functions whose answers are kept", "", || {
            text::endless(&format!("{} (memory 1)", imports(10_000)), "", &calls(1000))
        }),
        Case::of_text("kept_imports_spawned", "sandboxes of a module with these imports", "", || {
            text::nested(&format!("{} (memory 1)", imports(9_990)), "", "(call $spawn)", &calls(8))
        })
        .with(|setting| setting.ticks = 60_000_000),
        Case::of_text("kept_calls", "50,000 calls of functions whose answers are kept", "", || {
            text::endless(&format!("{} (memory 1)", imports(4)), "", &calls(4).repeat(12_500))
        }),
        Case::of_text("kept_forgotten", "answers that are kept, and forgotten by the next call", "", forgotten),
        genvm(Case::of_text("path_lexical", "a path of 2,000 components that is taken as text", "", || {
            personal(
                "path_open",
                "(i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 4000) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16)",
                "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)",
                &format!("(data (i32.const 1024) \"{}\")", "a/".repeat(2000)),
            )
        })),
        Case::of_text("polls", "poll_oneoff of 1,024 clocks", "", || {
            personal(
                "poll_oneoff",
                "(i32.const 0) (i32.const 65536) (i32.const 1024) (i32.const 65528)",
                "(param i32 i32 i32 i32) (result i32)",
                "",
            )
        }),
    ]
}
