//! Trees of sub-VMs in every role and with a part of the node failing: budgets, permissions and storage are the model's.

use std::panic;
use std::sync::Once;

use arbitrary::{Arbitrary, Unstructured};

use crate::spawn_tree::{Tree, check};

/// Runs a tree made from `data`.
pub(super) fn supervisor(data: &[u8]) {
    expect_panics_of_parts();
    let Ok(tree) = Tree::arbitrary_take_rest(Unstructured::new(data)) else { return };
    if let Err(wrong) = check(&tree) {
        panic!("{wrong}\n{tree:#?}");
    }
}

/// Keeps a fuzzer, which ends at any panic, from ending at those that parts of the node are made to have and the engine is to catch.
fn expect_panics_of_parts() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !info.payload_as_str().is_some_and(|text| text.ends_with("was made to panic")) {
                others(info);
            }
        }));
    });
}
