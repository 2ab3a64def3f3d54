//! The gas of a lowered module beside a count that is taken the plain way: the module as it is, with a charge before each
//! instruction.

use std::sync::LazyLock;

use subvm_host_std::lower::{Floats, Lowered, Options, Refusal, TrapKind, lower};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{ConstExpr, ExportKind, ExportSection, Function, GlobalSection, GlobalType};
use wasmparser::{CodeSectionReader, Operator, Parser, Payload};
use wasmtime::{Engine, Linker, Store, Trap, Val};

use super::lowering::{argument, exported_functions};
use super::{branching_programs, prices};
use crate::lowered::{Ending, Generator, Machine};

/// Ticks for each call.
const GAS: i64 = 100_000;

/// Stack units.
const STACK: i32 = 4_000;

/// What a trap may leave uncounted (`docs/spec/lowering.md`, time gas).
const UNSEEN: i64 = 1_024;

/// Where the plain count stands.
const COUNT: &str = "count";

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Generator::Speed.engine());

/// Runs a program dense with branches, generated from `data`, and says how many calls it compared.
pub fn branching(data: &[u8]) -> usize {
    let (text, arguments) = branching_programs::program(data);
    let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    arguments.into_iter().map(|argument| counted_module(&wasm, &[argument])).sum()
}

/// Holds the gas of each exported function of `wasm`, called with `arguments`, to the plain count: equal where it returns
/// or ends in `unreachable`, at most 1,024 ticks less where it traps in another way. Says how many calls it compared.
///
/// # Panics
///
/// When it differs.
pub fn counted_module(wasm: &[u8], arguments: &[u64]) -> usize {
    let lowered = match lower(wasm, &Options { floats: Floats::Native, ..Options::default() }) {
        Ok(lowered) => lowered,
        Err(Refusal::Limit { .. } | Refusal::ReservedName { .. }) => return 0,
        Err(refusal) => panic!("a generated module is valid: {refusal}"),
    };
    let Some(counting) = Counting { units: frame_units(&lowered), counter: 0, function: 0 }.module(wasm) else {
        return 0;
    };
    let counting = wasmtime::Module::new(&ENGINE, counting).expect("a counting module is valid");
    let functions = exported_functions(&counting);
    let mut compared = 0;
    for (name, parameters) in functions.iter().take(20) {
        let arguments: Vec<Val> = parameters.iter().zip(arguments.iter().cycle()).map(argument).collect();
        let Ok(mut machine) = Machine::link(&ENGINE, &Linker::new(&ENGINE), lowered.clone(), GAS, STACK) else {
            continue;
        };
        machine.grant(GAS, STACK);
        let observed = machine.call(name, &arguments);
        if matches!(observed.ending, Ending::Lowering(TrapKind::OutOfGas | TrapKind::StackOverflow)) || observed.gas < 0
        {
            continue;
        }
        let (used, plain) = (GAS - observed.gas, count(&counting, name, &arguments));
        match observed.ending {
            Ending::Returned(_) | Ending::Trapped(Trap::UnreachableCodeReached) => assert_eq!(used, plain, "{name}"),
            ending => assert!(plain - used <= UNSEEN, "{name}, {ending:?}: {used}, not {plain}"),
        }
        compared += 1;
    }
    compared
}

/// The stack units of each function's frame.
pub(super) fn frame_units(lowered: &Lowered) -> Vec<u32> {
    let mut units = vec![0; lowered.report.functions as usize];
    assert!(units.len() <= lowered.report.largest_frames.len(), "every frame is known");
    for frame in &lowered.report.largest_frames {
        units[frame.function as usize] = frame.units;
    }
    units
}

/// The plain count of one call.
fn count(module: &wasmtime::Module, name: &str, arguments: &[Val]) -> i64 {
    let mut store = Store::new(&ENGINE, ());
    let instance = Linker::new(&ENGINE).instantiate(&mut store, module).expect("an instance, as the lowered one");
    let counter = instance.get_global(&mut store, COUNT).expect("it is exported");
    counter.set(&mut store, Val::I64(0)).expect("its type"); // the start function counted, too
    let function = instance.get_func(&mut store, name).expect("an exported function");
    let mut results = vec![Val::I32(0); function.ty(&store).results().len()];
    _ = function.call(&mut store, arguments, &mut results);
    counter.get(&mut store).unwrap_i64()
}

/// Puts the charges into a module.
struct Counting {
    /// The stack units of each function's frame.
    units: Vec<u32>,
    /// The global that counts.
    counter: u32,
    /// The function whose body is next.
    function: usize,
}

impl Counting {
    /// The module with its charges; nothing where something in it is not of the plain kind, or it has no globals.
    fn module(&mut self, wasm: &[u8]) -> Option<Vec<u8>> {
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.expect("a valid module") {
                Payload::GlobalSection(globals) => self.counter = globals.count(),
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader().expect("a body") {
                        plain_ticks(&operator.expect("an operator"))?;
                    }
                }
                _ => {}
            }
        }
        if self.counter == 0 {
            return None; // no section of globals to append to
        }
        let mut module = wasm_encoder::Module::new();
        self.parse_core_module(&mut module, Parser::new(0), wasm).expect("a valid module");
        Some(module.finish())
    }

    fn charge(&self, function: &mut Function, ticks: i64) {
        let mut sink = function.instructions();
        sink.global_get(self.counter).i64_const(ticks).i64_add().global_set(self.counter);
    }
}

impl Reencode for Counting {
    type Error = std::convert::Infallible;

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_global_section(self, globals, section)?;
        let ty = GlobalType { val_type: wasm_encoder::ValType::I64, mutable: true, shared: false };
        globals.global(ty, &ConstExpr::i64_const(0));
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_export_section(self, exports, section)?;
        exports.export(COUNT, ExportKind::Global, self.counter);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut wasm_encoder::CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error> {
        for body in section {
            let body = body?;
            let mut function = self.new_function_with_parsed_locals(&body)?;
            self.charge(&mut function, prices::entry(self.units[self.function], &body));
            for operator in body.get_operators_reader()? {
                let operator = operator?;
                if let Some(ticks @ 1..) = plain_ticks(&operator) {
                    self.charge(&mut function, ticks);
                }
                function.instruction(&self.instruction(operator)?);
            }
            code.function(&function);
            self.function += 1;
        }
        Ok(())
    }
}

/// The price of an instruction of the plain kind: one without a size.
fn plain_ticks(operator: &Operator<'_>) -> Option<i64> {
    prices::ticks(operator).filter(|_| prices::size(operator).is_none())
}
