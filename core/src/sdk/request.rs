//! The requests of `gl_call`, taken apart. What is of another shape, has unknown or missing fields, or values out of range, is no request.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use num_bigint::BigUint;

use crate::consensus::message::is_call;
use crate::consensus::profile::{Rules, SandboxFields, UserErrors};
use crate::ids::Address;
use crate::outcome::InternalError;
use crate::own;
use crate::room;
use crate::sdk::strategy::Strategy;
use subvm_calldata::{Int, Map, Value};

/// The methods of web requests that GenVM knows.
const METHODS: &[&str] = &["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"];
/// Images that one prompt may carry.
const IMAGES: usize = 2;
/// Topics that one event may carry.
const TOPICS: usize = 4;

/// How a request to return begins: a map of one entry, which has this name. What follows is the value.
const RETURN: &[u8] = b"\x0e\x06Return";

/// How requests begin whose sub-VM runs on what their maker has left of its stack units; the sub-VM of a non-deterministic block has its own.
const SPAWNING: [&[u8]; 2] = [b"\x0e\x07Sandbox", b"\x0e\x0cCallContract"];

/// Whether the `gl_call` request that begins with these bytes may spawn on its maker's stack units.
pub(super) fn spawns(bytes: &[u8]) -> bool {
    SPAWNING.iter().any(|beginning| bytes.starts_with(beginning))
}

/// Why there is no request.
pub(super) enum NoRequest {
    /// It is none: what is wrong with it, for people.
    Refused(String),
    /// This node has no room for what it says.
    NoRoom(InternalError),
}

impl From<InternalError> for NoRequest {
    fn from(error: InternalError) -> Self {
        Self::NoRoom(error)
    }
}

/// A well-formed request.
pub(super) enum Request {
    Return(Vec<u8>),
    UserError(String),
    /// A user error that is no text.
    UserValue(Vec<u8>),
    RunNondet {
        data_leader: Vec<u8>,
        data_validator: Vec<u8>,
    },
    RunNondetWith {
        data: Vec<u8>,
        strategy: Strategy,
    },
    Sandbox(Sandbox),
    CallContract(CallContract),
    EthCall {
        address: Address,
        calldata: Vec<u8>,
    },
    /// `EmitEvent`, which goes into the receipt as it came.
    Event(Vec<u8>),
    /// `PostMessage`, `DeployContract` or `EthSend`, which all go into the receipt as they came; and what it sends along.
    Message {
        value: BigUint,
        bytes: Vec<u8>,
    },
    /// `WebRequest`, `WebRender`, `ExecPrompt` or `ExecPromptTemplate`, which all go to a module as they came.
    Module {
        bytes: Vec<u8>,
        /// RAM that has to be left, in bytes.
        leaves: u64,
    },
    TraceMessage(String),
    TraceRuntime,
    Yield,
    GetTimestamp,
}

pub(super) struct Sandbox {
    pub(super) data: Vec<u8>,
    pub(super) allow_write_storage: bool,
    pub(super) allow_send_messages: bool,
    pub(super) gas_time: Option<u64>,
}

pub(super) struct CallContract {
    pub(super) address: Address,
    pub(super) calldata: Vec<u8>,
    pub(super) state: CalledState,
}

/// Which state a called contract reads.
#[derive(Clone, Copy)]
pub(super) enum CalledState {
    /// What this run reads.
    Default,
    LatestFinal,
    LatestNonFinal,
}

impl Request {
    /// The request that these bytes are, which are calldata, if it is one to return: every contract ends with one. Calldata has one encoding, so
    /// that nothing needs to be built to have the value's.
    ///
    /// # Errors
    /// An internal error where there is no room for the value.
    pub(super) fn returned(bytes: &[u8]) -> Result<Option<Self>, InternalError> {
        bytes.strip_prefix(RETURN).map(|value| Ok(Self::Return(room::copy(value)?))).transpose()
    }

