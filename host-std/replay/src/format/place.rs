//! Where in its run a recording stands: its sub-VMs, their ticks, the calls that are open.

use subvm_core::Mode;

use super::function::Function;
use super::record::{Ask, Asked, Record};
use super::wire::{Read, Source, Wrong, put_uint};

/// Sub-VMs that may be nested in a recording.
const DEPTH: u64 = 1024;

/// The sub-VMs that have begun and not ended, and what was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    frames: Vec<Frame>,
    /// Host calls that began.
    calls: u64,
    begun: bool,
    ended: bool,
}

/// A sub-VM.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    mode: Mode,
    /// Its number among its parent's children.
    number: u64,
    children: u64,
    /// Time gas that was left when it was last told.
    ticks: i64,
    open: Option<Function>,
}

const MODES: [Mode; 2] = [Mode::Deterministic, Mode::NonDeterministic];

pub(crate) fn mode_number(mode: Mode) -> u8 {
    match mode {
        Mode::Deterministic => 0,
        Mode::NonDeterministic => 1,
    }
}

pub(crate) fn read_mode(source: &mut Source<'_>) -> Read<Mode> {
    source.one_of(&MODES)
}

impl Place {
    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    /// The sub-VM that executes, from the main one down: each by its number among its parent's children.
    pub(crate) fn path(&self) -> Vec<u64> {
        self.frames.iter().map(|frame| frame.number).collect()
    }

    /// Time gas that the sub-VM was last told to have.
    pub(crate) fn ticks(&self) -> i64 {
        self.frames.last().map_or(0, |frame| frame.ticks)
    }

    /// The call that is open in the sub-VM that executes.
    pub(crate) fn open(&self) -> Option<Function> {
        self.frames.last()?.open
    }

    fn deterministic(&self) -> bool {
        self.frames.last().is_none_or(|frame| frame.mode == Mode::Deterministic)
    }

    /// Goes on by a record, which has to fit. Tells whether every node of the chain has it: whether it is a step of the trace.
    pub(crate) fn go(&mut self, record: &Record) -> Result<bool, &'static str> {
        if self.ended {
            return Err("something follows the end of the run");
        }
        if !std::mem::replace(&mut self.begun, true) {
            return if matches!(record, Record::Given(_)) {
                Ok(true)
            } else {
                Err("it does not begin with what the run was given")
            };
        }
        let deterministic = self.deterministic();
        Ok(match record {
            Record::Given(_) => return Err("a second run begins"),
            Record::Part(_) | Record::Package(_) => false,
            Record::Begins(begins) => {
                let number = match self.frames.last_mut() {
                    None => 0,
                    Some(parent) if parent.open.is_some_and(Function::starts) => {
                        parent.children += 1;
                        parent.children - 1
                    }
                    Some(_) => return Err("a sub-VM begins outside of a call that starts some"),
                };
                if self.frames.len() as u64 >= DEPTH {
                    return Err("sub-VMs nest too deeply");
                }
                let mode = begins.mode;
                self.frames.push(Frame { mode, number, children: 0, ticks: begins.ticks, open: None });
                mode == Mode::Deterministic
            }
            Record::Ends(_) => {
                self.frames.pop().ok_or("a sub-VM ends that never began")?;
                deterministic
            }
            Record::Enters(call) => {
                let frame = self.frames.last_mut().filter(|frame| frame.open.is_none());
                let frame = frame.ok_or("a call begins within a call")?;
                (frame.open, frame.ticks) = (Some(call.function), call.ticks);
                self.calls += 1;
                deterministic
            }
            Record::Exits(exits) => {
                let frame = self.frames.last_mut().filter(|frame| frame.open.is_some());
                let frame = frame.ok_or("a call ends that never began")?;
                (frame.open, frame.ticks) = (None, exits.ticks);
                deterministic
            }
            Record::Asked(Asked { ask, .. }) => deterministic && is_same_everywhere(ask),
            Record::RunEnds(_) => {
                self.ended = true;
                false
            }
        })
    }

    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Writes it at the beginning of a block.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.push(self.begun.into());
        put_uint(out, self.calls);
        put_uint(out, self.frames.len() as u64);
        for frame in &self.frames {
            out.push(mode_number(frame.mode));
            put_uint(out, frame.number);
            put_uint(out, frame.children);
            put_uint(out, frame.ticks as u64);
            out.push(frame.open.map_or(0, |function| function.number() + 1));
        }
    }

    pub(crate) fn read(source: &mut Source<'_>) -> Read<Self> {
        let begun = source.one_of(&[false, true])?;
        let calls = source.uint()?;
        let mut left = DEPTH;
        let frames = source.list(|source| {
            left = left.checked_sub(1).ok_or(Wrong::Malformed("sub-VMs nest too deeply"))?;
            Ok(Frame {
                mode: read_mode(source)?,
                number: source.uint()?,
                children: source.uint()?,
                ticks: source.uint()? as i64,
                open: match source.byte()?.checked_sub(1) {
                    None => None,
                    Some(number) => {
                        Some(Function::numbered(number).ok_or(Wrong::Malformed("there is no such function"))?)
                    }
                },
            })
        })?;
        Ok(Self { frames, calls, begun, ended: false })
    }
}

/// Whether a question has the same answer on every node.
fn is_same_everywhere(ask: &Ask) -> bool {
    !matches!(ask, Ask::Elapsed | Ask::Random { .. } | Ask::Start { .. } | Ask::Wait { .. })
}
