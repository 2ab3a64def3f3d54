//! What of memory is charged under GenVM 0.3.

use super::*;

#[test]
fn ram_of_0_3_is_charged_by_its_constants() {
    const MIB: u64 = 1 << 20;
    // What a sub-VM costs more than under the seed: the values of `LANG`, `LC_ALL` and `TZ`, too.
    const MORE: u64 = 128 * MIB - 65_536 + 17;
    let blocks = |profile, first: u64| {
        let report = play(profile, Role::Leader, move |machine| {
            if in_block(machine)? {
                let had = machine.grow(4095 * MIB - 128 * MIB - first);
                return machine.end_with("Return", had);
            }
            assert!(machine.grow(first));
            machine.request("RunNondet", block())?.expect("it is understood");
            Ok(())
        });
        (report.ram_peak - first, report.receipt.nondet[0] == b"\x00\x10")
    };
    // Beside the sub-VM there is what it asked for and read, which is the same.
    let (own, _) = blocks(Profile::Seed, 0);
    assert_eq!(blocks(Profile::GenVm0_2, 0).0, own);
    assert_eq!(blocks(Profile::GenVm0_3, 0).0 - own, MORE);
    // A block has what its caller has left.
    assert!(blocks(Profile::Seed, 512 * MIB).1 && !blocks(Profile::GenVm0_3, 512 * MIB).1);
    // A page is what it is elsewhere at its first write, 256, and 128 more for each child that sees it.
    let pages = |profile| {
        let report = play(profile, Role::Leader, |machine| {
            if in_block(machine)? {
                return machine.end_with("Return", Value::Null);
            }
            machine.storage_write(1, 0, &[1; 96])?;
            machine.request("RunNondet", block())?.expect("it is understood");
            Ok(())
        });
        (report.ram_peak, report.ram_peak_nondet)
    };
    assert_eq!(pages(Profile::GenVm0_3).0 - pages(Profile::Seed).0, MORE);
    assert_eq!(pages(Profile::GenVm0_3).1 - pages(Profile::Seed).1, MORE + 3 * 128);
}

/// Bytes by which the memory of a block of 0.3 may grow, and what it takes without; where `role` runs it.
fn room_of_a_block(role: &Role) -> (u64, u64) {
    let grown = |by: u64| {
        let report = play(Profile::GenVm0_3, role.clone(), move |machine| {
            if in_block(machine)? {
                let had = machine.grow(by);
                let leads = machine.message()?["entry_stage_data"] == Value::Null;
                let long = || Value::Bytes(vec![had.into(); 1000]);
                return machine.end_with("Return", if leads { long() } else { Value::Bool(had) });
            }
            machine.request("RunNondet", block())?.expect("it is understood");
            Ok(())
        });
        let had = if *role == Role::Leader {
            report.receipt.nondet[0].ends_with(&[1])
        } else {
            report.disagreement().is_none()
        };
        (had, report.ram_peak_nondet)
    };
    let (mut fits, mut too_much) = (0, 1 << 32);
    while too_much - fits > 1 {
        let by = u64::midpoint(fits, too_much);
        if grown(by).0 { fits = by } else { too_much = by }
    }
    (fits, grown(0).1)
}

#[test]
fn a_block_of_0_3_has_the_same_ram_for_a_leader_and_for_a_validator() {
    // A validator is charged what the leader posted before its own function runs, and the leader behind it.
    let posted = [b"\0", &Value::Bytes(vec![1; 1000]).encode().unwrap()[..]].concat();
    let (leaders, validators) =
        (room_of_a_block(&Role::Leader), room_of_a_block(&Role::Validator { results: vec![posted] }));
    assert_eq!(leaders.0 + leaders.1, validators.0 + validators.1, "{leaders:?}, {validators:?}");
}

#[test]
fn a_page_is_asked_for_only_where_there_is_room_for_it() {
    for (name, fields, needs) in [
        ("WebRequest", r#"{"method": "GET", "url": "http://a", "headers": {}, "body": null}"#, 64u64 << 10),
        ("WebRender", r#"{"mode": "text", "url": "http://a", "wait_after_loaded": "0s"}"#, 128 << 20),
    ] {
        for (left, fits) in [(needs + (1 << 12), true), (needs - (1 << 12), false)] {
            let fields: Value = fields.parse().unwrap();
            let mut world = World::new(Profile::GenVm0_3, move |machine| {
                if in_block(machine)? {
                    machine.request(name, fields.clone())?.expect("it is understood");
                    return machine.end_with("Return", Value::Null);
                }
                machine.request("RunNondet", block())?.expect("it is understood");
                Ok(())
            });
            world.host.answer(Value::Map(Map::from([("ok", 1)])).encode().unwrap());
            // The sub-VM that asks for it, and the block's message.
            world.params.limits.ram = 2 * (128 << 20) + (1 << 10) + left;
            let report = world.run(Role::Leader);
            let expected: &[u8] = if fits { b"\0\0" } else { b"\x02out_of memory" };
            assert_eq!(report.receipt.nondet, [expected.to_vec()], "{name} {left}");
        }
    }
}
