//! Waiting.

use subvm_core::wasi::Errno;

use super::super::files::words;
use super::super::model::What;
use super::{Done, Reference, Stop, prices};

/// 366 days, in nanoseconds: how far ahead of the transaction's instant a run's clocks may be.
const WAITING: u64 = 366 * 24 * 3600 * 1_000_000_000;

/// A subscription, taken apart.
struct Subscription {
    userdata: u64,
    tag: u8,
    /// A clock, or a descriptor.
    of: u32,
    /// When its time comes, of a clock; at once, of a descriptor.
    at: u64,
}

impl Reference {
    pub(super) fn poll(&mut self, at: u32, events: u32, count: u32, nevents: u32) -> Done {
        self.charge(prices::TRANSFER - prices::ANSWER)?;
        if !(1..=1024).contains(&count) {
            return Err(Errno::Inval.into());
        }
        self.charge(u64::from(count) * prices::SUBSCRIPTION)?;
        let list = self.mem[self.range(at, u64::from(count) * 48, 8)?].to_vec();
        let subscriptions = list.chunks(48).map(|bytes| self.subscription(bytes)).collect::<Done<Vec<_>>>()?;
        self.range(events, u64::from(count) * 32, 8)?;
        self.range(nevents, 4, 4)?;
        let earliest = subscriptions.iter().map(|subscription| subscription.at).min().unwrap();
        let clock = self.clock.max(earliest);
        if clock > self.settings.now && clock - self.settings.now > WAITING {
            return Err(Errno::Notsup.into());
        }
        self.clock = clock;
        let due = subscriptions.iter().filter(|subscription| subscription.at <= clock);
        let happened: Vec<Vec<u8>> = due.map(|subscription| self.event(subscription)).collect();
        self.put(events, &happened.concat());
        self.put(nevents, &(happened.len() as u32).to_le_bytes());
        Ok(())
    }

    fn subscription(&self, bytes: &[u8]) -> Done<Subscription> {
        let word = |at: usize| u64::from_le_bytes(bytes[at..][..8].try_into().unwrap());
        let (tag, of, flags) = (bytes[8], word(16) as u32, word(40) as u16);
        let at = match (tag, of, flags) {
            (1 | 2, _, _) => 0,
            (0, 0..=3, 0) => self.clock.saturating_add(word(24)),
            (0, 0..=3, 1) => word(24),
            _ => return Err(Errno::Inval.into()),
        };
        Ok(Subscription { userdata: word(0), tag, of, at })
    }

    /// A descriptor is asked as reading or writing would ask it.
    fn event(&self, subscription: &Subscription) -> Vec<u8> {
        let Subscription { userdata, tag, of, .. } = *subscription;
        let bytes = match tag {
            1 => self.descriptors.readable(of, false).map(|()| match &self.descriptors.open[&of].what {
                What::File { bytes, offset, .. } => (bytes.len() as u64).saturating_sub(*offset),
                _ => unreachable!("files alone are readable"),
            }),
            2 => match self.what(of) {
                Ok(What::Stream(_)) => Ok(u64::from(u32::MAX)),
                Ok(_) | Err(Stop::Errno(_)) => Err(Errno::Badf),
                Err(Stop::End(_)) => unreachable!("a look at a descriptor ends nothing"),
            },
            _ => Ok(0),
        };
        let errno = bytes.err().map_or(0, |errno| errno.number() as u64);
        words(&[userdata, errno + (u64::from(tag) << 16), bytes.unwrap_or(0), 0])
    }
}
