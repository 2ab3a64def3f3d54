//! Programs that throw and catch, beside a model of them that knows no WebAssembly: what comes of each, its gas and its stack units.

mod model;
mod text;

use std::sync::LazyLock;

use subvm_host_std::lower::{Floats, Options, TrapKind, lower};
use wasmtime::{Engine, Instance, Module, Store, ThrownException, Val};

use super::counting::frame_units;
use super::source::Source;
use crate::lowered::{Ending, Generator, Machine, Observed};
use model::{DEPTH_INCLUDED, End, Model};

/// Ticks and stack units for each call.
const GAS: i64 = 3_000_000;
const STACK: i32 = 200_000;

static ENGINES: LazyLock<[Engine; 3]> = LazyLock::new(|| Generator::ALL.map(Generator::engine));

/// Functions of a program. Each may call those after it.
const FUNCTIONS: usize = 4;
/// Tags: without a value, with an `i32`, and with an `i32` and an `i64`.
const TAGS: u8 = 3;

/// Something that a function does; `y` is its parameter and its result.
#[derive(Clone, Debug)]
enum Statement {
    /// `y = y * 33 + c`.
    Mix(i32),
    /// Where this bit of `y` is set.
    If(u8, Vec<Statement>),
    /// So many rounds.
    Repeat(u8, Vec<Statement>),
    Throw(u8),
    /// A throw through so many frames.
    Deep(u16),
    /// `y = f(y)`, directly or through a table.
    Call(usize, bool),
    /// `return f(y)`, in place of this frame.
    Tail(usize),
    Return,
    Try(Vec<Clause>, Vec<Statement>),
}

impl Statement {
    /// Whether it calls, throws or catches, at any place within: what makes a function none of the leaves.
    fn calls(&self) -> bool {
        match self {
            Statement::Mix(_) | Statement::Return => false,
            Statement::If(_, within) | Statement::Repeat(_, within) => within.iter().any(Statement::calls),
            _ => true,
        }
    }
}

/// A clause of a `try_table`, and what is done where it catches.
#[derive(Clone, Debug)]
struct Clause {
    /// Nothing where it catches all.
    tag: Option<u8>,
    /// Whether it is handed the exception itself, which it throws again in the end.
    rethrows: Option<bool>,
    handler: Vec<Statement>,
}

/// How many programs came to which end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compared {
    /// It returned.
    pub returned: usize,
    /// Nothing caught what it threw.
    pub uncaught: usize,
    /// It ran out of gas: the model says at how many ticks it needs more.
    pub out_of_gas: usize,
    /// Exceptions that were caught.
    pub caught: usize,
}

impl std::ops::AddAssign for Compared {
    fn add_assign(&mut self, other: Self) {
        self.returned += other.returned;
        self.uncaught += other.uncaught;
        self.out_of_gas += other.out_of_gas;
        self.caught += other.caught;
    }
}

/// The fuzz target.
pub(super) fn throwing(data: &[u8]) {
    programs(data);
}

