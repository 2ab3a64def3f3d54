//! Parts of the node that fail.

use std::error::Error;
use std::sync::atomic::Ordering;

use subvm_core::InternalErrorKind;
use subvm_host_mock::fault::{Fault, failing_at};

use super::support::*;

#[test]
fn a_node_that_fails_anywhere_gets_its_parts_back_and_no_receipt() {
    let world = World::new(|machine| {
        if part(machine)?.0 == 0 {
            machine.storage_read(0, 0, 8)?.unwrap();
            machine.storage_write(0, 1, b"x")?;
        }
        asking(machine)
    });
    let (node, calls) = failing_at(world.host.node(), u64::MAX, Fault::Error);
    world.run_on(node, Role::Leader).1.unwrap();
    let calls = calls.load(Ordering::SeqCst);
    assert!(calls >= 4, "{calls}");
    for fault in [Fault::Error, Fault::Panic] {
        for nth in 0..calls {
            let (node, _) = failing_at(world.host.node(), nth, fault);
            let (node, result) = world.run_on(node, Role::Leader);
            let error = result.unwrap_err();
            let kind = if fault == Fault::Error { InternalErrorKind::Host } else { InternalErrorKind::Bug };
            assert_eq!(error.kind(), kind, "call {nth}: {error}");
            assert_eq!(error.source().is_some(), fault == Fault::Error, "the cause of {error}");
            drop(node);
        }
    }
}
