//! The key of an entry of an owned map.

use super::out::Out;
use super::write;
use alloc::boxed::Box;
use alloc::string::String;
use core::cmp::Ordering;
use core::hash::{Hash, Hasher};

/// The longest key that is held inline: what makes [`Key`] as large as a `String`.
const INLINE: usize = 22;

/// A string that never changes, and allocates nothing if it is short, as nearly all keys are. It is
/// what makes decoding a map cheap: the other allocations are those of its values.
#[derive(Clone)]
pub(super) struct Key(Repr);

#[derive(Clone)]
enum Repr {
    /// So many bytes, which are UTF-8, and after them any others.
    Inline(u8, [u8; INLINE]),
    Boxed(Box<str>),
}

impl Key {
    #[inline]
    pub(super) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Boxed(text) => text.as_bytes(),
        }
    }

    /// Appends the encoding: the length and the bytes.
    #[inline(always)]
    pub(super) fn put(&self, out: &mut impl Out) {
        match &self.0 {
            Repr::Inline(len, bytes) => {
                out.put_words([u64::from(*len)], 1);
                out.put_first(bytes, usize::from(*len));
            }
            Repr::Boxed(text) => write::put_key(out, text.as_bytes()),
        }
    }

    /// Becomes a key of bytes that are UTF-8.
    #[inline(always)]
    pub(super) fn set(&mut self, text: &[u8]) {
        if let Repr::Inline(len, bytes) = &mut self.0
            && let Some(bytes) = bytes.get_mut(..text.len())
        {
            bytes.copy_from_slice(text);
            *len = text.len() as u8;
        } else {
            *self = core::str::from_utf8(text).unwrap_or_default().into();
        }
    }

    /// The text. Where it is inline this looks at the bytes again, since only unsafe code could do
    /// without: compare and encode by [`as_bytes`](Self::as_bytes).
    pub(super) fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Inline(..) => core::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Repr::Boxed(text) => text,
        }
    }

    pub(super) fn into_string(self) -> String {
        match self.0 {
            Repr::Inline(..) => self.as_str().into(),
            Repr::Boxed(text) => text.into(),
        }
    }
}

impl From<&str> for Key {
    #[inline]
    fn from(text: &str) -> Self {
        let mut bytes = [0; INLINE];
        match bytes.get_mut(..text.len()) {
            Some(prefix) => {
                prefix.copy_from_slice(text.as_bytes());
                Self(Repr::Inline(text.len() as u8, bytes))
            }
            None => Self(Repr::Boxed(text.into())),
        }
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        if text.len() <= INLINE { text.as_str().into() } else { Self(Repr::Boxed(text.into())) }
    }
}

impl Default for Key {
    fn default() -> Self {
        Self(Repr::Inline(0, [0; INLINE]))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

/// By bytes.
impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
