//! Sequences of host calls, those that lowered code answers itself among all others, on wasmtime, on Pulley and on wasmi, unobserved and observed:
//! where an observer listens every call crosses the border, else hardly one of a loop. Receipts, memories and what diagnostics say are the same,
//! with any amount of gas.

use std::fmt::Write as _;
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use subvm_core::host::Node;
use subvm_core::{Engine, Params, Parts, Personality, Report, Run, run};
use subvm_host_mock::trace::Trace;

use crate::engines::{engines, parts, pulley, same};
use crate::transaction::{deployed, transaction};

/// Calls in one sequence.
const CALLS: usize = 40;

/// A host call: its name, its parameters, and what a generator gives for each.
type Call = (&'static str, &'static str, &'static [Given]);

/// What is given for a parameter.
#[derive(Clone, Copy)]
enum Given {
    /// A clock, or the number of none.
    Clock,
    /// A descriptor, open or not.
    Fd,
    /// A place, seldom a bad one.
    Place,
    /// The length of what stands there.
    Length(u32),
    /// What stands there.
    At(u32),
    /// Any number of 64 bits.
    Wide,
    /// Nothing.
    Zero,
}

use Given::{At, Clock, Fd, Length, Place, Wide, Zero};

/// Where `.` stands, a subscription of a relative clock, and an iovec.
const DOT: u32 = 1024;
const SUBSCRIPTION: u32 = 1040;
const IOVEC: u32 = 1104;
/// Where what calls come to is written.
const LOG: u32 = 4096;

const TABLE: &[Call] = &[
    ("clock_time_get", "i32 i64 i32", &[Clock, Wide, Place]),
    ("clock_res_get", "i32 i32", &[Clock, Place]),
    ("args_sizes_get", "i32 i32", &[Place, Place]),
    ("environ_sizes_get", "i32 i32", &[Place, Place]),
    ("fd_prestat_get", "i32 i32", &[Fd, Place]),
    ("fd_fdstat_get", "i32 i32", &[Fd, Place]),
    ("fd_sync", "i32", &[Fd]),
    ("fd_allocate", "i32 i64 i64", &[Fd, Wide, Wide]),
    ("proc_raise", "i32", &[Fd]),
    ("sock_shutdown", "i32 i32", &[Fd, Fd]),
    ("sched_yield", "", &[]),
    ("fd_fdstat_set_flags", "i32 i32", &[Fd, Zero]),
    ("path_readlink", "i32 i32 i32 i32 i32 i32", &[Fd, At(DOT), Length(1), Place, Length(8), Place]),
    ("path_unlink_file", "i32 i32 i32", &[Fd, At(DOT), Length(1)]),
    ("poll_oneoff", "i32 i32 i32 i32", &[At(SUBSCRIPTION), Place, Length(1), Place]),
    ("fd_close", "i32", &[Fd]),
    ("fd_renumber", "i32 i32", &[Fd, Fd]),
    ("fd_filestat_get", "i32 i32", &[Fd, Place]),
    ("fd_read", "i32 i32 i32 i32", &[Fd, At(IOVEC), Length(1), Place]),
    (
        "path_open",
        "i32 i32 i32 i32 i32 i64 i64 i32 i32",
        &[Fd, Zero, At(DOT), Length(1), Zero, Wide, Wide, Zero, Place],
    ),
];

/// The body: one sequence, gone through several times.
pub fn sequences(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let Ok((module, personality, gas)) = sequence(&mut data) else { return };
    let parts = parts(&module);
    let ran = |gas: Option<u64>| {
        let mut params = Params { personality, ..Params::default() };
        params.limits.gas_time = gas.unwrap_or(params.limits.gas_time);
        let run = Run { params: Arc::new(params), ..transaction() };
        every_way(&parts, &run, &module)
    };
    let used = ran(None).receipt.gas.time;
    gas.into_iter().for_each(|gas| _ = ran(Some(used * u64::from(gas) / (1 << 16))));
}

/// Runs a contract on wasmtime, on wasmi and on Pulley, on each observed and not.
///
/// # Panics
/// Where any two differ.
pub fn every_way(parts: &Parts, transaction: &Run, source: &str) -> Report {
    let engines = engines().into_iter().chain([("pulley", pulley())]);
    let mut runs = engines.map(|(name, engine)| {
        let (alone, _) = ran(&engine, parts, transaction, false);
        let (observed, lines) = ran(&engine, parts, transaction, true);
        same(name, &alone, &observed);
        assert_eq!(alone.diagnostics, observed.diagnostics, "{name}: {source}");
        (name, alone, lines)
    });
    let (_, first, lines) = runs.next().expect("there are three");
    for (name, other, told) in runs {
        same(name, &first, &other);
        assert_eq!(lines, told, "{name}: {source}");
    }
    first
}

fn ran(engine: &Arc<dyn Engine>, parts: &Parts, transaction: &Run, observed: bool) -> (Report, Vec<String>) {
    let trace = Trace::with_costs();
    let mut node: Node = deployed(parts.clone()).node();
    if observed {
        node.observer = Some(Box::new(trace.clone()));
    }
    let (_, report) = run(engine.clone(), node, transaction.clone());
    (report.expect("no internal error"), trace.lines())
}

/// A module that goes through a sequence, how the interface reads, and with which parts of the gas it is run again.
fn sequence(data: &mut Unstructured<'_>) -> Result<(String, Personality, [u16; 3])> {
    let personality = if data.arbitrary()? { Personality::Program } else { Personality::Seed };
    let gas = data.arbitrary()?;
    let mut module = String::from("(module ");
    for (name, parameters, _) in TABLE {
        let import = format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} ");
        _ = write!(module, "{import} (param {parameters}) (result i32)))");
    }
    let names: Vec<String> = TABLE.iter().map(|(name, ..)| format!("${name}")).collect();
    _ = write!(module, "(table funcref (elem {}))", names.join(" "));
    for (name, parameters, given) in TABLE {
        let arguments: String = (0..given.len()).map(|index| format!("local.get {index} ")).collect();
        let tail = format!("{arguments} return_call ${name}");
        _ = write!(module, "(func $tail_{name} (param {parameters}) (result i32) {tail})");
    }
    // A subscription: at 16 the clock's number, at 24 how long; the iovec: 16 bytes at 2048.
    _ = write!(module, r#"(memory 1) (data (i32.const {DOT}) ".")"#);
    _ = write!(module, r#"(data (i32.const {}) "\01\00\00\00\00\00\00\00\05")"#, SUBSCRIPTION + 16);
    _ = write!(module, r#"(data (i32.const {IOVEC}) "\00\08\00\00\10")"#);
    let rounds = data.int_in_range(1..=4)?;
    _ = write!(module, "(func (export \"_start\") (local $round i32) (local $log i32)");
    _ = write!(module, "(local.set $log (i32.const {LOG})) (loop $again");
    for _ in 0..data.int_in_range(1..=CALLS)? {
        step(data, &mut module)?;
    }
    let again = format!("(i32.lt_u (local.get $round) (i32.const {rounds}))");
    _ = write!(module, "(local.set $round (i32.add (local.get $round) (i32.const 1))) (br_if $again {again}))");
    module += if data.arbitrary()? { "))" } else { "unreachable))" };
    Ok((module, personality, gas))
}

/// One call, several times, or the memory grown.
fn step(data: &mut Unstructured<'_>, module: &mut String) -> Result<()> {
    if data.ratio(1, 32)? {
        *module += "(drop (memory.grow (i32.const 1)))";
        return Ok(());
    }
    let number = data.choose_index(TABLE.len())?;
    let (name, parameters, given) = TABLE[number];
    let mut arguments = String::new();
    for given in given {
        argument(data, *given, &mut arguments)?;
    }
    let call = match data.int_in_range(0..=3)? {
        0 => format!("(call_indirect (param {parameters}) (result i32) {arguments} (i32.const {number}))"),
        1 => format!("(call $tail_{name} {arguments})"),
        _ => format!("(call ${name} {arguments})"),
    };
    for _ in 0..data.int_in_range(1..=3)? {
        _ = write!(module, "(i32.store (local.get $log) {call})");
        *module += "(local.set $log (i32.add (local.get $log) (i32.const 4)))";
    }
    Ok(())
}

fn argument(data: &mut Unstructured<'_>, given: Given, arguments: &mut String) -> Result<()> {
    /// At the ends of one page, of two, and of all that there can be; aligned to nothing, to 4 and to 8.
    const EDGES: [u32; 14] = [
        1,
        2,
        4,
        65_508,
        65_512,
        65_516,
        65_520,
        65_528,
        65_532,
        65_536,
        131_048,
        0xffff_fff0,
        0xffff_fff8,
        0xffff_fffc,
    ];
    _ = match given {
        Clock => write!(arguments, "(i32.const {})", if data.ratio(1, 8)? { 4 } else { data.int_in_range(0..=3)? }),
        Fd => write!(arguments, "(i32.const {})", if data.ratio(1, 16)? { -1 } else { data.int_in_range(0..=6)? }),
        Place if data.ratio(1, 24)? => write!(arguments, "(i32.const {})", *data.choose(&EDGES)? as i32),
        Place => write!(arguments, "(i32.const {})", 64 + 8 * data.int_in_range(0..=3_u32)?),
        Length(number) | At(number) => write!(arguments, "(i32.const {number})"),
        Wide => write!(arguments, "(i64.const {})", data.arbitrary::<i64>()?),
        Zero => write!(arguments, "(i32.const 0)"),
    };
    Ok(())
}
