//! What setting up the instances of a sub-VM costs, before its first instruction.

use super::calls::{INSTANCE_BYTES_INCLUDED, Price};
use super::instructions::{Class, Schedule};

/// What one instance of a module sets up at each start: facts of the module as its author supplied it.
///
/// ```
/// use subvm_core::costs::SetUp;
/// use subvm_core::costs::instructions::{Class, Schedule};
///
/// // A module that declares a memory of 17 pages, which its start pays for as growing it by so many would.
/// let module = SetUp { bytes: 4_160, pages: 17, ..SetUp::default() };
/// assert_eq!(SetUp::ticks(&[module], &Schedule::V1), 17 * Schedule::V1.ticks(Class::GrowPage));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetUp {
    /// Bytes of RAM that the instance is charged, beside its memories and tables.
    pub bytes: u64,
    /// Pages of 65,536 bytes that the memories which it defines have from the start.
    pub pages: u64,
    /// Entries that the tables which it defines have from the start.
    pub entries: u64,
    /// What it imports, of every kind.
    pub imports: u64,
}

impl SetUp {
    /// What setting up these instances of one sub-VM costs together by a schedule, in ticks. Modules and their imports cost where there are several: a module
    /// that is alone imports from the host only, which is looked up once for all its sub-VMs.
    ///
    /// ```
    /// use subvm_core::costs::SetUp;
    /// use subvm_core::costs::calls::{LINKED_IMPORT, LINKED_MODULE};
    /// use subvm_core::costs::instructions::Schedule;
    /// let module = SetUp { bytes: 8_192, imports: 3, ..SetUp::default() };
    /// let ticks = |instances: &[SetUp]| SetUp::ticks(instances, &Schedule::V1);
    /// assert_eq!([ticks(&[module]), ticks(&[module; 2])], [0, 2 * LINKED_MODULE + 6 * LINKED_IMPORT]);
    /// ```
    #[must_use]
    pub fn ticks(instances: &[Self], schedule: &Schedule) -> u64 {
        // Sums of a few numbers of 32 bits each.
        let sum = |of: fn(&Self) -> u64| instances.iter().map(of).fold(0, u64::saturating_add);
        let (modules, imports) =
            if instances.len() > 1 { (instances.len() as u64, sum(|one| one.imports)) } else { (0, 0) };
        [
            (sum(|one| one.bytes).saturating_sub(INSTANCE_BYTES_INCLUDED), schedule.call(Price::InstanceByte)),
            (sum(|one| one.pages), schedule.ticks(Class::GrowPage)),
            (sum(|one| one.entries), schedule.ticks(Class::GrowEntry)),
            (modules, schedule.call(Price::LinkedModule)),
            (imports, schedule.call(Price::LinkedImport)),
        ]
        .into_iter()
        .fold(0, |ticks: u64, (count, price)| ticks.saturating_add(count.saturating_mul(price)))
    }
}
