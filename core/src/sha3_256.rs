//! SHA3-256 (FIPS 202), which GenVM's line 0.3 names leaders' faults and seeds random bytes by. The permutation is the crate `keccak`'s; a hash
//! beside it would bring eleven crates more to whoever takes the core.

use keccak::Keccak;

/// Bytes that are taken in between two permutations.
const RATE: usize = 136;

/// The digest of bytes.
///
/// # Cost
/// In proportion to them: some five nanoseconds a byte.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    let keccak = Keccak::new();
    let mut state = [0; 25];
    let mut absorb = |block: &[u8; RATE]| {
        for (lane, bytes) in state.iter_mut().zip(block.as_chunks().0) {
            *lane ^= u64::from_le_bytes(*bytes);
        }
        keccak.with_f1600(|permute| permute(&mut state));
    };
    let (blocks, rest) = bytes.as_chunks();
    blocks.iter().for_each(&mut absorb);
    let mut last = [0; RATE];
    last[..rest.len()].copy_from_slice(rest);
    // The bits 01 say that it is SHA-3; what follows pads to the block's end, whose last bit is 1.
    last[rest.len()] ^= 0b110;
    last[RATE - 1] ^= 0b1000_0000;
    absorb(&last);
    let mut digest = [0; 32];
    for (bytes, lane) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = lane.to_le_bytes();
    }
    digest
}

#[cfg(test)]
mod tests {
    use sha3::{Digest as _, Sha3_256};
    use std::vec::Vec;

    #[test]
    fn it_is_what_another_implementation_comes_to() {
        let bytes: Vec<u8> = (0..1000_u32).map(|n| ((n * n) >> 3) as u8).collect();
        for len in 0..=bytes.len() {
            assert_eq!(super::digest(&bytes[..len]), *Sha3_256::digest(&bytes[..len]), "{len}");
        }
    }
}
