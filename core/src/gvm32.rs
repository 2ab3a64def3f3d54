//! GVM32, the text of hashes: five bits a character, the most significant first, no padding. And Nix's base 32, which ids of GenVM 0.2 have.
//!
//! ```
//! use subvm_core::gvm32;
//! let text = gvm32::encode(&[0xff; 32]);
//! assert_eq!((text.len(), gvm32::decode(&text)), (gvm32::HASH, Some([0xff; 32])));
//! assert_eq!(gvm32::decode("i"), None);
//! ```

use alloc::string::String;

/// Characters of a hash of 32 bytes.
pub const HASH: usize = 52;

pub(crate) const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const NIX: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

/// The text of bytes: of 32, [`HASH`] characters, of which the last carries one bit.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity((bytes.len() * 8).div_ceil(5));
    let (mut held, mut bits) = (0u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(held >> bits & 31) as usize]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(held << (5 - bits) & 31) as usize]));
    }
    text
}

/// The 32 bytes of a text, where it is the one that [`encode`] writes.
#[must_use]
pub fn decode(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    fill(
        &mut hash,
        text.bytes(),
        |hash, place, digit| {
            // Digit `place` has the bits from 5 * place on, counted from the most significant of the first byte.
            for bit in 0..5 {
                let set = digit >> (4 - bit) & 1;
                match hash.get_mut((place * 5 + bit) / 8) {
                    Some(byte) => *byte |= set << (7 - (place * 5 + bit) % 8),
                    None if set == 0 => {}
                    None => return None,
                }
            }
            Some(())
        },
        ALPHABET,
    )?;
    Some(hash)
}

/// The 32 bytes of a text in Nix's base 32, which counts bits from the end.
///
/// ```
/// use subvm_core::gvm32;
/// let zeros = "0".repeat(51);
/// assert_eq!(gvm32::decode_nix(&format!("0{zeros}")), Some([0; 32]));
/// assert_eq!(gvm32::decode_nix(&format!("{zeros}1")).unwrap()[0], 1);
/// ```
#[must_use]
pub fn decode_nix(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    fill(
        &mut hash,
        text.bytes().rev(),
        |hash, place, digit| {
            for bit in 0..5 {
                let set = digit >> bit & 1;
                match hash.get_mut((place * 5 + bit) / 8) {
                    Some(byte) => *byte |= set << ((place * 5 + bit) % 8),
                    None if set == 0 => {}
                    None => return None,
                }
            }
            Some(())
        },
        NIX,
    )?;
    Some(hash)
}

/// The text of 32 bytes in Nix's base 32.
///
/// ```
/// use subvm_core::gvm32;
/// assert_eq!(gvm32::decode_nix(&gvm32::encode_nix(&[7; 32])), Some([7; 32]));
/// ```
#[must_use]
pub fn encode_nix(hash: &[u8; 32]) -> String {
    let bit = |place: usize| hash.get(place / 8).map_or(0, |byte| byte >> (place % 8) & 1);
    let digit = |place: usize| (0..5).fold(0, |digit, number| digit | usize::from(bit(place * 5 + number)) << number);
    (0..HASH).rev().map(|place| char::from(NIX[digit(place)])).collect()
}

fn fill(
    hash: &mut [u8; 32],
    text: impl ExactSizeIterator<Item = u8>,
    mut put: impl FnMut(&mut [u8; 32], usize, u8) -> Option<()>,
    alphabet: &[u8; 32],
) -> Option<()> {
    if text.len() != HASH {
        return None;
    }
    for (place, character) in text.enumerate() {
        let digit = alphabet.iter().position(|known| *known == character)?;
        put(hash, place, u8::try_from(digit).ok()?)?;
    }
    Some(())
}
