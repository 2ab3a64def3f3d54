//! Bundles, messages and parameters from anybody: refused, or one of a kind. The first byte chooses.

use subvm_core::{FormatError, Message, Package, Params};

pub(super) fn bundle(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 4 {
        0 => package(bytes, Package::from_bundle(bytes), Package::to_bundle),
        1 => package(bytes, Package::from_bytes(bytes), Package::to_bytes),
        2 => {
            if let Ok(message) = Message::decode(bytes) {
                assert_eq!(message.encode(), bytes);
                assert_eq!(message.digest(), *blake3::hash(bytes).as_bytes());
            }
        }
        _ => {
            if let Ok(params) = Params::from_bytes(bytes) {
                assert_eq!(params.to_bytes(), bytes);
                assert_eq!(params.digest(), *blake3::hash(bytes).as_bytes());
            }
        }
    }
}

fn package(bytes: &[u8], read: Result<Package, FormatError>, write: fn(&Package) -> Vec<u8>) {
    match read {
        Ok(package) => {
            assert_eq!(write(&package), bytes);
            let again = Package::from_bytes(&package.to_bytes()).expect("it was just written");
            assert_eq!(again.digest(), package.digest());
        }
        // It says why.
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
