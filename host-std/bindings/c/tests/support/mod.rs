//! What the tests of programs in other languages have in common: the library, the contract, and the receipts that Rust computes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use subvm_core::calldata::Value;
use subvm_core::host::State;
use subvm_core::wasi::Refused;
use subvm_core::{Address, Entry, Message, Params, Parts, Receipt, Role, Run, run};
use subvm_host_mock::MemoryHost;
use subvm_wasmi::WasmiEngine;

const CONTRACT: Address = Address([0xc0; 20]);
const SENDER: Address = Address([0x5e; 20]);
/// 2026-01-01T00:00:00Z.
const NOW: u64 = 1_767_225_600_000_000_000;
const CALLS: [&str; 3] = [
    r#"{"method": "ask", "url": "https://example.org/price"}"#,
    r#"{"method": "get"}"#,
    r#"{"method": "fail", "message": "as you asked"}"#,
];

pub(crate) fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn oracle() -> PathBuf {
    here().join("../../examples/oracle/oracle.wasm")
}

/// Whether a program is there, as a command that only says so; where it is not, that is said loudly.
pub(crate) fn is_there(command: &str) -> bool {
    let mut words = command.split(' ');
    let mut program = Command::new(words.next().unwrap_or_default());
    let there =
        program.args(words).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !there {
        eprintln!("SKIPPED: `{command}` does not work here: see .ci/install");
    }
    there
}

/// The directory of the library: where tests are, beside what they were linked to, so that it is the same build.
pub(crate) fn library() -> PathBuf {
    let directory = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    for file in ["libsubvm.a", "libsubvm.so"] {
        assert!(directory.join(file).exists(), "no {file} in {}", directory.display());
    }
    directory
}

pub(crate) fn checked(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

pub(crate) fn receipts(printed: &str) -> Vec<&str> {
    printed.lines().filter_map(|line| line.strip_prefix("  receipt  ")).collect()
}

/// What Rust comes to: the digests of the receipts of each call, in order.
pub(crate) fn computed() -> Vec<String> {
    let parts = Parts { start: std::fs::read(oracle()).unwrap().into(), ..Parts::default() };
    let package = Arc::new(parts.check(&Refused::default()).unwrap());
    let engine = Arc::new(WasmiEngine::new());
    let chain = MemoryHost::new();
    chain.set_now(NOW);
    chain.deploy(CONTRACT, package);
    let page: Value = r#"{"ok": {"body": b#3130312e3235, "headers": {}, "status": 200}}"#.parse().unwrap();
    let mut digests = Vec::new();
    for call in CALLS {
        let of = |role| -> Receipt {
            chain.answer(page.encode().unwrap());
            let message = Message {
                contract_address: CONTRACT,
                sender_address: SENDER,
                origin_address: SENDER,
                entry_data: call.parse::<Value>().unwrap().encode().unwrap(),
                ..Message::default()
            };
            let transaction = Run {
                message,
                entry: Entry::Contract,
                role,
                params: Arc::new(Params::default()),
                state: State::Accepted,
                deadline: None,
                cancel: None,
            };
            run(engine.clone(), chain.fork().node(), transaction).1.unwrap().receipt
        };
        let leader = of(Role::Leader);
        let validator = of(leader.proposal().validator());
        let sync = of(Role::Sync { results: leader.nondet.clone() });
        for receipt in [&leader, &validator, &validator, &sync] {
            digests.push(receipt.digest().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        chain.apply(State::Accepted, CONTRACT, &leader);
    }
    digests
}
