//! What an engine asks of a sub-VM, and what decides whether it starts.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use subvm_core::costs::{LIBRARIES, STACK_UNITS, SUB_VM_STACK_UNITS};
use subvm_core::host::{Call, Event, Observer, State};
use subvm_core::wasi::{Env, Refused};
use subvm_core::{Entry, InternalErrorKind, Invalid, Library, Message, Mode, Package, Params, Run, Wasm, run};

use super::support::*;

#[test]
fn it_has_the_runs_parameters() {
    let world = World::new(|machine| {
        assert_eq!(machine.guest().vm.params()?.limits.gas_data, 12_345);
        Ok(())
    })
    .with_params(|params| params.limits.gas_data = 12_345);
    assert_eq!(world.lead().outcome, Outcome::null());
}

#[test]
fn it_may_run_until_the_deadline_and_not_at_it() {
    const DEADLINE: Duration = Duration::from_secs(7);
    const LEAST: Duration = Duration::from_nanos(1);
    let chain = Arc::new(OnceLock::new());
    let world = World::new({
        let chain = Arc::clone(&chain);
        move |machine| {
            let host: &MemoryHost = chain.get().expect("it was set");
            let Some(left) = machine.guest().vm.time_left()? else { return machine.end_with("Return", "for ever") };
            assert_eq!(left, DEADLINE);
            host.pass(DEADLINE - LEAST);
            assert_eq!(machine.guest().vm.time_left()?, Some(LEAST));
            host.pass(LEAST);
            let error = machine.guest().vm.time_left().unwrap_err();
            assert_eq!(error.kind(), InternalErrorKind::Deadline);
            machine.end_with("Return", "in time")
        }
    });
    chain.set(world.host.clone()).expect("it was not set");
    assert_eq!(world.lead().outcome, Outcome::Return(Value::from("for ever").encode().unwrap()));
    assert_eq!(world.within(DEADLINE).lead().outcome, Outcome::Return(Value::from("in time").encode().unwrap()));
}

#[test]
fn ram_that_is_given_back_can_be_charged_again() {
    let world = World::new(|machine| {
        assert!(machine.grow(100_000) && !machine.grow(100_000));
        machine.guest().vm.release_ram(100_000);
        assert!(machine.grow(100_000) && !machine.grow(100_000));
        Ok(())
    })
    .with_params(|params| params.limits.ram = 200_000);
    assert_eq!(world.lead().outcome, Outcome::null());
}

#[test]
fn notes_are_few_and_short() {
    let world = World::new(|machine| {
        for number in 0..100 {
            machine.guest().vm.diagnose(format!("{number:02}{}", "é".repeat(2_000)));
        }
        Ok(())
    });
    let notes = world.lead().diagnostics;
    assert_eq!(notes.len(), 64);
    assert!(notes.iter().all(|note| note.chars().count() == 1_024));
    assert!(notes[0].starts_with("00é") && notes[63].starts_with("63é"));
}

/// Of the main sub-VM alone, where it failed and the parameters say so.
#[test]
fn a_fingerprint_is_wanted_of_failures_of_the_main_sub_vm() {
    for taken in [true, false] {
        let world = World::new(move |machine| {
            let main = part(machine)?.0 == 0;
            if main {
                machine.request("Sandbox", sandbox(b"", false, false))?.expect("it may");
            }
            let vm = &machine.guest().vm;
            let failures = [Outcome::UserError("no".into()), Outcome::VmError(VmError::ExitCode(1))];
            for failure in failures {
                assert_eq!(vm.wants_fingerprint(&Ok(failure)), main && taken);
            }
            assert!(!vm.wants_fingerprint(&Ok(Outcome::null())));
            Ok(())
        })
        .with_params(|params| params.fingerprints = taken);
        assert_eq!(world.lead().outcome, Outcome::null());
    }
}

#[test]
fn each_sub_vm_takes_its_stack_units_and_may_take_the_last() {
    let nested = |units: u64| {
        let world = World::new(|machine| {
            let result = machine.request("Sandbox", sandbox(b"", false, false))?.unwrap();
            let below = match result.split_first() {
                Some((0, value)) => Value::decode(value).unwrap().as_int().and_then(|n| i64::try_from(n).ok()).unwrap(),
                _ => 0,
            };
            machine.end_with("Return", below + 1)
        });
        world.with_params(|params| params.limits.stack_units = units).lead().outcome
    };
    let returned = |levels: i64| Outcome::Return(Value::from(levels).encode().unwrap());
    assert_eq!(nested(3 * SUB_VM_STACK_UNITS), returned(3));
    assert_eq!(nested(3 * SUB_VM_STACK_UNITS - 1), returned(2));
    assert_eq!(nested(SUB_VM_STACK_UNITS - 1), Outcome::VmError(VmError::OutOf(Resource::VmRecursion)));
}