    /// The request that `value` is, of which `bytes` are the encoding, where it is not to [return](Self::returned).
    ///
    /// # Errors
    /// What makes it none, for people; or that there is no room for what it says.
    pub(super) fn of(value: &Value, bytes: &[u8], rules: &Rules) -> Result<Self, NoRequest> {
        let entry = value.as_map().filter(|map| map.len() == 1).and_then(|map| map.iter().next());
        let none = || NoRequest::Refused("it is no map of one entry, a request's name and its fields".to_string());
        let (name, argument) = entry.ok_or_else(none)?;
        let wrong = || NoRequest::Refused(format!("the argument of {} is not what it takes", shown(name)));
        match name {
            "UserError" if rules.user_errors == UserErrors::Calldata && argument.as_str().is_none() => {
                Ok(Self::UserValue(own::try_encode(argument)?))
            }
            "UserError" | "Rollback" => Ok(Self::UserError(room::text(argument.as_str().ok_or_else(wrong)?)?)),
            "Trace" => trace(argument, rules)?.ok_or_else(wrong),
            "Yield" if rules.timestamp && argument.is_null() => Ok(Self::Yield),
            "GetTimestamp" if rules.timestamp && argument.is_null() => Ok(Self::GetTimestamp),
            _ => {
                let map = argument.as_map().ok_or_else(wrong)?;
                let mut fields = Fields { map, taken: 0, last: None, no_room: None };
                let request = Self::with_fields(name, &mut fields, bytes, rules);
                if let Some(error) = fields.no_room {
                    return Err(NoRequest::NoRoom(error));
                }
                let request = request.ok_or_else(|| NoRequest::Refused(fields.refused(name)))?;
                if !fields.all_taken() {
                    let what = format!("{} has a field that it does not take", shown(name));
                    return Err(NoRequest::Refused(what));
                }
                Ok(request)
            }
        }
    }

    fn with_fields(name: &str, fields: &mut Fields<'_>, bytes: &[u8], rules: &Rules) -> Option<Self> {
        Some(match name {
            "RunNondet" => Self::RunNondet {
                data_leader: fields.bytes("data_leader")?,
                data_validator: fields.bytes("data_validator")?,
            },
            "RunNondetWith" => {
                Self::RunNondetWith { data: fields.bytes("data")?, strategy: fields.strategy("strategy")? }
            }
            "Sandbox" => Self::Sandbox(sandbox(fields, rules.sandbox)?),
            "CallContract" => Self::CallContract(CallContract {
                address: fields.address("address")?,
                calldata: fields.call("calldata", rules.calls_by_convention)?,
                state: match u8::try_from(fields.take("state")?.as_int()?).ok()? {
                    0 => CalledState::Default,
                    1 => CalledState::LatestFinal,
                    2 => CalledState::LatestNonFinal,
                    _ => return None,
                },
            }),
            "EthCall" => Self::EthCall { address: fields.address("address")?, calldata: fields.bytes("calldata")? },
            "EmitEvent" => {
                event(fields)?;
                Self::Event(fields.copied(bytes)?)
            }
            "PostMessage" | "DeployContract" | "EthSend" => {
                Self::Message { value: message(name, fields, rules)?, bytes: fields.copied(bytes)? }
            }
            "WebRequest" | "WebRender" | "ExecPrompt" | "ExecPromptTemplate" => {
                module(name, fields, rules)?;
                let [web, render] = rules.ram.web;
                let leaves = match name {
                    "WebRequest" => web,
                    "WebRender" => render,
                    _ => 0,
                };
                Self::Module { bytes: fields.copied(bytes)?, leaves }
            }
            _ => return None,
        })
    }
}

/// Checks the fields of a message. Gives what it sends along.
fn message(name: &str, fields: &mut Fields<'_>, rules: &Rules) -> Option<BigUint> {
    if rules.fees && matches!(name, "PostMessage" | "DeployContract") {
        fees(fields)?;
    }
    match name {
        "PostMessage" => {
            fields.address("address")?;
            fields.take("calldata")?;
            fields.choice("on", &["accepted", "finalized"])?;
        }
        "DeployContract" => {
            fields.take("calldata")?;
            fields.take("code")?.as_bytes()?;
            fields.choice("on", &["accepted", "finalized"])?;
            word(fields.take("salt_nonce")?)?;
        }
        _ => {
            fields.address("address")?;
            fields.take("calldata")?.as_bytes()?;
        }
    }
    word(fields.take("value")?)
}

