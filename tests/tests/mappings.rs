//! Nests of sub-VMs with as many memories as packages may have, several at once: more than a process has mappings for.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use subvm_core::host::{HostError, Node, State, Storage};
use subvm_core::{Address, Engine, Outcome, Parts, SlotId, run};
use subvm_host_std::WasmtimeEngine;
use subvm_tests::transaction::{deployed, embedded, transaction};

/// Nests at once: with 512 sub-VMs of 16 memories each, four are more than Linux's usual 65,530 mappings.
const NESTS: usize = 6;
/// Sub-VMs of a nest: the main one, and as many below it as may be.
const SUB_VMS: u32 = 513;
/// The byte of storage that the innermost sub-VM reads.
const INNERMOST: u32 = 1000;

/// A nest as deep and as wide as can be, of which the innermost sub-VM reads [`INNERMOST`].
fn nest() -> Parts {
    let (request, bytes) =
        embedded(r#"{"Sandbox": {"data": b#, "allow_write_storage": true, "allow_send_messages": false}}"#);
    let start = format!(
        r#"(module
        (import "genlayer_sdk" "gl_call" (func $gl_call (param i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "genlayer_sdk" "storage_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        {memories}
        (data (i32.const 1024) "{request}")
        (func (export "_start")
            ;; Count the sub-VMs in storage.
            (drop (call $read (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 4)))
            (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))
            (drop (call $write (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 4)))
            (if (i32.eq (i32.load (i32.const 64)) (i32.const {SUB_VMS}))
                (then (drop (call $read (i32.const 0) (i32.const {INNERMOST}) (i32.const 64) (i32.const 4))))
                (else (drop (call $gl_call (i32.const 1024) (i32.const {bytes}) (i32.const 128)))))))"#,
        memories = "(memory 1)".repeat(15),
    );
    Parts { start: wat::parse_str(start).unwrap().into(), ..Parts::default() }
}

/// Storage that takes its time over [`INNERMOST`], so that nests stand beside each other if they may.
struct Slow(Box<dyn Storage>);

impl Storage for Slow {
    fn read(
        &mut self,
        state: State,
        contract: &Address,
        slot: &SlotId,
        index: u32,
        into: &mut [u8],
    ) -> Result<(), HostError> {
        if index == INNERMOST {
            thread::sleep(Duration::from_millis(500));
        }
        self.0.read(state, contract, slot, index, into)
    }
}

#[test]
fn nests_beyond_the_mappings_of_a_process_wait_for_each_other() {
    let engine: Arc<dyn Engine> = Arc::new(WasmtimeEngine::new().unwrap());
    let host = deployed(nest());
    let begin = Barrier::new(NESTS);
    let reports: Vec<_> = thread::scope(|scope| {
        let one = || {
            let node = host.node();
            let node = Node { storage: Box::new(Slow(node.storage)), ..node };
            begin.wait();
            run(Arc::clone(&engine), node, transaction()).1
        };
        let running: Vec<_> = (0..NESTS).map(|_| scope.spawn(one)).collect();
        running.into_iter().map(|nest| nest.join().unwrap()).collect()
    });
    for report in reports {
        let report = report.expect("no internal error");
        assert_eq!(report.outcome, Outcome::null());
        assert_eq!(report.receipt.storage[0].content[..4], SUB_VMS.to_le_bytes());
        assert!(report.ram_peak > u64::from(SUB_VMS) * 16 * 65_536);
    }
}
