//! Time, RAM, depth, blocks, money and storage.

use subvm_core::costs::{CARRIED, MESSAGE_COPIES, STORAGE_PAGE, SUB_VM};

use super::support::*;

#[test]
fn a_childs_time_is_its_parents_and_can_be_capped() {
    let world = World::new(|machine| {
        if part(machine)?.0 == 1 {
            machine.work(1_000_000)?;
            return Ok(());
        }
        let before = machine.ticks();
        assert_eq!(machine.request("Sandbox", sandbox(b"", false, false))?.unwrap(), [0, 0]);
        let used = before - machine.ticks();
        assert!((1_000_000..1_030_000).contains(&used), "{used}");
        let Value::Map(mut capped) = sandbox(b"", false, false) else { unreachable!() };
        capped.insert("gas_time", 500_000);
        let before = machine.ticks();
        assert_eq!(machine.request("Sandbox", capped)?.unwrap(), b"\x02out_of gas time");
        let used = before - machine.ticks();
        assert!((500_000..530_000).contains(&used), "{used}");
        Ok(())
    });
    assert_eq!(world.lead().outcome, Outcome::null());
}

#[test]
fn running_out_of_time_is_reported_as_the_limit() {
    let world = World::new(|machine| machine.work(i64::MAX)).with_params(|params| params.limits.gas_time = 12_345);
    let report = world.lead();
    assert_eq!(report.outcome, Outcome::VmError(VmError::OutOf(Resource::GasTime)));
    assert_eq!(report.receipt.gas.time, 12_345);
}

/// Endless loops on the clock of a machine five times slower than the reference, where each tick takes 15 times the median: first in a
/// non-deterministic block, then in the contract.
#[test]
fn the_default_of_time_gas_ends_endless_loops_well_inside_the_default_deadline() {
    /// Picoseconds that a tick takes there.
    const WORST: u64 = 475 * 15 * 5;
    const STEP: u64 = 1_000_000;
    /// The default of `run.deadline` (`docs/config.md`).
    const DEADLINE: std::time::Duration = std::time::Duration::from_secs(60);
    let host = std::sync::Arc::new(std::sync::OnceLock::<MemoryHost>::new());
    let clock = host.clone();
    let world = World::new(move |machine| {
        if part(machine)?.0 == 0 {
            machine.request("RunNondet", block(b""))?.unwrap();
        }
        loop {
            machine.work(STEP as i64)?;
            clock.get().unwrap().pass(std::time::Duration::from_nanos(STEP * WORST / 1000));
        }
    });
    host.set(world.host.clone()).unwrap();
    let started = subvm_core::host::Clock::elapsed(&world.host);
    let report = world.clone().within(DEADLINE).lead();
    let took = subvm_core::host::Clock::elapsed(&world.host) - started;
    assert_eq!(report.outcome, Outcome::VmError(VmError::OutOf(Resource::GasTime)));
    assert_eq!(report.receipt.nondet, [b"\x02out_of gas time"]);
    // Each by itself within half of it, and both within all of it.
    assert!(took <= DEADLINE, "{took:?} of {DEADLINE:?}");
    let each = report.receipt.gas.time.max(report.ticks_nondet) * WORST / 1000;
    assert!(u128::from(each) <= DEADLINE.as_nanos() / 2, "{each} ns of {DEADLINE:?}");
}

#[test]
fn ram_of_ended_sub_vms_is_released() {
    let world = World::new(|machine| {
        if part(machine)?.0 == 1 {
            assert!(machine.grow(1 << 20), "the children before gave it back");
            return Ok(());
        }
        for _ in 0..100 {
            let result = machine.request("Sandbox", sandbox(b"", false, false))?.unwrap();
            assert_eq!(result, [0, 0]);
        }
        Ok(())
    })
    .with_params(|params| params.limits.ram = (1 << 20) + 200_000);
    let report = world.lead();
    assert_eq!(report.outcome, Outcome::null());
    assert!(report.ram_peak > 1 << 20);
}