/// Checks the fields of an event.
fn event(fields: &mut Fields<'_>) -> Option<()> {
    let topics = fields.take("topics")?.as_array()?;
    let all_words = topics.iter().all(|topic| topic.as_bytes().is_some_and(|topic| topic.len() == 32));
    fields.take("blob")?.as_map()?;
    (topics.len() <= TOPICS && all_words).then_some(())
}

/// Checks what a message says of its fees: both fields, or neither.
fn fees(fields: &mut Fields<'_>) -> Option<()> {
    match (fields.take("use_balance"), fields.take("fee_params")) {
        (None, None) => Some(()),
        (Some(use_balance), Some(params)) => {
            use_balance.as_bool()?;
            fee_params(params)
        }
        _ => None,
    }
}

/// Bits of a price or a budget.
const PRICE_BITS: usize = 96;
/// Bits of a count.
const COUNT_BITS: usize = 32;

fn fee_params(params: &Value) -> Option<()> {
    let map = params.as_map().filter(|map| map.len() == 7)?;
    let within = |name: &str, bits: usize, least: u32| -> Option<()> {
        let value = word(map.get(name)?)?;
        (value >= BigUint::from(least) && value < BigUint::from(1u32) << bits).then_some(())
    };
    for name in ["leader_timeunits_allocation", "validator_timeunits_allocation"] {
        within(name, COUNT_BITS, 0)?;
    }
    within("execution_budget_per_round", PRICE_BITS, 0)?;
    for name in ["max_price_gen_per_time_unit", "storage_fee_max_gas_price", "receipt_fee_max_gas_price"] {
        within(name, PRICE_BITS, 1)?;
    }
    let rotations = map.get("rotations")?.as_array()?;
    (!rotations.is_empty() && rotations.iter().all(|rotation| word(rotation).is_some())).then_some(())
}

/// The fields of a sandbox, in one of their forms.
fn sandbox(fields: &mut Fields<'_>, form: SandboxFields) -> Option<Sandbox> {
    let data = fields.bytes("data")?;
    if form == SandboxFields::WriteOps {
        let allowed = fields.take("allow_write_ops")?.as_bool()?;
        return Some(Sandbox { data, allow_write_storage: allowed, allow_send_messages: allowed, gas_time: None });
    }
    let allow_write_storage = fields.take("allow_write_storage")?.as_bool()?;
    let allow_send_messages = fields.take("allow_send_messages")?.as_bool()?;
    let mut gas_time = None;
    if form == SandboxFields::Own {
        if let Some(ticks) = fields.take("gas_time") {
            gas_time = Some(clamped(ticks.as_int()?)?);
        }
    } else {
        // A run has one package: no other runner can be asked for, and none registered.
        fields.choice("runner", &["contract"])?;
        fields.take("allow_register_runners")?.as_bool()?;
        if let Some(runners) = fields.take("custom_runners") {
            runners.as_array().filter(|runners| runners.is_empty())?;
        }
    }
    Some(Sandbox { data, allow_write_storage, allow_send_messages, gas_time })
}

fn trace(argument: &Value, rules: &Rules) -> Result<Option<Request>, InternalError> {
    Ok(match argument {
        Value::Map(map)
            if rules.trace_map && map.len() == 1 && map.get("RuntimeMicroSec").is_some_and(Value::is_null) =>
        {
            Some(Request::TraceRuntime)
        }
        Value::Str(name) if name == "RuntimeMicroSec" => Some(Request::TraceRuntime),
        Value::Map(map) if map.len() == 1 => match map.get("Message").and_then(Value::as_str) {
            Some(text) => Some(Request::TraceMessage(room::text(text)?)),
            None => None,
        },
        _ => None,
    })
}

