//! Records as bytes. Source: `docs/spec/recording.md`, *Records*.

use std::sync::Arc;
use std::time::Duration;

use subvm_core::host::{EthAnswer, State};
use subvm_core::{Address, Entry, InternalErrorKind, Invalid, Permissions, Role, SlotId};

use super::function::{ARGS, FUNCTIONS, Function};
use super::place::{Place, mode_number, read_mode};
use super::record::*;
use super::sample::Sample;
use super::wire::{Read, Source, Wrong, put_bytes, put_uint};

const GIVEN: u8 = 0;
const PART: u8 = 1;
const PACKAGE: u8 = 2;
const BEGINS: u8 = 3;
const ENDS: u8 = 4;
const RUN_ENDS: u8 = 5;
const EXITS: u8 = 8;
const EXITS_WITH: u8 = 9;
const EXITS_ENDING: u8 = 10;
const ASKED: u8 = 16;
const ASKS: u8 = 10;
const ENTERS: u8 = 64;

const STATES: [State; 2] = [State::Accepted, State::Finalized];
const KINDS: [InternalErrorKind; 7] = [
    InternalErrorKind::Deadline,
    InternalErrorKind::Host,
    InternalErrorKind::Module,
    InternalErrorKind::Engine,
    InternalErrorKind::Params,
    InternalErrorKind::Bug,
    InternalErrorKind::Cancelled,
];

fn number_of<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|other| other == one).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

/// Writes a record that follows at `place`.
pub(crate) fn put(out: &mut Vec<u8>, place: &Place, record: &Record) {
    let before = place.ticks();
    match record {
        Record::Given(given) => put_given(out, given),
        Record::Part(part) => put_part(out, part),
        Record::Package(bytes) => {
            out.push(PACKAGE);
            put_bytes(out, bytes);
        }
        Record::Begins(Begins { mode, contract, permissions, ticks }) => {
            out.extend([BEGINS, mode_number(*mode), permissions.bits()]);
            out.extend_from_slice(&contract.0);
            put_uint(out, *ticks as u64);
        }
        Record::Ends(Ends { result, ticks }) => {
            out.push(ENDS);
            match result {
                Ok(outcome) => {
                    out.push(0);
                    put_sample(out, outcome);
                }
                Err(kind) => out.push(1 + number_of(&KINDS, kind)),
            }
            put_uint(out, *ticks);
        }
        Record::Enters(call) => {
            out.push(ENTERS + call.function.number());
            put_uint(out, before.wrapping_sub(call.ticks) as u64);
            call.own_args().iter().for_each(|arg| put_uint(out, *arg));
            call.given.iter().for_each(|given| put_sample(out, given));
        }
        Record::Exits(Exits { errno, ticks, moved }) => {
            match errno {
                Some(0) => out.push(EXITS),
                Some(errno) => {
                    out.push(EXITS_WITH);
                    put_uint(out, (*errno).into());
                }
                None => out.push(EXITS_ENDING),
            }
            put_uint(out, before.wrapping_sub(*ticks) as u64);
            moved.iter().for_each(|moved| put_sample(out, moved));
        }
        Record::Asked(Asked { ask, answer }) => {
            put_ask(out, ask);
            put_answer(out, answer);
        }
        Record::RunEnds(RunEnds(result)) => {
            out.push(RUN_ENDS);
            match result {
                Ok(digest) => {
                    out.push(0);
                    out.extend_from_slice(digest);
                }
                Err((kind, text)) => {
                    out.push(1 + number_of(&KINDS, kind));
                    put_bytes(out, text.as_bytes());
                }
            }
        }
    }
}

/// Reads the record that follows at `place`.
pub(crate) fn read(source: &mut Source<'_>, place: &Place) -> Read<Record> {
    let before = place.ticks();
    Ok(match source.byte()? {
        GIVEN => Record::Given(read_given(source)?),
        PART => Record::Part(read_part(source)?),
        PACKAGE => Record::Package(source.bytes()?.to_vec()),
        BEGINS => {
            let mode = read_mode(source)?;
            let permissions = read_permissions(source)?;
            let contract = Address(source.array()?);
            Record::Begins(Begins { mode, contract, permissions, ticks: source.uint()? as i64 })
        }
        ENDS => {
            let result = match source.byte()?.checked_sub(1) {
                None => Ok(read_sample(source)?),
                Some(kind) => Err(kind_of(kind)?),
            };
            Record::Ends(Ends { result, ticks: source.uint()? })
        }
        RUN_ENDS => Record::RunEnds(RunEnds(match source.byte()?.checked_sub(1) {
            None => Ok(source.array()?),
            Some(kind) => Err((kind_of(kind)?, source.text()?.to_owned())),
        })),
        exits @ EXITS..=EXITS_ENDING => read_exits(source, exits, place)?,
        ask if (ASKED..ASKED + ASKS).contains(&ask) => {
            let ask = read_ask(source, ask - ASKED)?;
            let answer = read_answer(source, &ask)?;
            Record::Asked(Asked { ask, answer })
        }
        call if (ENTERS..ENTERS + FUNCTIONS).contains(&call) => {
            let function = Function::numbered(call - ENTERS).ok_or(Wrong::Malformed("there is no such function"))?;
            let ticks = before.wrapping_sub(source.uint()? as i64);
            let mut args = [0; ARGS];
            for arg in args.iter_mut().take(function.params().len()) {
                *arg = source.uint()?;
            }
            let given = function.is_given().then(|| read_sample(source)).transpose()?;
            Record::Enters(Enters { function, ticks, args, given })
        }
        _ => return Err(Wrong::Malformed("there is no such record")),
    })
}

