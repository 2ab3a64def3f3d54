//! Numbers and bytes as a recording has them.

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// They end before it does.
    Ends,
    /// They are none, whatever follows.
    Malformed(&'static str),
}

pub(crate) type Read<T> = Result<T, Wrong>;

/// Writes a number: seven bits to a byte, the lowest first, the highest bit set where another follows.
pub(crate) fn put_uint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Writes the number of bytes, and the bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Bytes that are read from the front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a>(pub(crate) &'a [u8]);

impl<'a> Source<'a> {
    pub(crate) fn byte(&mut self) -> Read<u8> {
        let (first, rest) = self.0.split_first().ok_or(Wrong::Ends)?;
        self.0 = rest;
        Ok(*first)
    }

    /// A number in its shortest form.
    pub(crate) fn uint(&mut self) -> Read<u64> {
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
    pub(crate) fn small<T: TryFrom<u64>>(&mut self) -> Read<T> {
        T::try_from(self.uint()?).map_err(|_| Wrong::Malformed("a number is too large"))
    }

    /// One of a few things, by their numbers.
    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> Read<T> {
        all.get(usize::from(self.byte()?)).copied().ok_or(Wrong::Malformed("a number stands for nothing"))
    }

    pub(crate) fn take(&mut self, len: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Wrong::Ends)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Wrong::Ends)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn bytes(&mut self) -> Read<&'a [u8]> {
        let len = usize::try_from(self.uint()?).map_err(|_| Wrong::Malformed("a length is too large"))?;
        self.take(len)
    }

    pub(crate) fn text(&mut self) -> Read<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Wrong::Malformed("a text is not UTF-8"))
    }

    /// A list: how many there are, and each. Nothing is reserved for what is not there.
    pub(crate) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
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
