//! What happened, in order: sub-VMs, host calls, questions to the node.

use std::collections::VecDeque;
use std::io::Read;

use super::html::{Page, escape};
use crate::inside::dotted;
use subvm_host_std::replay::{Moment, ReadError, Record, Timeline};

/// Rows from the beginning, and from the end: a page that nobody can open shows nothing.
const FIRST: usize = 3_000;
const LAST: usize = 1_000;

/// Kinds of rows: name, and what the filter calls it.
const KINDS: [(&str, &str); 4] =
    [("call", "Host calls"), ("asked", "Questions to the node"), ("vm", "Sub-VMs"), ("run", "The run")];

fn kind(record: &Record) -> &'static str {
    match record {
        Record::Enters(_) | Record::Exits(_) => "call",
        Record::Asked(_) => "asked",
        Record::Begins(_) | Record::Ends(_) => "vm",
        _ => "run",
    }
}

/// Writes the timeline. Of a recording that is damaged somewhere it is an error.
pub(super) fn write<R: Read>(page: &mut Page, timeline: Timeline<R>) -> Result<(), ReadError> {
    page.section("timeline", "Timeline");
    page.raw("<div class=\"tools\"><label>Search<input id=\"search\" type=\"search\" autocomplete=\"off\"></label><label>Show<select id=\"kind\"><option value=\"\">Everything</option>");
    for (name, label) in KINDS {
        page.raw(&format!("<option value=\"{name}\">{label}</option>"));
    }
    page.raw("</select></label><output id=\"count\" role=\"status\" aria-live=\"polite\"></output></div>\n");
    page.raw("<div class=\"box\" tabindex=\"0\" role=\"region\" aria-label=\"Timeline\"><table><caption>Every record, in its order</caption><thead><tr>");
    ["Call", "Sub-VM", "Ticks", "What"].iter().for_each(|head| page.raw(&format!("<th scope=\"col\">{head}</th>")));
    page.raw("</tr></thead><tbody>\n");
    let (mut written, mut passed, mut last) = (0, 0u64, VecDeque::with_capacity(LAST));
    for moment in timeline {
        let moment = moment?;
        // Modules and files are no event.
        if let Record::Package(_) = moment.record {
            continue;
        }
        if written < FIRST {
            written += 1;
            page.raw(&row(&moment));
            continue;
        }
        if last.len() == LAST {
            last.pop_front();
            passed += 1;
        }
        last.push_back(row(&moment));
    }
    if passed > 0 {
        page.raw(&format!("<tr data-kind=\"run\"><td></td><td></td><td></td><td>{passed} records are left out here: see subvm replay --step</td></tr>\n"));
    }
    last.iter().for_each(|row| page.raw(row));
    page.raw("</tbody></table></div>\n");
    page.end();
    Ok(())
}

fn row(Moment { record, point, calls }: &Moment) -> String {
    let (path, ticks) = match point {
        Some(point) => (dotted(&point.path), point.ticks.to_string()),
        None => Default::default(),
    };
    let text = escape(&record.to_string());
    format!("<tr data-kind=\"{}\"><td>{calls}</td><td>{path}</td><td>{ticks}</td><td>{text}</td></tr>\n", kind(record))
}