fn kind_of(number: u8) -> Read<InternalErrorKind> {
    KINDS.get(usize::from(number)).copied().ok_or(Wrong::Malformed("there is no such kind of error"))
}

fn read_exits(source: &mut Source<'_>, kind: u8, place: &Place) -> Read<Record> {
    let errno = match kind {
        EXITS => Some(0),
        EXITS_WITH => match source.small()? {
            0 => return Err(Wrong::Malformed("errno 0 is written as one")),
            errno => Some(errno),
        },
        _ => None,
    };
    let ticks = place.ticks().wrapping_sub(source.uint()? as i64);
    let function = place.open().ok_or(Wrong::Malformed("a call ends that never began"))?;
    let moved = (errno == Some(0) && function.moves()).then(|| read_sample(source)).transpose()?;
    Ok(Record::Exits(Exits { errno, ticks, moved }))
}

fn put_sample(out: &mut Vec<u8>, sample: &Sample) {
    put_uint(out, sample.len());
    out.extend_from_slice(sample.kept());
}

fn read_sample(source: &mut Source<'_>) -> Read<Sample> {
    let len = source.uint()?;
    Ok(Sample::from_parts(len, source.take(len.min(8) as usize)?))
}

fn put_given(out: &mut Vec<u8>, Given { message, entry, state, params }: &Given) {
    out.push(GIVEN);
    put_bytes(out, message);
    match entry {
        Entry::Contract => out.push(0),
        Entry::Restricted(permissions) => out.extend([2, permissions.bits()]),
        Entry::Program { mode, stdin } => {
            out.extend([1, mode_number(*mode), stdin.is_some().into()]);
            stdin.iter().for_each(|stdin| put_bytes(out, stdin));
        }
    }
    out.push(number_of(&STATES, state));
    put_bytes(out, params);
}

fn read_permissions(source: &mut Source<'_>) -> Read<Permissions> {
    Permissions::from_bits(source.byte()?).ok_or(Wrong::Malformed("there is no such permission"))
}

fn read_given(source: &mut Source<'_>) -> Read<Given> {
    let message = source.bytes()?.to_vec();
    let entry = match source.one_of(&[0, 1, 2])? {
        0 => Entry::Contract,
        1 => {
            let mode = read_mode(source)?;
            let stdin = source.one_of(&[false, true])?.then(|| source.bytes().map(Arc::from)).transpose()?;
            Entry::Program { mode, stdin }
        }
        _ => Entry::Restricted(read_permissions(source)?),
    };
    Ok(Given { message, entry, state: source.one_of(&STATES)?, params: source.bytes()?.to_vec() })
}

fn put_part(out: &mut Vec<u8>, Part { role, deadline }: &Part) {
    out.push(PART);
    let results = match role {
        Role::Leader => {
            out.push(0);
            &[][..]
        }
        Role::Validator { results } => {
            out.push(1);
            results
        }
        Role::Sync { results } => {
            out.push(2);
            results
        }
    };
    if *role != Role::Leader {
        put_uint(out, results.len() as u64);
        results.iter().for_each(|result| put_bytes(out, result));
    }
    out.push(deadline.is_some().into());
    deadline.iter().for_each(|deadline| put_uint(out, nanos(*deadline)));
}

/// A span in nanoseconds; what is more than 584 years is that.
pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn read_part(source: &mut Source<'_>) -> Read<Part> {
    let role = source.byte()?;
    let mut results = || source.list(|source| source.bytes().map(<[u8]>::to_vec));
    let role = match role {
        0 => Role::Leader,
        1 => Role::Validator { results: results()? },
        2 => Role::Sync { results: results()? },
        _ => return Err(Wrong::Malformed("there is no such role")),
    };
    let deadline = source.one_of(&[false, true])?.then(|| source.uint().map(Duration::from_nanos)).transpose()?;
    Ok(Part { role, deadline })
}

fn put_ask(out: &mut Vec<u8>, ask: &Ask) {
    let place = |out: &mut Vec<u8>, kind: u8, state: &State, address: &Address| {
        out.extend([ASKED + kind, number_of(&STATES, state)]);
        out.extend_from_slice(&address.0);
    };
    match ask {
        Ask::Storage { state, contract, slot, index, len } => {
            place(out, 0, state, contract);
            out.extend_from_slice(&slot.0);
            put_uint(out, (*index).into());
            put_uint(out, (*len).into());
        }
        Ask::TransactionTime => out.push(ASKED + 1),
        Ask::Elapsed => out.push(ASKED + 2),
        Ask::Random { len } => {
            out.push(ASKED + 3);
            put_uint(out, *len);
        }
        Ask::Balance { state, address } => place(out, 4, state, address),
        Ask::Code { state, address } => place(out, 5, state, address),
        Ask::LockedSlots { contract } => {
            out.push(ASKED + 6);
            out.extend_from_slice(&contract.0);
        }
        Ask::EthCall { state, address, calldata } => {
            place(out, 7, state, address);
            put_bytes(out, calldata);
        }
        Ask::Start { request } => {
            out.push(ASKED + 8);
            put_bytes(out, request);
        }
        Ask::Wait { id } => {
            out.push(ASKED + 9);
            put_uint(out, *id);
        }
    }
}

