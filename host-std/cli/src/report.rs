//! What a run came to, as JSON, for people, and as an exit status.

use std::io::ErrorKind;
use std::sync::PoisonError;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value as Json, json};
use subvm_core::calldata::Value;
use subvm_core::fingerprint::Fingerprint;
use subvm_core::{Difference, InternalError, InternalErrorKind, Outcome, PageWrite, Report, VmError, Vote};

use super::host::Output;
use super::{Failure, GUEST, INTERNAL, escaped, line, terminal};
use subvm_host_std::observe;

/// What came of a command that runs something.
pub(super) struct Done {
    pub(super) result: Result<Report, InternalError>,
    pub(super) vote: Option<Vote>,
    /// Where the vote is against the leader: both sides.
    pub(super) against: Vec<String>,
    /// The functions that were active where it failed, and where its gas went, for people.
    pub(super) stack: Vec<String>,
    /// The trace digest, where the whole run was recorded.
    pub(super) trace: Option<[u8; 32]>,
    pub(super) wall: Duration,
}

impl Done {
    /// This node could not even run it, or keep what it came to.
    pub(super) fn failed(why: String) -> Self {
        let result = Err(InternalError::new(InternalErrorKind::Engine, why));
        Self::of(result, None, Duration::ZERO)
    }

    /// What came of a run, before anybody was asked for a vote or a stack.
    pub(super) fn of(result: Result<Report, InternalError>, trace: Option<[u8; 32]>, wall: Duration) -> Self {
        Self { result, vote: None, against: Vec::new(), stack: Vec::new(), trace, wall }
    }

    /// The exit status: the guest's code where it is 0 to 124.
    pub(super) fn status(&self) -> u8 {
        match &self.result {
            Err(_) => INTERNAL,
            Ok(report) => match report.outcome {
                Outcome::Return(_) => 0,
                Outcome::VmError(VmError::ExitCode(code)) => {
                    u8::try_from(code).ok().filter(|code| *code < GUEST).unwrap_or(GUEST)
                }
                Outcome::UserError(_) | Outcome::UserValue(_) | Outcome::VmError(_) => GUEST,
            },
        }
    }

    /// One line on standard error for what went wrong, with what people should know of it; below it, further right, the stack.
    pub(super) fn explain(&self) {
        match &self.result {
            Err(error) => terminal::err(&format!("error: internal: {}", observe::chain(error))),
            Ok(report) => {
                let why = report.diagnostics.join("; ");
                let separator = if why.is_empty() { "" } else { ": " };
                match &report.outcome {
                    Outcome::Return(_) => {}
                    // The guest speaks for itself.
                    Outcome::VmError(VmError::ExitCode(code))
                        if (1..i32::from(GUEST)).contains(code) && why.is_empty() => {}
                    Outcome::VmError(_) => {
                        terminal::err(&format!("error: {}{separator}{why}", report.failure().unwrap_or_default()));
                    }
                    Outcome::UserError(_) | Outcome::UserValue(_) => {
                        let failure = report.failure().unwrap_or_default();
                        terminal::err(&format!("error: the contract failed: {failure}"));
                    }
                }
                self.stack.iter().for_each(|line| terminal::err(&format!("  {line}")));
            }
        }
    }

    /// The object that `--json` prints.
    pub(super) fn json(&self, output: &Output) -> Json {
        let report = self.result.as_ref().ok();
        let outcome = report.map(|report| &report.outcome);
        let gas = report.map(|report| report.receipt.gas).unwrap_or_default();
        let (stdout, stderr) = match output {
            Output::Through(_) => (String::new(), String::new()),
            Output::Kept(printed) => {
                let printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
                (BASE64.encode(&printed.stdout), BASE64.encode(&printed.stderr))
            }
        };
        let (vote, field, call, why) = match &self.vote {
            None => (None, None, None, None),
            Some(Vote::Agree) => (Some("agree"), None, None, None),
            Some(Vote::Disagree(Difference { field, call })) => (Some("disagree"), Some(field), *call, None),
            Some(Vote::Timeout(why)) => (Some("timeout"), None, None, Some(why)),
        };
        let receipt = report.map(|report| &report.receipt);
        json!({
            "outcome": match outcome {
                None => "internal_error",
                Some(Outcome::Return(_)) => "return",
                Some(Outcome::UserError(_) | Outcome::UserValue(_)) => "user_error",
                Some(Outcome::VmError(_)) => "vm_error",
            },
            "value": match outcome {
                Some(Outcome::Return(value)) => Some(text(value)),
                _ => None,
            },
            "message": match &self.result {
                Err(error) => Some(chain(error)),
                Ok(report) => report.failure(),
            },
            "diagnostics": report.map_or(&[][..], |report| &report.diagnostics),
            "exit_code": match outcome {
                Some(Outcome::VmError(VmError::ExitCode(code))) => Some(*code),
                Some(Outcome::Return(_)) => Some(0),
                _ => None,
            },
            "fingerprint": report.and_then(|report| report.fingerprint.as_ref()).map(fingerprint),
            "receipt": receipt.map(super::receipt::to_json),
            "receipt_digest": report.map(|report| hex(&report.receipt.digest())),
            "trace_digest": self.trace.as_ref().map(|digest| hex(digest)),
            "vote": vote,
            "vote_field": field,
            "vote_call": call,
            "vote_reason": why,
            "gas": { "time": gas.time, "storage": gas.storage, "data": gas.data },
            "ram_peak": report.map_or(0, |report| report.ram_peak.max(report.ram_peak_nondet)),
            "wall_ms": self.wall.as_secs_f64() * 1e3,
            "messages": receipt.map_or(Vec::new(), |receipt| receipt.messages.iter().map(|it| message(it)).collect()),
            "storage": receipt.map_or(Vec::new(), |receipt| receipt.storage.iter().map(page).collect()),
            "nondet": receipt.map_or(Vec::new(), |receipt| receipt.nondet.iter().map(|it| nondet(it)).collect()),
            "stdout": stdout,
            "stderr": stderr,
        })
    }
}

