//! The extended message: what a contract finds on descriptor 0. Source: `docs/spec/sub-vm.md`, *Entry*.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::Address;
use crate::outcome::InternalError;
use crate::own;
use subvm_calldata::{Encoder, Int, Value};

/// The transaction, as every node knows it; the clock adds its instant, the sub-VM its entry.
///
/// ```
/// use subvm_core::calldata::{Map, Value};
/// use subvm_core::{Address, Message};
///
/// let call = Value::from(Map::from([("method", "transfer")]));
/// let message = Message {
///     contract_address: Address([1; 20]),
///     sender_address: Address([2; 20]),
///     origin_address: Address([2; 20]),
///     chain_id: 61_999.into(),
///     entry_data: call.encode()?,
///     ..Message::default()
/// };
/// # assert_eq!(message.stack, []);
/// # Ok::<(), subvm_core::calldata::EncodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Message {
    /// The contract that runs.
    pub contract_address: Address,
    /// Who called it.
    pub sender_address: Address,
    /// Who signed the transaction.
    pub origin_address: Address,
    /// The account whose key signed, where the chain tells it apart: profiles of GenVM. Handed to every child; left out of descriptor 0 where it
    /// is not given.
    pub signer_address: Option<Address>,
    /// The callers of nested view calls, outermost first.
    pub stack: Vec<Address>,
    /// The chain.
    pub chain_id: Int,
    /// What was sent along.
    pub value: Int,
    /// Whether this run deploys the contract.
    pub is_init: bool,
    /// The calldata of the method call, or what a parent handed down.
    pub entry_data: Vec<u8>,
}

/// Why a sub-VM runs.
///
/// ```
/// use subvm_core::{EntryKind, Message, calldata::Value};
/// let bytes = Message::default().to_bytes(EntryKind::Sandbox, "1970-01-01T00:00:00Z", None);
/// assert_eq!(Value::decode(&bytes).unwrap()["entry_kind"], Value::from(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A transaction, or a call of another contract.
    Main,
    /// A sandbox.
    Sandbox,
    /// A non-deterministic block.
    ConsensusStage,
}

impl EntryKind {
    fn number(self) -> u32 {
        match self {
            Self::Main => 0,
            Self::Sandbox => 1,
            Self::ConsensusStage => 2,
        }
    }
}

impl Message {
    /// This message with other entry data: its own, which may be large, is not copied.
    pub(crate) fn with_data(&self, entry_data: Vec<u8>) -> Self {
        let Self {
            contract_address,
            sender_address,
            origin_address,
            signer_address,
            stack,
            chain_id,
            value,
            is_init,
            entry_data: _,
        } = self;
        Self {
            contract_address: *contract_address,
            sender_address: *sender_address,
            origin_address: *origin_address,
            signer_address: *signer_address,
            stack: stack.clone(),
            chain_id: chain_id.clone(),
            value: value.clone(),
            is_init: *is_init,
            entry_data,
        }
    }

    /// Whether the entry data are a call by GenVM's convention, which [`Profile::GenVm0_3`](crate::Profile::GenVm0_3) asks of each transaction.
    ///
    /// ```
    /// use subvm_core::{Message, calldata::{Map, Value}};
    /// let entry = |map| Message { entry_data: Value::Map(map).encode().unwrap(), ..Message::default() };
    /// assert!(entry(Map::from([("", Value::from("get"))])).is_call());
    /// assert!(!entry(Map::from([("method", Value::from("get"))])).is_call());
    /// ```
    #[must_use]
    pub fn is_call(&self) -> bool {
        Value::decode(&self.entry_data).is_ok_and(|calldata| is_call(&calldata, self.is_init))
    }

    /// [`is_call`](Self::is_call), of data that whoever signed chose.
    ///
    /// # Errors
    /// An internal error where there is no room for their value.
    pub(crate) fn try_is_call(&self) -> Result<bool, InternalError> {
        Ok(own::try_decode(&self.entry_data)?.is_some_and(|calldata| is_call(&calldata, self.is_init)))
    }

    /// The canonical bytes of descriptor 0.
    ///
    /// `datetime` is [`datetime`] of the transaction's instant; `leaders_result` is there for a validator's block.
    ///
    /// ```
    /// use subvm_core::{EntryKind, Message, calldata::Value, datetime};
    /// let message = Message { chain_id: 61_999.into(), ..Message::default() };
    /// let value = Value::decode(&message.to_bytes(EntryKind::Main, &datetime(0), None)).unwrap();
    /// assert_eq!((&value["chain_id"], &value["datetime"]), (&61_999.into(), &"1970-01-01T00:00:00Z".into()));
    /// ```
    #[must_use]
    pub fn to_bytes(&self, kind: EntryKind, datetime: &str, leaders_result: Option<&[u8]>) -> Vec<u8> {
        own::written(self.about(leaders_result), |out| self.write(out, kind, datetime, leaders_result))
    }

