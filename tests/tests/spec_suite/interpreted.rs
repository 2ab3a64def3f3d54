//! Runs one file of specification tests on wasmi, lowered as its engine lowers modules.

use std::collections::HashMap;
use std::sync::LazyLock;

use subvm_host_std::lower::{
    COUNTERS_MODULE, Counters, Floats, GAS_GLOBAL, Lowered, MARK_GLOBAL, Options, STACK_GLOBAL, START_EXPORT,
    TRAP_GLOBAL, TrapKind, lower, stack_mark,
};
use wasmi::errors::{ErrorKind, InstantiationError};
use wasmi::{
    CompilationMode, Config, Engine, ExternRef, Func, Global, Instance, Linker, MemoryType, Module, Mutability,
    Nullable, Ref, RefType, Store, TableType, TrapCode, V128, Val,
};
use wast::core::{AbstractHeapType, HeapType, WastArgCore, WastRetCore};
use wast::{QuoteWatTest, WastArg, WastDirective, WastExecute, WastInvoke, WastRet};

use super::runner::{Failure, module_name};
use super::values::{matches_f32, matches_f64, matches_v128};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut config = Config::default();
    config.wasm_memory64(false).wasm_custom_page_sizes(false).wasm_wide_arithmetic(false).wasm_relaxed_simd(false);
    config.compilation_mode(CompilationMode::Eager).set_max_recursion_depth(2_000_000).set_max_stack_height(1 << 30);
    Engine::new(&config)
});

const STACK: i32 = 1_000_000;
const GAS: i64 = 1 << 50;

type Result<T> = std::result::Result<T, Error>;

/// Why a directive did not hold.
enum Error {
    Wasmi(wasmi::Error),
    Other(String),
}

impl From<wasmi::Error> for Error {
    fn from(error: wasmi::Error) -> Self {
        Self::Wasmi(error)
    }
}

impl From<wast::Error> for Error {
    fn from(error: wast::Error) -> Self {
        Self::Other(error.to_string())
    }
}

fn other<T>(why: impl Into<String>) -> Result<T> {
    Err(Error::Other(why.into()))
}

impl Error {
    /// In the words of the suite.
    fn said(&self) -> String {
        let error = match self {
            Self::Other(why) => return why.clone(),
            Self::Wasmi(error) => error,
        };
        let code = match error.kind() {
            ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
                Some(TrapCode::TableOutOfBounds)
            }
            _ => error.as_trap_code(),
        };
        match code {
            Some(TrapCode::UnreachableCodeReached) => "unreachable".into(),
            Some(TrapCode::MemoryOutOfBounds) => "out of bounds memory access".into(),
            Some(TrapCode::TableOutOfBounds) => "undefined element: out of bounds table access".into(),
            Some(TrapCode::IndirectCallToNull) => "uninitialized element".into(),
            Some(TrapCode::BadSignature) => "indirect call type mismatch".into(),
            Some(TrapCode::IntegerDivisionByZero) => "integer divide by zero".into(),
            Some(TrapCode::IntegerOverflow) => "integer overflow".into(),
            Some(TrapCode::BadConversionToInteger) => "invalid conversion to integer".into(),
            _ => error.to_string(),
        }
    }
}

/// Runs `text` under `floats`: how many directives held, and which did not.
pub(crate) fn run_file(file: &str, text: &str, floats: Floats) -> (usize, Vec<Failure>) {
    let mut lexer = wast::lexer::Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = wast::parser::ParseBuffer::new_with_lexer(lexer).expect("tokens");
    let Ok(wast) = wast::parser::parse::<wast::Wast<'_>>(&buffer) else { return (0, Vec::new()) };
    let mut runner = Runner::new(floats).unwrap_or_else(|error| panic!("the host module: {}", error.said()));
    let (mut passed, mut failures) = (0, Vec::new());
    for directive in wast.directives {
        let line = directive.span().linecol_in(text).0 + 1;
        if runner.over {
            break;
        }
        let held = runner.attempt(directive);
        let forbidden = runner.marker(TrapKind::NondetInstruction);
        runner.grant();
        match held {
            Ok(holds) => passed += usize::from(holds),
            Err(_) if floats == Floats::Trap && (forbidden || runner.incomplete) => runner.incomplete = true,
            Err(error) => failures.push(Failure { file: file.to_owned(), line, why: error.said() }),
        }
    }
    (passed, failures)
}

struct Runner {
    floats: Floats,
    linker: Linker<()>,
    store: Store<()>,
    current: Option<Instance>,
    named: HashMap<String, Instance>,
    counters: [Global; 4],
    /// The trap policy has kept something from happening that later directives may rely on.
    incomplete: bool,
    /// An instance failed half-way. wasmi 2.0.0 ends the process where its functions are called, which tables of others may hold by then:
    /// no sub-VM goes on after such a failure, and nothing that follows in the file is run.
    over: bool,
}

