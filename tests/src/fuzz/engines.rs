//! Whole transactions on wasmtime and on wasmi, which share no compiler: a generated library and its caller, with host calls, or a tree
//! of sub-VMs, or calls in any order ([`answers`](super::answers)). Outcome, receipt, ticks, RAM, memories and frames of a failure, and every host call are the same.

use arbitrary::{Arbitrary, Unstructured};
use subvm_core::FloatPolicy;

use super::answers::sequences;
use super::execution::{generated, ran};
use crate::engines::{same, wasmi, wasmtime};
use crate::spawn_tree::{Tree, check_wasmi};

/// Ticks of a run that nothing interrupts.
const GAS: u64 = 300_000;

/// The body of the target.
pub(super) fn engines(data: &[u8]) {
    match data.split_first() {
        Some((kind, data)) if kind.is_multiple_of(4) => trees(data),
        Some((kind, data)) if kind % 4 == 2 => sequences(data),
        Some((_, data)) => programs(data),
        None => {}
    }
}

/// A generated library and its caller.
pub fn programs(data: &[u8]) {
    let [traps, floats, gas] = [0, 1, 2].map(|at| data.get(at).copied().unwrap_or_default());
    let Some((package, _)) = generated(data.get(3..).unwrap_or_default(), !traps.is_multiple_of(4)) else { return };
    let floats = [FloatPolicy::Soft, FloatPolicy::Canonical, FloatPolicy::Trap][usize::from(floats) % 3];
    let compare = |gas| {
        let (report, calls) = ran(&wasmtime(), &package, floats, gas);
        let (other, others) = ran(&wasmi(), &package, floats, gas);
        same("wasmi", &report, &other);
        assert_eq!(calls, others);
        report.receipt.gas.time
    };
    let used = compare(GAS);
    compare(used * u64::from(gas) / 256);
}

/// A tree of sub-VMs.
pub fn trees(data: &[u8]) {
    let Ok(tree) = Tree::arbitrary_take_rest(Unstructured::new(data)) else { return };
    if let Err(wrong) = check_wasmi(&tree) {
        panic!("{wrong}\n{tree:#?}");
    }
}