/// Sandboxes in sandboxes, each of which is handed this much.
fn peak_of_nest(levels: u8, bytes: usize) -> u64 {
    let world = World::new(move |machine| {
        let left = match part(machine)? {
            (0, ..) => levels,
            (_, data, _) => data[0],
        };
        if left > 0 {
            let result = machine.request("Sandbox", sandbox(&vec![left - 1; bytes], false, false))?.unwrap();
            assert_eq!(result, [0, 0]);
        }
        Ok(())
    });
    world.lead().ram_peak
}

#[test]
fn what_a_child_is_handed_is_charged_for_each_of_its_copies() {
    const DATA: usize = 1 << 19;
    let more = peak_of_nest(3, DATA) - peak_of_nest(2, DATA);
    let copies = MESSAGE_COPIES * DATA as u64 + SUB_VM;
    assert!((copies..copies + 3_000).contains(&more), "{more}");
}

/// What the receipt will carry is held to the end of the run: messages however small, and results of blocks.
#[test]
fn what_a_receipt_carries_holds_ram() {
    let event = || map([("topics", Value::array([0i64; 0])), ("blob", map([]))]);
    let len = map([("EmitEvent", event())]).encode().unwrap().len() as u64;
    let world = |count: usize, limit: u64| {
        World::new(move |machine| {
            if part(machine)?.0 == 2 {
                return machine.end_with("Return", bytes(&[7; 1 << 10]));
            }
            (0..count)
                .try_for_each(|_| machine.gl_call("EmitEvent", event()).map(|made| assert_eq!(made, Ok(None))))?;
            machine.request("RunNondet", block(b""))?.unwrap();
            Ok(())
        })
        .with_params(|params| params.limits.ram = limit)
    };
    let peak = |count| world(count, u32::MAX.into()).lead().ram_peak;
    assert_eq!(peak(1_100) - peak(100), 1_000 * (len + CARRIED));
    let all = peak(1_100);
    assert!(all > 1_100 * (len + CARRIED) + (1 << 10) + CARRIED);
    let outcome = world(1_100, all - 1).lead().outcome;
    assert_eq!(outcome, Outcome::VmError(VmError::OutOf(Resource::Memory)));
    assert_eq!(world(1_100, all).lead().outcome, Outcome::null());
}

/// One after the other, from the last to the first, here and there, and each in a slot of its own: none beside another, which takes most.
#[test]
fn what_written_pages_hold_is_charged() {
    const PAGES: u32 = 4096;
    const APART: u32 = 32 * 32;
    type Place = fn(u32) -> (u32, u32);
    let places: [(&str, Place); 5] = [
        ("beside each other", |page| (0, page * 32)),
        ("ascending", |page| (0, page * APART)),
        ("descending", |page| (0, (2 * PAGES - page) * APART)),
        ("here and there", |page| (0, page.wrapping_mul(2_654_435) % (2 * PAGES) * APART)),
        ("in slots", |page| (page, 0)),
    ];
    for (name, place) in places {
        let world = |pages: u32| {
            World::new(move |machine| {
                for page in 0..pages {
                    let (slot, index) = place(page);
                    machine.mem()[256..260].copy_from_slice(&slot.to_le_bytes());
                    let errno = subvm_core::sdk::entry::storage_write(&mut machine.guest(), 256, index, 512, 1)?;
                    assert_eq!(errno, 0);
                }
                Ok(())
            })
        };
        let held = |pages: u32| {
            let (world, mut report) = (world(pages), None);
            let held = allocation_counter::measure(|| report = Some(world.lead()));
            let report = report.unwrap();
            assert_eq!(report.receipt.storage.len(), pages as usize, "{name}");
            (held.bytes_max, report.ram_peak)
        };
        let (few, many) = (held(PAGES), held(2 * PAGES));
        assert_eq!(many.1 - few.1, u64::from(PAGES) * STORAGE_PAGE, "{name}");
        // What an allocator takes beside what it is asked for stands at 16 bytes for each page.
        let each = (many.0 - few.0) / u64::from(PAGES) + 16;
        assert!(each <= STORAGE_PAGE, "{name}: {each} bytes a page");
    }
}

