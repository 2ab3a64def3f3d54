//! `subvm diff`: two receipts, or two recordings, side by side; of recordings with the functions that made the call that differs.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value as Json, json};
use subvm_core::Receipt;

use super::engine::names;
use super::inside::callers;
use super::replay::file;
use super::{Failure, input, terminal};
use subvm_host_std::config::Engine;
use subvm_host_std::replay::compare::{self, Change, Comparison, Divergence, Side, Spot};

/// They differ.
const DIFFERS: u8 = 1;

/// Compares two receipts field by field, or two recordings to the first host call that differs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm diff ours.receipt theirs.receipt
  subvm diff ours.rec theirs.rec

Exit status: 0 where they are the same, 1 where they differ, 126 where one cannot be read.")]
pub(super) struct Diff {
    /// A receipt, or a recording
    a: PathBuf,
    /// Another of the same kind
    b: PathBuf,
    /// Whether both recordings are replayed to the call that differs, to show who made it [default: true]
    #[arg(long, value_name = "BOOL")]
    stacks: Option<bool>,
    /// What replays them [default: wasmtime]
    #[arg(long, value_name = "ENGINE", value_parser = names())]
    engine: Option<Engine>,
    /// Another recording, for packages that these name and do not hold
    #[arg(long, value_name = "RECORDING")]
    code: Vec<PathBuf>,
    /// Print exactly one JSON object on standard output
    #[arg(long)]
    json: bool,
}

impl Diff {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let (a, b) = (file(&self.a)?, file(&self.b)?);
        let kinds = (is_recording(&a, &self.a)?, is_recording(&b, &self.b)?);
        match kinds {
            (true, true) => self.recordings(a, b),
            (false, false) => self.receipts(),
            _ => {
                let why = "one is a recording, and the other is none; name two of a kind";
                Err(Failure::usage(format_args!("cannot compare {} and {}", self.a.display(), self.b.display()), why))
            }
        }
    }

    fn receipts(&self) -> Result<u8, Failure> {
        let changes = compare::receipts(&receipt(&self.a)?, &receipt(&self.b)?);
        if self.json {
            let changes = changes.iter().map(|Change { field, a, b, .. }| json!({ "field": field, "a": a, "b": b }));
            let object =
                json!({ "kind": "receipts", "same": changes.len() == 0, "changes": changes.collect::<Vec<_>>() });
            terminal::json(&object)?;
        } else if changes.is_empty() {
            terminal::out("the receipts are the same\n")?;
        } else {
            terminal::lines(&changes.iter().flat_map(change).collect::<Vec<_>>())?;
        }
        Ok(if changes.is_empty() { 0 } else { DIFFERS })
    }

    fn recordings(&self, a: File, b: File) -> Result<u8, Failure> {
        let compared = compare::recordings(a, b).map_err(|(side, error)| {
            let path = if side == Side::A { &self.a } else { &self.b };
            Failure::usage(path.display(), error)
        })?;
        let stacks = self.stacks(&compared);
        if self.json {
            terminal::json(&as_json(&compared, stacks.as_ref()))?;
        } else {
            let mut lines = for_people(&compared);
            for (side, stack) in [Side::A, Side::B].into_iter().zip(stacks.iter().flatten()) {
                lines.extend(stack_lines(side, stack));
            }
            terminal::lines(&lines)?;
        }
        Ok(if compared.divergence.is_some() { DIFFERS } else { 0 })
    }
}

/// Who made the call at which two recordings differ, or why nobody can say.
type Stack = Result<(Vec<String>, Json), String>;

impl Diff {
    /// Those of both sides, where some call was made before they differ.
    fn stacks(&self, compared: &Comparison) -> Option<[Stack; 2]> {
        let found = compared.divergence.as_ref().filter(|_| self.stacks.unwrap_or(true))?;
        let of = |path: &PathBuf, spot: &Spot| match spot.call {
            0 => Err("no host call was made before".to_owned()),
            call => callers(path, &self.code, (self.engine, None), call).map_err(|failure| match failure {
                Failure::Usage(why) | Failure::Internal(why) => why,
            }),
        };
        Some([of(&self.a, &found.a), of(&self.b, &found.b)])
    }
}

