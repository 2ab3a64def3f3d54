//! The format of a compiled module's file: pure functions over bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | [`MAGIC`] |
//! | 32 | the key |
//! | 32 | BLAKE3 of the content, keyed with the key |
//! | 4 | how many functions the guest has, little-endian |
//! | 4 | how many memories the lowered module has, little-endian |
//! | 4 | how many of them it defines, little-endian |
//! | 8 | bytes of RAM that an instance is charged, little-endian |
//! | 8 | pages that its own memories have from the start, little-endian |
//! | 8 | entries that its own tables have from the start, little-endian |
//! | 8 | what it imports, little-endian |
//! | 8 | the values that compiling it is priced for, as lowering estimates them, little-endian |
//! | 1 | whether the guest had a start function: 0 or 1 |
//! | 4 | bytes of the module's own name, little-endian; 2^32 - 1 for none |
//! | | the name, UTF-8 |
//! | | the machine code, as wasmtime serialises it |
//!
//! The content is what follows the digest.

use subvm_core::costs::SetUp;

use super::Key;

/// What a file begins with; the last byte is the format's version.
pub const MAGIC: [u8; 8] = *b"subvm-m\x03";
/// The length that says that there is no name.
const NAMELESS: u32 = u32::MAX;

/// What the engine must know of a module beside its code.
///
/// ```
/// use subvm_core::costs::SetUp;
/// use subvm_wasmtime::cache::file::Facts;
/// let facts = Facts {
///     guest_functions: 1,
///     memories: 1,
///     defined_memories: 1,
///     set_up: SetUp { bytes: 4_160, pages: 1, ..SetUp::default() },
///     values: 40,
///     has_start: false,
///     name: Some("main"),
/// };
/// # assert_eq!(facts.clone(), facts);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Functions of the guest, imported ones included: those that lowering added come after them.
    pub guest_functions: u32,
    /// Memories, imported ones included.
    pub memories: u32,
    /// Memories that it defines.
    pub defined_memories: u32,
    /// What one instance sets up.
    pub set_up: SetUp,
    /// The values that compiling it is priced for, as lowering estimates them.
    pub values: u64,
    /// Whether the guest had a start function.
    pub has_start: bool,
    /// The module's own name.
    pub name: Option<&'a str>,
}

/// A module's file, taken apart.
///
/// ```
/// use subvm_wasmtime::cache::{Key, file::{Compiled, MAGIC, parse}};
/// # use subvm_wasmtime::cache::file::Facts;
/// # let facts = Facts {
/// #     guest_functions: 0, memories: 0, defined_memories: 0,
/// #     set_up: Default::default(), values: 0, has_start: false, name: None
/// # };
/// let (compiled, key) = (Compiled { facts, code: b"machine code" }, Key([7; 32]));
/// let bytes = compiled.to_bytes(&key);
/// assert!(bytes.starts_with(&MAGIC));
/// assert_eq!(parse(&bytes, &key), Some(compiled));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled<'a> {
    /// What the engine must know.
    pub facts: Facts<'a>,
    /// Machine code, as wasmtime serialises it.
    pub code: &'a [u8],
}

/// The content of the file that was written for `key`; nothing for any other bytes.
///
/// # Cost
/// Hashes the bytes.
///
/// ```
/// use subvm_wasmtime::cache::{Key, file::parse};
/// assert_eq!(parse(b"anything else", &Key([7; 32])), None);
/// ```
#[must_use]
pub fn parse<'a>(bytes: &'a [u8], key: &Key) -> Option<Compiled<'a>> {
    let bytes = bytes.strip_prefix(&MAGIC)?.strip_prefix(&key.0)?;
    let (digest, content) = bytes.split_first_chunk::<32>()?;
    // The comparison of two `Hash`es takes the same time for all.
    (blake3::keyed_hash(&key.0, content) == *digest).then(|| Compiled::parse(content))?
}

impl<'a> Compiled<'a> {
    /// The file of this module.
    ///
    /// # Panics
    /// When the name has 2^32 - 1 bytes or more, which no module has.
    #[must_use]
    pub fn to_bytes(&self, key: &Key) -> Vec<u8> {
        let content = self.content();
        let digest = blake3::keyed_hash(&key.0, &content);
        [&MAGIC[..], &key.0, digest.as_bytes(), &content].concat()
    }

    fn content(&self) -> Vec<u8> {
        let Facts { guest_functions, memories, defined_memories, set_up, values, has_start, name } = self.facts;
        let SetUp { bytes, pages, entries, imports } = set_up;
        let name_len = name.map_or(NAMELESS, |name| u32::try_from(name.len()).expect("names are short"));
        [
            &guest_functions.to_le_bytes()[..],
            &memories.to_le_bytes(),
            &defined_memories.to_le_bytes(),
            &[bytes, pages, entries, imports, values].map(u64::to_le_bytes).concat(),
            &[u8::from(has_start)],
            &name_len.to_le_bytes(),
            name.unwrap_or_default().as_bytes(),
            self.code,
        ]
        .concat()
    }

    /// The inverse of `content`: one text for each value.
    fn parse(content: &'a [u8]) -> Option<Self> {
        let (guest_functions, content) = u32_le(content)?;
        let (memories, content) = u32_le(content)?;
        let (defined_memories, content) = u32_le(content)?;
        let (bytes, content) = u64_le(content)?;
        let (pages, content) = u64_le(content)?;
        let (entries, content) = u64_le(content)?;
        let (imports, content) = u64_le(content)?;
        let (values, content) = u64_le(content)?;
        let (has_start, content) = content.split_first()?;
        let (name_len, content) = u32_le(content)?;
        let (name, code) = match name_len {
            NAMELESS => (None, content),
            len => {
                let (name, code) = content.split_at_checked(usize::try_from(len).ok()?)?;
                (Some(str::from_utf8(name).ok()?), code)
            }
        };
        let has_start = match has_start {
            0 => false,
            1 => true,
            _ => return None,
        };
        let set_up = SetUp { bytes, pages, entries, imports };
        let facts = Facts { guest_functions, memories, defined_memories, set_up, values, has_start, name };
        Some(Self { facts, code })
    }
}

fn u32_le(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

fn u64_le(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}
