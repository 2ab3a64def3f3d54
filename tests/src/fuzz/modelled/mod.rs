//! The counter of a lowered module beside what `docs/spec/lowering.md`, *Time gas*, says that it says: the text,
//! implemented a second time, by charges and comparisons put into the module as it is.
//!
//! The plain count ([`super::counting`]) knows what is left where a function returns. This knows what is shown at each
//! trap, and at which comparison a limit ends a call.

mod instrument;
mod places;

use std::sync::LazyLock;

use subvm_host_std::lower::{Lowered, Options, TrapKind, lower};
use wasmparser::{FunctionBody, Operator, Parser, Payload};
use wasmtime::{Engine, Instance, Linker, Store, Trap, Val};

use super::calling_programs::{self, Program};
use super::counting::frame_units;
use super::prices;
use crate::lowered::{Ending, Generator, Machine, bits};

/// Ticks that suffice for most calls.
const GAS: i64 = 1_000_000;

/// Stack units: they fit into a test's thread.
const STACK: i32 = 20_000;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Generator::Speed.engine());

/// How many calls of which ending were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Calls that returned.
    pub returned: usize,
    /// Calls that trapped by themselves.
    pub trapped: usize,
    /// Calls that a comparison ended.
    pub out_of_gas: usize,
}

impl std::ops::AddAssign for Compared {
    fn add_assign(&mut self, other: Self) {
        self.returned += other.returned;
        self.trapped += other.trapped;
        self.out_of_gas += other.out_of_gas;
    }
}

/// Runs a program full of calls, branches and traps, generated from `data`.
///
/// # Panics
///
/// As [`program`].
pub fn calling(data: &[u8]) -> Compared {
    let Program { text, arguments, places, options } = calling_programs::program(data);
    program(&text, &arguments, places, options)
}

/// Runs a program with enough gas, with as much as it used, and with limits that end where a block is charged for the first
/// time: at about so many of these `places`.
///
/// The program exports `f`, from an `i32`, and its only memory, `memory`; it has globals and no imports.
///
/// # Panics
///
/// When a call ends otherwise than in the model, or shows another count.
pub fn program(text: &str, arguments: &[i32], places: usize, options: Options) -> Compared {
    let both = Both::new(text, options);
    let mut compared = Compared::default();
    for argument in arguments {
        let arguments = [Val::I32(*argument)];
        let Some((enough, charged)) = both.compare(GAS, &arguments, &mut compared) else { continue };
        let every = charged.len().div_ceil(places).max(1);
        for used in charged.iter().map(|left| GAS - left).step_by(every) {
            both.compare(used - 1, &arguments, &mut compared).expect("no more of the stack than before");
        }
        if enough.ending == Ending::Lowering(TrapKind::OutOfGas) {
            continue;
        }
        let used = GAS - enough.gas;
        for limit in [used, i64::MAX] {
            let (same, _) = both.compare(limit, &arguments, &mut compared).expect("no more of the stack than before");
            let expected = Shown { gas: limit - used, ..enough.clone() };
            assert_eq!(same, expected, "{limit} ticks are as good as {GAS}\n{text}");
        }
        let (less, _) = both.compare(used - 1, &arguments, &mut compared).expect("no more of the stack than before");
        assert_eq!(less.gas, -1, "{used} ticks are needed\n{text}");
    }
    compared
}

/// Instructions that do nothing but cost so many ticks.
pub fn idle(ticks: usize) -> String {
    let Some(rest) = ticks.checked_sub(1) else { return String::new() };
    format!(" i32.const 0 {} {} drop ", "i32.const 1 i32.div_u ".repeat(rest / 9), "i32.eqz ".repeat(rest % 9))
}

/// What a call leaves behind, as far as the model knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    ending: Ending,
    gas: i64,
    memories: Vec<[u8; 32]>,
    frames: Vec<u32>,
}

/// A module, lowered and modelled.
struct Both<'a> {
    text: &'a str,
    lowered: Lowered,
    compiled: wasmtime::Module,
    model: wasmtime::Module,
}

impl<'a> Both<'a> {
    fn new(text: &'a str, options: Options) -> Self {
        let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let lowered = lower(&wasm, &options).unwrap_or_else(|refusal| panic!("{refusal}\n{text}"));
        let model = instrument::module(&wasm, &Callees::of(&wasm, &frame_units(&lowered)), options.floats);
        let compile =
            |wasm: &[u8]| wasmtime::Module::new(&ENGINE, wasm).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        Self { text, compiled: compile(&lowered.wasm), model: compile(&model), lowered }
    }

    /// What a call of the export `f` leaves behind, and what was left where each block was charged for the first time;
    /// nothing where it took too much of the stack.
    fn compare(&self, gas: i64, arguments: &[Val], compared: &mut Compared) -> Option<(Shown, Vec<i64>)> {
        let linker = Linker::new(&ENGINE);
        let mut machine = Machine::of(&linker, &self.compiled, self.lowered.clone(), gas, STACK).expect("an instance");
        machine.pay_for_depth(STACK, instrument::DEPTH_INCLUDED as i32);
        let observed = machine.call("f", arguments);
        if observed.ending == Ending::Lowering(TrapKind::StackOverflow) {
            return None;
        }
        let ending = match observed.ending {
            Ending::Lowering(TrapKind::IntegerOverflow) => Ending::Trapped(Trap::IntegerOverflow),
            Ending::Lowering(TrapKind::BadConversionToInteger) => Ending::Trapped(Trap::BadConversionToInteger),
            ending => ending,
        };
        let shown = Shown { ending, gas: observed.gas, memories: observed.memories, frames: observed.frames };
        let (expected, charged) = self.expected(gas, arguments);
        assert_eq!(shown, expected, "of {gas} ticks, {arguments:?}\n{}", self.text);
        match shown.ending {
            Ending::Returned(_) => compared.returned += 1,
            Ending::Lowering(TrapKind::OutOfGas) => compared.out_of_gas += 1,
            _ => compared.trapped += 1,
        }
        Some((shown, charged))
    }

