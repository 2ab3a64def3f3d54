//! `subvm bisect`: the first instruction at which two replays differ.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Value as Json, json};
use subvm_core::Package;

use super::engine::{self, CodegenName};
use super::names::Names;
use super::replay::{file, unusable};
use super::report::hex;
use super::{Failure, terminal};
use subvm_host_std::config;
use subvm_host_std::look::{Bisected, Bytes, Divergence, Fault, GlobalDiffers, Left, Side, Watch, bisect, look};
use subvm_host_std::lower::Global;
use subvm_host_std::replay::{Point, ReadError, Replay, ReplayError};

/// They differ.
const DIFFERS: u8 = 1;

/// Replays two recordings, or one on two engines, and finds the first instruction that gives another value.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm bisect call.rec --engine-b wasmi
  subvm bisect call.rec --codegen-b plain
  subvm bisect ours.rec theirs.rec
  subvm bisect call.rec --fault-b 12

Exit status: 0 where nothing differs, 1 where something does, 126 where a recording cannot be replayed.")]
pub(super) struct Bisect {
    /// What `--record` wrote
    a: PathBuf,
    /// Another recording for the second side [default: the same]
    b: Option<PathBuf>,
    /// What runs the first side [default: wasmtime]
    #[arg(long, value_name = "ENGINE", value_parser = engine::names())]
    engine: Option<config::Engine>,
    /// What runs the second side [default: as the first]
    #[arg(long, value_name = "ENGINE", value_parser = engine::names())]
    engine_b: Option<config::Engine>,
    /// How wasmtime makes machine code for the first side [default: speed]
    #[arg(long, value_enum, value_name = "HOW")]
    codegen: Option<CodegenName>,
    /// How wasmtime makes machine code for the second side [default: as the first]
    #[arg(long, value_enum, value_name = "HOW")]
    codegen_b: Option<CodegenName>,
    /// Another recording, for packages that these name and do not hold
    #[arg(long, value_name = "RECORDING")]
    code: Vec<PathBuf>,
    /// The sub-VM to look at, with all below it, as `0.2`
    #[arg(long, value_name = "PATH", default_value = "0", value_parser = path)]
    sub_vm: SubVm,
    /// For practice: the second side rounds `f64` another way in the function of this number
    #[arg(long, value_name = "FUNCTION")]
    fault_b: Option<Fault>,
    /// Print exactly one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// The path of a sub-VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SubVm(pub(super) Vec<u64>);

/// As `0.2`.
pub(super) fn path(text: &str) -> Result<SubVm, String> {
    let path = Point::path(text).filter(|path| path.first() == Some(&0));
    path.map(SubVm).ok_or_else(|| format!("{text:?} is no sub-VM: 0 is the main one, 0.2 its third child"))
}

impl Bisect {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let second = (self.engine_b.or(self.engine), self.codegen_b.or(self.codegen));
        if self.b.is_none() && self.fault_b.is_none() && second == (self.engine, self.codegen) {
            let what = "both sides are the same: name another recording, or --engine-b, --codegen-b or --fault-b";
            return Err(Failure::Usage(what.into()));
        }
        let theirs = self.b.as_deref().unwrap_or(&self.a);
        super::inside::has(&self.a, &self.sub_vm.0)?;
        let (open_a, open_b) = (opens(&self.a, &self.code)?, opens(theirs, &self.code)?);
        let side = |open, watch: Watch, (engine, codegen)| {
            let watch = Arc::new(watch);
            Ok::<_, Failure>(Side { open, engine: engine::looked(engine, codegen, watch.clone(), self.json)?, watch })
        };
        let a = side(&open_a, Watch::new(), (self.engine, self.codegen))?;
        let b = side(&open_b, self.fault_b.map_or_else(Watch::new, Watch::faulty), second)?;
        let mut told = |low: u64, high: u64| {
            if !self.json {
                terminal::progress(&format!("between {low} and {high} ticks"));
            }
        };
        let found = bisect(&a, &b, &self.sub_vm.0, &mut told).map_err(|error| unusable(&self.a, error))?;
        let package = match &found {
            Bisected::Differ(found) => self.package(&a, found)?,
            Bisected::Same { .. } => None,
        };
        let mut names = Names::default();
        if self.json {
            terminal::json(&as_json(&found, package.as_deref(), &mut names))?;
        } else {
            terminal::lines(&for_people(&found, package.as_deref(), &mut names))?;
        }
        Ok(if let Bisected::Differ(_) = found { DIFFERS } else { 0 })
    }