impl Runner {
    fn new(floats: Floats) -> Result<Runner> {
        let mut linker = Linker::new(&ENGINE);
        linker.allow_shadowing(true);
        let mut store = Store::new(&ENGINE, ());
        define_spectest(&mut linker, &mut store)?;
        let values = [
            (GAS_GLOBAL, Val::I64(GAS)),
            (STACK_GLOBAL, Val::I32(STACK)),
            (TRAP_GLOBAL, Val::I32(0)),
            (MARK_GLOBAL, Val::I32(stack_mark(STACK))),
        ];
        let counters = values.map(|(name, value)| (name, Global::new(&mut store, value, Mutability::Var)));
        for (name, global) in counters {
            linker.define(COUNTERS_MODULE, name, global).map_err(wasmi::Error::from)?;
        }
        let counters = counters.map(|(_, global)| global);
        Ok(Runner {
            floats,
            linker,
            store,
            current: None,
            named: HashMap::new(),
            counters,
            incomplete: false,
            over: false,
        })
    }

    /// Whether it was run; it held then.
    fn attempt(&mut self, directive: WastDirective<'_>) -> Result<bool> {
        match directive {
            WastDirective::Module(mut module) => {
                let name = module_name(&module);
                self.current = None;
                let instance = self.instantiate(&module.encode()?)?;
                self.current = Some(instance);
                self.named.extend(name.map(|name| (name, instance)));
            }
            WastDirective::Register { name, module, .. } => {
                let instance = self.instance(module.map(|id| id.name()))?;
                self.linker.instance(&mut self.store, name, instance)?;
            }
            WastDirective::Invoke(invoke) => drop(self.invoke(&invoke)?),
            WastDirective::AssertReturn { mut exec, results, .. } => {
                let values = self.execute(&mut exec)?;
                let matching = values.iter().zip(&results).filter(|(value, expected)| self.matches(expected, value));
                if values.len() != results.len() || matching.count() != values.len() {
                    return other(format!("got {values:x?}, expected {results:x?}"));
                }
            }
            WastDirective::AssertTrap { mut exec, message, .. } => match self.execute(&mut exec) {
                Ok(values) => return other(format!("got {values:x?}, expected the trap {message}")),
                Err(error) => self.check_trap(&error, message)?,
            },
            WastDirective::AssertExhaustion { call, message, .. } => match self.invoke(&call) {
                Ok(values) => return other(format!("got {values:x?}, expected {message}")),
                Err(error) => self.check_trap(&error, message)?,
            },
            WastDirective::AssertInvalid { mut module, .. } => self.check_refused(&module.encode()?)?,
            WastDirective::AssertMalformed { mut module, .. } => match module.to_test()? {
                QuoteWatTest::Binary(bytes) => self.check_refused(&bytes)?,
                QuoteWatTest::Text(_) => return Ok(false),
            },
            WastDirective::AssertUnlinkable { mut module, .. } => {
                if self.instantiate(&module.encode()?).is_ok() {
                    return other("it links");
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn instance(&self, name: Option<&str>) -> Result<Instance> {
        let instance = match name {
            Some(name) => self.named.get(name).copied(),
            None => self.current,
        };
        instance.ok_or_else(|| Error::Other("no instance".into()))
    }

    fn lower(&self, wasm: &[u8]) -> Result<Lowered> {
        let options =
            Options { floats: self.floats, counters: Counters::Imported, own_values: true, ..Options::default() };
        lower(wasm, &options).map_err(|refusal| Error::Other(refusal.to_string()))
    }

    fn instantiate(&mut self, wasm: &[u8]) -> Result<Instance> {
        let lowered = self.lower(wasm)?;
        let module = Module::new(&ENGINE, &lowered.wasm[..]).expect("wasmi translates what lowering makes");
        let instance = self.linker.instantiate_and_start(&mut self.store, &module);
        self.over |= instance.as_ref().is_err_and(|error| !matches!(error.kind(), ErrorKind::Linker(_)));
        let instance = instance?;
        if lowered.has_start {
            instance.get_typed_func::<(), ()>(&self.store, START_EXPORT)?.call(&mut self.store, ())?;
        }
        Ok(instance)
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Vec<Val>> {
        let instance = self.instance(invoke.module.map(|id| id.name()))?;
        let Some(function) = instance.get_func(&self.store, invoke.name) else { return other("no function") };
        let arguments = invoke.args.iter().map(|argument| self.argument(argument)).collect::<Option<Vec<_>>>();
        let Some(arguments) = arguments else { return other("an unknown argument") };
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        function.call(&mut self.store, &arguments, &mut results)?;
        Ok(results)
    }

    fn execute(&mut self, execute: &mut WastExecute<'_>) -> Result<Vec<Val>> {
        match execute {
            WastExecute::Invoke(invoke) => self.invoke(invoke),
            WastExecute::Wat(module) => self.instantiate(&module.encode()?).map(|_| Vec::new()),
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module.map(|id| id.name()))?;
                let global = instance.get_global(&self.store, global);
                global.map_or_else(|| other("no global"), |global| Ok(vec![global.get(&self.store)]))
            }
        }
    }

    fn argument(&mut self, argument: &WastArg<'_>) -> Option<Val> {
        let WastArg::Core(argument) = argument else { return None };
        Some(match argument {
            WastArgCore::I32(value) => Val::I32(*value),
            WastArgCore::I64(value) => Val::I64(*value),
            WastArgCore::F32(value) => Val::F32(wasmi::F32::from_bits(value.bits)),
            WastArgCore::F64(value) => Val::F64(wasmi::F64::from_bits(value.bits)),
            WastArgCore::V128(value) => Val::V128(V128::from(u128::from_le_bytes(value.to_le_bytes()))),
            WastArgCore::RefNull(HeapType::Abstract { ty: AbstractHeapType::Func, .. }) => Val::FuncRef(Nullable::Null),
            WastArgCore::RefNull(HeapType::Abstract { ty: AbstractHeapType::Extern, .. }) => {
                Val::ExternRef(Nullable::Null)
            }
            WastArgCore::RefExtern(value) => Val::ExternRef(Nullable::Val(ExternRef::new(&mut self.store, *value))),
            _ => return None,
        })
    }

    fn matches(&self, expected: &WastRet<'_>, value: &Val) -> bool {
        matches!(expected, WastRet::Core(expected) if self.matches_core(expected, value))
    }

    fn matches_core(&self, expected: &WastRetCore<'_>, value: &Val) -> bool {
        match (expected, value) {
            (WastRetCore::I32(expected), Val::I32(value)) => expected == value,
            (WastRetCore::I64(expected), Val::I64(value)) => expected == value,
            (WastRetCore::F32(expected), Val::F32(value)) => matches_f32(expected, value.to_bits()),
            (WastRetCore::F64(expected), Val::F64(value)) => matches_f64(expected, value.to_bits()),
            (WastRetCore::V128(expected), Val::V128(value)) => matches_v128(expected, value.as_u128()),
            (WastRetCore::RefNull(_), Val::FuncRef(Nullable::Null) | Val::ExternRef(Nullable::Null)) => true,
            (WastRetCore::RefFunc(_), Val::FuncRef(Nullable::Val(_))) => true,
            (WastRetCore::RefExtern(expected), Val::ExternRef(Nullable::Val(value))) => {
                expected.is_none() || value.data(&self.store).downcast_ref::<u32>().copied() == *expected
            }
            (WastRetCore::Either(choices), value) => choices.iter().any(|choice| self.matches_core(choice, value)),
            _ => false,
        }
    }

    fn check_refused(&self, wasm: &[u8]) -> Result<()> {
        if self.lower(wasm).is_err() { Ok(()) } else { other("it is accepted") }
    }

    /// Whether the trap is the one that the suite describes as `message`.
    fn check_trap(&self, error: &Error, message: &str) -> Result<()> {
        let said = match error {
            _ if self.marker(TrapKind::StackOverflow) => "call stack exhausted".to_owned(),
            _ if self.marker(TrapKind::IntegerOverflow) => "integer overflow".to_owned(),
            _ if self.marker(TrapKind::BadConversionToInteger) => "invalid conversion to integer".to_owned(),
            error => error.said(),
        };
        if said.contains(message) { Ok(()) } else { other(format!("{said}, expected {message}")) }
    }

    fn marker(&self, kind: TrapKind) -> bool {
        self.counters[2].get(&self.store).i32().and_then(TrapKind::from_marker) == Some(kind)
    }

    fn grant(&mut self) {
        for (global, value) in self.counters.iter().zip([Val::I64(GAS), Val::I32(STACK), Val::I32(0)]) {
            global.set(&mut self.store, value).expect("its type");
        }
    }
}

/// The module `spectest` that the suite imports from.
fn define_spectest(linker: &mut Linker<()>, store: &mut Store<()>) -> std::result::Result<(), wasmi::Error> {
    linker.func_wrap("spectest", "print", || {})?;
    linker.func_wrap("spectest", "print_i32", |_: i32| {})?;
    linker.func_wrap("spectest", "print_i64", |_: i64| {})?;
    linker.func_wrap("spectest", "print_f32", |_: f32| {})?;
    linker.func_wrap("spectest", "print_f64", |_: f64| {})?;
    linker.func_wrap("spectest", "print_i32_f32", |_: i32, _: f32| {})?;
    linker.func_wrap("spectest", "print_f64_f64", |_: f64, _: f64| {})?;
    for (name, value) in [
        ("global_i32", Val::I32(666)),
        ("global_i64", Val::I64(666)),
        ("global_f32", Val::F32(wasmi::F32::from_bits(666.6f32.to_bits()))),
        ("global_f64", Val::F64(wasmi::F64::from_bits(666.6f64.to_bits()))),
    ] {
        let global = Global::new(&mut *store, value, Mutability::Const);
        linker.define("spectest", name, global)?;
    }
    let table = TableType::new(RefType::Func, 10, Some(20));
    let table = wasmi::Table::new(&mut *store, table, Ref::from(Nullable::<Func>::Null))?;
    linker.define("spectest", "table", table)?;
    let memory = wasmi::Memory::new(&mut *store, MemoryType::new(1, Some(2)))?;
    linker.define("spectest", "memory", memory)?;
    Ok(())
}
