//! The core with another engine, and nothing else of this repository: a machine whose programs are lines of text.
//!
//! ```text
//! cargo run --locked -p subvm-host-std --example other_engine
//! ```
//!
//! An engine is whatever can run a sub-VM to its end: here, an interpreter of three instructions. It shows the duties that
//! [`subvm_core::Engine`] lists: refuse what is malformed, charge RAM and ticks, hand host calls to the core, conclude, take the fingerprint.
//! Gas, permissions, descriptors, receipts and votes are the core's, and work as they do for WebAssembly.

use std::collections::BTreeMap;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use subvm_core::calldata::{Map, Value};
use subvm_core::fingerprint::{Fingerprint, Frame};
use subvm_core::host::{
    Catch, Clock, Code, EthAnswer, Host, HostError, Modules, Node, Progress, RequestId, Rng, State, Storage, Stream,
};
use subvm_core::wasi::{self, Refused};
use subvm_core::{
    Address, End, Engine, Entry, Finished, Guest, InternalError, InternalErrorKind, Invalid, Message, Outcome, Params,
    Parts, Report, Resource, Role, Run, SlotId, SubVm, Trap, VmError, run, sdk,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Prints a line and returns a value. Numbers are decimal; a string ends with its line.
const HELLO: &str = "\
put 64 hello from another engine\\n
word 0 64
word 4 26
call fd_write 1 0 1 8
return {\"answer\": 42}";

fn main() -> Result<()> {
    let report = transact(HELLO)?;
    println!("{:?}, {} ticks", report.outcome, report.receipt.gas.time);
    let trapped = transact("call fd_write 1 0 1 4294967295")?;
    println!("{:?}, fingerprint {:?}", trapped.outcome, trapped.fingerprint);
    Ok(())
}

fn transact(program: &str) -> Result<Report> {
    let package = Parts { start: program.as_bytes().into(), ..Parts::default() }.check(&Refused::default())?;
    let world = || Box::new(World { code: Code::Package(Arc::new(package.clone())) });
    let node = Node { storage: world(), clock: world(), rng: world(), host: world(), modules: world(), observer: None };
    let run_this = Run {
        message: Message::default(),
        entry: Entry::Contract,
        role: Role::Leader,
        params: Arc::new(Params::default()),
        state: State::Accepted,
        deadline: None,
        cancel: None,
    };
    Ok(run(Arc::new(Lines), node, run_this).1?)
}

/// The engine.
struct Lines;

/// Bytes of a program's memory.
const MEMORY: usize = 64 << 10;
/// Ticks of one instruction.
const PRICE: i64 = 10;

impl Engine for Lines {
    fn run(&self, mut vm: Box<SubVm>) -> Finished {
        let mut machine = Machine { mem: Vec::new(), ticks: vm.ticks, line: 0 };
        let caught = catch_unwind(AssertUnwindSafe(|| machine.execute(&mut vm)));
        // The counter is written back before anything is concluded.
        vm.ticks = machine.ticks;
        let ended = match caught {
            Ok(Ok(())) => Ok(Outcome::null()),
            Ok(Err(end)) => end.into_result(),
            Err(_) => Err(InternalError::new(InternalErrorKind::Bug, "a part of the node panicked")),
        };
        let result = vm.conclude(ended);
        let fingerprint = vm.wants_fingerprint(&result).then(|| machine.fingerprint());
        Finished { vm, result, fingerprint }
    }

    fn catch(&self) -> Catch {
        |call| catch_unwind(AssertUnwindSafe(call)).is_ok()
    }
}

struct Machine {
    mem: Vec<u8>,
    ticks: i64,
    /// Where it is: the one frame that there is.
    line: u32,
}

impl Machine {
    fn execute(&mut self, vm: &mut SubVm) -> std::result::Result<(), End> {
        let program = vm.package().start.clone();
        let refused = || End::from(VmError::InvalidContract(Invalid::WasmValidating));
        let program: Vec<Instruction<'_>> = std::str::from_utf8(&program)
            .ok()
            .and_then(|text| text.lines().map(Instruction::parse).collect())
            .ok_or_else(refused)?;
        // Memory is charged before it is there.
        vm.charge_ram(MEMORY as u64).map_err(|_| Resource::WasmMemory)?;
        self.mem = vec![0; MEMORY];
        for (instruction, line) in program.iter().zip(0..) {
            self.line = line;
            self.ticks -= PRICE;
            if self.ticks < 0 {
                return Err(Resource::GasTime.into());
            }
            self.step(vm, instruction)?;
        }
        Ok(())
    }

    fn step(&mut self, vm: &mut SubVm, instruction: &Instruction<'_>) -> std::result::Result<(), End> {
        match instruction {
            Instruction::Put(address, bytes) => {
                let place = self.mem.get_mut(*address..).and_then(|rest| rest.get_mut(..bytes.len()));
                place.ok_or(Trap::MemoryOutOfBounds)?.copy_from_slice(bytes);
            }
            Instruction::Call(name, arguments) => {
                let mut guest = self.guest(vm);
                if wasi::dispatch(&mut guest.cx()?, name, arguments)? != 0 {
                    return Err(Trap::Unreachable.into());
                }
            }
            Instruction::Return(value) => {
                let request = Value::from(Map::from([("Return", value.clone())])).encode();
                let request = request.map_err(|_| Trap::Unreachable)?;
                self.mem.get_mut(..request.len()).ok_or(Trap::MemoryOutOfBounds)?.copy_from_slice(&request);
                // It ends the sub-VM.
                sdk::entry::gl_call(&mut self.guest(vm), 0, request.len() as u32, 0)?;
            }
        }
        Ok(())
    }

    /// What the core sees at a host call.
    fn guest<'a>(&'a mut self, vm: &'a mut SubVm) -> Guest<'a> {
        Guest { mem: &mut self.mem, ticks: &mut self.ticks, stack_units: vm.stack_units, vm }
    }

    /// The line stands for the function; one memory, of one module.
    fn fingerprint(&self) -> Fingerprint {
        let main = || "main".to_owned();
        Fingerprint {
            frames: vec![Frame { module_name: main(), func: self.line }],
            module_instances: BTreeMap::from([(main(), vec![*blake3::hash(&self.mem).as_bytes()])]),
        }
    }
}

enum Instruction<'a> {
    /// `put ADDRESS TEXT` with `\n` for a new line, or `word ADDRESS NUMBER` in little-endian order.
    Put(usize, Vec<u8>),
    /// `call FUNCTION ARGUMENTS`: a function of preview 1, which has to succeed.
    Call(&'a str, Vec<u64>),
    /// `return CALLDATA`.
    Return(Value),
}

impl<'a> Instruction<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (name, rest) = line.split_once(' ')?;
        let (first, others) = rest.split_once(' ').unwrap_or((rest, ""));
        Some(match name {
            "put" => Self::Put(first.parse().ok()?, others.replace("\\n", "\n").into_bytes()),
            "word" => Self::Put(first.parse().ok()?, others.parse::<u32>().ok()?.to_le_bytes().to_vec()),
            "call" => {
                wasi::function(first)?;
                let arguments = others.split_whitespace().map(|argument| argument.parse().ok());
                Self::Call(first, arguments.collect::<Option<_>>()?)
            }
            "return" => Self::Return(rest.parse().ok()?),
            _ => return None,
        })
    }
}

