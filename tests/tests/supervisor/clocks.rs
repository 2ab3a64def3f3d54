//! The clocks of a run, under the personality that lets time pass.

use subvm_core::Personality;

use super::support::*;

const SECOND: u64 = 1_000_000_000;

/// Waits for so many seconds.
fn sleep(machine: &mut Machine<'_>, seconds: u64) -> Result<u32> {
    let words = [0, 0, 1, seconds * SECOND, 0, 0];
    machine.mem()[512..560].copy_from_slice(&words.map(u64::to_le_bytes).concat());
    machine.wasi("poll_oneoff", &[512, 640, 1, 704])
}

/// What the clocks show, in seconds since the chain's beginning.
fn now(machine: &mut Machine<'_>) -> Result<u64> {
    machine.wasi("clock_time_get", &[1, 0, 512])?;
    Ok(u64::from_le_bytes(machine.mem()[512..520].try_into().unwrap()) / SECOND)
}

/// A child of the same mode shows the time that its parent came to, and its parent goes on where the child ended.
fn nested(machine: &mut Machine<'_>) -> Result<()> {
    let (kind, data, _) = part(machine)?;
    if kind == 0 {
        assert_eq!(sleep(machine, 3)?, 0);
        for step in 1..=2 {
            machine.request("Sandbox", sandbox(b"child", false, false))?.unwrap();
            assert_eq!(now(machine)?, 3 + 5 * step);
        }
        machine.request("CallContract", call(Value::Null, 0))?.unwrap();
        let shown = now(machine)?;
        return machine.end_with("Return", shown);
    }
    assert_eq!(data, b"child");
    let before = now(machine)?;
    assert_eq!(sleep(machine, 5)?, 0);
    assert_eq!(now(machine)?, before + 5);
    // A child that fails has waited as well.
    machine.end_with("Rollback", "no")
}

#[test]
fn time_that_a_sub_vm_waited_has_passed_for_its_parent() {
    let other = |machine: &mut Machine<'_>| {
        assert_eq!(now(machine)?, 13);
        sleep(machine, 100).map(drop)
    };
    let world = World::with_other(nested, other).with_params(|params| params.personality = Personality::Program);
    world.host.set_now(0);
    let report = world.lead();
    assert_eq!(report.outcome, Outcome::Return(Value::from(113).encode().unwrap()));
    for role in [Role::Validator { results: vec![] }, Role::Sync { results: vec![] }] {
        assert_eq!(world.run(role).receipt.digest(), report.receipt.digest());
    }
}

/// Not every node runs a non-deterministic block, and not for as long.
#[test]
fn time_that_a_non_deterministic_block_waited_has_passed_for_nobody_else() {
    let world = World::new(|machine| {
        let (kind, _, leaders) = part(machine)?;
        if kind == 0 {
            sleep(machine, 3)?;
            machine.request("RunNondet", block(b""))?.expect("it may");
            machine.request("RunNondet", block(b""))?.expect("it may");
            let shown = now(machine)?;
            return machine.end_with("Return", shown);
        }
        assert_eq!(now(machine)?, 3);
        sleep(machine, if leaders.is_some() { 7 } else { 5 })?;
        machine.end_with("Return", true)
    })
    .with_params(|params| params.personality = Personality::Program);
    world.host.set_now(0);
    let report = world.lead();
    assert_eq!(report.outcome, Outcome::Return(Value::from(3).encode().unwrap()));
    let results = || report.receipt.nondet.clone();
    for role in [Role::Validator { results: results() }, Role::Sync { results: results() }] {
        assert_eq!(world.run(role).vote(&report.receipt), Vote::Agree);
    }
}

#[test]
fn under_the_seed_no_time_passes() {
    let world = World::new(|machine| {
        assert_eq!(sleep(machine, 3)?, 58, "notsup");
        assert_eq!(now(machine)?, 0);
        Ok(())
    });
    world.host.set_now(0);
    assert_eq!(world.lead().outcome, Outcome::null());
}