/// Checks the fields of a request to a module.
fn module(name: &str, fields: &mut Fields<'_>, rules: &Rules) -> Option<()> {
    match name {
        "WebRequest" => {
            if rules.known_methods {
                fields.choice("method", METHODS)?;
            } else {
                fields.string("method")?;
            }
            fields.string("url")?;
            let headers = fields.take("headers")?.as_map()?;
            if !headers.values().all(|value| value.as_bytes().is_some()) {
                return None;
            }
            if rules.web_default {
                if let Some(sign) = fields.take("sign") {
                    sign.as_bool()?;
                }
                if !fields.has("body") {
                    return Some(());
                }
            }
            matches!(fields.take("body")?, Value::Null | Value::Bytes(_)).then_some(())
        }
        "WebRender" => {
            fields.choice("mode", &["text", "html", "screenshot"])?;
            fields.string("url")?;
            fields.string("wait_after_loaded")
        }
        "ExecPrompt" => {
            fields.string("prompt")?;
            if !rules.format_default || fields.has("response_format") {
                fields.choice("response_format", &["text", "json"])?;
            }
            let images = fields.take("images")?.as_array()?;
            (images.len() <= IMAGES && images.iter().all(|image| image.as_bytes().is_some())).then_some(())
        }
        _ => template(fields),
    }
}

/// The fields of each consensus template.
fn template(fields: &mut Fields<'_>) -> Option<()> {
    let names: &[&'static str] = match fields.take("template")?.as_str()? {
        "EqComparative" => &["leader_answer", "validator_answer", "principle"],
        "EqNonComparativeLeader" => &["task", "criteria", "input"],
        "EqNonComparativeValidator" => &["task", "criteria", "input", "output"],
        _ => return None,
    };
    names.iter().try_for_each(|name| fields.string(name))
}

/// An integer that fits 256 bits.
fn word(value: &Value) -> Option<BigUint> {
    value.as_int()?.to_u256_le().map(|word| BigUint::from_bytes_le(&word))
}

/// A limit: no less than 0, and more than u64 is no limit.
fn clamped(limit: &Int) -> Option<u64> {
    match u64::try_from(limit) {
        Ok(limit) => Some(limit),
        Err(_) if limit.is_negative() => None,
        Err(_) => Some(u64::MAX),
    }
}

/// The fields of a request, each to be taken once.
struct Fields<'a> {
    map: &'a Map,
    taken: usize,
    /// The one that was asked for last.
    last: Option<&'static str>,
    /// That there was no room for one of them.
    no_room: Option<InternalError>,
}

/// A name that a guest gave, in one line of bounded length.
fn shown(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_default).collect()
}

impl<'a> Fields<'a> {
    /// Why the request is none: for the field that was asked for last.
    fn refused(&self, request: &str) -> String {
        let request = shown(request);
        match self.last {
            None => format!("there is no request {request}"),
            Some(field) if self.map.get(field).is_none() => format!("{request} lacks the field {field}"),
            Some(field) => format!("the field {field} of {request} is not what it takes"),
        }
    }

    fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.last = Some(name);
        let value = self.map.get(name)?;
        self.taken += 1;
        Some(value)
    }

    fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    fn all_taken(&self) -> bool {
        self.taken == self.map.len()
    }

    fn bytes(&mut self, name: &'static str) -> Option<Vec<u8>> {
        let bytes = self.take(name)?.as_bytes()?;
        self.copied(bytes)
    }

    fn copied(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.kept(room::copy(bytes))
    }

    fn strategy(&mut self, name: &'static str) -> Option<Strategy> {
        let strategy = Strategy::parse(self.take(name)?);
        self.kept(strategy)?
    }

    /// What there is room for.
    fn kept<T>(&mut self, kept: Result<T, InternalError>) -> Option<T> {
        kept.map_err(|error| self.no_room = Some(error)).ok()
    }

    fn address(&mut self, name: &'static str) -> Option<Address> {
        self.take(name)?.as_address()
    }

    /// The encoding of a call's calldata, which has to be one `by_convention`.
    fn call(&mut self, name: &'static str, by_convention: bool) -> Option<Vec<u8>> {
        let value = self.take(name)?;
        if by_convention && !is_call(value, false) {
            return None;
        }
        self.kept(own::try_encode(value))
    }

    fn string(&mut self, name: &'static str) -> Option<()> {
        self.take(name)?.as_str().map(|_| ())
    }

    fn choice(&mut self, name: &'static str, choices: &[&str]) -> Option<()> {
        self.take(name)?.as_str().filter(|choice| choices.contains(choice)).map(|_| ())
    }
}
