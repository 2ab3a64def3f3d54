//! What the run came to.

use subvm_core::{Outcome, Receipt, Report, Role, Run};

use super::html::Page;
use crate::report::{chain, hex, request, result, text};
use subvm_host_std::replay::Replayed;

/// Rows of a table.
const MOST: usize = 500;

/// What ran, and what the run came to here.
pub(super) fn write(page: &mut Page, run: &Run, replayed: &Replayed, leader: Option<&Receipt>) {
    page.section("outcome", "Outcome");
    let mut facts = vec![("replay", replayed.verdict.to_string())];
    match &replayed.result {
        Ok(report) => {
            facts.push(match &report.outcome {
                Outcome::Return(value) => ("return", text(value)),
                _ => ("error", report.failure().unwrap_or_default()),
            });
            let gas = report.receipt.gas;
            facts.push(("gas", format!("{} time, {} storage, {} data", gas.time, gas.storage, gas.data)));
            facts.push(("receipt", hex(&report.receipt.digest())));
            facts.extend(leader.map(|leader| ("vote on the leader's", report.vote(leader).to_string())));
            facts.extend(report.diagnostics.iter().take(MOST).map(|line| ("diagnosis", line.clone())));
        }
        Err(error) => facts.push(("internal error", chain(error))),
    }
    facts.push(("trace", hex(&replayed.trace)));
    facts.push(("host calls", replayed.calls.to_string()));
    page.facts(&facts);
    page.raw("<h3>What ran</h3>\n");
    let role = match &run.role {
        Role::Leader => "leader".to_owned(),
        Role::Validator { results } => format!("validator, of {} results of the leader's", results.len()),
        Role::Sync { results } => format!("sync, by {} results of the leader's", results.len()),
    };
    page.facts(&[
        ("contract", run.message.contract_address.to_string()),
        ("sender", run.message.sender_address.to_string()),
        ("value", run.message.value.to_string()),
        ("entry data", text(&run.message.entry_data)),
        ("role", role),
        ("parameters", hex(&run.params.digest())),
    ]);
    page.end();
}

/// What a run that returned would change.
pub(super) fn effects(page: &mut Page, Report { receipt, .. }: &Report) {
    page.section("storage", "Storage");
    let writes = receipt.storage.iter().take(MOST);
    let rows = writes.map(|write| vec![hex(&write.slot.0), write.page.to_string(), hex(&write.content)]);
    counted(page, receipt.storage.len(), "page written", "pages written");
    if !receipt.storage.is_empty() {
        page.table("Pages of 32 bytes as they are after the run", &["Slot", "Page", "Bytes"], rows);
    }
    page.end();
    page.section("messages", "Messages, events and blocks");
    counted(page, receipt.messages.len(), "message or event", "messages and events");
    let rows =
        receipt.messages.iter().take(MOST).map(|message| request(message)).map(|(name, fields)| vec![name, fields]);
    if !receipt.messages.is_empty() {
        page.table("Messages and events, in order", &["Request", "Fields"], rows);
    }
    counted(page, receipt.nondet.len(), "non-deterministic block", "non-deterministic blocks");
    let blocks = receipt.nondet.iter().take(MOST).map(|bytes| result(bytes)).zip(0u32..);
    let rows = blocks.map(|((outcome, text), number)| vec![number.to_string(), outcome.to_owned(), text]);
    if !receipt.nondet.is_empty() {
        page.table("What non-deterministic blocks came to", &["Block", "Outcome", "Value"], rows);
    }
    page.end();
}

fn counted(page: &mut Page, count: usize, one: &str, many: &str) {
    let shown = if count > MOST { format!("; the first {MOST} are shown") } else { String::new() };
    page.say(&format!("{count} {}{shown}.", if count == 1 { one } else { many }));
}
