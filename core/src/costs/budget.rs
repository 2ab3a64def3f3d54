//! Budgets: what a run may use, and what it has used. Nothing here wraps.

/// A budget is used up; the caller knows which and says so with a [`Resource`](crate::Resource).
///
/// ```
/// assert_eq!(subvm_core::Meter::new(10).charge(11), Err(subvm_core::Exhausted));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

/// RAM of all sub-VMs of one mode, in bytes.
///
/// Sub-VMs nest, so what one has charged and not released is what was charged since it began: ending one is going back to a [`RamMark`],
/// and nothing can leak. Storage pages outlive their sub-VM and are *kept* beside.
///
/// ```
/// use subvm_core::Ram;
/// let mut ram = Ram::new(100);
/// let mark = ram.mark();
/// ram.charge(60).unwrap();
/// ram.keep(10).unwrap();
/// assert!(ram.charge(31).is_err());
/// ram.release_to(mark);
/// assert_eq!((ram.used(), ram.peak()), (10, 70));
/// ```
#[derive(Clone, Debug)]
pub struct Ram {
    limit: u64,
    held: u64,
    kept: u64,
    peak: u64,
}

/// How much was held when a sub-VM began.
///
/// ```
/// use subvm_core::Ram;
/// let mut ram = Ram::new(100);
/// ram.charge(10).unwrap();
/// let mark = ram.mark();
/// ram.charge(20).unwrap();
/// ram.release(5);
/// ram.release_to(mark);
/// assert_eq!(ram.used(), 10);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RamMark(u64);

impl Ram {
    /// A budget of `limit` bytes.
    #[must_use]
    pub const fn new(limit: u64) -> Self {
        Self { limit, held: 0, kept: 0, peak: 0 }
    }

    /// Charges `bytes` until they are released, or the sub-VM ends.
    ///
    /// # Errors
    /// [`Exhausted`] when they are not there; nothing is charged then.
    pub fn charge(&mut self, bytes: u64) -> Result<(), Exhausted> {
        self.fits(bytes)?;
        self.held += bytes;
        self.peak = self.peak.max(self.used());
        Ok(())
    }

    /// Charges `bytes` for the rest of the run.
    ///
    /// # Errors
    /// [`Exhausted`] when they are not there; nothing is charged then.
    pub fn keep(&mut self, bytes: u64) -> Result<(), Exhausted> {
        self.fits(bytes)?;
        self.kept += bytes;
        self.peak = self.peak.max(self.used());
        Ok(())
    }

    /// Gives back what [`charge`](Self::charge) took.
    pub fn release(&mut self, bytes: u64) {
        debug_assert!(bytes <= self.held, "released {bytes} of {} bytes held", self.held);
        self.held = self.held.saturating_sub(bytes);
    }

    /// Where a sub-VM begins.
    #[must_use]
    pub fn mark(&self) -> RamMark {
        RamMark(self.held)
    }

    /// Releases all that was charged since `mark`, but what is kept.
    pub fn release_to(&mut self, mark: RamMark) {
        debug_assert!(mark.0 <= self.held, "more was released than charged");
        self.held = mark.0;
    }

    /// Bytes that may still be charged.
    pub(crate) fn left(&self) -> u64 {
        self.limit - self.used()
    }

    /// Has nothing but `limit` bytes to give from now on. Nothing is in use.
    pub(crate) fn set_limit(&mut self, limit: u64) {
        debug_assert!(self.used() == 0, "a budget in use has its limit");
        self.limit = limit.max(self.used());
    }

    /// Bytes in use now.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.held + self.kept
    }

    /// The most bytes that were ever in use.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.peak
    }

    fn fits(&self, bytes: u64) -> Result<(), Exhausted> {
        // `used <= limit` always, so the difference is what is left.
        if bytes > self.left() { Err(Exhausted) } else { Ok(()) }
    }
}

/// One dimension of gas: what may be used and what is.
///
/// ```
/// use subvm_core::Meter;
/// let mut gas = Meter::new(10);
/// gas.charge(10).expect("reaching the limit is allowed");
/// assert!(gas.charge(1).is_err());
/// assert_eq!((gas.used(), gas.left()), (10, 0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter {
    limit: u64,
    used: u64,
}

impl Meter {
    /// A meter that allows `limit`.
    #[must_use]
    pub const fn new(limit: u64) -> Self {
        Self { limit, used: 0 }
    }

    /// Uses `amount`. Reaching the limit is allowed; where `amount` exceeds what is left, all of it counts as used.
    ///
    /// # Errors
    /// [`Exhausted`] when `amount` exceeds what is left.
    pub fn charge(&mut self, amount: u64) -> Result<(), Exhausted> {
        if amount > self.left() {
            self.used = self.limit;
            return Err(Exhausted);
        }
        self.used += amount;
        Ok(())
    }

    /// What is used, at most the limit.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used
    }

    /// What is left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.limit - self.used
    }
}

#[cfg(test)]
mod small_scopes {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::Ram;

    const LIMIT: u64 = 10;

    #[derive(Clone, Copy, Debug)]
    enum Op {
        Charge(u64),
        Keep(u64),
        /// Gives the last charge of this sub-VM back.
        Release,
        Begin,
        End,
    }

    /// Every sequence of six operations, against lists of what is charged: one for each sub-VM that runs.
    #[test]
    fn every_short_sequence_is_what_the_lists_hold() {
        let ops = [
            Op::Charge(0),
            Op::Charge(4),
            Op::Charge(LIMIT),
            Op::Keep(3),
            Op::Keep(7),
            Op::Release,
            Op::Begin,
            Op::End,
        ];
        for number in 0..ops.len().pow(6) {
            let mut ram = Ram::new(LIMIT);
            let (mut running, mut marks) = (vec![Vec::new()], Vec::new());
            let (mut kept, mut peak) = (0, 0);
            for place in 0..6 {
                let op = ops[number / ops.len().pow(place) % ops.len()];
                let used = kept + running.iter().flatten().sum::<u64>();
                let last = running.last_mut().expect("the first never ends");
                match op {
                    Op::Charge(bytes) => {
                        assert_eq!(ram.charge(bytes).is_ok(), used + bytes <= LIMIT);
                        last.extend((used + bytes <= LIMIT).then_some(bytes));
                    }
                    Op::Keep(bytes) => {
                        assert_eq!(ram.keep(bytes).is_ok(), used + bytes <= LIMIT);
                        kept += if used + bytes <= LIMIT { bytes } else { 0 };
                    }
                    Op::Release => ram.release(last.pop().unwrap_or(0)),
                    Op::Begin => {
                        marks.push(ram.mark());
                        running.push(Vec::new());
                    }
                    Op::End => {
                        if let Some(mark) = marks.pop() {
                            ram.release_to(mark);
                            running.pop();
                        }
                    }
                }
                let used = kept + running.iter().flatten().sum::<u64>();
                peak = peak.max(used);
                assert_eq!((ram.used(), ram.peak()), (used, peak), "{number}: {op:?}");
            }
        }
    }
}
