//! Trees as WebAssembly, so that wasmtime comes to what the scripted engine does.

use std::fmt::Write as _;
use std::sync::Arc;

use subvm_core::calldata::{Map, Value};
use subvm_core::wasi::Refused;
use subvm_core::{Engine, Package, Parts, Report, Role, run};

use super::chain::{CONTRACT, LOCKED, Setting, run_tree};
use super::play::{end_request, index, last_words, number, spawning};
use super::{Ending, NODES, Node, STEPS, Step, Tree, requests};
use crate::engines;

/// Where the message is read to, where storage is read to and written from, and where requests begin.
const MESSAGE: usize = 0x2_0000;
const BUFFER: usize = 0x1_0000;
const REQUESTS: usize = 0x1000;

/// Plays `tree` on both engines, as leader and as validator, without what depends on what instructions cost; says where they differ.
///
/// # Errors
/// What was found, for people.
pub fn check_engines(tree: &Tree) -> Result<(), String> {
    let tree = finite(tree);
    let leader = compare(&tree, Role::Leader)?;
    compare(&tree, Role::Validator { results: leader.receipt.nondet }).map(drop)
}

/// Plays `tree` on wasmtime and on wasmi, as leader and as validator, with its own budgets, and holds both to one result.
///
/// # Errors
/// What was found, for people.
///
/// # Panics
/// Where they differ.
pub fn check_wasmi(tree: &Tree) -> Result<(), String> {
    let ran = |role: Role, engine: Arc<dyn Engine>| {
        let setting = Setting::under(tree, role.clone(), tree.budgets.params());
        let package = package(tree, role == Role::Leader)?;
        let node = setting.node_with([Arc::clone(&package), package]);
        run(engine, node, setting.transaction()).1.map_err(|error| error.to_string())
    };
    let compare = |role: Role| {
        let report = ran(role.clone(), engines::wasmtime())?;
        engines::same("wasmi", &report, &ran(role, engines::wasmi())?);
        Ok::<_, String>(report)
    };
    let leader = compare(Role::Leader)?;
    compare(Role::Validator { results: leader.receipt.nondet }).map(drop)
}

/// The tree, so that it ends without a budget for time, and charges RAM for nothing.
fn finite(tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    let budgets = &mut tree.budgets;
    (budgets.ram, budgets.time, budgets.time_nondet) = (None, None, None);
    for (at, node) in tree.nodes.iter_mut().enumerate() {
        for step in &mut node.steps {
            finite_step(step, at);
        }
        node.ending = match node.ending {
            Ending::Spin => Ending::Trap,
            Ending::Long(len) => Ending::Long(len % 600),
            ending => ending,
        };
    }
    tree
}

fn finite_step(step: &mut Step, at: usize) {
    match step {
        Step::Sandbox { time, .. } => *time = None,
        Step::Grow(_) | Step::Work(_) => *step = Step::OwnBalance,
        _ => {}
    }
    let (Step::Sandbox { child, .. }
    | Step::Call { child, .. }
    | Step::Block { child, .. }
    | Step::BlockWith { child, .. }) = step
    else {
        return;
    };
    match NODES - 1 - at {
        0 => *step = Step::Close,
        later => *child = (at + 1 + usize::from(*child) % later) as u8,
    }
}

/// A run in this role on both; they must agree on all but time, frames and memories.
fn compare(tree: &Tree, role: Role) -> Result<Report, String> {
    let mut params = tree.budgets.params();
    (params.limits.gas_time, params.limits.gas_time_nondet) = (1 << 60, 1 << 60);
    let scripted = Arc::new(Setting::under(tree, role.clone(), params.clone()));
    let expected = run_tree(&scripted, scripted.node()).1;
    scripted.judge(&expected)?;
    let expected = expected.map_err(|error| error.to_string())?;

    let real = Setting::under(tree, role.clone(), params);
    let package = package(tree, role == Role::Leader)?;
    let engine: Arc<dyn Engine> = engines::wasmtime();
    let (_, found) = run(engine, real.node_with([Arc::clone(&package), package]), real.transaction());
    let found = found.map_err(|error| error.to_string())?;
    let seen = |report: &Report| {
        let receipt = report.receipt.clone();
        let gas = (receipt.gas.data, receipt.gas.storage);
        (report.outcome.clone(), gas, receipt.storage, receipt.messages, receipt.nondet)
    };
    if seen(&found) == seen(&expected) {
        return Ok(found);
    }
    Err(format!(
        "as {role:x?}:\nwasmtime {:x?}\nscripted {:x?}\n{:?}",
        seen(&found),
        seen(&expected),
        found.diagnostics
    ))
}

fn package(tree: &Tree, leads: bool) -> Result<Arc<Package>, String> {
    let start = wat::parse_str(Contract::new(tree, leads).text()).map_err(|error| error.to_string())?;
    let parts = Parts { start: start.into(), ..Parts::default() };
    parts.check(&Refused::default()).map(Arc::new).map_err(|error| error.to_string())
}

/// The text of a module that plays a tree: one function for each node.
struct Contract {
    functions: String,
    data: String,
    free: usize,
}

impl Contract {
    fn new(tree: &Tree, leads: bool) -> Self {
        let mut contract = Self { functions: String::new(), data: String::new(), free: REQUESTS };
        for (at, node) in tree.nodes.iter().enumerate() {
            let body = contract.node(node, leads);
            contract.push_function(&format!("$node{at}"), &body);
        }
        for (name, says) in [("$yes", true), ("$no", false)] {
            let body = contract.request(&end_request("Return", says.into()).0);
            contract.push_function(name, &body);
        }
        contract
    }

