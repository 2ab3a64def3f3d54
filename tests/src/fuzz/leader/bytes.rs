//! Receipts, votes, texts and encodings.

use std::sync::Arc;

use num_bigint::BigInt;
use subvm_core::calldata::{Int, Value};
use subvm_core::costs::{DEPTH, Limits, NONDET_RESULT_LEAST, STACK_UNITS};
use subvm_core::host::State;
use subvm_core::wasi::{Env, EnvError, Refused};
use subvm_core::{
    Address, Ballot, Entry, EntryKind, FloatPolicy, InternalError, InternalErrorKind, Invalid, LOWERING_VERSION,
    Message, Mode, Outcome, Package, PackageError, Params, Parts, Personality, Proposal, Receipt, ReceiptError, Report,
    Role, Run, SCHEDULE_VERSION, VmError, Vote, datetime, run, vote,
};
use subvm_host_mock::{MemoryHost, ScriptedEngine};

use super::decoded;
use crate::fuzz::source::Source;

/// A receipt that decodes encodes to the same bytes, and one that does not says why.
pub(super) fn receipt(data: &[u8]) {
    match Receipt::from_bytes(data) {
        Ok(receipt) => {
            assert_eq!(receipt.to_bytes(), data);
            assert_eq!(receipt.digest(), *blake3::hash(data).as_bytes());
            assert_eq!(vote(Ok(&receipt), &receipt), Vote::Agree);
            assert!(receipt.storage.is_sorted_by_key(|write| (write.slot, write.page)));
        }
        Err(ReceiptError::Calldata(error)) => {
            assert_eq!(Value::decode(data).unwrap_err(), error);
            assert!(!ReceiptError::Calldata(error).to_string().is_empty());
        }
        Err(error) => {
            assert!(Value::decode(data).is_ok(), "{error}");
            assert!(!error.to_string().is_empty());
        }
    }
}

/// A proposal and a ballot that decode encode to the same bytes.
pub(super) fn before_votes(data: &[u8]) {
    if let Ok(proposal) = Proposal::from_bytes(data) {
        assert_eq!(proposal.to_bytes(), data);
        assert_eq!(proposal.digest(), *blake3::hash(data).as_bytes());
    }
    if let Some(ballot) = Ballot::from_bytes(data) {
        assert_eq!(ballot.to_bytes(), data);
        assert!(!ballot.to_string().is_empty());
    }
}

/// Two receipts agree iff they are the same, and whoever votes on whose, they differ at the same field.
pub(super) fn votes(data: &[u8]) {
    let (len, rest) = data.split_first_chunk().map_or((0, data), |(len, rest)| (u16::from_le_bytes(*len).into(), rest));
    let (one, two) = rest.split_at(rest.len().min(len));
    let (Some(one), Some(two)) = (decoded(one), decoded(two)) else { return };
    let (ours, theirs) = (vote(Ok(&one), &two), vote(Ok(&two), &one));
    assert_eq!(ours, theirs);
    assert_eq!(ours == Vote::Agree, one == two);
    assert_eq!(ours == Vote::Agree, one.digest() == two.digest());
    assert_eq!(matches!(ours, Vote::Timeout(_)), one.params != two.params);
    assert!(!ours.to_string().is_empty());
    assert_eq!(vote(Err("no receipt".into()), &two), Vote::Timeout("no receipt".into()));
}

/// The text of a VM error has one spelling.
pub(super) fn vm_error(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match text.parse::<VmError>() {
        Ok(error) => {
            assert_eq!(error.to_string(), text);
            assert_eq!(Outcome::VmError(error).to_bytes(), [&[2], data].concat());
        }
        Err(error) => assert!(error.to_string().contains("specification")),
    }
}

/// Encodings of what a node has in memory are canonical, and differ where that does.
pub(super) fn encodings(source: &mut Source<'_>) {
    let [one, two] = [0; 2].map(|_| params(source));
    assert_eq!(one.to_bytes() == two.to_bytes(), one == two);
    assert_eq!(one.digest() == two.digest(), one == two);
    canonical(&one.to_bytes());
    message(source);
    package(source, &one.refused_env);
    under(&one, source);
}

