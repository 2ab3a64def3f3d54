//! What lowering costs real programs: run time unlowered, lowered under each policy, and under wasmtime's own fuel and
//! epochs, in one run; and lowering's share of the time it takes to compile them.
//!
//! `tests/programs/fetch.sh` brings the programs; what is missing is left out. `cargo bench -p subvm-benches --bench
//! programs`; names as arguments choose among them, and `--aligned` starts each function at a multiple of 64 bytes, which
//! says how much of a difference is where code comes to lie. Times are of the processor, so that a busy machine does not matter
//! much, and the least of several runs; the variants take turns.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use subvm_host_std::lower::{Floats, GAS_GLOBAL, Options, STACK_GLOBAL, START_EXPORT, lower};
use wasmtime::{Caller, Config, Engine, Error, Extern, FuncType, Inlining, Linker, Memory, Module, Store, Val};

/// A program: its name, module, arguments and standard input.
const PROGRAMS: [(&str, &str, &[&str], &str); 5] = [
    ("sqlite", "sqlite.wasm", &["sqlite3", ":memory:"], include_str!("programs/query.sql")),
    ("gofmt", "gofmt.wasm", &["gofmt", "-s"], ""),
    ("php", "php-cgi-8.2.0.wasm", &["php", "-q"], include_str!("programs/sums.php")),
    ("ruby", "ruby-3.2.0.wasm", &["ruby", "--disable=gems", "-"], include_str!("programs/sums.rb")),
    ("python", "python-3.11.3.wasm", &["python", "-I", "-S", "-"], include_str!("programs/sums.py")),
];

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/programs");

/// How often each variant runs at least, and for how many seconds together.
const RUNS: usize = 3;
const SECONDS: f64 = 3.0;

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Variant {
    Unlowered,
    Fuel,
    FuelAndEpochs,
    Lowered(Floats),
    /// *Soft*, with the stores made whole that only some processors need.
    Probed,
}

const VARIANTS: [(&str, Variant); 7] = [
    ("unlowered", Variant::Unlowered),
    ("fuel", Variant::Fuel),
    ("fuel, epochs", Variant::FuelAndEpochs),
    ("native", Variant::Lowered(Floats::Native)),
    ("canonical", Variant::Lowered(Floats::Canonical)),
    ("soft", Variant::Lowered(Floats::Soft)),
    ("soft, probed", Variant::Probed),
];

impl Variant {
    fn engine(self, aligned: bool) -> Engine {
        let mut config = Config::new();
        if aligned {
            // SAFETY: where functions start changes nothing of what they do.
            unsafe { config.cranelift_flag_set("log2_min_function_alignment", "6") };
        }
        config.compiler_inlining(Inlining::No).memory_init_cow(false).max_wasm_stack(64 << 20);
        config.consume_fuel(matches!(self, Variant::Fuel | Variant::FuelAndEpochs));
        config.epoch_interruption(self == Variant::FuelAndEpochs);
        config.async_stack_size(80 << 20);
        Engine::new(&config).expect("an engine")
    }

    /// What lowering makes of `wasm`, or nothing.
    fn lower(self, wasm: &[u8]) -> Option<Vec<u8>> {
        let (floats, probe_stores) = match self {
            Variant::Lowered(floats) => (floats, false),
            Variant::Probed => (Floats::Soft, true),
            _ => return None,
        };
        Some(lower(wasm, &Options { floats, probe_stores, ..Options::default() }).expect("accepted").wasm)
    }
}

/// What a program sees: just enough of WASI to read its input and to write.
struct World {
    memory: Option<Memory>,
    args: Vec<String>,
    input: Vec<u8>,
    read: usize,
    written: Vec<u8>,
    exit: Option<i32>,
}

/// Seconds of the processor that this process has used.
fn process_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    [11, 12].iter().map(|place| fields[*place].parse::<f64>().expect("a number") / 100.0).sum()
}

/// Seconds of the processor that this thread has used.
fn thread_seconds() -> f64 {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock of Unix");
    Duration::from(now).as_secs_f64()
}

fn memory(caller: &Caller<'_, World>) -> Memory {
    caller.data().memory.expect("a memory")
}

fn put(caller: &mut Caller<'_, World>, at: i32, bytes: &[u8]) {
    memory(caller).write(caller, at as u32 as usize, bytes).expect("within memory");
}

fn word(caller: &mut Caller<'_, World>, at: i32) -> i32 {
    let mut bytes = [0; 4];
    memory(caller).read(&*caller, at as u32 as usize, &mut bytes).expect("within memory");
    i32::from_le_bytes(bytes)
}

const WASI: &str = "wasi_snapshot_preview1";

/// The calls that programs need; every other one answers *not supported*.
fn linker(engine: &Engine, module: &Module) -> Linker<World> {
    let mut linker: Linker<World> = Linker::new(engine);
    linker.allow_shadowing(true);
    for import in module.imports() {
        if let wasmtime::ExternType::Func(ty) = import.ty() {
            let ty = if is_lowered(module) { without_ticks(engine, &ty) } else { ty };
            let answer = |_: Caller<'_, World>, _: &[Val], results: &mut [Val]| {
                results.fill(Val::I32(58));
                Ok(())
            };
            linker.func_new(import.module(), import.name(), ty, answer).expect("a name");
        }
    }
    arguments(&mut linker);
    surroundings(&mut linker);
    streams(&mut linker);
    linker
}

