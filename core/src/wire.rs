//! Numbers, bytes and lists as packages and recordings have them. Source: `docs/spec/bundle.md`, *Numbers and bytes*.
//!
//! ```
//! use subvm_core::wire::{Source, put_bytes, put_uint};
//! let mut out = Vec::new();
//! put_uint(&mut out, 300);
//! put_bytes(&mut out, b"abc");
//! let mut source = Source(&out);
//! assert_eq!((source.uint(), source.bytes()), (Ok(300), Ok(&b"abc"[..])));
//! ```

use alloc::vec::Vec;

/// Why bytes are not what was expected.
///
/// ```
/// use subvm_core::wire::{Source, Wrong};
/// assert_eq!(Source(&[5, 1]).bytes(), Err(Wrong::Ends));
/// assert_eq!(Source(&[0x80, 0]).uint(), Err(Wrong::Malformed("a number is not in its shortest form")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// They end before it does.
    Ends,
    /// They are none, whatever follows.
    Malformed(&'static str),
}

/// What reading comes to.
pub type Read<T> = Result<T, Wrong>;

/// Writes a number: seven bits to a byte, the lowest first, the highest bit set where another follows.
pub fn put_uint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Writes the number of bytes, and the bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Bytes that are read from the front. Each method takes what it gives off them.
///
/// ```
/// use subvm_core::wire::Source;
/// let mut source = Source(b"\x02hi\x01!");
/// assert_eq!((source.text(), source.byte(), source.0), (Ok("hi"), Ok(1), &b"!"[..]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Source<'a>(pub &'a [u8]);

impl<'a> Source<'a> {
    /// # Errors
    /// Where there is none.
    pub fn byte(&mut self) -> Read<u8> {
        let (first, rest) = self.0.split_first().ok_or(Wrong::Ends)?;
        self.0 = rest;
        Ok(*first)
    }

    /// A number in its shortest form.
    ///
    /// # Errors
    /// Where it ends, has more than 64 bits, or has a shorter form.
    pub fn uint(&mut self) -> Read<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(Wrong::Malformed("a number has more than 64 bits"));
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return if shortest {
                    Ok(number)
                } else {
                    Err(Wrong::Malformed("a number is not in its shortest form"))
                };
            }
        }
        Err(Wrong::Malformed("a number has more than 64 bits"))
    }

    /// A number that fits into fewer bits.
    ///
    /// # Errors
    /// As [`uint`](Self::uint), and where it does not.
    pub fn small<T: TryFrom<u64>>(&mut self) -> Read<T> {
        T::try_from(self.uint()?).map_err(|_| Wrong::Malformed("a number is too large"))
    }

    /// One of a few things, by their numbers.
    ///
    /// # Errors
    /// Where the byte is none of them.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> Read<T> {
        all.get(usize::from(self.byte()?)).copied().ok_or(Wrong::Malformed("a number stands for nothing"))
    }

    /// # Errors
    /// Where there are fewer bytes.
    pub fn take(&mut self, len: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Wrong::Ends)?;
        self.0 = rest;
        Ok(taken)
    }

    /// # Errors
    /// Where there are fewer bytes.
    pub fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Wrong::Ends)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// The number of bytes, and the bytes.
    ///
    /// # Errors
    /// Where there are fewer.
    pub fn bytes(&mut self) -> Read<&'a [u8]> {
        let len = usize::try_from(self.uint()?).map_err(|_| Wrong::Malformed("a length is too large"))?;
        self.take(len)
    }

    /// Bytes that are a text.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes), and where they are not UTF-8.
    pub fn text(&mut self) -> Read<&'a str> {
        core::str::from_utf8(self.bytes()?).map_err(|_| Wrong::Malformed("a text is not UTF-8"))
    }

    /// A list: how many there are, and each. Nothing is reserved for what is not there.
    ///
    /// # Errors
    /// As those of `item`, which takes a byte at least.
    pub fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let mut items = Vec::new();
        for _ in 0..self.uint()? {
            items.push(item(self)?);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_uint(&mut out, number);
            assert_eq!(Source(&out).uint(), Ok(number));
            (0..out.len()).for_each(|cut| assert_eq!(Source(&out[..cut]).uint(), Err(Wrong::Ends)));
        }
        assert_eq!(Source(&[0x80, 0]).uint(), Err(Wrong::Malformed("a number is not in its shortest form")));
        assert!(Source(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).uint().is_err());
        assert!(Source(&[0xff; 11]).uint().is_err());
    }
}
