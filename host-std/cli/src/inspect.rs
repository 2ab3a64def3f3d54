//! `subvm inspect`: what is in a module, and what lowering makes of it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Failure, input, terminal};
use subvm_host_std::lower::{Limit, Lowered, Options, Report, lower};

/// Shows what a module imports, its memories, floats and exceptions, what lowering changes, and the largest frames.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  subvm inspect contract.wasm
  subvm inspect --json contract.wasm")]
pub(super) struct Inspect {
    /// The module: .wasm, or its text form .wat
    module: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) fn execute(self) -> Result<u8, Failure> {
        let wasm = input::module(&self.module)?;
        // What may be allowed is shown; whether it is, `check` says.
        let options = Options { exceptions: true, ..Options::default() };
        let lowered = lower(&wasm, &options)
            .map_err(|refusal| Failure::usage(format_args!("{} would be refused", self.module.display()), refusal))?;
        if self.json {
            terminal::json(&as_json(wasm.len(), &lowered))?;
        } else {
            terminal::lines(&for_people(wasm.len(), &lowered))?;
        }
        Ok(0)
    }
}

fn as_json(size: usize, Lowered { module_name, has_start, report, .. }: &Lowered) -> serde_json::Value {
    json!({
        "name": module_name,
        "size": size,
        "imports": report.imports.iter().map(|import| json!({
            "module": import.module, "name": import.name, "kind": import.kind,
        })).collect::<Vec<_>>(),
        "functions": report.functions,
        "memories": report.memories,
        "tables": report.tables,
        "start_function": has_start,
        "floats": { "operators": report.float_operators, "sites": report.float_sites, "vector_sites": report.vector_float_sites },
        "exceptions": { "tags": report.tags, "throws": report.throws, "try_tables": report.tries },
        "lowered": { "size": report.lowered_size, "added_functions": report.helpers, "dropped_sections": report.dropped_sections },
        "values": { "module": report.values, "most_in_a_function": report.most_values },
        "largest_frames": report.largest_frames.iter().map(|frame| json!({
            "func": frame.function, "units": frame.units,
        })).collect::<Vec<_>>(),
    })
}

fn for_people(size: usize, Lowered { module_name, has_start, report, .. }: &Lowered) -> Vec<String> {
    let Report { imports, functions, memories, tables, .. } = report;
    let start = if *has_start { ", a start function" } else { "" };
    let mut lines = vec![
        format!("module     {}, {size} bytes", module_name.as_deref().unwrap_or("(without a name)")),
        format!("defines    {functions} functions, {memories} memories, {tables} tables{start}"),
        format!("imports    {}", imports.len()),
    ];
    lines.extend(imports.iter().map(|import| format!("           {} {}.{}", import.kind, import.module, import.name)));
    lines.push(format!(
        "floats     {} scalar and {} vector instructions",
        report.float_sites, report.vector_float_sites
    ));
    if !report.float_operators.is_empty() {
        lines.push(format!("           {}", report.float_operators.join(" ")));
    }
    if report.tags > 0 || report.throws > 0 || report.tries > 0 {
        lines.push(format!(
            "exceptions {} tags, {} instructions that throw, {} try_table; refused where the parameter `exceptions` is off",
            report.tags, report.throws, report.tries
        ));
    }
    lines.push(format!("lowered    {} bytes, {} functions added", report.lowered_size, report.helpers));
    if !report.dropped_sections.is_empty() {
        lines.push(format!("           dropped: {}", report.dropped_sections.join(" ")));
    }
    lines.push(format!(
        "values     {} for a compiler, of {} allowed; {} of {} in one function",
        report.values,
        Limit::ModuleValues.value(),
        report.most_values,
        Limit::Values.value()
    ));
    lines.push("frames     the largest, in stack units:".to_owned());
    let frames = report.largest_frames.iter();
    lines.extend(frames.map(|frame| format!("           function {}: {}", frame.function, frame.units)));
    lines
}
