//! Versions of all prices: what a chain chooses by number, and replays by for ever. The promise behind it: `docs/upgrades.md`.

use super::calls::{self, Price};
use super::instructions::{self, Class};

/// A version of the prices, of instructions and of host calls. Which one is in force is a consensus parameter.
///
/// ```
/// use subvm_core::costs::calls::Price;
/// use subvm_core::costs::instructions::{Class, Schedule};
///
/// assert_eq!(Schedule::V1.version(), 1);
/// assert_eq!((Schedule::V1.ticks(Class::Simple), Schedule::V1.call(Price::Walk)), (1, 60));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    version: u32,
    ticks: [u32; Class::ALL.len()],
    calls: [u32; Price::ALL.len()],
    /// The binary logarithm of the bytes that are copied for one tick: a call need neither divide nor find it.
    copied: u32,
}

impl Schedule {
    /// The first version.
    pub const V1: Schedule =
        Schedule { version: 1, ticks: instructions::VERSION_1, calls: calls::VERSION_1, copied: 0 }.settled();

    /// Every version, from the first on: a chain that changed its prices replays its old blocks by the old ones, for ever.
    pub const ALL: &'static [Schedule] = &[
        Schedule::V1,
        // What shows, in the tests of this crate, that no price is taken from elsewhere.
        #[cfg(test)]
        Schedule::V1.next().doubled(),
    ];

    /// The version of this number; nothing where this release has it not.
    ///
    /// ```
    /// use subvm_core::costs::instructions::Schedule;
    /// assert_eq!((Schedule::of(1), Schedule::of(0)), (Some(&Schedule::V1), None));
    /// ```
    #[must_use]
    pub fn of(version: u32) -> Option<&'static Schedule> {
        Self::ALL.iter().find(|schedule| schedule.version == version)
    }

    /// The version after this one, with the same prices: how one is declared, which then says what changed.
    ///
    /// ```
    /// use subvm_core::costs::calls::Price;
    /// use subvm_core::costs::instructions::{Class, Schedule};
    /// // What a release with dearer divisions and random numbers would hold. None does.
    /// const DEARER: Schedule = Schedule::V1.next().priced(Class::Divide, 20).call_priced(Price::RandomByte, 2);
    /// assert_eq!((DEARER.version(), DEARER.ticks(Class::Divide), DEARER.call(Price::RandomByte)), (2, 20, 2));
    /// assert_eq!(DEARER.ticks(Class::Simple), Schedule::V1.ticks(Class::Simple));
    /// ```
    #[must_use]
    pub const fn next(self) -> Self {
        Self { version: self.version + 1, ..self }
    }

    /// The same, but for the price of one class, in ticks.
    #[must_use]
    pub const fn priced(mut self, class: Class, ticks: u32) -> Self {
        self.ticks[class as usize] = ticks;
        self
    }

    /// The same, but for one price of host calls, in ticks; or for one rate, in bytes for one tick.
    ///
    /// # Panics
    /// Where a rate is no power of two: then no program compiles that declares it as a constant.
    #[must_use]
    pub const fn call_priced(mut self, price: Price, amount: u32) -> Self {
        assert!(!price.is_rate() || amount.is_power_of_two(), "a rate is a power of two");
        self.calls[price as usize] = amount;
        self.settled()
    }

    /// The same, with what follows from its prices.
    const fn settled(mut self) -> Self {
        self.copied = self.calls[Price::CopiedPerTick as usize].trailing_zeros();
        self
    }

    /// The number of this version; it stands in the consensus parameters.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The price of one instruction of `class`, in ticks.
    #[must_use]
    pub const fn ticks(&self, class: Class) -> u64 {
        self.ticks[class as usize] as u64
    }

    /// A price of host calls, in ticks; a rate in bytes for one tick.
    #[inline]
    #[must_use]
    pub const fn call(&self, price: Price) -> u64 {
        self.calls[price as usize] as u64
    }

    /// All prices of host calls, in ticks, by number: for whom a look at the schedule is too much.
    pub(crate) const fn calls(&self) -> [i64; Price::ALL.len()] {
        let mut all = [0; Price::ALL.len()];
        let mut at = 0;
        while at < all.len() {
            all[at] = self.calls[at] as i64;
            at += 1;
        }
        all
    }

    /// What copying `bytes` costs, in ticks.
    ///
    /// ```
    /// use subvm_core::costs::instructions::Schedule;
    /// assert_eq!([0, 1, 4096].map(|bytes| Schedule::V1.copying(bytes)), [0, 1, 256]);
    /// ```
    #[inline]
    #[must_use]
    pub const fn copying(&self, bytes: u64) -> u64 {
        let whole = bytes >> self.copied;
        whole + (whole << self.copied != bytes) as u64
    }

    /// What compiling a module costs, in one mode: a base, its bytes, its functions, imported ones included, and its values as lowering
    /// estimates them for this price.
    /// A chain charges it at deployment; no run pays it.
    ///
    /// ```
    /// use subvm_core::costs::instructions::Schedule;
    /// // A contract in Rust, and the largest module that lowering accepts.
    /// let modules = [(200_000, 400, 120_000), (64 << 20, 110_000, 48_000_000)];
    /// let prices = modules.map(|(bytes, functions, values)| Schedule::V1.compiling(bytes, functions, values));
    /// assert_eq!(prices, [245_000_000, 83_426_772_800]);
    /// ```
    #[must_use]
    pub const fn compiling(&self, bytes: u64, functions: u64, values: u64) -> u64 {
        let bytes = bytes.saturating_mul(self.call(Price::CompileByte));
        let functions = functions.saturating_mul(self.call(Price::CompileFunction));
        let values = values.saturating_mul(self.call(Price::CompileValue));
        self.call(Price::CompileModule).saturating_add(bytes).saturating_add(functions).saturating_add(values)
    }

    /// What starting a sub-VM costs whose modules have so many bytes together, in ticks.
    pub(crate) const fn starting(&self, bytes: u64) -> u64 {
        self.call(Price::SubVm) + (bytes >> self.call(Price::ModuleBytesPerTick).trailing_zeros())
    }

    /// What a non-deterministic result of so many bytes costs, in ticks; `is_shown` where a model is asked about it.
    pub(crate) const fn result(&self, bytes: u64, is_shown: bool) -> u64 {
        let price = self.call(if is_shown { Price::ShownByte } else { Price::ResultByte });
        bytes.saturating_sub(calls::RESULT_BYTES_INCLUDED).saturating_mul(price)
    }
}