/// Tells what came of a command: with `json` as one object, also where this node failed; else as `for_people` does.
///
/// # Errors
/// Wrong usage, which has no object; what `json` is not there to tell; and a guest's output that could not be written, other than because its
/// reader went away.
pub(super) fn tell(
    done: Result<Done, Failure>,
    json: bool,
    output: &Output,
    for_people: impl FnOnce(&Done) -> Result<(), Failure>,
) -> Result<u8, Failure> {
    let done = match done {
        Err(Failure::Internal(why)) if json => Done::failed(why),
        done => done?,
    };
    if json {
        terminal::json(&done.json(output))?;
        return Ok(done.status());
    }
    let status = if output.ended_run() {
        0
    } else {
        done.explain();
        for_people(&done)?;
        done.status()
    };
    match output.failed() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(terminal::unwritten(error)),
        _ => Ok(status),
    }
}

/// The text form of a returned value.
pub(super) fn text(value: &[u8]) -> String {
    // It was validated when it was returned.
    Value::decode(value).map_or_else(|error| error.to_string(), |value| escaped(&value.to_string()))
}

/// What was asked for by an accepted request: its name, and its fields in calldata's text form.
pub(super) fn request(bytes: &[u8]) -> (String, String) {
    // It was parsed when it was accepted: a map of one entry.
    let value = Value::decode(bytes).unwrap_or(Value::Null);
    let entry = value.as_map().and_then(|map| map.iter().next());
    entry.map_or_else(Default::default, |(name, fields)| (name.to_owned(), escaped(&fields.to_string())))
}

fn message(bytes: &[u8]) -> Json {
    let (request, fields) = request(bytes);
    json!({ "request": request, "fields": fields })
}

fn page(write: &PageWrite) -> Json {
    json!({ "slot": hex(&write.slot.0), "page": write.page, "content": hex(&write.content) })
}

/// What a non-deterministic block came to, from its code and data.
pub(super) fn result(bytes: &[u8]) -> (&'static str, String) {
    match bytes.split_first() {
        Some((0, value)) => ("return", text(value)),
        Some((1, data)) => ("user_error", String::from_utf8_lossy(data).into_owned()),
        _ => ("vm_error", String::from_utf8_lossy(bytes.get(1..).unwrap_or_default()).into_owned()),
    }
}

fn nondet(bytes: &[u8]) -> Json {
    let (outcome, text) = result(bytes);
    let (value, message) = if outcome == "return" { (Some(text), None) } else { (None, Some(text)) };
    json!({ "outcome": outcome, "value": value, "message": message })
}

/// An error and its causes in one line.
pub(super) fn chain(error: &InternalError) -> String {
    line(&observe::chain(error))
}

/// A fingerprint with its digests as hexadecimal.
pub(super) fn fingerprint(fingerprint: &Fingerprint) -> Json {
    let frames = fingerprint.frames.iter().map(|frame| json!({ "module_name": frame.module_name, "func": frame.func }));
    let instances = fingerprint.module_instances.iter().map(|(name, memories)| {
        let memories: Vec<String> = memories.iter().map(|digest| hex(digest)).collect();
        (name.clone(), json!({ "memories": memories }))
    });
    json!({
        "frames": frames.collect::<Vec<_>>(),
        "module_instances": instances.collect::<serde_json::Map<_, _>>(),
    })
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