fn arguments(wrap: &mut Linker<World>) {
    wrap.func_wrap(WASI, "args_sizes_get", |mut c: Caller<'_, World>, count: i32, size: i32| {
        let (n, bytes) =
            (c.data().args.len() as i32, c.data().args.iter().map(|arg| arg.len() as i32 + 1).sum::<i32>());
        put(&mut c, count, &n.to_le_bytes());
        put(&mut c, size, &bytes.to_le_bytes());
        0
    })
    .expect("a name");
    wrap.func_wrap(WASI, "args_get", |mut c: Caller<'_, World>, mut list: i32, mut text: i32| {
        for arg in c.data().args.clone() {
            put(&mut c, list, &text.to_le_bytes());
            put(&mut c, text, arg.as_bytes());
            put(&mut c, text + arg.len() as i32, &[0]);
            (list, text) = (list + 4, text + arg.len() as i32 + 1);
        }
        0
    })
    .expect("a name");
    wrap.func_wrap(WASI, "environ_sizes_get", |mut c: Caller<'_, World>, count: i32, size: i32| {
        put(&mut c, count, &[0; 4]);
        put(&mut c, size, &[0; 4]);
        0
    })
    .expect("a name");
    wrap.func_wrap(WASI, "environ_get", |_: i32, _: i32| 0).expect("a name");
}

/// The time, random bytes, no directory, and the end.
fn surroundings(wrap: &mut Linker<World>) {
    wrap.func_wrap(WASI, "clock_time_get", |mut c: Caller<'_, World>, _: i32, _: i64, at: i32| {
        put(&mut c, at, &1_000_000_000_000_000_000u64.to_le_bytes());
        0
    })
    .expect("a name");
    wrap.func_wrap(WASI, "random_get", |mut c: Caller<'_, World>, at: i32, size: i32| {
        put(&mut c, at, &vec![7; size as usize]);
        0
    })
    .expect("a name");
    wrap.func_wrap(WASI, "fd_prestat_get", |_: i32, _: i32| 8).expect("a name");
    wrap.func_wrap(WASI, "proc_exit", |mut c: Caller<'_, World>, code: i32| -> Result<(), Error> {
        c.data_mut().exit = Some(code);
        Err(Error::msg("exit"))
    })
    .expect("a name");
}

/// Reading what the program is given, and keeping what it prints.
fn streams(wrap: &mut Linker<World>) {
    wrap.func_wrap(WASI, "fd_fdstat_get", |mut c: Caller<'_, World>, fd: i32, at: i32| {
        let mut stat = [0xff; 24];
        stat[..8].fill(0);
        stat[0] = 2;
        if fd < 3 {
            put(&mut c, at, &stat);
        }
        if fd < 3 { 0 } else { 8 }
    })
    .expect("a name");
    wrap.func_wrap(WASI, "fd_filestat_get", |mut c: Caller<'_, World>, fd: i32, at: i32| {
        let mut stat = [0; 64];
        stat[16] = 2;
        if fd < 3 {
            put(&mut c, at, &stat);
        }
        if fd < 3 { 0 } else { 8 }
    })
    .expect("a name");
    wrap.func_wrap(WASI, "fd_read", |mut c: Caller<'_, World>, fd: i32, list: i32, count: i32, result: i32| {
        if fd != 0 {
            return 8;
        }
        let mut read = 0;
        for place in 0..count {
            let (at, size) = (word(&mut c, list + 8 * place), word(&mut c, list + 8 * place + 4));
            let World { input, read: from, .. } = c.data();
            let bytes = input[*from..input.len().min(*from + size as usize)].to_vec();
            c.data_mut().read += bytes.len();
            read += bytes.len() as i32;
            put(&mut c, at, &bytes);
        }
        put(&mut c, result, &read.to_le_bytes());
        0
    })
    .expect("a name");
    wrap.func_wrap(WASI, "fd_write", |mut c: Caller<'_, World>, _: i32, list: i32, count: i32, result: i32| {
        let mut written = 0;
        for place in 0..count {
            let (at, size) = (word(&mut c, list + 8 * place), word(&mut c, list + 8 * place + 4));
            let bytes = memory(&c).data(&c)[at as usize..][..size as usize].to_vec();
            c.data_mut().written.extend(bytes);
            written += size;
        }
        put(&mut c, result, &written.to_le_bytes());
        0
    })
    .expect("a name");
}

fn is_lowered(module: &Module) -> bool {
    module.get_export(GAS_GLOBAL).is_some()
}

/// The type of a function as the guest knows it: in a lowered module the ticks are the last parameter and result.
fn without_ticks(engine: &Engine, ty: &FuncType) -> FuncType {
    FuncType::new(engine, ty.params().take(ty.params().len() - 1), ty.results().take(ty.results().len() - 1))
}