#[test]
fn a_request_that_a_module_works_on_holds_ram_until_it_is_answered() {
    let world = World::new(|machine| {
        if part(machine)?.0 == 0 {
            machine.request("RunNondet", block(b""))?.unwrap();
            return Ok(());
        }
        let prompt = "x".repeat(1 << 19);
        for _ in 0..8 {
            let images = Value::Array([].into());
            let fields =
                map([("prompt", prompt.as_str().into()), ("response_format", "text".into()), ("images", images)]);
            machine.gl_call("ExecPrompt", fields)?.expect("it may");
        }
        Ok(())
    });
    (0..8).for_each(|_| world.host.answer(map([("ok", "yes".into())]).encode().unwrap()));
    let peak = world.lead().ram_peak_nondet;
    assert!(peak > (8 * 48) << 19, "{peak}");
}

#[test]
fn sub_vms_nest_512_deep_and_no_deeper() {
    let world = World::new(|machine| {
        let result = machine.request("Sandbox", sandbox(b"", false, false))?.unwrap();
        let depth = match result.split_first() {
            Some((0, value)) => Value::decode(value).unwrap().as_int().and_then(|n| i64::try_from(n).ok()).unwrap(),
            _ => {
                assert_eq!(result, b"\x02out_of vm_recursion");
                0
            }
        };
        machine.end_with("Return", depth + 1)
    });
    // Scripts nest on this thread's stack, so it is given one that is large enough.
    let report = std::thread::Builder::new().stack_size(256 << 20).spawn(move || world.lead()).unwrap().join().unwrap();
    assert_eq!(report.outcome, Outcome::Return(Value::from(513).encode().unwrap()));
}

#[test]
fn blocks_are_counted() {
    let world = World::new(|machine| {
        if part(machine)?.0 == 2 {
            return Ok(());
        }
        loop {
            machine.request("RunNondet", block(b""))?.unwrap();
        }
    })
    .with_params(|params| params.limits.nondet_blocks = 3);
    let report = world.lead();
    assert_eq!(report.outcome, Outcome::VmError(VmError::OutOf(Resource::NondetBlocks)));
    assert_eq!(report.receipt.nondet.len(), 3);
}

#[test]
fn money_is_spent_once() {
    let world = World::new(|machine| {
        let send = |value: i64| {
            map([("address", Value::Address(OTHER)), ("calldata", bytes(b"pay")), ("value", value.into())])
        };
        assert_eq!(machine.gl_call("EthSend", send(60))?, Ok(None));
        assert_eq!(machine.gl_call("EthSend", send(41))?, Err(INBALANCE));
        assert_eq!(machine.gl_call("EthSend", send(-1))?, Err(INVAL));
        assert_eq!(machine.gl_call("EthSend", send(40))?, Ok(None));
        Ok(())
    });
    world.host.set_balance(CONTRACT, 100);
    let report = world.lead();
    assert_eq!(report.outcome, Outcome::null());
    assert_eq!(report.receipt.messages.len(), 2);
    // The messages as the receipt carries them, and the result: code and null.
    let carried: usize = report.receipt.messages.iter().map(Vec::len).sum();
    assert_eq!(report.receipt.gas.data, carried as u64 + 2);
}

#[test]
fn only_a_run_that_returned_writes_storage() {
    for (how, pages) in [("Return", 2), ("UserError", 0)] {
        let world = World::new(move |machine| {
            machine.storage_write(3, 30, b"abcd")?;
            assert_eq!(machine.storage_read(3, 28, 8)?.unwrap(), b"\0\0abcd\0\0");
            machine.end_with(how, "x")
        });
        let report = world.lead();
        assert_eq!(report.receipt.storage.len(), pages);
        assert_eq!(report.receipt.gas.storage, 2, "charged however it ends");
        assert_eq!(report.fingerprint.is_some(), pages == 0);
    }
}