#[cfg(test)]
impl Schedule {
    /// The same, with all prices doubled, and all rates halved.
    const fn doubled(mut self) -> Self {
        let mut at = 0;
        while at < Class::ALL.len() {
            self.ticks[at] *= 2;
            at += 1;
        }
        at = 0;
        while at < Price::ALL.len() {
            self.calls[at] = if Price::ALL[at].is_rate() { self.calls[at] / 2 } else { self.calls[at] * 2 };
            at += 1;
        }
        self.settled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_copying_costs_is_whole_ticks_rounded_up() {
        let v1 = Schedule::V1;
        for bytes in [0, 1, 15, 16, 17, u64::MAX - 15, u64::MAX] {
            assert_eq!(v1.copying(bytes), bytes.div_ceil(16), "{bytes}");
        }
        assert_eq!([v1.starting(0), v1.starting(7), v1.starting(8)], [20_000, 20_001, 20_002]);
    }

    #[test]
    fn rates_are_powers_of_two_and_prices_have_the_order_of_their_names() {
        for (at, price) in Price::ALL.iter().enumerate() {
            assert_eq!(*price as usize, at);
            assert!(!price.is_rate() || Schedule::V1.call(*price).is_power_of_two(), "{}", price.name());
        }
        let named = calls::PRICES.iter().chain(calls::RATES);
        let named: std::vec::Vec<_> = named.map(|amount| (amount.name, amount.amount)).collect();
        let v1: std::vec::Vec<_> = Price::ALL.iter().map(|price| (price.name(), Schedule::V1.call(*price))).collect();
        assert_eq!(v1, named);
        let rates = Price::ALL.iter().filter(|price| price.is_rate()).count();
        assert_eq!(rates, calls::RATES.len());
    }
}
