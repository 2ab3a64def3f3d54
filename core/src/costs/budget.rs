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
        if bytes > self.limit - self.used() { Err(Exhausted) } else { Ok(()) }
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