    fn push_function(&mut self, name: &str, body: &str) {
        let _ = writeln!(self.functions, "(func {name} (local $fd i32)\n{body})");
    }

    fn node(&mut self, node: &Node, leads: bool) -> String {
        let steps: [String; STEPS] = std::array::from_fn(|at| self.step(&node.steps[at]));
        let ending = match node.ending {
            Ending::FallOff => String::new(),
            Ending::Trap | Ending::Spin => "(unreachable)".into(),
            Ending::Exit(code) => format!("(call $exit (i32.const {code}))"),
            Ending::Drift(..) if leads => {
                let [drifts, stays] = [true, false].map(|drifts| {
                    last_words(node.ending, drifts).map(|(request, _)| self.request(&request)).unwrap_or_default()
                });
                // Only non-deterministic sub-VMs may not read.
                format!(
                    "(if (i32.eq (call $read (i32.const 0) (i32.const 0) (i32.const {BUFFER}) (i32.const 0)) (i32.const 6)) (then {drifts}) (else {stays}))"
                )
            }
            ending => last_words(ending, false).map(|(request, _)| self.request(&request)).unwrap_or_default(),
        };
        steps.join("\n") + &ending
    }

    fn step(&mut self, step: &Step) -> String {
        // A slot's number is its first byte: that of the locked one lies at 64, of the other at 0.
        let slot = |slot: u8| if number(slot) == LOCKED { 64 } else { 0 };
        match *step {
            Step::Read(at, place, len) => format!(
                "(drop (call $read (i32.const {}) (i32.const {}) (i32.const {BUFFER}) (i32.const {len})))",
                slot(at),
                index(place)
            ),
            Step::Write(at, place, len, fill) => format!(
                "(memory.fill (i32.const {BUFFER}) (i32.const {fill}) (i32.const {len}))
                (drop (call $write (i32.const {}) (i32.const {}) (i32.const {BUFFER}) (i32.const {len})))",
                slot(at),
                index(place)
            ),
            Step::OwnBalance => format!("(drop (call $balance (i32.const {BUFFER})))"),
            Step::Send(value) => self.request(&requests::send(value)),
            Step::Emit => self.request(&requests::emit()),
            Step::CallBelow => self.request(&requests::call_below()),
            Step::Prompt(_) => self.request(&requests::prompt()),
            Step::Malformed => self.request(&requests::malformed()),
            Step::Close => "(local.set $fd (i32.const 3))
                (loop (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
                    (br_if 0 (i32.and
                        (i32.lt_u (local.get $fd) (i32.const 100))
                        (i32.ne (call $close (local.get $fd)) (i32.const 0)))))"
                .into(),
            Step::Grow(_) | Step::Work(_) => String::new(),
            _ => spawning(step).map(|(request, _)| self.request(&request)).unwrap_or_default(),
        }
    }

    /// Makes a request, whatever it comes to.
    fn request(&mut self, bytes: &[u8]) -> String {
        let at = self.free;
        self.free += bytes.len();
        let quoted: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let _ = writeln!(self.data, r#"(data (i32.const {at}) "{quoted}")"#);
        format!("(drop (call $gl_call (i32.const {at}) (i32.const {}) (i32.const 128)))\n", bytes.len())
    }

    fn text(&self) -> String {
        let Self { functions, data, .. } = self;
        // Entry data of one byte: a node, as calldata of an integer or as it is; of two: what a validator's function says.
        let data_at = MESSAGE + entry_data();
        let nodes: String = (0..NODES)
            .map(|node| {
                format!("(if (i32.eq (local.get $node) (i32.const {node})) (then (call $node{node}) (return)))\n")
            })
            .collect();
        format!(
            r#"(module
            (import "genlayer_sdk" "storage_read" (func $read (param i32 i32 i32 i32) (result i32)))
            (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "genlayer_sdk" "get_self_balance" (func $balance (param i32) (result i32)))
            (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 3)
            (data (i32.const 64) "\{LOCKED:02x}")
            (data (i32.const 136) "\00\00\02\00\00\10\00\00")
            {data}
            {functions}
            (func (export "_start") (local $bytes i32) (local $node i32)
                (drop (call $fd_read (i32.const 0) (i32.const 136) (i32.const 1) (i32.const 144)))
                (local.set $bytes (i32.shr_u (i32.load8_u (i32.const {data_at})) (i32.const 3)))
                (local.set $node (i32.load8_u (i32.const {})))
                (if (i32.eq (local.get $bytes) (i32.const 2))
                    (then (if (i32.load8_u (i32.const {})) (then (call $yes)) (else (call $no)))))
                (if (i32.eq (i32.load8_u (i32.add (i32.const {}) (local.get $bytes))) (i32.const 1))
                    (then (local.set $node (i32.shr_u (local.get $node) (i32.const 3)))))
                {nodes}))"#,
            data_at + 1,
            data_at + 2,
            // Behind the key `entry_kind`: 1 is the calldata of 0.
            data_at + 1 + 1 + 10,
        )
    }
}

/// Where `entry_data` begins in the message: behind its key, which three others of known length go before.
fn entry_data() -> usize {
    let before = Map::from([
        ("chain_id", Value::from(0)),
        ("contract_address", Value::Address(CONTRACT)),
        ("datetime", Value::from(subvm_core::datetime(0))),
    ]);
    let key = 1 + "entry_data".len();
    Value::Map(before).encode().map_or(0, |bytes| bytes.len()) + key
}