fn stack_lines(side: Side, stack: &Stack) -> Vec<String> {
    match stack {
        Ok((lines, _)) => std::iter::once(format!("{side}, as the call began:")).chain(lines.iter().cloned()).collect(),
        Err(why) => vec![format!("note:     no stack of {side}: {why}")],
    }
}

/// Whether a file begins as recordings do; it is at its beginning again then.
fn is_recording(mut file: &File, path: &Path) -> Result<bool, Failure> {
    let unreadable = |error| Failure::usage(format_args!("cannot read {}", path.display()), error);
    let mut beginning = Vec::new();
    file.take(8).read_to_end(&mut beginning).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    Ok(beginning == b"subvmrec")
}

fn receipt(path: &Path) -> Result<Receipt, Failure> {
    Receipt::from_bytes(&input::file(path)?).map_err(|error| Failure::usage(path.display(), error))
}

fn change(Change { field, a, b, .. }: &Change) -> [String; 3] {
    let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "(not there)".to_owned());
    [field.clone(), format!("  first:  {}", side(a)), format!("  second: {}", side(b))]
}

fn as_json(compared: &Comparison, stacks: Option<&[Stack; 2]>) -> Json {
    let Comparison { divergence, beside, whole, steps, .. } = compared;
    let stack = |stack: &Stack| match stack {
        Ok((_, sub_vms)) => json!({ "sub_vms": sub_vms, "why_not": null }),
        Err(why) => json!({ "sub_vms": null, "why_not": why }),
    };
    json!({
        "kind": "recordings",
        "same": divergence.is_none(),
        "divergence": divergence.as_ref().map(divergence_json),
        "beside": beside.as_ref().map(divergence_json),
        "whole": whole,
        "steps": steps,
        "stacks": stacks.map(|[a, b]| json!({ "a": stack(a), "b": stack(b) })),
    })
}

fn divergence_json(Divergence { what, step, a, b, .. }: &Divergence) -> Json {
    let spot = |spot: &Spot| {
        json!({
            "call": spot.call,
            "path": spot.path,
            "within": spot.within.map(|function| function.name()),
            "record": spot.record.as_ref().map(ToString::to_string),
        })
    };
    json!({ "what": what.name(), "text": what.to_string(), "step": step, "a": spot(a), "b": spot(b) })
}

pub(super) fn for_people(compared: &Comparison) -> Vec<String> {
    let Comparison { divergence, beside, whole, steps, .. } = compared;
    let mut lines = Vec::new();
    match divergence {
        Some(found) => lines.extend(explain("differs", found)),
        None => lines.push(format!("same:     the deterministic sides, in {steps} steps")),
    }
    lines.extend(beside.iter().flat_map(|found| explain("beside", found)));
    for (side, whole) in [Side::A, Side::B].into_iter().zip(whole) {
        if !whole {
            lines.push(format!("note:     {side} recording was cut"));
        }
    }
    lines
}

/// What differs, and both sides of it.
fn explain(label: &str, Divergence { what, step, a, b, .. }: &Divergence) -> Vec<String> {
    let mut lines = vec![format!("{:9} {what}, after {step} steps that are the same", format!("{label}:"))];
    for (side, spot) in [(Side::A, a), (Side::B, b)] {
        let sub_vm = spot.sub_vm();
        let place = match spot.within {
            Some(function) => format!("call {}, {} in sub-VM {sub_vm}", spot.call, function.name()),
            None if sub_vm.is_empty() => format!("after call {}", spot.call),
            None => format!("after call {}, in sub-VM {sub_vm}", spot.call),
        };
        lines.push(format!("{side}: {place}"));
        lines.extend(spot.began.iter().map(|call| format!("  the call: {call}")));
        lines.push(match &spot.record {
            Some(record) => format!("  {record}"),
            None => "  the recording ends".to_owned(),
        });
    }
    lines
}
