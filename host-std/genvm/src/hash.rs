//! Hashes of a run: SHA3-256 over canonical calldata.

use subvm_calldata::{Map, Value};
use subvm_runners::{Charge, sha3_256};

/// What the sub-VMs of a run come to together: here the runners that the main one loaded, in order.
pub(crate) fn sub_vms(charges: &[Charge]) -> [u8; 32] {
    let folded: Vec<u8> = charges.iter().flat_map(|charge| sha3_256(&[charge.id.to_string().as_bytes()])).collect();
    sha3_256(&[&folded])
}

/// SHA3-256 of a map.
pub(crate) fn of_map<const N: usize>(fields: [(&'static str, Value); N]) -> [u8; 32] {
    // It was made of what decoded or of our own: it encodes.
    sha3_256(&[&Value::Map(Map::from(fields)).encode().unwrap_or_default()])
}
