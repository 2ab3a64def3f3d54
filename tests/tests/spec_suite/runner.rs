//! Runs one file of specification tests.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use subvm_host_std::lower::{
    COUNTERS_MODULE, Counters, Floats, GAS_GLOBAL, Lowered, MARK_GLOBAL, Options, STACK_GLOBAL, START_EXPORT,
    TRAP_GLOBAL, TrapKind, lower, stack_mark,
};
use subvm_tests::lowered::Generator;
use wasmtime::{
    Engine, Error, Global, GlobalType, Instance, Linker, MemoryType, Module, Mutability, Ref, RefType, Store,
    TableType, ThrownException, Trap, Val, ValType, bail, format_err,
};
use wast::core::ModuleKind;
use wast::{QuoteWat, QuoteWatTest, WastDirective, WastExecute, WastInvoke, Wat};

use super::values;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Generator::Speed.engine());

/// Stack units that fit into the thread, whatever the frames.
const STACK: i32 = 1_000_000;
const GAS: i64 = 1 << 50;

/// A directive that did not hold.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) why: String,
}

/// Failures are the same when the directives are; what happened instead may differ.
impl PartialEq for Failure {
    fn eq(&self, other: &Failure) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Failure {}

impl PartialOrd for Failure {
    fn partial_cmp(&self, other: &Failure) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Failure {
    fn cmp(&self, other: &Failure) -> std::cmp::Ordering {
        (&self.file, self.line).cmp(&(&other.file, other.line))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.why)
    }
}

/// Runs `text` under `floats`, or without lowering: how many directives held, and which did not.
pub(crate) fn run_file(file: &str, text: &str, floats: Option<Floats>) -> (usize, Vec<Failure>) {
    let mut lexer = wast::lexer::Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = wast::parser::ParseBuffer::new_with_lexer(lexer).expect("tokens");
    let Ok(wast) = wast::parser::parse::<wast::Wast<'_>>(&buffer) else { return (0, Vec::new()) };
    // What uses exceptions is not valid in the other files.
    let mut runner = Runner::new(floats, file.starts_with("exceptions/"));
    let mut passed = 0;
    let mut failures = Vec::new();
    for directive in wast.directives {
        let line = directive.span().linecol_in(text).0 + 1;
        match runner.directive(directive) {
            Ok(Verdict::Holds) => passed += 1,
            Ok(Verdict::NotRun) => {}
            Err(error) => failures.push(Failure { file: file.to_owned(), line, why: format!("{error:#}") }),
        }
    }
    (passed, failures)
}

enum Verdict {
    Holds,
    /// It says nothing about execution, or the trap policy forbids it.
    NotRun,
}

struct Runner {
    floats: Option<Floats>,
    linker: Linker<()>,
    store: Store<()>,
    current: Option<Instance>,
    named: HashMap<String, Instance>,
    /// The counters, which all lowered instances share: gas, stack and the marker.
    counters: [Global; 4],
    /// Whether modules may use exceptions.
    exceptions: bool,
    /// The trap policy has kept something from happening that later directives may rely on.
    incomplete: bool,
}

impl Runner {
    fn new(floats: Option<Floats>, exceptions: bool) -> Runner {
        let mut linker = Linker::new(&ENGINE);
        linker.allow_shadowing(true);
        let mut store = Store::new(&ENGINE, ());
        define_spectest(&mut linker, &mut store).expect("the host module of the suite");
        let counters = define_counters(&mut linker, &mut store).expect("new names");
        Runner { floats, linker, store, current: None, named: HashMap::new(), counters, exceptions, incomplete: false }
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Result<Verdict, Error> {
        let held = self.attempt(directive);
        let forbidden = self.marker(TrapKind::NondetInstruction);
        self.grant();
        match held {
            Err(_) if self.floats == Some(Floats::Trap) && (forbidden || self.incomplete) => {
                self.incomplete = true;
                Ok(Verdict::NotRun)
            }
            other => other,
        }
    }

    fn attempt(&mut self, directive: WastDirective<'_>) -> Result<Verdict, Error> {
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
                let matching = values.iter().zip(&results);
                let matching = matching.filter(|(value, expected)| values::matches(&mut self.store, expected, value));
                if values.len() != results.len() || matching.count() != values.len() {
                    bail!("got {values:x?}, expected {results:x?}");
                }
            }
            WastDirective::AssertTrap { mut exec, message, .. } => match self.execute(&mut exec) {
                Ok(values) => bail!("got {values:x?}, expected the trap {message}"),
                Err(error) => self.check_trap(&error, message)?,
            },
            WastDirective::AssertExhaustion { call, message, .. } => match self.invoke(&call) {
                Ok(values) => bail!("got {values:x?}, expected {message}"),
                Err(error) => self.check_trap(&error, message)?,
            },
            WastDirective::AssertException { mut exec, .. } => match self.execute(&mut exec) {
                Ok(values) => bail!("got {values:x?}, expected an exception"),
                Err(error) if error.is::<ThrownException>() => {}
                Err(error) => bail!("{error:#}, expected an exception"),
            },
            WastDirective::AssertInvalid { mut module, .. } => self.check_refused(&module.encode()?)?,
            WastDirective::AssertMalformed { mut module, .. } => match module.to_test()? {
                QuoteWatTest::Binary(bytes) => self.check_refused(&bytes)?,
                QuoteWatTest::Text(_) => return Ok(Verdict::NotRun),
            },
            WastDirective::AssertUnlinkable { mut module, .. } => {
                if self.instantiate(&module.encode()?).is_ok() {
                    bail!("it links");
                }
            }
            _ => return Ok(Verdict::NotRun),
        }
        Ok(Verdict::Holds)
    }

