//! What became of a transaction.

use subvm_core::calldata::Value;
use subvm_core::{Address, Gas, Outcome, Report, Vote};
use subvm_host_mock::Printed;

/// What became of a transaction: how it ended at the leader, how validators voted, and what its messages led to.
///
/// ```
/// use subvm_testing::{Chain, Map};
/// # let token = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/contracts/wasm/token.wasm"));
/// let mut chain = Chain::new();
/// let (eve, token) = (chain.account("eve", 0), chain.deploy(token, Map::from([("supply", 7)])));
/// let stolen = chain.call(eve, token, "transfer", Map::from([("to", eve.into()), ("amount", subvm_testing::Value::from(1))]));
/// assert_eq!(stolen.failed(), "the balance is too small");
/// assert!(stolen.accepted, "the nodes agree that it failed");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Transaction {
    /// The contract that ran.
    pub contract: Address,
    /// The leader's run; none where it ended in an internal error.
    pub leader: Option<Report>,
    /// The internal error that the leader's run ended in: what its node lacked.
    pub internal: Option<String>,
    /// What the leader's run printed: no receipt has it.
    pub printed: Printed,
    /// Where a trap or a budget ended it: the functions that were active, innermost first, with files and lines where the module has DWARF; and
    /// where the gas went, if that ran out. For people: no receipt has it.
    pub stack: Vec<String>,
    /// How each validator voted.
    pub votes: Vec<Vote>,
    /// Of each validator that did not agree on a non-deterministic block: both answers, in a line. For people: no receipt has it.
    pub disagreements: Vec<String>,
    /// Whether most nodes agreed, the leader with itself among them. Then it was applied.
    pub accepted: bool,
    /// What its messages led to that were delivered on acceptance, in their order.
    pub delivered: Vec<Transaction>,
}

impl Transaction {
    /// What it returned.
    ///
    /// # Panics
    /// Where it failed, with how.
    #[track_caller]
    pub fn returned(&self) -> Value {
        match self.outcome() {
            Outcome::Return(value) => Value::decode(value).expect("an outcome is canonical"),
            Outcome::UserError(_) | Outcome::UserValue(_) => panic!("it failed: {}", self.failed()),
            Outcome::VmError(_) => panic!("it failed: {}{}", self.failed(), self.diagnostics()),
        }
    }

    /// How it failed: the text of its user error, or the code of a VM error.
    ///
    /// # Panics
    /// Where it returned, with what.
    #[must_use]
    #[track_caller]
    pub fn failed(&self) -> String {
        self.report().failure().unwrap_or_else(|| panic!("it returned {}", self.returned()))
    }

    /// What the deterministic side used.
    ///
    /// # Panics
    /// Where the leader's run ended in an internal error.
    #[must_use]
    #[track_caller]
    pub fn gas(&self) -> Gas {
        self.report().receipt.gas
    }

    /// The events it emitted, where it returned: each a map of `topics` and `blob`.
    ///
    /// # Panics
    /// Where the leader's run ended in an internal error.
    #[must_use]
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let messages =
            self.report().receipt.messages.iter().map(|bytes| Value::decode(bytes).expect("a message is canonical"));
        messages.filter_map(|message| message.get("EmitEvent").cloned()).collect()
    }

    /// The digest of the leader's receipt, in hexadecimal.
    ///
    /// # Panics
    /// Where the leader's run ended in an internal error.
    #[must_use]
    #[track_caller]
    pub fn receipt(&self) -> String {
        self.report().receipt.digest().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[track_caller]
    pub(crate) fn outcome(&self) -> &Outcome {
        &self.report().outcome
    }

    #[track_caller]
    fn report(&self) -> &Report {
        let why = self.internal.as_deref().unwrap_or_default();
        self.leader.as_ref().unwrap_or_else(|| panic!("the leader's node failed, and came to nothing: {why}"))
    }

    pub(crate) fn diagnostics(&self) -> String {
        self.report().diagnostics.iter().chain(&self.stack).map(|line| format!("\n  {line}")).collect()
    }
}