/// A world with one program in it, and nothing else.
struct World {
    code: Code,
}

impl Storage for World {
    fn read(
        &mut self,
        _: State,
        _: &Address,
        _: &SlotId,
        _: u32,
        into: &mut [u8],
    ) -> std::result::Result<(), HostError> {
        into.fill(0);
        Ok(())
    }
}

impl Clock for World {
    fn transaction_time(&self) -> u64 {
        0
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

impl Rng for World {
    fn fill(&mut self, _: &mut [u8]) -> std::result::Result<(), HostError> {
        Err("there is no randomness here".into())
    }
}

impl Host for World {
    fn balance(&mut self, _: State, _: &Address) -> std::result::Result<[u8; 32], HostError> {
        Ok([0; 32])
    }

    fn code(&mut self, _: State, _: &Address) -> std::result::Result<Code, HostError> {
        Ok(self.code.clone())
    }

    fn locked_slots(&mut self, _: &Address) -> std::result::Result<Vec<SlotId>, HostError> {
        Ok(Vec::new())
    }

    fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> std::result::Result<EthAnswer, HostError> {
        Ok(EthAnswer::Refused)
    }

    fn output(&mut self, _: Stream, bytes: &[u8]) {
        print!("{}", String::from_utf8_lossy(bytes));
    }
}

impl Modules for World {
    fn start(&mut self, _: &[u8]) -> std::result::Result<RequestId, HostError> {
        Err("there is no world outside".into())
    }

    fn wait(&mut self, _: RequestId, _: Duration) -> std::result::Result<Progress, HostError> {
        Err("nothing was started".into())
    }

    fn cancel(&mut self, _: RequestId) {}
}

#[test]
fn it_runs() {
    main().unwrap();
}

#[test]
fn programs_end_as_webassembly_would() {
    let end = |program: &str| transact(program).unwrap().outcome.to_bytes();
    assert_eq!(end(HELLO), Outcome::Return("{\"answer\": 42}".parse::<Value>().unwrap().encode().unwrap()).to_bytes());
    assert_eq!(end("put 65535 ab"), b"\x02wasm_trap memory_out_of_bounds");
    assert_eq!(end("call proc_exit 7"), b"\x02exit_code 7");
    assert_eq!(end("jump 0"), b"\x02invalid_contract wasm validating");
}