    /// [`to_bytes`](Self::to_bytes), for a sub-VM whose parent chose the data.
    ///
    /// # Errors
    /// An internal error where there is no room for them.
    pub(crate) fn try_to_bytes(
        &self,
        kind: EntryKind,
        datetime: &str,
        leaders_result: Option<&[u8]>,
    ) -> Result<Vec<u8>, InternalError> {
        own::try_written(self.about(leaders_result), |out| self.write(out, kind, datetime, leaders_result))
    }

    /// About how many bytes its encoding has.
    fn about(&self, leaders_result: Option<&[u8]>) -> usize {
        320 + self.entry_data.len() + 21 * self.stack.len() + leaders_result.map_or(0, <[u8]>::len)
    }

    fn write(&self, out: &mut Encoder, kind: EntryKind, datetime: &str, leaders_result: Option<&[u8]>) {
        out.map(11 + usize::from(self.signer_address.is_some()));
        out.key("chain_id").int(self.chain_id.clone());
        out.key("contract_address").address(self.contract_address);
        out.key("datetime").str(datetime);
        out.key("entry_data").bytes(&self.entry_data);
        out.key("entry_kind").int(kind.number());
        match leaders_result {
            None => out.key("entry_stage_data").null(),
            Some(result) => out.key("entry_stage_data").map(1).key("leaders_result").bytes(result),
        };
        out.key("is_init").bool(self.is_init);
        out.key("origin_address").address(self.origin_address);
        out.key("sender_address").address(self.sender_address);
        if let Some(signer) = self.signer_address {
            out.key("signer_address").address(signer);
        }
        out.key("stack").array(self.stack.len());
        for address in &self.stack {
            out.address(*address);
        }
        out.key("value").int(self.value.clone());
    }
}

/// Whether calldata are a call by GenVM's convention: nothing but a method's name under `""`, `args` and `kwargs`. A constructor has no name.
pub(crate) fn is_call(calldata: &Value, is_init: bool) -> bool {
    calldata.as_map().is_some_and(|map| {
        map.iter().all(|(key, value)| match key {
            "" => value.as_str().is_some() && !is_init,
            "args" => value.as_array().is_some(),
            "kwargs" => value.as_map().is_some(),
            _ => false,
        })
    })
}

/// Days in the months before each month of a year that is no leap year.
const DAYS_BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const NANOS: u64 = 1_000_000_000;

/// An instant, in nanoseconds since 1970-01-01T00:00:00Z, as RFC 3339 in UTC, the fraction without trailing zeros.
///
/// ```
/// use subvm_core::datetime;
/// assert_eq!(datetime(0), "1970-01-01T00:00:00Z");
/// assert_eq!(datetime(1_709_164_800_000_000_001), "2024-02-29T00:00:00.000000001Z");
/// assert_eq!(datetime(u64::MAX), "2554-07-21T23:34:33.709551615Z");
/// ```
#[must_use]
pub fn datetime(nanos: u64) -> String {
    let seconds = nanos / NANOS;
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let whole = alloc::format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    match nanos % NANOS {
        0 => whole + "Z",
        fraction => alloc::format!("{whole}.{}Z", alloc::format!("{fraction:09}").trim_end_matches('0')),
    }
}

/// The same, the fraction of three, six or nine digits.
pub(crate) fn grouped_datetime(nanos: u64) -> String {
    let plain = datetime(nanos);
    let digits = plain.split_once('.').map_or(0, |(_, fraction)| fraction.len() - 1);
    let zeros = digits.next_multiple_of(3) - digits;
    alloc::format!("{}{}Z", plain.trim_end_matches('Z'), "0".repeat(zeros))
}

/// The Gregorian date of a day counted from 1970-01-01.
fn date(mut day: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    loop {
        let days = if leap(year) { 366 } else { 365 };
        if day < days {
            break;
        }
        day -= days;
        year += 1;
    }
    let before = |month: usize| DAYS_BEFORE[month] + u64::from(month > 1 && leap(year));
    let month = (0..12).rev().find(|month| before(*month) <= day).unwrap_or(0);
    (year, month as u64 + 1, day - before(month) + 1)
}