    /// What the sub-VM runs that differs.
    fn package(&self, side: &Side<'_>, found: &Divergence) -> Result<Option<Arc<Package>>, Failure> {
        let replay = (side.open)().map_err(|error| unusable(&self.a, error))?;
        let looked = look(replay, Arc::clone(&side.engine), &side.watch, &found.point);
        let looked = looked.map_err(|error| unusable(&self.a, error))?;
        Ok(looked.ended.last().map(|seen| Arc::clone(&seen.package)))
    }
}

/// Opens a recording, with the packages of others, each time anew.
pub(super) fn opens<'a>(
    path: &'a Path,
    code: &'a [PathBuf],
) -> Result<impl Fn() -> Result<Replay, ReplayError> + use<'a>, Failure> {
    // What cannot be opened is said at once, with its name.
    for path in code.iter().map(PathBuf::as_path).chain([path]) {
        drop(file(path)?);
    }
    Ok(move || {
        let gone = |error: std::io::Error| ReplayError::Read(ReadError::Source(error));
        let mut replay = Replay::open(std::fs::File::open(path).map_err(gone)?)?;
        for code in code {
            replay = replay.with_packages_of(std::fs::File::open(code).map_err(gone)?)?;
        }
        Ok(replay)
    })
}

fn for_people(found: &Bisected, package: Option<&Package>, names: &mut Names) -> Vec<String> {
    let found = match found {
        Bisected::Same { values, left } => {
            let mut lines = vec![format!("same:     nothing differs: {values} values, counters, globals and memories")];
            lines.extend(left_lines(left));
            return lines;
        }
        Bisected::Differ(found) => found,
    };
    let mut lines = Vec::new();
    match (&found.instruction, &found.value, package) {
        (Some(instruction), Some(value), Some(package)) => {
            let name = names.of(package, &value.instance).name(instruction.function);
            lines.push(format!("differs:  {} in {name}", instruction.text));
            lines.push(format!("          {instruction} of module {}", value.instance));
            let places = names.places(package, &value.instance, instruction.offset);
            lines.extend(places.iter().map(|place| format!("source:   {place}")));
            let side = |note: Option<subvm_host_std::look::Note>| match note {
                Some(note) if note.instruction == instruction.offset => number(&instruction.text, note.value),
                Some(note) => format!("another instruction, at byte {:#x}", note.instruction),
                None => "nothing".to_owned(),
            };
            lines.push(format!("first:    {}", side(value.a)));
            lines.push(format!("second:   {}", side(value.b)));
        }
        _ => lines.push("differs:  no value: the counters, a call, or what stands in memory".to_owned()),
    }
    lines.push(format!("up to:    {}, after {} host calls, they are the same", found.point, found.calls));
    if let Some(package) = package {
        lines.extend(found.frames.iter().take(20).map(|frame| format!("stack:    {}", names.frame(package, frame))));
    }
    lines.extend(found.bytes.iter().map(bytes_line));
    lines.extend(found.globals.iter().take(20).map(global_line));
    lines.extend(left_lines(&found.left));
    lines.push(format!("replays:  {}", found.replays));
    lines
}