fn read_ask(source: &mut Source<'_>, kind: u8) -> Read<Ask> {
    Ok(match kind {
        0 => Ask::Storage {
            state: source.one_of(&STATES)?,
            contract: Address(source.array()?),
            slot: SlotId(source.array()?),
            index: source.small()?,
            len: source.small()?,
        },
        1 => Ask::TransactionTime,
        2 => Ask::Elapsed,
        3 => Ask::Random { len: source.uint()? },
        4 => Ask::Balance { state: source.one_of(&STATES)?, address: Address(source.array()?) },
        5 => Ask::Code { state: source.one_of(&STATES)?, address: Address(source.array()?) },
        6 => Ask::LockedSlots { contract: Address(source.array()?) },
        7 => Ask::EthCall {
            state: source.one_of(&STATES)?,
            address: Address(source.array()?),
            calldata: source.bytes()?.to_vec(),
        },
        8 => Ask::Start { request: source.bytes()?.to_vec() },
        _ => Ask::Wait { id: source.uint()? },
    })
}

fn put_answer(out: &mut Vec<u8>, answer: &Answer) {
    match answer {
        Answer::Failed(text) => {
            out.push(1);
            put_bytes(out, text.as_bytes());
        }
        Answer::Panicked => out.push(2),
        Answer::Bytes(bytes) => {
            out.push(0);
            put_bytes(out, bytes);
        }
        Answer::Nanos(number) | Answer::Id(number) => {
            out.push(0);
            put_uint(out, *number);
        }
        Answer::Code(code) => {
            out.push(0);
            match code {
                CodeAnswer::Nothing => out.push(0),
                CodeAnswer::Package(digest) => {
                    out.push(1);
                    out.extend_from_slice(digest);
                }
                CodeAnswer::Malformed(invalid) => out.extend([2, number_of(Invalid::ALL, invalid)]),
            }
        }
        Answer::Slots(slots) => {
            out.push(0);
            put_uint(out, slots.len() as u64);
            slots.iter().for_each(|slot| out.extend_from_slice(&slot.0));
        }
        Answer::Eth(answer) => {
            let (kind, bytes) = match answer {
                EthAnswer::Returned(bytes) => (0, &bytes[..]),
                EthAnswer::Reverted(bytes) => (1, &bytes[..]),
                EthAnswer::Refused => (2, &[][..]),
            };
            out.extend([0, kind]);
            put_bytes(out, bytes);
        }
    }
}

fn read_answer(source: &mut Source<'_>, ask: &Ask) -> Read<Answer> {
    match source.byte()? {
        0 => {}
        1 => return Ok(Answer::Failed(source.text()?.to_owned())),
        2 => return Ok(Answer::Panicked),
        _ => return Err(Wrong::Malformed("there is no such answer")),
    }
    Ok(match ask {
        Ask::TransactionTime | Ask::Elapsed => Answer::Nanos(source.uint()?),
        Ask::Start { .. } => Answer::Id(source.uint()?),
        Ask::LockedSlots { .. } => Answer::Slots(source.list(|source| Ok(SlotId(source.array()?)))?),
        Ask::Code { .. } => Answer::Code(match source.byte()? {
            0 => CodeAnswer::Nothing,
            1 => CodeAnswer::Package(source.array()?),
            2 => CodeAnswer::Malformed(source.one_of(Invalid::ALL)?),
            _ => return Err(Wrong::Malformed("there is no such code")),
        }),
        Ask::EthCall { .. } => {
            let kind = source.byte()?;
            let bytes = source.bytes()?;
            Answer::Eth(match kind {
                0 => EthAnswer::Returned(bytes.to_vec()),
                1 => EthAnswer::Reverted(bytes.to_vec()),
                2 if bytes.is_empty() => EthAnswer::Refused,
                _ => return Err(Wrong::Malformed("there is no such answer")),
            })
        }
        Ask::Storage { len, .. } => bytes_of(source, u64::from(*len))?,
        Ask::Random { len } => bytes_of(source, *len)?,
        Ask::Balance { .. } => bytes_of(source, 32)?,
        Ask::Wait { .. } => Answer::Bytes(source.bytes()?.to_vec()),
    })
}

fn bytes_of(source: &mut Source<'_>, len: u64) -> Read<Answer> {
    let bytes = source.bytes()?;
    if bytes.len() as u64 == len {
        Ok(Answer::Bytes(bytes.to_vec()))
    } else {
        Err(Wrong::Malformed("an answer has another length"))
    }
}