/// Parameters of any values: a run is refused by its node, or keeps to them.
fn under(params: &Params, source: &mut Source<'_>) {
    let mut params = params.clone();
    params.schedule += u32::from(source.once_in(16));
    params.lowering += u32::from(source.once_in(16));
    let stdin = Some(source.bytes().into());
    let mode = source.choose(&[Mode::Deterministic, Mode::NonDeterministic]);
    let entry = if source.below(2) == 0 { Entry::Contract } else { Entry::Program { mode, stdin } };
    let nothing = source.once_in(8).then_some(Outcome::VmError(VmError::InvalidContract(Invalid::Package)));
    let limits = params.limits.clone();
    let refused = (params.schedule, params.lowering) != (SCHEDULE_VERSION, LOWERING_VERSION)
        || limits.gas_time.max(limits.gas_time_nondet) > i64::MAX as u64
        || limits.stack_units > STACK_UNITS
        || limits.depth > DEPTH
        || limits.nondet_result < NONDET_RESULT_LEAST;
    let package = nothing.is_none().then(|| Parts::default().check(&Refused::default()).expect("it is empty"));
    match start(package, entry, params) {
        Err(error) => {
            assert_eq!(error.kind(), InternalErrorKind::Params);
            assert!(refused && !error.to_string().is_empty());
        }
        Ok(report) => {
            assert!(!refused);
            assert!(report.receipt.gas.time <= limits.gas_time && report.receipt.gas.data <= limits.gas_data);
            assert!(report.ram_peak.max(report.ram_peak_nondet) <= limits.ram);
            match (nothing, report.outcome) {
                (Some(nothing), outcome) => assert_eq!(outcome, nothing),
                (None, Outcome::Return(_) | Outcome::VmError(VmError::OutOf(_))) => {}
                (None, outcome) => panic!("{outcome:?}"),
            }
        }
    }
}

fn canonical(bytes: &[u8]) -> Value {
    let value = Value::decode(bytes).expect("it is canonical calldata");
    assert_eq!(value.encode().expect("it was just decoded"), bytes);
    value
}

fn params(source: &mut Source<'_>) -> Params {
    let (mut limits, mut personality) = (Limits::default(), Personality::Seed);
    let amount = source.choose(&[0, 1, u64::MAX, 1 << 63]);
    match source.below(11) {
        0 => limits.ram = amount,
        1 => limits.open_fds = amount as u32,
        2 => limits.depth = amount as u32,
        3 => limits.nondet_blocks = amount as u32,
        4 => limits.stack_units = amount,
        5 => limits.nondet_result = amount,
        6 => limits.gas_time = amount,
        7 => limits.gas_time_nondet = amount,
        8 => limits.gas_storage = amount,
        9 => limits.gas_data = amount,
        _ => personality = Personality::Program,
    }
    let patterns = String::from_utf8_lossy(&source.bytes()).into_owned();
    Params {
        floats: source.choose(&[FloatPolicy::Soft, FloatPolicy::Trap, FloatPolicy::Canonical]),
        fingerprints: source.below(2) == 0,
        refused_env: refused(&patterns),
        limits,
        personality,
        ..Params::default()
    }
}

/// A list of patterns, those of them that are some.
fn refused(patterns: &str) -> Refused {
    let patterns: Vec<_> = patterns.split(' ').filter_map(|pattern| pattern.parse().ok()).collect();
    if patterns.is_empty() { Refused::default() } else { Refused::new(patterns) }
}

fn message(source: &mut Source<'_>) {
    let address = |source: &mut Source<'_>| Address([source.byte(); 20]);
    let int = |source: &mut Source<'_>| Int::from(BigInt::from_signed_bytes_le(&source.bytes()));
    let message = Message {
        contract_address: address(source),
        sender_address: address(source),
        origin_address: address(source),
        stack: (0..source.below(4)).map(|_| address(source)).collect(),
        chain_id: int(source),
        value: int(source),
        is_init: source.below(2) == 0,
        entry_data: source.bytes(),
        ..Message::default()
    };
    let now = u64::from(source.u32()) << source.below(33);
    let time = datetime(now);
    assert_eq!(instant(&time), Some(now), "{time}");
    let kind = source.choose(&[EntryKind::Main, EntryKind::Sandbox, EntryKind::ConsensusStage]);
    let leaders = (source.below(2) == 0).then(|| source.bytes());
    let signer_address = (source.below(2) == 0).then(|| address(source));
    let message = Message { signer_address, ..message };
    let value = canonical(&message.to_bytes(kind, &time, leaders.as_deref()));
    assert_eq!(value.get("signer_address").map(Value::as_address), signer_address.map(Some));
    assert_eq!(value["datetime"].as_str(), Some(&*time));
    assert_eq!(value["entry_data"].as_bytes(), Some(&*message.entry_data));
    assert_eq!(value["chain_id"].as_int(), Some(&message.chain_id));
    assert_eq!(value["stack"].as_array().map(|stack| stack.len()), Some(message.stack.len()));
    assert_eq!(value["entry_stage_data"].get("leaders_result").and_then(Value::as_bytes), leaders.as_deref());
}