    fn instance(&self, name: Option<&str>) -> Result<Instance, Error> {
        let instance = match name {
            Some(name) => self.named.get(name).copied(),
            None => self.current,
        };
        instance.ok_or_else(|| format_err!("no instance"))
    }

    fn lower(&self, wasm: &[u8]) -> Result<Option<Lowered>, Error> {
        let Some(floats) = self.floats else { return Ok(None) };
        // Probed stores under two of the policies, and under the others where the processor asks for them.
        let probe_stores = matches!(floats, Floats::Soft | Floats::Native) || Options::default().probe_stores;
        let exceptions = self.exceptions;
        let options = Options { floats, exceptions, counters: Counters::Imported, probe_stores, ..Options::default() };
        lower(wasm, &options).map(Some).map_err(|refusal| format_err!("{refusal}"))
    }

    fn instantiate(&mut self, wasm: &[u8]) -> Result<Instance, Error> {
        let Some(lowered) = self.lower(wasm)? else {
            let module = Module::new(&ENGINE, wasm)?;
            return self.linker.instantiate(&mut self.store, &module);
        };
        let module = Module::new(&ENGINE, &lowered.wasm).expect("lowered modules are valid");
        let instance = self.linker.instantiate(&mut self.store, &module)?;
        if lowered.has_start {
            let start = instance.get_typed_func::<(), ()>(&mut self.store, START_EXPORT)?;
            start.call(&mut self.store, ())?;
        }
        Ok(instance)
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Vec<Val>, Error> {
        let instance = self.instance(invoke.module.map(|id| id.name()))?;
        let function = instance.get_func(&mut self.store, invoke.name).ok_or_else(|| format_err!("no function"))?;
        let arguments = invoke.args.iter().map(|argument| values::argument(&mut self.store, argument));
        let arguments = arguments.collect::<Option<Vec<_>>>().ok_or_else(|| format_err!("an unknown argument"))?;
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        function.call(&mut self.store, &arguments, &mut results)?;
        Ok(results)
    }

    fn execute(&mut self, execute: &mut WastExecute<'_>) -> Result<Vec<Val>, Error> {
        match execute {
            WastExecute::Invoke(invoke) => self.invoke(invoke),
            WastExecute::Wat(module) => self.instantiate(&module.encode()?).map(|_| Vec::new()),
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module.map(|id| id.name()))?;
                let global = instance.get_global(&mut self.store, global).ok_or_else(|| format_err!("no global"))?;
                Ok(vec![global.get(&mut self.store)])
            }
        }
    }

    fn check_refused(&self, wasm: &[u8]) -> Result<(), Error> {
        let refused =
            if self.floats.is_some() { self.lower(wasm).is_err() } else { Module::new(&ENGINE, wasm).is_err() };
        if refused { Ok(()) } else { bail!("it is accepted") }
    }

    /// Whether the trap is the one that the suite describes as `message`.
    fn check_trap(&mut self, error: &Error, message: &str) -> Result<(), Error> {
        let said = match error.downcast_ref::<Trap>() {
            Some(_) if self.marker(TrapKind::StackOverflow) => "call stack exhausted".to_owned(),
            Some(_) if self.marker(TrapKind::IntegerOverflow) => "integer overflow".to_owned(),
            Some(_) if self.marker(TrapKind::BadConversionToInteger) => "invalid conversion to integer".to_owned(),
            Some(trap) => trap.to_string(),
            None => format!("{error:#}"),
        };
        if said.contains(message) { Ok(()) } else { bail!("{said}, expected {message}") }
    }

    fn marker(&mut self, kind: TrapKind) -> bool {
        TrapKind::from_marker(self.counters[2].get(&mut self.store).unwrap_i32()) == Some(kind)
    }

    fn grant(&mut self) {
        for (global, value) in self.counters.iter().zip([Val::I64(GAS), Val::I32(STACK), Val::I32(0)]) {
            global.set(&mut self.store, value).expect("its type");
        }
    }
}

