//! Damage to a cached module's file: it is noticed, and nothing else happens.

use std::sync::LazyLock;

use subvm_core::costs::SetUp;
use subvm_host_std::cache::Key;
use subvm_host_std::cache::file::{Compiled, Facts, parse};

const KEY: Key = Key([0x5a; 32]);

const COMPILED: Compiled<'static> = Compiled {
    facts: Facts {
        guest_functions: 7,
        memories: 2,
        defined_memories: 1,
        set_up: SetUp { bytes: 5_000, pages: 3, entries: 10, imports: 2 },
        values: 90,
        has_start: true,
        name: Some("contract"),
    },
    code: b"\x7fELF and what wasmtime would have written",
};

/// A whole file.
pub static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| COMPILED.to_bytes(&KEY));

/// Reads `bytes` as a whole file, as what replaces a part of a good one (after two bytes that say where), and as what stands
/// in a file whose digest is right.
///
/// # Panics
/// When something is accepted that was not written, or not read as it was written.
pub fn damaged(bytes: &[u8]) {
    accepts_only_the_file(bytes);
    if let Some((place, replacement)) = bytes.split_first_chunk() {
        let place = usize::from(u16::from_le_bytes(*place)) % FILE.len();
        let end = FILE.len().min(place + replacement.len());
        let mut damaged = FILE.clone();
        damaged[place..end].copy_from_slice(&replacement[..end - place]);
        accepts_only_the_file(&damaged);
        accepts_only_the_file(&[&FILE[..place], replacement].concat());
        accepts_only_the_file(&[&FILE[..], replacement].concat());
        accepts_only_the_file(&FILE[..place]);
    }
    written_for_another(bytes);
    with_any_content(bytes);
}

fn accepts_only_the_file(bytes: &[u8]) {
    assert_eq!(parse(bytes, &KEY), (bytes == *FILE).then_some(COMPILED));
}

/// A good file under another key's name.
fn written_for_another(bytes: &[u8]) {
    let key = Key(*blake3::hash(bytes).as_bytes());
    assert_eq!(parse(&FILE, &key), None);
    let mut renamed = FILE.clone();
    renamed[8..40].copy_from_slice(&key.0);
    assert_eq!(parse(&renamed, &key), None);
}

/// Whoever makes the digest can choose the content; still there is but one way to write what it says.
fn with_any_content(content: &[u8]) {
    let digest = blake3::keyed_hash(&KEY.0, content);
    let bytes = [&FILE[..40], digest.as_bytes(), content].concat();
    if let Some(compiled) = parse(&bytes, &KEY) {
        assert_eq!(compiled.to_bytes(&KEY), bytes);
    }
}