/// Nanoseconds since 1970 of a text in RFC 3339 that says them in one way; counted by years from March on, which end with the leap day.
fn instant(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.strip_suffix('Z')?.split_at_checked(19)?;
    let number = |range: std::ops::Range<usize>| seconds.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    let last = if month == 2 { 28 + u64::from(leap) } else { 30 + (month + month / 8) % 2 };
    if !(1..=12).contains(&month) || !(1..=last).contains(&day) {
        return None;
    }
    let time = number(11..13)? * 3_600 + number(14..16)? * 60 + number(17..19)?;
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    let nanos = match fraction.strip_prefix('.') {
        None => fraction.is_empty().then_some(0)?,
        Some(digits) => {
            let shortest = !digits.ends_with('0') && (1..=9).contains(&digits.len());
            format!("{digits:0<9}").parse().ok().filter(|_| shortest)?
        }
    };
    ((days * 86_400 + time) * 1_000_000_000).checked_add(nanos)
}

/// A package that a chain's list of refused names accepts runs under that list, and one that holds a name of the list does not.
fn runs(package: Package, refused_env: &Refused) {
    let under = |refused_env: Refused| {
        let params = Params { refused_env, ..Params::default() };
        start(Some(package.clone()), Entry::Contract, params).expect("nothing of the node fails").outcome
    };
    assert_eq!(under(refused_env.clone()), Outcome::null());
    let added = package.env.iter().find(|variable| !Env::default().iter().any(|default| default == *variable));
    let name = added.and_then(|variable| variable.split(|byte| *byte == b'=').next());
    if let Some(name) = name {
        let pattern = str::from_utf8(name).expect("names are ASCII").parse().expect("names are patterns");
        assert_eq!(under(Refused::new([pattern])), Outcome::VmError(VmError::InvalidContract(Invalid::Env)));
    }
}

/// Runs a contract that does nothing, with all of `package` but its module; without one, nothing stands at the address.
fn start(package: Option<Package>, entry: Entry, params: Params) -> Result<Report, InternalError> {
    let mut engine = ScriptedEngine::new();
    let script = engine.script(|_| Ok(()));
    let host = MemoryHost::new();
    if let Some(package) = package {
        host.deploy(Address::default(), Arc::new(Package { start: script.start.clone(), ..package }));
    }
    let (message, role, params) = (Message::default(), Role::Leader, Arc::new(params));
    let transaction = Run { message, entry, role, params, state: State::Accepted, deadline: None, cancel: None };
    run(Arc::new(engine), host.node(), transaction).1
}

/// A package's parts are checked or named.
fn package(source: &mut Source<'_>, refused: &Refused) {
    let text = |source: &mut Source<'_>| String::from_utf8_lossy(&source.bytes()).into_owned();
    let parts = Parts {
        files: (0..source.below(4)).map(|_| (text(source), source.bytes().into())).collect(),
        args: (0..source.below(4)).map(|_| text(source)).collect(),
        env: (0..source.below(4)).map(|_| (text(source), text(source))).collect(),
        ..Parts::default()
    };
    let (args, env) = (parts.args.clone(), parts.env.clone());
    match parts.check(refused) {
        Ok(package) => {
            assert!(package.args.iter().eq(args.iter().map(String::as_str)));
            assert!(env.iter().all(|(name, _)| is_name(name)));
            assert!(env.iter().all(|(name, _)| package.env.names().any(|there| there == name)));
            assert!(package.env.names().is_sorted_by(|a, b| a < b));
            assert!(!env.iter().any(|(name, _)| refused.refuses(name)));
            assert_eq!(*package.env, Env::new(env, refused).expect("it was just accepted"));
            runs(package, refused);
        }
        Err(error) => {
            if let PackageError::Env(EnvError::Name(name)) = &error {
                assert!(!is_name(name), "{name}");
            }
            let _ = error.invalid().text();
            assert!(!error.to_string().is_empty());
        }
    }
}

/// Whether it may name a variable.
fn is_name(name: &str) -> bool {
    let may_begin = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let mut bytes = name.bytes();
    name.len() <= 128
        && bytes.next().is_some_and(may_begin)
        && bytes.all(|byte| may_begin(byte) || byte.is_ascii_digit())
}
