//! Every price of a run is that of its schedule: the same run under doubled prices takes exactly twice the ticks.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::consensus::input::{Entry, Role, Run};
use crate::consensus::message::Message;
use crate::consensus::package::{Library, Package, Parts};
use crate::consensus::params::Params;
use crate::costs::SetUp;
use crate::costs::calls::{self, Price};
use crate::costs::instructions::{Class, Schedule};
use crate::host::{Clock, Code, EthAnswer, Host, HostError, Modules, Node, Progress, RequestId, Rng, Storage, Stream};
use crate::ids::{Address, SlotId, State};
use crate::outcome::Outcome;
use crate::run::engine::{Engine, Finished};
use crate::run::sub_vm::{Guest, SubVm};
use crate::supervisor::run;
use crate::wasi::Refused;
use crate::{End, sdk};
use subvm_calldata::{Map, Value};

/// A chain on which every address holds the same contract and 1, and every page is empty.
struct World;

impl Storage for World {
    fn read(&mut self, _: State, _: &Address, _: &SlotId, _: u32, into: &mut [u8]) -> Result<(), HostError> {
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
    fn fill(&mut self, _: &mut [u8]) -> Result<(), HostError> {
        Ok(())
    }
}

/// Bytes of the contract's modules: a multiple of both rates.
const MODULES: usize = 64;

impl Host for World {
    fn balance(&mut self, _: State, _: &Address) -> Result<[u8; 32], HostError> {
        let mut one = [0; 32];
        one[0] = 1;
        Ok(one)
    }
    fn code(&mut self, _: State, _: &Address) -> Result<Code, HostError> {
        let library = Library { name: "lib".into(), wasm: [0; MODULES / 2].into() };
        let parts = Parts { start: [0; MODULES / 2].into(), libraries: [library].into(), ..Parts::default() };
        let package: Package = parts.check(&Refused::default())?;
        Ok(Code::Package(Arc::new(package)))
    }
    fn locked_slots(&mut self, _: &Address) -> Result<Vec<SlotId>, HostError> {
        Ok(Vec::new())
    }
    fn eth_call(&mut self, _: State, _: &Address, _: &[u8]) -> Result<EthAnswer, HostError> {
        Ok(EthAnswer::Refused)
    }
    fn output(&mut self, _: Stream, _: &[u8]) {}
}

impl Modules for World {
    fn start(&mut self, _: &[u8]) -> Result<RequestId, HostError> {
        Err("there are none".into())
    }
    fn wait(&mut self, _: RequestId, _: Duration) -> Result<Progress, HostError> {
        Err("there are none".into())
    }
    fn cancel(&mut self, _: RequestId) {}
}

/// Runs its closure as the main sub-VM; all others return at once.
struct Scripted<F>(F);

impl<F: Fn(&mut Guest<'_>) -> Result<(), End> + Send + Sync + 'static> Engine for Scripted<F> {
    fn run(&self, mut vm: Box<SubVm>) -> Finished {
        let (mut mem, mut ticks) = (alloc::vec![0; 4096], vm.ticks);
        let main = vm.main;
        let mut guest = Guest { mem: &mut mem, ticks: &mut ticks, stack_units: vm.stack_units, vm: &mut vm };
        let ended = if main { (self.0)(&mut guest) } else { Ok(()) };
        // What a start is charged is taken off the sub-VM's own counter.
        vm.ticks = vm.ticks.min(ticks);
        let ended = ended.map_or_else(End::into_result, |()| Ok(Outcome::null()));
        let result = vm.conclude(ended);
        Finished { vm, result, fingerprint: None }
    }
}

/// The time gas of a run that does this, under a schedule.
fn ticks(schedule: u32, script: impl Fn(&mut Guest<'_>) -> Result<(), End> + Send + Sync + 'static) -> u64 {
    let node = Node {
        storage: Box::new(World),
        clock: Box::new(World),
        rng: Box::new(World),
        host: Box::new(World),
        modules: Box::new(World),
        observer: None,
    };
    let params = Arc::new(Params { schedule, ..Params::default() });
    let state = State::Accepted;
    let run_of = Run {
        message: Message::default(),
        entry: Entry::Contract,
        role: Role::Leader,
        params,
        state,
        deadline: None,
        cancel: None,
    };
    let (_, report) = run(Arc::new(Scripted(script)), node, run_of);
    let report = report.unwrap();
    assert!(report.receipt.returned(), "{:?}: {:?}", report.outcome, report.diagnostics);
    report.receipt.gas.time
}

/// A request, and what its bytes and its values cost in version 1.
fn request(name: &str, fields: Map) -> (Vec<u8>, u64) {
    let value = Value::Map(Map::from([(name, Value::Map(fields))]));
    let bytes = value.encode().unwrap();
    let values = subvm_calldata::count(&bytes).unwrap();
    let price = calls::TRANSFER + bytes.len() as u64 * calls::REQUEST_BYTE + values * calls::REQUEST_VALUE;
    (bytes, price)
}

/// What a script takes under version 1, and that it takes twice as much under doubled prices.
#[track_caller]
fn costs(expected: u64, script: impl Fn(&mut Guest<'_>) -> Result<(), End> + Clone + Send + Sync + 'static) {
    assert_eq!([1, 2].map(|schedule| ticks(schedule, script.clone())), [expected, 2 * expected]);
}

#[test]
fn calls_of_the_chain_cost_what_the_schedule_says() {
    costs(3 * calls::NODE, |guest| {
        sdk::entry::get_self_balance(guest, 64)?;
        sdk::entry::get_balance(guest, 0, 64)?;
        sdk::entry::get_balance(guest, 0, 128).map(drop)
    });
    // 96 bytes: three pages and two of an edge each, and six ticks to copy them.
    costs(2 * (calls::NODE + 5 * calls::STORAGE_PAGE + 6), |guest| {
        sdk::entry::storage_write(guest, 0, 0, 64, 96)?;
        sdk::entry::storage_read(guest, 0, 0, 64, 96).map(drop)
    });
}

#[test]
fn requests_cost_what_the_schedule_says() {
    let address = || ("address", Value::Address(Address([1; 20])));
    let eth = Map::from([address(), ("calldata", Value::Bytes(Vec::new()))]);
    let state = ("state", Value::from(0));
    let call = Map::from([address(), ("calldata", Value::Null), state]);
    let block = Map::from([("data_leader", Value::Bytes(Vec::new())), ("data_validator", Value::Bytes(Vec::new()))]);
    let value = Value::from(1);
    let send = Map::from([address(), ("calldata", Value::Bytes(Vec::new())), ("value", value)]);
    let start = calls::SUB_VM + MODULES as u64 / calls::MODULE_BYTES_PER_TICK;
    for (name, fields, beside) in [
        ("EthCall", eth, calls::ETH_CALL),
        ("CallContract", call, start),
        ("RunNondet", block, start),
        ("EthSend", send, calls::NODE),
    ] {
        let (bytes, price) = request(name, fields);
        costs(price + beside, move |guest| {
            guest.mem[64..64 + bytes.len()].copy_from_slice(&bytes);
            assert_eq!(sdk::entry::gl_call(guest, 64, bytes.len() as u32, 0)?, 0, "{name}");
            Ok(())
        });
    }
}

#[test]
fn what_is_set_up_costs_what_the_schedule_says() {
    let one = SetUp { bytes: 10_000, pages: 2, entries: 3, imports: 5 };
    let price = |class| Schedule::V1.ticks(class);
    let bytes = (2 * one.bytes - calls::INSTANCE_BYTES_INCLUDED) * calls::INSTANCE_BYTE;
    let grown = 2 * (one.pages * price(Class::GrowPage) + one.entries * price(Class::GrowEntry));
    let linked = 2 * calls::LINKED_MODULE + 2 * one.imports * calls::LINKED_IMPORT;
    costs(bytes + grown + linked, move |guest| {
        assert!(guest.vm.charge_set_up(&[one; 2]).is_ok());
        Ok(())
    });
}

#[test]
fn a_deployment_costs_what_the_schedule_says() {
    let [one, two] = [1, 2].map(|version| Schedule::of(version).unwrap().compiling(1000, 20, 300));
    let values = 300 * calls::COMPILE_VALUE;
    let expected = calls::COMPILE_MODULE + 1000 * calls::COMPILE_BYTE + 20 * calls::COMPILE_FUNCTION + values;
    assert_eq!([one, two], [expected, 2 * expected]);
}

#[test]
fn a_result_costs_what_the_schedule_says() {
    let included = calls::RESULT_BYTES_INCLUDED;
    for (is_shown, byte) in [(false, calls::RESULT_BYTE), (true, calls::SHOWN_BYTE)] {
        for (bytes, expected) in [(0, 0), (included, 0), (included + 1, byte), (3 * included, 2 * included * byte)] {
            let prices = [1, 2].map(|version| Schedule::of(version).unwrap().result(bytes, is_shown));
            assert_eq!(prices, [expected, 2 * expected]);
        }
    }
}

/// What the tests above and those of WASI (`core/tests/wasi/schedules.rs`) go through is all there is: whoever adds a price comes here.
#[test]
fn no_price_is_left_out() {
    let here = [
        Price::Node,
        Price::Transfer,
        Price::StoragePage,
        Price::CopiedPerTick,
        Price::RequestByte,
        Price::RequestValue,
        Price::EthCall,
        Price::ResultByte,
        Price::ShownByte,
        Price::SubVm,
        Price::ModuleBytesPerTick,
        Price::InstanceByte,
        Price::LinkedModule,
        Price::LinkedImport,
        Price::CompileModule,
        Price::CompileByte,
        Price::CompileFunction,
        Price::CompileValue,
    ];
    let of_wasi = [
        Price::Answer,
        Price::Value,
        Price::Descriptor,
        Price::Attributes,
        Price::Walk,
        Price::Random,
        Price::Iovec,
        Price::Subscription,
        Price::PathByte,
        Price::ListingByte,
        Price::RandomByte,
        Price::RandomSeed,
        Price::RandomNode,
    ];
    let mut all: Vec<Price> = here.into_iter().chain(of_wasi).collect();
    all.sort_unstable();
    let mut known = Price::ALL.to_vec();
    known.sort_unstable();
    assert_eq!(all, known);
}
