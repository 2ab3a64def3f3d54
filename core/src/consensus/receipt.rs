//! The record that nodes vote on. Source: `docs/spec/sub-vm.md`, *Receipt*.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::consensus::fields::{array, bytes_of_all, put_all, uint};
use crate::consensus::page::{BYTES as PAGE, PAGES};
use crate::ids::SlotId;
use crate::own;
use subvm_calldata::{DecodeError, DecodeLimits, Encoder, Value};

/// A page of storage as a run leaves it.
///
/// ```
/// use subvm_host_mock::{MemoryHost, play};
/// let report = play(&MemoryHost::new(), |machine| machine.storage_write(1, 33, b"x").map(drop));
/// let [write] = report.receipt.storage[..] else { unreachable!() };
/// assert_eq!((write.slot.0[0], write.page, write.content[1]), (1, 1, b'x'));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageWrite {
    /// The slot within the contract.
    pub slot: SlotId,
    /// The page within the slot, below 2^27: bytes `32 * page` to `32 * page + 31`.
    pub page: u32,
    /// Its bytes.
    pub content: [u8; PAGE],
}

/// Gas that the deterministic side of a run used.
///
/// ```
/// use subvm_host_mock::{MemoryHost, play};
/// let gas = play(&MemoryHost::new(), |machine| machine.work(1_000)).receipt.gas;
/// assert_eq!((gas.time, gas.storage, gas.data), (1_000, 0, 2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gas {
    /// Bytes.
    pub data: u64,
    /// Pages of 32 bytes.
    pub storage: u64,
    /// Ticks.
    pub time: u64,
}

/// What a run came to, in the form that is hashed and voted on. A run that ended in an internal error has none.
///
/// ```
/// use subvm_core::{Gas, Receipt};
///
/// let receipt = Receipt {
///     params: [1; 32],
///     message: [2; 32],
///     result: vec![0, 0],
///     gas: Gas { data: 2, storage: 0, time: 1_000 },
///     storage: Vec::new(),
///     messages: Vec::new(),
///     nondet: Vec::new(),
/// };
/// // What goes over the wire comes back as it was, and in no other form.
/// assert_eq!(Receipt::from_bytes(&receipt.to_bytes())?, receipt);
/// assert!(receipt.returned());
/// # Ok::<(), subvm_core::ReceiptError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// BLAKE3 of the encoded consensus parameters.
    pub params: [u8; 32],
    /// BLAKE3 of descriptor 0 of the main sub-VM.
    pub message: [u8; 32],
    /// Code byte ++ calldata, with the fingerprint of a failure.
    pub result: Vec<u8>,
    /// Gas used by the deterministic side.
    pub gas: Gas,
    /// The final pages, ascending; empty unless the run returned.
    pub storage: Vec<PageWrite>,
    /// The accepted requests in the order in which they were made; empty unless the run returned.
    pub messages: Vec<Vec<u8>>,
    /// Each non-deterministic result, code byte ++ data, as the leader posted it.
    pub nondet: Vec<Vec<u8>>,
}

impl Receipt {
    /// The version of the layout.
    pub const VERSION: u32 = 1;

    /// The canonical encoding: one calldata map.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let lists = self.messages.iter().chain(&self.nondet);
        // A page has a slot, a number, bytes, and a head for each.
        let bytes =
            192 + self.result.len() + 76 * self.storage.len() + lists.map(|bytes| bytes.len() + 5).sum::<usize>();
        own::written(bytes, |out| self.write(out))
    }

    /// BLAKE3 of the encoding. Two nodes agree iff theirs are equal, but that a validator never agrees with a leader whose result it did not
    /// accept: [`Report::vote`](crate::Report::vote).
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.to_bytes()).as_bytes()
    }

    /// Whether the run returned, so that its pages and messages count.
    #[must_use]
    pub fn returned(&self) -> bool {
        self.result.first() == Some(&0)
    }

    /// Reads a receipt that another node wrote. Nothing in it is believed beyond its shape.
    ///
    /// # Errors
    /// [`ReceiptError`] when the bytes are not canonical calldata of the layout.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let value = Value::decode_with(bytes, &DecodeLimits::default()).map_err(ReceiptError::Calldata)?;
        Self::from_value(&value).map_err(ReceiptError::Field)
    }

    fn write(&self, out: &mut Encoder) {
        out.map(8).key("gas").map(3);
        out.key("data").int(self.gas.data).key("storage").int(self.gas.storage).key("time").int(self.gas.time);
        out.key("message").bytes(&self.message);
        put_all(out.key("messages"), &self.messages);
        put_all(out.key("nondet"), &self.nondet);
        out.key("params").bytes(&self.params).key("result").bytes(&self.result);
        out.key("storage").array(self.storage.len());
        for PageWrite { slot, page, content } in &self.storage {
            out.array(3).bytes(&slot.0).int(*page).bytes(content);
        }
        out.key("version").int(Self::VERSION);
    }

    fn from_value(value: &Value) -> Result<Self, &'static str> {
        let map = value.as_map().filter(|map| map.len() == 8).ok_or("a map of eight fields")?;
        let field = |name: &'static str| map.get(name).ok_or(name);
        if uint(field("version")?) != Some(Self::VERSION.into()) {
            return Err("version");
        }
        let storage = field("storage")?.as_array().ok_or("storage")?;
        let storage: Vec<PageWrite> = storage.iter().map(page_write).collect::<Option<_>>().ok_or("storage")?;
        if !storage.is_sorted_by(|a, b| (a.slot, a.page) < (b.slot, b.page)) {
            return Err("storage");
        }
        Ok(Self {
            params: array(field("params")?).ok_or("params")?,
            message: array(field("message")?).ok_or("message")?,
            result: field("result")?.as_bytes().ok_or("result")?.to_vec(),
            gas: Gas::from_value(field("gas")?).ok_or("gas")?,
            storage,
            messages: bytes_of_all(field("messages")?).ok_or("messages")?,
            nondet: bytes_of_all(field("nondet")?).ok_or("nondet")?,
        })
    }
}

