//! What people, and machines, read of a machine at a point.

use serde_json::{Value as Json, json};
use subvm_core::Outcome;

use super::{Range, Session};
use crate::Failure;
use crate::names::{Names, module};
use crate::report::{hex, text};
use subvm_host_std::look::{Looked, Seen, SeenInstance, instruction};
use subvm_host_std::replay::Point;

/// Lines about things of one kind.
const MOST: usize = 64;

/// All that there is: the sub-VMs that execute, innermost first.
pub(super) fn machine(
    session: &mut Session<'_>,
    looked: &Looked,
    point: &Point,
    ranges: &[Range],
) -> Result<Vec<String>, Failure> {
    let mut lines = vec![place(looked, point)];
    for seen in looked.stack() {
        lines.push(format!("sub-VM:   {}, {}", dotted(&seen.path), ended(seen)));
        lines.extend(stack(&mut session.names, seen));
    }
    lines.extend(locals(session, looked, point)?);
    if let Some(seen) = looked.stack().first() {
        lines.extend(globals(seen));
        lines.extend(memories(seen));
        for range in ranges {
            lines.extend(bytes(seen, range));
        }
        lines.extend(descriptors(seen));
        lines.extend(storage(seen));
    }
    Ok(lines)
}

pub(crate) fn dotted(path: &[u64]) -> String {
    path.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

pub(super) fn place(looked: &Looked, point: &Point) -> String {
    match looked.stack().first() {
        Some(seen) if seen.is_stopped() => format!("at:       {point}, after {} host calls", seen.calls),
        Some(seen) => format!("at:       the end of sub-VM {}, after {} host calls", dotted(&point.path), seen.calls),
        None => format!("at:       {point}: there is no such sub-VM"),
    }
}

fn ended(seen: &Seen) -> String {
    match &seen.result {
        _ if seen.is_stopped() => "stopped".to_owned(),
        Ok(Outcome::Return(value)) => format!("returned {} bytes", value.len()),
        Ok(Outcome::UserError(text)) => format!("failed: {text}"),
        Ok(Outcome::UserValue(value)) => format!("failed: {}", text(value)),
        Ok(Outcome::VmError(error)) => format!("failed: {error}"),
        Err(error) => format!("waits, or this node failed: {error}"),
    }
}

/// The functions that were active, and the instruction that gave a number last.
pub(super) fn stack(names: &mut Names, seen: &Seen) -> Vec<String> {
    let frames = seen.frames.iter().take(MOST);
    let mut lines: Vec<String> =
        frames.map(|frame| format!("stack:    {}", names.frame(&seen.package, frame))).collect();
    if seen.frames.len() > MOST {
        lines.push(format!("          and {} more", seen.frames.len() - MOST));
    }
    if let Some((module, found)) = last(seen) {
        lines.push(format!("computed: {found} of module {module}"));
        let places = names.places(&seen.package, &module, found.offset);
        lines.extend(places.iter().map(|place| format!("source:   {place}")));
    }
    lines
}

/// The functions that were active.
pub(super) fn frames(names: &mut Names, seen: &Seen) -> Vec<Json> {
    let frames = seen.frames.iter().map(|frame| {
        let name = names.of(&seen.package, &frame.module_name).name(frame.func);
        json!({ "module": frame.module_name, "function": frame.func, "name": name })
    });
    frames.collect()
}

/// The instruction that was noted last in the instance of the innermost function.
fn last(seen: &Seen) -> Option<(String, subvm_host_std::look::Instruction)> {
    let name = &seen.frames.first()?.module_name;
    let instance = seen.instances.iter().find(|instance| instance.name == *name)?;
    let note = instance.notes.as_ref()?.last.last()?;
    Some((name.clone(), instruction(module(&seen.package, name), note.instruction)?))
}

/// The locals of the innermost function.
pub(super) fn locals(session: &mut Session<'_>, looked: &Looked, point: &Point) -> Result<Vec<String>, Failure> {
    let Some(frame) = looked.stack().first().and_then(|seen| seen.frames.first().cloned()) else {
        return Ok(Vec::new());
    };
    let kept = session.locals(point, frame.func)?;
    let stack = kept.stack();
    let instance = stack.first().and_then(|seen| seen.instances.iter().find(|it| it.name == frame.module_name));
    let locals = instance.into_iter().flat_map(|instance| &instance.locals).take(MOST);
    Ok(locals.map(|(index, value)| format!("local:    {index}: {value}")).collect())
}

pub(super) fn globals(seen: &Seen) -> Vec<String> {
    let line = |name: &str, index: u32, value| format!("global:   {name} {index}: {value}");
    let each =
        seen.instances.iter().flat_map(|it| it.globals.iter().map(|(index, value)| line(&it.name, *index, value)));
    each.take(MOST).collect()
}

pub(super) fn memories(seen: &Seen) -> Vec<String> {
    let each = seen.instances.iter().flat_map(|it| {
        let memories = (0u32..).zip(&it.memories);
        memories.map(|(index, memory)| {
            format!("memory:   {} {index}: {} bytes, {}", it.name, memory.len(), hex(&memory.digest()))
        })
    });
    each.take(MOST).collect()
}

pub(super) fn descriptors(seen: &Seen) -> Vec<String> {
    seen.descriptors.iter().take(MOST).map(|(fd, what)| format!("open:     {fd}: {what}")).collect()
}

pub(super) fn storage(seen: &Seen) -> Vec<String> {
    let each = seen.written.iter().take(MOST);
    each.map(|write| format!("write:    slot {}, page {}: {}", hex(&write.slot.0), write.page, hex(&write.content)))
        .collect()
}

/// The instance that a range is of: the start module's is the last.
fn instance<'a>(seen: &'a Seen, range: &Range) -> Option<&'a SeenInstance> {
    if range.module.is_empty() {
        return seen.instances.last();
    }
    seen.instances.iter().find(|instance| instance.name == range.module)
}

