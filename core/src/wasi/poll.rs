//! `poll_oneoff`, for personalities that judge its arguments: nothing ever waits, and time passes as far as was asked.

use alloc::vec::Vec;

use crate::costs::calls::Price;
use crate::costs::{SUBSCRIPTIONS, WAITING};
use crate::fd::{Fd, Object};
use crate::outcome::End;
use crate::wasi::call::Cx;
use crate::wasi::fd::await_content;
use crate::wasi::fd::transfer::{check_readable, check_writable};
use crate::wasi::mem::{self, Place};
use crate::wasi::{Done, Errno, State};

/// Bytes of a subscription.
const SUBSCRIPTION_BYTES: u32 = 48;
/// Bytes of an event.
const EVENT_BYTES: u32 = 32;

/// What a subscription waits for.
#[derive(Clone, Copy)]
enum Awaited {
    /// This instant, by any clock.
    Instant(u64),
    Readable(Fd),
    Writable(Fd),
}

/// Writes an event for each subscription of which the time has come, in their order, and how many there are to `nevents`, an aligned u32.
///
/// Descriptors are always ready: where there is one among them, no time passes. Otherwise the clocks are set forward to the earliest instant
/// that is waited for, unless it is past. The first result that is pending and is to be read is waited for, and the next.
///
/// # Errors
/// `Inval` for no subscription and for more than 1024; for one of another kind, of another clock, or with an unknown flag. `Notsup` where the
/// clocks would come to more than [`WAITING`] after the transaction's instant. Ends the sub-VM as reading a pending result does.
///
/// # Cost
/// The base of a call that moves bytes, in all, and each subscription.
pub(super) fn poll_oneoff(cx: &mut Cx<'_>, subscriptions: u32, events: u32, nsubscriptions: u32, nevents: u32) -> Done {
    cx.charge_beyond_answer(Price::Transfer)?;
    if nsubscriptions == 0 || nsubscriptions > SUBSCRIPTIONS {
        return Err(Errno::Inval.into());
    }
    cx.charge_call(Price::Subscription, nsubscriptions)?;
    // At most 48 KiB, and 32 KiB.
    let list = mem::aligned(cx.mem, subscriptions, nsubscriptions * SUBSCRIPTION_BYTES, 8)?;
    let now = cx.wasi.now();
    // Events may overlap the subscriptions themselves.
    let asked = mem::bytes(cx.mem, list).as_chunks().0.iter().map(|bytes| parse(bytes, now));
    let asked = asked.collect::<Result<Vec<_>, Errno>>()?;
    let events = mem::aligned(cx.mem, events, nsubscriptions * EVENT_BYTES, 8)?;
    let count_place = Place::u32(cx.mem, nevents)?;
    let moment = moment(asked.iter().map(|(_, awaited)| *awaited), now);
    let passed = moment.saturating_sub(cx.wasi.config.now);
    if passed > WAITING {
        return Err(Errno::Notsup.into());
    }
    receive(cx, &asked)?;
    cx.wasi.passed = passed;
    let due = asked.iter().filter(|(_, awaited)| !matches!(awaited, Awaited::Instant(at) if *at > moment));
    let places = mem::bytes_mut(cx.mem, events).as_chunks_mut().0;
    let mut count = 0_u32;
    for (place, (userdata, awaited)) in places.iter_mut().zip(due) {
        *place = event(cx.wasi, *userdata, *awaited);
        count += 1;
    }
    count_place.put(cx.mem, count.to_le_bytes());
    Ok(())
}

/// The number that the subscription's event carries back, and what it waits for:
///
/// ```text
/// 0 userdata   8 tag: 0 clock, 1 fd_read, 2 fd_write
/// 16 clock's id   24 timeout   32 precision   40 flags: 1 for an absolute timeout
/// 16 descriptor
/// ```
fn parse(bytes: &[u8; SUBSCRIPTION_BYTES as usize], now: u64) -> Result<(u64, Awaited), Errno> {
    let (words, _) = bytes.as_chunks::<8>();
    let word = |at: usize| words.get(at).copied().map_or(0, u64::from_le_bytes);
    // The lower half of a word.
    let number = word(2) as u32;
    let awaited = match word(1) as u8 {
        0 if number > 3 => return Err(Errno::Inval),
        0 => Awaited::Instant(match word(5) as u16 {
            0 => now.saturating_add(word(3)),
            1 => word(3),
            _ => return Err(Errno::Inval),
        }),
        1 => Awaited::Readable(Fd(number)),
        2 => Awaited::Writable(Fd(number)),
        _ => return Err(Errno::Inval),
    };
    Ok((word(0), awaited))
}

/// The instant to which time passes.
fn moment(asked: impl Iterator<Item = Awaited>, now: u64) -> u64 {
    let instant = |awaited| if let Awaited::Instant(at) = awaited { at } else { now };
    // There is a subscription at least.
    asked.map(instant).min().map_or(now, |at| at.max(now))
}

/// Waits for the results that are to be read.
fn receive(cx: &mut Cx<'_>, asked: &[(u64, Awaited)]) -> Result<(), End> {
    for (_, awaited) in asked {
        if let Awaited::Readable(fd) = awaited
            && cx.wasi.fds.get(*fd).is_some_and(|descriptor| check_readable(descriptor, cx.wasi.rules).is_ok())
        {
            await_content(cx, fd.0)?;
        }
    }
    Ok(())
}

/// ```text
/// 0 userdata   8 errno   10 tag   16 bytes that there are   24 flags, 0
/// ```
///
/// The errno is the one that reading, or writing, would fail with.
fn event(state: &State, userdata: u64, awaited: Awaited) -> [u8; EVENT_BYTES as usize] {
    let (tag, bytes) = match awaited {
        Awaited::Instant(_) => (0, Ok(0)),
        Awaited::Readable(fd) => (1, left(state, fd)),
        // All that one call can take.
        Awaited::Writable(fd) => {
            (2, state.descriptor(fd.0).and_then(|open| check_writable(open, state.rules)).map(|_| u64::from(u32::MAX)))
        }
    };
    let errno = bytes.err().unwrap_or(Errno::Success).number();
    let words = [userdata, u64::from(errno) | tag << 16, bytes.unwrap_or(0), 0];
    let mut event = [0; EVENT_BYTES as usize];
    event.as_chunks_mut().0.iter_mut().zip(words).for_each(|(place, word)| *place = word.to_le_bytes());
    event
}

/// How many bytes can be read.
fn left(state: &State, fd: Fd) -> Result<u64, Errno> {
    let descriptor = state.descriptor(fd.0)?;
    check_readable(descriptor, state.rules)?;
    let Object::File(file) = &descriptor.object else { return Ok(0) };
    let bytes = file.source.bytes(&state.config.files);
    Ok((bytes.len() as u64).saturating_sub(file.offset))
}