/// The counters, where lowered modules import them from.
fn define_counters(linker: &mut Linker<()>, store: &mut Store<()>) -> Result<[Global; 4], Error> {
    let mut define = |name: &str, value: Val| {
        let ty = GlobalType::new(value.ty(&mut *store)?, Mutability::Var);
        let global = Global::new(&mut *store, ty, value)?;
        linker.define(&mut *store, COUNTERS_MODULE, name, global)?;
        Ok::<_, Error>(global)
    };
    let (gas, stack) = (define(GAS_GLOBAL, Val::I64(GAS))?, define(STACK_GLOBAL, Val::I32(STACK))?);
    Ok([gas, stack, define(TRAP_GLOBAL, Val::I32(0))?, define(MARK_GLOBAL, Val::I32(stack_mark(STACK)))?])
}

pub(crate) fn module_name(module: &QuoteWat<'_>) -> Option<String> {
    match module {
        QuoteWat::Wat(Wat::Module(module)) if matches!(module.kind, ModuleKind::Text(_) | ModuleKind::Binary(_)) => {
            module.id.map(|id| id.name().to_owned())
        }
        _ => None,
    }
}

/// The module `spectest` that the suite imports from.
fn define_spectest(linker: &mut Linker<()>, store: &mut Store<()>) -> Result<(), Error> {
    linker.func_wrap("spectest", "print", || {})?;
    linker.func_wrap("spectest", "print_i32", |_: i32| {})?;
    linker.func_wrap("spectest", "print_i64", |_: i64| {})?;
    linker.func_wrap("spectest", "print_f32", |_: f32| {})?;
    linker.func_wrap("spectest", "print_f64", |_: f64| {})?;
    linker.func_wrap("spectest", "print_i32_f32", |_: i32, _: f32| {})?;
    linker.func_wrap("spectest", "print_f64_f64", |_: f64, _: f64| {})?;
    let globals = [
        ("global_i32", ValType::I32, Val::I32(666)),
        ("global_i64", ValType::I64, Val::I64(666)),
        ("global_f32", ValType::F32, Val::F32(666.6f32.to_bits())),
        ("global_f64", ValType::F64, Val::F64(666.6f64.to_bits())),
    ];
    for (name, ty, value) in globals {
        let global = Global::new(&mut *store, GlobalType::new(ty, Mutability::Const), value)?;
        linker.define(&mut *store, "spectest", name, global)?;
    }
    let table = wasmtime::Table::new(&mut *store, TableType::new(RefType::FUNCREF, 10, Some(20)), Ref::Func(None))?;
    linker.define(&mut *store, "spectest", "table", table)?;
    let memory = wasmtime::Memory::new(&mut *store, MemoryType::new(1, Some(2)))?;
    linker.define(&mut *store, "spectest", "memory", memory)?;
    Ok(())
}