fn read(seen: &Seen, range: &Range) -> Option<Vec<u8>> {
    instance(seen, range)?.memories.first()?.read(range.address, range.len)
}

/// Bytes, sixteen a line, with what they are as text.
pub(super) fn bytes(seen: &Seen, range: &Range) -> Vec<String> {
    let Some(found) = read(seen, range) else {
        return vec![format!("bytes:    {:#x}: no memory is there", range.address)];
    };
    let rows = found.chunks(16).zip((range.address..).step_by(16));
    let row = |(row, address): (&[u8], u64)| {
        let digits = row.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        let text: String =
            row.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' }).collect();
        format!("bytes:    {address:#010x}: {digits:<47}  {text}")
    };
    rows.map(row).collect()
}

/// The same as one object.
pub(super) fn json(
    session: &mut Session<'_>,
    looked: &Looked,
    point: &Point,
    ranges: &[Range],
) -> Result<Json, Failure> {
    let locals = locals(session, looked, point)?;
    let locals: Vec<&str> = locals.iter().filter_map(|line| line.strip_prefix("local:    ")).collect();
    let mut sub_vms = Vec::new();
    for seen in looked.stack() {
        let frames = frames(&mut session.names, seen);
        let memories = seen.instances.iter().flat_map(|it| {
            let memories = (0u32..).zip(&it.memories);
            memories.map(|(index, memory)| {
                json!({ "module": it.name, "memory": index, "bytes": memory.len(), "digest": hex(&memory.digest()) })
            })
        });
        let globals = seen.instances.iter().flat_map(|it| {
            it.globals
                .iter()
                .map(|(index, value)| json!({ "module": it.name, "global": index, "value": value.to_string() }))
        });
        let written = seen
            .written
            .iter()
            .map(|write| json!({ "slot": hex(&write.slot.0), "page": write.page, "content": hex(&write.content) }));
        let open = seen.descriptors.iter().map(|(fd, what)| json!({ "fd": fd, "what": what }));
        sub_vms.push(json!({
            "path": seen.path,
            "state": ended(seen),
            "ticks_used": seen.used(),
            "frames": frames,
            "memories": memories.collect::<Vec<_>>(),
            "globals": globals.collect::<Vec<_>>(),
            "descriptors": open.collect::<Vec<_>>(),
            "written": written.collect::<Vec<_>>(),
        }));
    }
    let bytes = ranges.iter().map(|range| {
        let found = looked.stack().first().and_then(|seen| read(seen, range));
        json!({ "module": range.module, "address": range.address, "bytes": found.map(|bytes| hex(&bytes)) })
    });
    Ok(json!({
        "calls": looked.stack().first().map_or(0, |seen| seen.calls),
        "sub_vms": sub_vms,
        "locals": locals,
        "bytes": bytes.collect::<Vec<_>>(),
    }))
}