/// The functions of `plain` as a lowered module imports them: they take the ticks and give them back.
fn handing_ticks(store: &mut Store<World>, module: &Module, plain: &Linker<World>) -> Linker<World> {
    let mut linker = Linker::new(module.engine());
    linker.allow_shadowing(true);
    for import in module.imports() {
        let Ok(Extern::Func(function)) = plain.get(&mut *store, import.module(), import.name()) else { continue };
        let call = move |caller: Caller<'_, World>, arguments: &[Val], results: &mut [Val]| {
            let (left, results) = results.split_last_mut().expect("the ticks");
            let (ticks, arguments) = arguments.split_last().expect("the ticks");
            *left = *ticks;
            function.call(caller, arguments, results)
        };
        let ty = import.ty().func().expect("a function").clone();
        linker.func_new(import.module(), import.name(), ty, call).expect("a name");
    }
    linker
}

/// Runs the program once: seconds and what it wrote.
fn run(module: &Module, args: &[&str], input: &[u8]) -> (f64, Vec<u8>) {
    let engine = module.engine();
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    let world = World { memory: None, args, input: input.to_vec(), read: 0, written: Vec::new(), exit: None };
    let mut store = Store::new(engine, world);
    _ = store.set_fuel(u64::MAX);
    store.set_epoch_deadline(1 << 40);
    let mut linker = linker(engine, module);
    if is_lowered(module) {
        linker = handing_ticks(&mut store, module, &linker);
    }
    let instance = linker.instantiate(&mut store, module).expect("an instance");
    store.data_mut().memory = instance.get_memory(&mut store, "memory");
    for (name, value) in [(GAS_GLOBAL, Val::I64(i64::MAX)), (STACK_GLOBAL, Val::I32(1 << 30))] {
        if let Some(global) = instance.get_global(&mut store, name) {
            global.set(&mut store, value).expect("its type");
        }
    }
    let start = thread_seconds();
    let ended = ["_initialize", START_EXPORT, "_start"].into_iter().try_for_each(|name| {
        match instance.get_typed_func::<(), ()>(&mut store, name) {
            Ok(function) => function.call(&mut store, ()),
            Err(_) => Ok(()),
        }
    });
    let seconds = thread_seconds() - start;
    if let Err(error) = ended
        && store.data().exit.is_none()
    {
        eprintln!("{error:?}");
    }
    (seconds, store.into_data().written)
}

fn measure(name: &str, wasm: &[u8], args: &[&str], input: &[u8], aligned: bool) {
    let mut modules = Vec::new();
    for (title, variant) in VARIANTS {
        let start = process_seconds();
        let lowered = variant.lower(wasm);
        let lowering = process_seconds() - start;
        let start = process_seconds();
        let module = Module::new(&variant.engine(aligned), lowered.as_deref().unwrap_or(wasm)).expect("a module");
        let compiling = process_seconds() - start;
        modules.push((title, module, lowering, compiling, f64::INFINITY));
    }
    let mut expected: Option<Vec<u8>> = None;
    let (mut runs, mut total) = (0, 0.0);
    while runs < RUNS * modules.len() || total < SECONDS * modules.len() as f64 {
        for (title, module, _, _, least) in &mut modules {
            let (seconds, written) = run(module, args, input);
            (runs, total) = (runs + 1, total + seconds);
            *least = least.min(seconds);
            let expected = expected.get_or_insert_with(|| written.clone());
            assert!(*expected == written, "{title}: {}", String::from_utf8_lossy(&written));
        }
    }
    let written = expected.unwrap_or_default();
    println!(
        "{name}: {} bytes written, the last: {:?}",
        written.len(),
        String::from_utf8_lossy(&written[written.len().saturating_sub(30)..])
    );
    let unlowered = modules[0].4;
    for (title, _, lowering, compiling, least) in &modules {
        println!(
            "  {title:14} {least:8.3} s  {:5.2}x   lowering {lowering:5.2} s, compiling {compiling:6.2} s, {:4.1}%",
            least / unlowered,
            100.0 * lowering / (lowering + compiling)
        );
    }
}

/// Go that is not formatted as gofmt would: enough of it for a second.
fn ugly_go() -> Vec<u8> {
    let mut text = String::from("package p\n");
    for number in 0..4_000 {
        text += &format!(
            "func f{number}( a,b int)int{{ if a>b {{return a*{number}+b }};x:=[]int{{1,2, {number}}}\nfor i:=range x{{a+=x[i] }};return a-b}}\n"
        );
    }
    text.into_bytes()
}

fn main() {
    let aligned = std::env::args().any(|argument| argument == "--aligned");
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, file, args, input) in PROGRAMS {
        let path = Path::new(ROOT).join(file);
        if !chosen.is_empty() && !chosen.iter().any(|chosen| chosen == name) {
            continue;
        }
        match fs::read(&path) {
            Ok(wasm) if name == "gofmt" => measure(name, &wasm, args, &ugly_go(), aligned),
            Ok(wasm) => measure(name, &wasm, args, input.as_bytes(), aligned),
            Err(error) => println!("{name}: left out: {}: {error}", path.display()),
        }
    }
}
