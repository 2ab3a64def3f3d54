//! BLAKE3 of at most 1,024 bytes: one chunk.
//!
//! The crate `blake3` is a tree of chunks, tuned for nodes: it would be 6 to 10 KB of a contract, and its tree is never reached. Its answers
//! hold this to what it does (`tests`).

const IV: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const ROUNDS: usize = 7;
const BLOCK: usize = 64;
const CHUNK_START: u32 = 1;
const CHUNK_END: u32 = 2;
const ROOT: u32 = 8;

/// The most bytes that are one chunk.
const CHUNK: usize = 1024;

/// The hash of any bytes: while they are more than a chunk, their first 1,024 are replaced by their BLAKE3 and 32 bytes `ff`; then the BLAKE3.
///
/// Of what slots are made of, byte 32 is 0 or 1: what was replaced, where it is `ff`, is never taken for it. So two places come to one slot
/// only where BLAKE3 collides.
pub(crate) fn of(bytes: &[u8]) -> [u8; 32] {
    let Some((first, rest)) = bytes.split_first_chunk::<CHUNK>().filter(|(_, rest)| !rest.is_empty()) else {
        return hash(bytes);
    };
    of(&[&hash(first), &[0xff; 32], rest].concat())
}

/// The BLAKE3 of at most [`CHUNK`] bytes.
fn hash(bytes: &[u8]) -> [u8; 32] {
    let (mut value, mut flags) = (IV, CHUNK_START);
    let mut rest = bytes;
    loop {
        let len = rest.len().min(BLOCK);
        let (block, after) = rest.split_at(len);
        if after.is_empty() {
            flags |= CHUNK_END | ROOT;
        }
        let mut padded = [0; BLOCK];
        padded[..len].copy_from_slice(block);
        compress(&mut value, &padded, len as u32, flags);
        if after.is_empty() {
            break;
        }
        (rest, flags) = (after, 0);
    }
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(value) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    digest
}

#[inline(never)]
fn compress(value: &mut [u32; 8], block: &[u8; BLOCK], len: u32, flags: u32) {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    let [a, b, c, d, e, f, g, h] = *value;
    let mut state = [a, b, c, d, e, f, g, h, IV[0], IV[1], IV[2], IV[3], 0, 0, len, flags];
    for _ in 0..ROUNDS {
        // In constant places, so that the state is in registers.
        mix(&mut state, [0, 4, 8, 12], words[0], words[1]);
        mix(&mut state, [1, 5, 9, 13], words[2], words[3]);
        mix(&mut state, [2, 6, 10, 14], words[4], words[5]);
        mix(&mut state, [3, 7, 11, 15], words[6], words[7]);
        mix(&mut state, [0, 5, 10, 15], words[8], words[9]);
        mix(&mut state, [1, 6, 11, 12], words[10], words[11]);
        mix(&mut state, [2, 7, 8, 13], words[12], words[13]);
        mix(&mut state, [3, 4, 9, 14], words[14], words[15]);
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = words;
        words = [c, g, d, k, h, a, e, n, b, l, m, f, j, o, p, i];
    }
    for (at, word) in value.iter_mut().enumerate() {
        *word = state[at] ^ state[at + 8];
    }
}

#[inline(always)]
fn mix(state: &mut [u32; 16], [a, b, c, d]: [usize; 4], first: u32, second: u32) {
    state[a] = state[a].wrapping_add(state[b]).wrapping_add(first);
    state[d] = (state[d] ^ state[a]).rotate_right(16);
    state[c] = state[c].wrapping_add(state[d]);
    state[b] = (state[b] ^ state[c]).rotate_right(12);
    state[a] = state[a].wrapping_add(state[b]).wrapping_add(second);
    state[d] = (state[d] ^ state[a]).rotate_right(8);
    state[c] = state[c].wrapping_add(state[d]);
    state[b] = (state[b] ^ state[c]).rotate_right(7);
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, hash};

    #[test]
    fn it_is_blake3() {
        let bytes: alloc::vec::Vec<u8> = (0..CHUNK).map(|at| (at * 31 % 251) as u8).collect();
        for len in 0..=CHUNK {
            assert_eq!(hash(&bytes[..len]), *blake3::hash(&bytes[..len]).as_bytes(), "{len} bytes");
        }
    }
}