    /// What the model says.
    fn expected(&self, gas: i64, arguments: &[Val]) -> (Shown, Vec<i64>) {
        let mut store = Store::new(&ENGINE, ());
        let instance = Instance::new(&mut store, &self.model, &[]).expect("an instance");
        for name in [instrument::LEFT, instrument::SHOWN] {
            let global = instance.get_global(&mut store, name).expect("it is exported");
            global.set(&mut store, Val::I64(gas)).expect("its type");
        }
        let function = instance.get_func(&mut store, "f").expect("an exported function");
        let mut results = vec![Val::I32(0); function.ty(&store).results().len()];
        let ended = function.call(&mut store, arguments, &mut results);
        let mut read = |name| instance.get_global(&mut store, name).expect("it is exported").get(&mut store);
        let (gas, marker) = (read(instrument::SHOWN).unwrap_i64(), read(instrument::ENDED).unwrap_i32());
        let hidden = gas - read(instrument::LEFT).unwrap_i64();
        assert!((0..=places::UNCOMPARED).contains(&hidden), "{hidden} ticks are hidden\n{}", self.text);
        let (ending, frames) = match ended {
            Ok(()) => (Ending::Returned(results.iter().map(bits).collect()), Vec::new()),
            Err(error) => {
                let backtrace = error.downcast_ref::<wasmtime::WasmBacktrace>().expect("frames");
                let frames = backtrace.frames().iter().map(|frame| frame.func_index()).collect();
                let trap = *error.downcast_ref::<Trap>().expect("a trap");
                (TrapKind::from_marker(marker).map_or(Ending::Trapped(trap), Ending::Lowering), frames)
            }
        };
        let mut memory = |name| instance.get_memory(&mut store, name).expect("it is exported").data(&store).to_vec();
        let memories = vec![blake3::hash(&memory("memory")).into()];
        let charged = memory(instrument::CHARGED);
        let charged = charged.chunks(8).map(|left| i64::from_le_bytes(left.try_into().expect("its size")));
        (Shown { ending, gas: gas.max(-1), memories, frames }, charged.filter(|left| *left != 0).collect())
    }
}

/// What is known of the functions of a module that imports none.
struct Callees<'a> {
    bodies: Vec<FunctionBody<'a>>,
    /// The stack units of each function.
    units: Vec<i64>,
    /// What entering each function costs.
    entries: Vec<i64>,
    /// What entering each small function and all of its instructions cost.
    small: Vec<Option<i64>>,
}

impl<'a> Callees<'a> {
    fn of(wasm: &'a [u8], units: &[u32]) -> Self {
        let payloads = Parser::new(0).parse_all(wasm).map(|payload| payload.expect("a valid module"));
        let bodies: Vec<_> = payloads
            .filter_map(|payload| match payload {
                Payload::ImportSection(_) => panic!("a module without imports"),
                Payload::CodeSectionEntry(body) => Some(body),
                _ => None,
            })
            .collect();
        let entries: Vec<i64> = units.iter().zip(&bodies).map(|(units, body)| prices::entry(*units, body)).collect();
        let small = bodies.iter().zip(&entries).map(|(body, entry)| small(&operators(body), *entry)).collect();
        Self { bodies, units: units.iter().map(|units| i64::from(*units)).collect(), entries, small }
    }

    fn entry(&self, function: usize) -> i64 {
        self.entries[function]
    }

    fn is_small(&self, function: usize) -> bool {
        self.small[function].is_some()
    }

    /// What a call adds to the ticks that are uncompared.
    fn uncompared_in(&self, operator: &Operator<'_>) -> i64 {
        match operator {
            Operator::Call { function_index } => self.small[*function_index as usize].unwrap_or(0),
            Operator::CallIndirect { .. } => places::SMALL,
            _ => 0,
        }
    }

    /// What is uncompared after an instruction, whatever was so before.
    fn uncompared_after(&self, operator: &Operator<'_>) -> Option<i64> {
        match operator {
            Operator::Call { function_index } if !self.is_small(*function_index as usize) => Some(places::SMALL),
            operator => prices::size(operator).map(|_| 0),
        }
    }
}

fn operators<'a>(body: &FunctionBody<'a>) -> Vec<Operator<'a>> {
    let reader = body.get_operators_reader().expect("a body");
    reader.into_iter().map(|operator| operator.expect("an operator")).collect()
}

/// What entering a function and all of its instructions cost, if that makes it small.
fn small(operators: &[Operator<'_>], entry: i64) -> Option<i64> {
    let cost = entry + operators.iter().map(|operator| prices::ticks(operator).expect("a price")).sum::<i64>();
    let calls_or_loops = |operator| places::is_call(operator) || matches!(operator, Operator::Loop { .. });
    (cost <= places::SMALL && !operators.iter().any(calls_or_loops)).then_some(cost)
}
