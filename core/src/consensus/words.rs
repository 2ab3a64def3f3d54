//! The texts of VM errors, in the words of a line. Source: `docs/genvm.md`, *Texts*.

use alloc::string::{String, ToString};

use crate::outcome::{Invalid, LeaderFault, Resource, VmError};

/// Whose words VM errors are told in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// Errors that are called otherwise than by their own text.
    renamed: &'static [(VmError, &'static str)],
    /// Texts that a leader of the line may post, and nothing here comes to.
    others: &'static [&'static str],
    /// Texts that begin so may be posted.
    open: &'static [&'static str],
    /// Whether there are errors that only GenVM's lines have.
    lines: bool,
}

/// Those of the specification.
pub(crate) static OWN: Words = Words { renamed: &[], others: &[], open: &[], lines: false };

/// Those of GenVM 0.2, which stand for 0.1's too.
pub(crate) static V0_2: Words = Words {
    renamed: &[
        (VmError::OutOf(Resource::GasTime), "timeout"),
        (VmError::OutOf(Resource::Memory), "OOM RAM"),
        (VmError::OutOf(Resource::WasmMemory), "OOM RAM memory"),
        (VmError::OutOf(Resource::WasmTable), "OOM RAM table"),
        (VmError::OutOf(Resource::Fds), "OOM RAM limit"),
        (VmError::OutOf(Resource::GasStorage), "OOM storage"),
        (VmError::InvalidContract(Invalid::RunnerAbsent), "invalid_contract absent_runner_comment"),
        (VmError::InvalidContract(Invalid::RunnerMalformed), "invalid_contract malformed_runner"),
        (VmError::InvalidContract(Invalid::Package), "invalid_contract malformed_runner"),
    ],
    others: &[
        "OOM",
        "OOM receipt nondet_output",
        "OOM receipt message internal",
        "OOM receipt message external",
        "OOM fees internal",
        "OOM fees external",
        "invalid_contract",
    ],
    open: &["wasm_trap ", "host "],
    lines: true,
};

/// Those of GenVM 0.3.
pub(crate) static V0_3: Words = Words {
    renamed: &[
        (VmError::OutOf(Resource::GasTime), "timeout"),
        (VmError::OutOf(Resource::GasStorage), "out_of storage"),
        (VmError::AbsentLeaderNondetOutput, "leader_fault nondet_output absent"),
        (VmError::InvalidContract(Invalid::Package), "invalid_contract runner malformed"),
    ],
    others: &[
        "wasm_trap",
        "wasm_trap atomic_wait_non_shared_memory",
        "wasm_trap out_of_fuel",
        "wasm_trap interrupt",
        "wasm_trap fault",
        "out_of receipt nondet_output",
        "out_of receipt message",
        "out_of receipt event",
        "out_of message_fee total",
        "out_of message_fee node",
        "out_of locked_slots",
        "out_of upgraders",
        "fee no_matching_node",
        "fee below_minimum",
        "fee too_many_rounds",
        "invalid_contract",
    ],
    open: &[],
    lines: true,
};

impl Words {
    /// What an error is called.
    pub(crate) fn text(&self, error: VmError) -> String {
        match self.renamed.iter().find(|(renamed, _)| *renamed == error) {
            Some((_, text)) => (*text).to_string(),
            None => error.to_string(),
        }
    }

    /// Whether a leader may post this text.
    pub(crate) fn has(&self, text: &str) -> bool {
        if self.renamed.iter().any(|(_, renamed)| *renamed == text) || self.others.contains(&text) {
            return true;
        }
        if self.open.iter().any(|start| text.strip_prefix(start).is_some_and(|rest| !rest.is_empty())) {
            return true;
        }
        let Ok(error) = text.parse::<VmError>() else { return false };
        // What is called otherwise is not called so.
        (self.lines || error.is_own()) && !self.renamed.iter().any(|(renamed, _)| *renamed == error)
    }
}

/// Whether a text says that a leader posted what is no result, which no leader comes to.
pub(crate) fn blames_leader(text: &str) -> bool {
    text.starts_with(LeaderFault::CLASS.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_takes_what_it_says_and_not_what_it_calls_otherwise() {
        for words in [&OWN, &V0_2, &V0_3] {
            for resource in Resource::ALL {
                assert!(words.has(&words.text(VmError::OutOf(*resource))), "{words:?} {resource:?}");
            }
            assert!(words.has("exit_code 3") && !words.has("exit_code +3") && !words.has("") && !words.has("nonsense"));
        }
        for (text, own, old, new) in [
            ("out_of memory", true, false, true),
            ("OOM RAM", false, true, false),
            ("out_of gas time", true, false, false),
            ("timeout", false, true, true),
            ("wasm_trap fault", false, true, true),
            ("wasm_trap ", false, false, false),
            ("evm reverted", false, true, true),
            ("host absent", false, true, false),
            ("invalid_contract runner absent", false, false, true),
            ("invalid_contract absent_runner_comment", false, true, false),
            ("invalid_contract package", true, false, false),
            ("malformed_entry", false, true, true),
        ] {
            assert_eq!([&OWN, &V0_2, &V0_3].map(|words| words.has(text)), [own, old, new], "{text}");
        }
    }
}