impl Gas {
    fn from_value(value: &Value) -> Option<Self> {
        let map = value.as_map().filter(|map| map.len() == 3)?;
        Some(Self { data: uint(map.get("data")?)?, storage: uint(map.get("storage")?)?, time: uint(map.get("time")?)? })
    }
}

fn page_write(value: &Value) -> Option<PageWrite> {
    let [slot, page, content] = value.as_array()?.iter().as_slice() else { return None };
    let page = u32::try_from(uint(page)?).ok().filter(|page| *page < PAGES)?;
    Some(PageWrite { slot: SlotId(array(slot)?), page, content: array(content)? })
}

/// Why bytes are no receipt.
///
/// ```
/// use subvm_core::{Receipt, ReceiptError};
/// assert!(matches!(Receipt::from_bytes(b""), Err(ReceiptError::Calldata(_))));
/// assert_eq!(Receipt::from_bytes(b"\x06"), Err(ReceiptError::Field("a map of eight fields")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiptError {
    /// They are not canonical calldata.
    Calldata(DecodeError),
    /// The named field is missing or of another shape.
    Field(&'static str),
}

impl fmt::Display for ReceiptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Calldata(error) => write!(f, "not a receipt: {error}"),
            Self::Field(name) => {
                write!(f, "not a receipt of version {}: {name} is missing or malformed", Receipt::VERSION)
            }
        }
    }
}

impl core::error::Error for ReceiptError {}

/// What a node says of a leader's receipt.
///
/// ```
/// use subvm_core::{Difference, Vote};
/// assert_eq!(Vote::Disagree(Difference { field: "gas", call: None }).to_string(), "disagree at gas");
/// assert_eq!(Vote::Timeout("the deadline passed".into()).to_string(), "timeout: the deadline passed");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vote {
    /// The receipts are the same.
    Agree,
    /// They differ, first at this field.
    Disagree(Difference),
    /// The node cannot say.
    Timeout(String),
}

/// Where two receipts differ.
///
/// ```
/// use subvm_core::{Difference, Receipt, Vote};
/// # use subvm_host_mock::{MemoryHost, play};
/// # let report = play(&MemoryHost::new(), |_| Ok(()));
/// let lying = Receipt { result: vec![0, 0x10], ..report.receipt.clone() };
/// assert_eq!(report.vote(&lying), Vote::Disagree(Difference { field: "result", call: None }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field of the receipt.
    pub field: &'static str,
    /// The number of the non-deterministic block, where one is the cause.
    pub call: Option<u32>,
}

impl fmt::Display for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agree => f.write_str("agree"),
            Self::Disagree(Difference { field, call: None }) => write!(f, "disagree at {field}"),
            Self::Disagree(Difference { field, call: Some(call) }) => write!(f, "disagree at {field}, call {call}"),
            Self::Timeout(why) => write!(f, "timeout: {why}"),
        }
    }
}

/// Votes on `leader`, having come to `own`; `none` says why there is no own receipt.
///
/// A node that has a report uses [`Report::vote`](crate::Report::vote), which also knows what the node did not accept.
///
/// ```
/// # use subvm_core::{Gas, Receipt, Vote, vote};
/// # let (params, message, result) = ([0; 32], [0; 32], vec![0, 0]);
/// # let (gas, storage, messages, nondet) = (Gas::default(), Vec::new(), Vec::new(), vec![vec![0, 0]]);
/// # let own = Receipt { params, message, result, gas, storage, messages, nondet };
/// let leader = Receipt { nondet: vec![vec![0, 0x10]], ..own.clone() };
/// assert_eq!(vote(Ok(&own), &leader).to_string(), "disagree at nondet, call 0");
/// ```
///
/// # Cost
/// Linear in the receipts, without hashing: equal receipts have equal digests and the other way round.
#[must_use]
pub fn vote(own: Result<&Receipt, Box<dyn core::error::Error + '_>>, leader: &Receipt) -> Vote {
    let own = match own {
        Ok(own) => own,
        Err(why) => return Vote::Timeout(why.to_string()),
    };
    if own.params != leader.params {
        return Vote::Timeout("params: the leader ran under other consensus parameters".to_string());
    }
    match difference(own, leader) {
        None => Vote::Agree,
        Some(difference) => Vote::Disagree(difference),
    }
}

fn difference(own: &Receipt, leader: &Receipt) -> Option<Difference> {
    let field = |field| Some(Difference { field, call: None });
    if own.message != leader.message {
        return field("message");
    }
    if own.nondet != leader.nondet {
        let same = own.nondet.iter().zip(&leader.nondet).take_while(|(own, leader)| own == leader).count();
        return Some(Difference { field: "nondet", call: u32::try_from(same).ok() });
    }
    if own.result != leader.result {
        return field("result");
    }
    if own.gas != leader.gas {
        return field("gas");
    }
    if own.storage != leader.storage {
        return field("storage");
    }
    if own.messages != leader.messages { field("messages") } else { None }
}