/// Runs a program made of `data` under every code generator, and holds it to the model, and to itself without lowering.
///
/// # Panics
/// When they differ.
pub fn programs(data: &[u8]) -> Compared {
    let mut source = Source::new(data);
    let functions: Vec<Vec<Statement>> = (0..FUNCTIONS).map(|function| statements(&mut source, function, 3)).collect();
    let argument = source.u32() as i32;
    let text = text::module(&functions);
    let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let options = Options { floats: Floats::Native, exceptions: true, ..Options::default() };
    let lowered = lower(&wasm, &options).unwrap_or_else(|refusal| panic!("{refusal}\n{text}"));
    let units = frame_units(&lowered);
    let mut model = Model::new(&functions, &units, GAS);
    let end = model.run(argument);
    let mut compared = Compared { caught: model.caught, ..Compared::default() };
    let run = |engine: &Engine, gas: i64| {
        let mut machine = Machine::new(engine, lowered.clone(), gas, STACK).expect("an instance");
        machine.pay_for_depth(STACK, DEPTH_INCLUDED as i32);
        machine.call("f", &[Val::I32(argument)])
    };
    let seen: Vec<Observed> = ENGINES.iter().map(|engine| run(engine, GAS)).collect();
    assert!(seen.iter().all(|other| *other == seen[0]), "{seen:?}\n{text}");
    let observed = &seen[0];
    match end {
        None => {
            assert_eq!(observed.ending, Ending::Lowering(TrapKind::OutOfGas), "{text}");
            compared.out_of_gas += 1;
            return compared;
        }
        Some(End::Returned(value)) => {
            assert_eq!(observed.ending, Ending::Returned(vec![value as u32 as u128]), "{text}");
            assert_eq!(observed.stack, STACK, "{text}");
            compared.returned += 1;
        }
        Some(End::Thrown(_)) => {
            assert_eq!(observed.ending, Ending::Uncaught, "{text}");
            assert_eq!(i64::from(STACK - observed.stack), model.used, "{text}");
            compared.uncaught += 1;
        }
    }
    assert_eq!(GAS - observed.gas, model.gas, "{text}");
    assert_eq!(without_lowering(&wasm, argument), observed.ending, "{text}");
    // With as much as it used it does as much; with a tick less where it returns it does not.
    let enough: Vec<Ending> = ENGINES.iter().map(|engine| run(engine, model.gas).ending).collect();
    assert!(enough.iter().all(|ending| *ending == observed.ending), "{enough:?}\n{text}");
    if model.gas > 0 {
        let less = run(&ENGINES[1], model.gas - 1);
        assert_eq!(less.ending, Ending::Lowering(TrapKind::OutOfGas), "{text}");
    }
    compared
}

fn without_lowering(wasm: &[u8], argument: i32) -> Ending {
    let engine = &ENGINES[1];
    let mut store = Store::new(engine, ());
    let module = Module::new(engine, wasm).expect("it is valid");
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let function = instance.get_typed_func::<i32, i32>(&mut store, "f").expect("its export");
    match function.call(&mut store, argument) {
        Ok(value) => Ending::Returned(vec![value as u32 as u128]),
        Err(error) if error.is::<ThrownException>() => Ending::Uncaught,
        Err(error) => panic!("{error:#}"),
    }
}

/// What function `function` does, with blocks `nesting` deep at most.
fn statements(source: &mut Source<'_>, function: usize, nesting: u8) -> Vec<Statement> {
    (0..1 + source.below(4)).map(|_| statement(source, function, nesting)).collect()
}

fn statement(source: &mut Source<'_>, function: usize, nesting: u8) -> Statement {
    let callee = |source: &mut Source<'_>| function + 1 + usize::from(source.below(4)) % (FUNCTIONS - function).max(1);
    let kind = source.below(if nesting == 0 { 8 } else { 15 });
    match kind {
        2 => Statement::If(source.below(32), vec![Statement::Throw(source.below(TAGS))]),
        3 => Statement::If(source.below(32), vec![Statement::Return]),
        4 if source.once_in(3) => Statement::Throw(source.below(TAGS)),
        5 => Statement::Deep(4 * u16::from(source.below(60))),
        6 | 7 => {
            let callee = callee(source);
            match source.below(6) {
                _ if callee >= FUNCTIONS => Statement::Mix(7),
                0 => Statement::Tail(callee),
                through => Statement::Call(callee, through > 3),
            }
        }
        8 => Statement::If(source.below(32), statements(source, function, nesting - 1)),
        9 => Statement::Repeat(1 + source.below(5), statements(source, function, nesting - 1)),
        10.. => {
            let clauses = (0..source.below(4)).map(|_| clause(source, function, nesting - 1)).collect();
            Statement::Try(clauses, statements(source, function, nesting - 1))
        }
        _ => Statement::Mix(source.u16().into()),
    }
}

fn clause(source: &mut Source<'_>, function: usize, nesting: u8) -> Clause {
    let tag = if source.once_in(4) { None } else { Some(source.below(TAGS)) };
    let rethrows = source.choose(&[None, None, Some(false), Some(true)]);
    Clause { tag, rethrows, handler: statements(source, function, nesting) }
}