/// A number's bits, and what they are as a float where the instruction computes with those.
fn number(instruction: &str, bits: u64) -> String {
    match (instruction.split_once('.'), u32::try_from(bits)) {
        (Some(("f64", _)), _) => format!("{bits:#x} ({})", f64::from_bits(bits)),
        (Some(("f32", _)), Ok(short)) => format!("{bits:#x} ({})", f32::from_bits(short)),
        _ => format!("{bits:#x}"),
    }
}

fn left_lines(left: &Left) -> Vec<String> {
    let sides = ["first", "second"].into_iter().zip(left);
    let found = sides.filter_map(|(side, left)| Some((side, left.as_ref()?)));
    let line = |(side, finding)| {
        format!(
            "note:     the {side} replay leaves its recording, whose engine, machine or module is another: {finding}"
        )
    };
    found.map(line).collect()
}

fn bytes_line(bytes: &Bytes) -> String {
    let Bytes { instance, memory, address, len, a, b, .. } = bytes;
    let (page, a, b) = (bytes.page(), hex(a), hex(b));
    format!("memory:   {instance} {memory}: page {page}, {len} bytes at {address:#x}: {a}; and {b}")
}

fn global_line(GlobalDiffers { instance, global, a, b, .. }: &GlobalDiffers) -> String {
    let side = |value: &Option<Global>| value.map_or_else(|| "nothing".to_owned(), |value| value.to_string());
    format!("global:   {instance} {global}: {}; and {}", side(a), side(b))
}

fn as_json(found: &Bisected, package: Option<&Package>, names: &mut Names) -> Json {
    let left = |left: &Left| left.iter().map(|left| left.as_ref().map(ToString::to_string)).collect::<Vec<_>>();
    match found {
        Bisected::Same { values, left: sides } => {
            json!({ "same": true, "values": values, "divergence": null, "left": left(sides) })
        }
        Bisected::Differ(found) => json!({
            "same": false,
            "values": null,
            "divergence": divergence(found, package, names),
            "left": left(&found.left),
        }),
    }
}

fn divergence(found: &Divergence, package: Option<&Package>, names: &mut Names) -> Json {
    let instruction = match (&found.instruction, &found.value, package) {
        (Some(instruction), Some(value), Some(package)) => json!({
            "module": value.instance,
            "function": instruction.function,
            "name": names.of(package, &value.instance).name(instruction.function),
            "number": instruction.number,
            "offset": instruction.offset,
            "text": instruction.text,
            "source": names.places(package, &value.instance, instruction.offset),
        }),
        _ => Json::Null,
    };
    let note = |note: Option<subvm_host_std::look::Note>| {
        note.map(|note| json!({ "offset": note.instruction, "value": format!("{:#x}", note.value) }))
    };
    let value = found.value.as_ref().map(
        |value| json!({ "module": value.instance, "number": value.number, "a": note(value.a), "b": note(value.b) }),
    );
    let frames = found.frames.iter().map(|frame| {
        let name = package.map(|package| names.of(package, &frame.module_name).name(frame.func));
        json!({ "module": frame.module_name, "function": frame.func, "name": name })
    });
    let frames: Vec<Json> = frames.collect();
    let memory = found.bytes.iter().map(|bytes| {
        let Bytes { instance, memory, address, len, a, b, .. } = bytes;
        let page = bytes.page();
        json!({ "module": instance, "memory": memory, "page": page, "address": address, "bytes": len, "a": hex(a), "b": hex(b) })
    });
    let globals = found.globals.iter().map(|GlobalDiffers { instance, global, a, b, .. }| {
        let side = |value: &Option<Global>| value.map(|value| value.to_string());
        json!({ "module": instance, "global": global, "a": side(a), "b": side(b) })
    });
    json!({
        "path": found.point.path,
        "ticks": found.point.ticks,
        "calls": found.calls,
        "instruction": instruction,
        "value": value,
        "frames": frames,
        "memory": memory.collect::<Vec<_>>(),
        "globals": globals.collect::<Vec<_>>(),
        "replays": found.replays,
    })
}
