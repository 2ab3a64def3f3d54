//! What the node gives an executor: a calldata map on standard input.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use subvm_calldata::{Bytes, Int, Value, from_slice};
use subvm_core::host::State;
use subvm_core::{Address, Message, Permissions};

/// The instant of a run whose data say none.
const INSTANT: &str = "2024-11-26T06:42:42.424242Z";

/// Execution data. Unknown fields are refused; those with a default may be absent.
///
/// ```
/// use subvm_core::{Address, calldata::{Map, Value}};
/// use subvm_genvm::ExecutionData;
/// let address = || Value::Address(Address::default());
/// let message = Map::from([
///     ("contract_address", address()), ("sender_address", address()), ("origin_address", address()), ("signer_address", address()),
///     ("chain_id", Value::from(1)), ("value", Value::from(0)), ("is_init", Value::from(false)),
/// ]);
/// let data = Value::from(Map::from([("calldata", Value::Bytes(vec![6])), ("message", Value::Map(message))]));
/// let data = ExecutionData::read(&data.encode().unwrap())?;
/// assert!(data.leader_nondet_results.is_none());
/// # Ok::<(), subvm_genvm::DataError>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionData {
    /// The entry's payload.
    pub calldata: Bytes,
    /// The transaction.
    pub message: MessageData,
    /// JSON for the modules.
    #[serde(default = "no_host_data")]
    pub host_data: String,
    /// The code to deploy.
    #[serde(default)]
    pub code: Option<Bytes>,
    /// The leader's results; nothing for a leader.
    #[serde(default)]
    pub leader_nondet_results: Option<Vec<Bytes>>,
    /// Method to host; 0 for those that it is too short for.
    #[serde(default)]
    pub method_hosts: Vec<u32>,
    /// Written to each host right after connecting.
    #[serde(default)]
    pub host_hello_data: Vec<Bytes>,
    /// Fees that may be spent, by bucket. Handed back as it came: fees are zero.
    #[serde(default)]
    pub bucket_totals: Option<Value>,
    /// Constants of fee expressions, for the modules.
    #[serde(default)]
    pub gas_data: BTreeMap<String, String>,
    /// What messages may cost. Not looked at: fees are zero.
    #[serde(default)]
    pub message_fee_allocation: Vec<Value>,
    /// For the modules.
    #[serde(default)]
    pub initial_time_units_allocation: u32,
    /// What a debugger wants to see. Not looked at.
    #[serde(default)]
    pub record_actions: Vec<String>,
    /// How much deeper calls may nest, where that is less than the chain says.
    #[serde(default)]
    pub remaining_recursion: Option<u32>,
    /// There for a run within another executor's.
    #[serde(default)]
    pub nested: Option<Nested>,
}

/// A call that another executor's run hands to this one.
///
/// ```
/// use subvm_core::{Permissions, host::State};
/// use subvm_genvm::Nested;
/// let nested = Nested {
///     memory_limit: 1 << 30, stack: Vec::new(), permissions: 0b1_0011, state_mode: "LatestFinal".into(),
///     topmost_runner_id: "contract".into(), remaining_det_fuel: 0.into(),
/// };
/// assert_eq!(nested.state(), Ok(State::Finalized));
/// assert!(!nested.permissions().contains(Permissions::WRITE_STORAGE));
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nested {
    /// Bytes of RAM.
    pub memory_limit: u32,
    /// Who called whom, the outermost first.
    pub stack: Vec<Address>,
    /// Bits: 1 deterministic, 2 read, 4 write, 8 send, 16 call others, 32 non-deterministic blocks. Others are nothing that a run has here.
    pub permissions: u32,
    /// `Default`, `LatestFinal` or `LatestNonFinal`.
    pub state_mode: String,
    /// What runs: `contract`.
    pub topmost_runner_id: String,
    /// What models may cost. A deterministic run asks none.
    pub remaining_det_fuel: Int,
}

impl Nested {
    /// What the run may do.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        // The same bits.
        Permissions::from_bits_truncate((self.permissions & 0xff) as u8)
    }

    /// The state that it reads.
    ///
    /// # Errors
    /// Where there is no such state, or the run is none that this executor does.
    pub fn state(&self) -> Result<State, DataError> {
        if !self.permissions().contains(Permissions::DETERMINISTIC) {
            return Err(DataError("nested.permissions: a run within another is deterministic".into()));
        }
        if self.topmost_runner_id != "contract" {
            let id = &self.topmost_runner_id;
            return Err(DataError(format!(
                "nested.topmost_runner_id: {id:?} is not \"contract\", which is all that is run here"
            )));
        }
        match self.state_mode.as_str() {
            "Default" | "LatestNonFinal" => Ok(State::Accepted),
            "LatestFinal" => Ok(State::Finalized),
            other => Err(DataError(format!("nested.state_mode: there is no {other:?}"))),
        }
    }
}

/// The transaction, as every node knows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageData {
    /// The contract that runs.
    pub contract_address: Address,
    /// Who called it.
    pub sender_address: Address,
    /// Who began the chain of calls.
    pub origin_address: Address,
    /// Who signed the transaction.
    #[serde(default)]
    pub signer_address: Option<Address>,
    /// The chain.
    pub chain_id: Int,
    /// What was sent along.
    pub value: Int,
    /// Whether this run deploys the contract.
    #[serde(default)]
    pub is_init: bool,
    /// The instant, in RFC 3339.
    #[serde(default = "instant", alias = "transaction_timestamp")]
    pub datetime: String,
}

fn instant() -> String {
    INSTANT.to_owned()
}

fn no_host_data() -> String {
    "{}".to_owned()
}

/// Why execution data cannot be used.
///
/// ```
/// use subvm_genvm::ExecutionData;
/// let error = ExecutionData::read(b"\x06").unwrap_err();
/// assert_eq!(error.to_string(), "execution data: missing field `calldata`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataError(pub(crate) String);

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "execution data: {}", self.0)
    }
}

impl std::error::Error for DataError {}

impl ExecutionData {
    /// Reads the calldata that a node gives.
    ///
    /// # Errors
    /// Where it is no canonical calldata, lacks a field, or has one that is not known or of another type.
    pub fn read(bytes: &[u8]) -> Result<Self, DataError> {
        from_slice(bytes).map_err(|error| DataError(error.to_string()))
    }

    /// The message, and its instant in nanoseconds.
    pub(crate) fn message(&self) -> Result<(Message, u64), DataError> {
        let MessageData {
            contract_address,
            sender_address,
            origin_address,
            signer_address,
            chain_id,
            value,
            is_init,
            datetime,
        } = &self.message;
        if value.to_u256_le().is_none() {
            return Err(DataError("message.value does not fit 256 bits".into()));
        }
        let instant: jiff::Timestamp =
            datetime.parse().map_err(|error| DataError(format!("message.datetime {datetime:?}: {error}")))?;
        let instant = u64::try_from(instant.as_nanosecond())
            .map_err(|_| DataError(format!("message.datetime {datetime:?} lies before 1970 or after 2554")))?;
        let message = Message {
            contract_address: *contract_address,
            sender_address: *sender_address,
            origin_address: *origin_address,
            signer_address: *signer_address,
            stack: self.nested.iter().flat_map(|nested| nested.stack.iter().copied()).collect(),
            chain_id: chain_id.clone(),
            value: value.clone(),
            is_init: *is_init,
            entry_data: self.calldata.0.clone(),
        };
        Ok((message, instant))
    }
}
