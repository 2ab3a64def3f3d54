//! The promises of `Rng`, as far as a look at the bytes can tell: it finds what is broken, not what is weak.

use subvm_core::host::Rng;

use super::{Broken, ensure, unpanicking};

/// How often each length is filled. A byte that is right by chance each time has a chance of 256 to the power of minus this.
const TRIALS: usize = 12;

/// Checks a generator that works. `make` gives a new one each time.
///
/// # Errors
/// The first broken promise.
///
/// ```
/// use subvm_host_mock::{MemoryHost, conformance};
/// // Good for tests that repeat, and for nothing else:
/// let broken = conformance::rng(MemoryHost::new).unwrap_err();
/// assert_eq!(broken.promise, "nobody can foresee the bytes");
/// ```
pub fn rng<R: Rng>(mut make: impl FnMut() -> R) -> Result<(), Broken> {
    unpanicking(|| {
        let mut rng = make();
        for len in (0..=70).chain([255, 256, 257, 4096, 65_537]) {
            fills_all(&mut rng, len)?;
        }
        let (one, two) = (bytes(&mut rng)?, bytes(&mut rng)?);
        ensure("two fills have nothing to do with each other", one != two, || "they gave the same bytes".into())?;
        let other = bytes(&mut make())?;
        let afresh = bytes(&mut make())?;
        ensure("nobody can foresee the bytes", other != afresh && other != one, || {
            "two generators gave the same bytes: is there a fixed seed?".into()
        })?;
        let distinct = one.chunks(4).collect::<std::collections::BTreeSet<_>>().len();
        ensure("nobody can foresee the bytes", distinct > 8, || format!("they repeat: {one:02x?}"))
    })
}

fn fill<R: Rng>(rng: &mut R, into: &mut [u8]) -> Result<(), Broken> {
    rng.fill(into).map_err(|error| Broken {
        promise: "a generator that works fills any length",
        found: format!("{} bytes: {error}", into.len()),
    })
}

fn bytes<R: Rng>(rng: &mut R) -> Result<[u8; 64], Broken> {
    let mut bytes = [0; 64];
    fill(rng, &mut bytes)?;
    Ok(bytes)
}

/// A byte that keeps what it had, time after time, was not filled.
fn fills_all<R: Rng>(rng: &mut R, len: usize) -> Result<(), Broken> {
    let mut untouched = vec![true; len];
    for trial in 0..TRIALS {
        let mut bytes = vec![trial as u8; len];
        fill(rng, &mut bytes)?;
        untouched.iter_mut().zip(&bytes).for_each(|(untouched, byte)| *untouched &= usize::from(*byte) == trial);
    }
    let first = untouched.iter().position(|untouched| *untouched);
    ensure("all bytes are filled, or it is an error", first.is_none(), || {
        format!("byte {} of {len} never changed", first.unwrap_or_default())
    })
}
