//! `random_get`.

use alloc::boxed::Box;

use rand_mt::Mt;

use crate::consensus::profile::Seed;
use crate::costs::calls::Price;
use crate::host::Rng;
use crate::ids::Mode;
use crate::room;
use crate::wasi::call::Cx;
use crate::wasi::{self, Done, Errno, mem};

/// The deterministic generator: MT19937.
#[derive(Debug)]
pub(super) struct Generator(Mt);

impl Generator {
    /// Seeds it by `init_by_array`: with the bytes of `GenLayer`, one to a key word, or with the words of SHA3-256 of the message,
    /// little-endian.
    fn new(seed: Seed, message: &[u8]) -> Self {
        Self(match seed {
            Seed::Fixed => Mt::new_with_key(b"GenLayer".map(u32::from)),
            Seed::Message => {
                let digest = crate::sha3_256::digest(message);
                Mt::new_with_key(digest.as_chunks().0.iter().copied().map(u32::from_le_bytes))
            }
        })
    }

    /// Fills `into` with words, little-endian, of which the last may be cut short. The next call starts on a fresh word.
    fn fill(&mut self, into: &mut [u8]) {
        for word in into.chunks_mut(4) {
            word.copy_from_slice(&self.0.next_u32().to_le_bytes()[..word.len()]);
        }
    }
}

/// Writes `buf_len` random bytes to `buf`.
///
/// # Errors
/// `Io` where the host's generator fails, in non-deterministic mode.
///
/// # Cost
/// The bytes; in deterministic mode, until a call succeeds, the seeding of the generator too; in the other, asking the node.
pub(super) fn random_get(cx: &mut Cx<'_>, buf: u32, buf_len: u32) -> Done {
    let deterministic = cx.wasi.config.mode == Mode::Deterministic;
    let schedule = cx.wasi.schedule();
    let beginning = match (deterministic, &cx.wasi.random) {
        (true, None) => schedule.call(Price::RandomSeed),
        (true, Some(_)) => 0,
        (false, _) => schedule.call(Price::RandomNode),
    };
    cx.charge(beginning + u64::from(buf_len) * schedule.call(Price::RandomByte))?;
    let range = mem::range(cx.mem, buf, buf_len)?;
    let into = mem::bytes_mut(cx.mem, range);
    if deterministic {
        let wasi::State { message, random, seed, .. } = &mut *cx.wasi;
        random.get_or_insert_with(|| Box::new(Generator::new(*seed, message))).fill(into);
    } else {
        fill_securely(&mut *cx.node.rng, into)?;
    }
    Ok(())
}

/// Fills `into`, or leaves it as it is: a generator that fails half-way must not show.
fn fill_securely(rng: &mut dyn Rng, into: &mut [u8]) -> Done {
    /// What programs ask for in loops is small, and needs no allocation.
    const SMALL: usize = 64;
    let mut small = [0; SMALL];
    let mut large;
    let fresh = if let Some(fresh) = small.get_mut(..into.len()) {
        fresh
    } else {
        // As large as what the guest itself owns, at most.
        large = room::with(into.len())?;
        large.resize(into.len(), 0);
        &mut large
    };
    rng.fill(fresh).map_err(|_| Errno::Io)?;
    into.copy_from_slice(fresh);
    Ok(())
}