/// A run of the main contract as the host has it, on an engine that knows no other than `script`.
fn run_alone(
    libraries: usize,
    entry: Entry,
    params: Params,
    script: impl Fn(&mut Machine<'_>) -> Result<()> + Send + Sync + 'static,
) -> std::result::Result<Report, InternalErrorKind> {
    let mut engine = ScriptedEngine::new();
    let mut package = Arc::unwrap_or_clone(engine.script(script));
    let library = |number| Library { name: format!("library_{number}"), wasm: Wasm::default() };
    package.libraries = (0..libraries).map(library).collect();
    run_package(engine, package, entry, params)
}

fn run_package(
    engine: ScriptedEngine,
    package: Package,
    entry: Entry,
    params: Params,
) -> std::result::Result<Report, InternalErrorKind> {
    let host = MemoryHost::new();
    host.deploy(CONTRACT, Arc::new(package));
    let message = Message { contract_address: CONTRACT, ..Message::default() };
    let (role, params, state) = (Role::Leader, Arc::new(params), State::Accepted);
    let transaction = Run { message, entry, role, params, state, deadline: None, cancel: None };
    run(Arc::new(engine), host.node(), transaction).1.map_err(|error| error.kind())
}

/// A package that a node makes by hand has as many libraries as one that was checked.
#[test]
fn packages_made_by_hand_have_no_more_libraries() {
    let outcome = |libraries| run_alone(libraries, Entry::Contract, Params::default(), |_| Ok(())).unwrap().outcome;
    assert_eq!(outcome(0), Outcome::null());
    assert_eq!(outcome(LIBRARIES), Outcome::null());
    for libraries in [LIBRARIES + 1, LIBRARIES + 2] {
        assert_eq!(outcome(libraries), Outcome::VmError(VmError::InvalidContract(Invalid::Package)));
    }
}

/// Whatever list it was made under: the chain's counts, at every start.
#[test]
fn a_package_whose_environment_the_chain_refuses_does_not_start() {
    let outcome = |refused_env: Refused| {
        let mut engine = ScriptedEngine::new();
        let mut package = Arc::unwrap_or_clone(engine.script(|_| Ok(())));
        package.env = Arc::new(Env::new([("HOME", "/")], &Refused::default()).unwrap());
        run_package(engine, package, Entry::Contract, Params { refused_env, ..Params::default() }).unwrap().outcome
    };
    assert_eq!(outcome(Refused::default()), Outcome::null());
    let refused = Refused::new(["HOME".parse().unwrap()]);
    assert_eq!(outcome(refused), Outcome::VmError(VmError::InvalidContract(Invalid::Env)));
}

/// Every sub-VM that starts asks, for 20,000 ticks; 1,024 names of 128 bytes and eleven patterns took a hundred times that.
#[test]
fn names_are_not_matched_again_with_the_list_that_they_were_checked_by() {
    let list = Refused::default();
    let env = Env::new((0..1000).map(|number| (format!("NAME_{number}"), "x")), &list).unwrap();
    let taken = allocation_counter::measure(|| assert!(!env.is_refused(&list)));
    assert_eq!(taken.count_total, 0, "a copy of each name in capitals, for each pattern");
    // By another list they are looked at; and whoever checked them, they are the same environment.
    let other = Refused::new(["NAME_999".parse().unwrap()]);
    assert!(env.is_refused(&other));
    let unchecked = Refused::new([]);
    let same = Env::new((0..1000).map(|number| (format!("NAME_{number}"), "x")), &unchecked).unwrap();
    assert!(same == env && same.is_refused(&other) && !same.is_refused(&list));
}

#[test]
fn a_program_reads_its_own_input_or_the_message() {
    let reads = |stdin: Option<&[u8]>| {
        let entry = Entry::Program { mode: Mode::Deterministic, stdin: stdin.map(Arc::from) };
        let report = run_alone(0, entry, Params::default(), |machine| {
            let raw = machine.read(0)?;
            machine.end_with("Return", bytes(&raw))
        });
        let Outcome::Return(bytes) = report.unwrap().outcome else { panic!("it returns") };
        Value::decode(&bytes).unwrap().as_bytes().unwrap().to_vec()
    };
    assert_eq!(reads(Some(b"given")), b"given");
    assert_eq!(reads(Some(b"")), b"");
    assert_eq!(Value::decode(&reads(None)).unwrap()["contract_address"], Value::Address(CONTRACT));
}

#[test]
fn gas_fits_the_counters() {
    let with = |deterministic: u64, other: u64| {
        let mut params = Params::default();
        (params.limits.gas_time, params.limits.gas_time_nondet) = (deterministic, other);
        run_alone(0, Entry::Contract, params, |_| Ok(())).map(|report| report.outcome)
    };
    let most = i64::MAX as u64;
    assert_eq!(with(most, most), Ok(Outcome::null()));
    assert_eq!(with(most + 1, 1), Err(InternalErrorKind::Params));
    assert_eq!(with(1, most + 1), Err(InternalErrorKind::Params));
}

/// What an observer was told, in order: the names of calls, and the time gas of each sub-VM that ended.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

impl Observer for Told {
    fn enter(&mut self, call: &Call<'_>, _: &[u8], _: i64) {
        self.push(format!("enter {}", call.name));
    }

    fn exit(&mut self, call: &Call<'_>, _: Option<u32>, _: &[u8], _: i64) {
        self.push(format!("exit {}", call.name));
    }

    fn event(&mut self, event: &Event<'_>) {
        if let Event::SubVmEnds { ticks, .. } = event {
            self.push(format!("used {ticks}"));
        }
    }
}

#[test]
fn an_observer_sees_each_call_begin_and_end_and_what_each_sub_vm_used() {
    let world = World::new(|machine| {
        let main = STACK_UNITS - SUB_VM_STACK_UNITS;
        if machine.guest().vm.stack_units < main as i64 {
            return machine.work(1_000);
        }
        machine.gl_call("Sandbox", sandbox(b"", false, false))?.expect("it may");
        Ok(())
    });
    let told = Told::default();
    let mut node = world.host.node();
    node.observer = Some(Box::new(told.clone()));
    let report = world.run_on(node, Role::Leader).1.unwrap();
    let all = format!("used {}", report.receipt.gas.time);
    assert_eq!(*told.0.lock().unwrap(), ["enter gl_call", "used 1000", "exit gl_call", &all]);
}

/// Panics at each call that it sees.
struct Clumsy;

impl Observer for Clumsy {
    fn enter(&mut self, _: &Call<'_>, _: &[u8], _: i64) {
        panic!("it stumbles");
    }

    fn exit(&mut self, _: &Call<'_>, _: Option<u32>, _: &[u8], _: i64) {}
}

#[test]
fn an_observer_that_panics_is_named_and_changes_nothing() {
    let world = World::new(|machine| machine.storage_write(0, 0, b"x").map(drop));
    let noted = |report: &Report| report.diagnostics.iter().any(|note| note.contains("observer panicked"));
    let alone = world.lead();
    for (observer, panics) in [(Box::new(Clumsy) as Box<dyn Observer>, true), (Box::new(Told::default()), false)] {
        let mut node = world.host.node();
        node.observer = Some(observer);
        let (node, report) = world.run_on(node, Role::Leader);
        let report = report.unwrap();
        assert_eq!((report.receipt.digest(), noted(&report)), (alone.receipt.digest(), panics));
        assert!(node.observer.is_some(), "the node gets it back");
    }
    assert!(!noted(&alone));
}

/// A note for people, where a libc was told that there is no preopened directory and then gave up as libcs do.
#[test]
fn a_hidden_root_is_named_where_a_libc_gives_up() {
    for (asks, code) in [(true, 71), (true, 70), (false, 71), (false, 70)] {
        let world = World::new(move |machine| {
            if asks {
                machine.wasi("fd_prestat_get", &[3, 64])?;
            }
            machine.wasi("proc_exit", &[code]).map(drop)
        });
        let notes = world.lead().diagnostics;
        assert_eq!(notes.iter().any(|note| note.contains("--personality program")), asks && code == 71, "{notes:?}");
    }
}
