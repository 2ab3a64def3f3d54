//! Rules and limits that a sub-VM can break, each with its text. Source: `docs/spec/sub-vm.md`, *Outcomes*.

use core::fmt;
use core::str::FromStr;

use super::LeaderFault;

/// A rule or limit that a sub-VM broke. Its text is stable and part of consensus.
///
/// ```
/// use subvm_core::{Resource, VmError};
/// let error = VmError::OutOf(Resource::GasTime);
/// assert_eq!(error.to_string(), "out_of gas time");
/// assert_eq!("out_of gas time".parse(), Ok(error));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VmError {
    /// `proc_exit` with another code than 0.
    ExitCode(i32),
    /// A trap.
    Trap(Trap),
    /// A limit.
    OutOf(Resource),
    /// The leader posted no well-formed result for a non-deterministic block.
    AbsentLeaderNondetOutput,
    /// The validator's own run of block `call` did not agree.
    ValidatorDisagrees {
        /// The number of the block within the transaction, from 0.
        call: u32,
    },
    /// The contract cannot start.
    InvalidContract(Invalid),
    /// What the leader posted is none of its results. Under GenVM's profiles alone, as all that follow.
    LeaderFault(LeaderFault),
    /// The entry's payload is no call.
    MalformedEntry,
    /// A call of the layer below reverted.
    EvmReverted,
    /// The node forbids a call of the layer below.
    Forbidden,
}

impl VmError {
    /// Whether it is of the specification, and not of GenVM's profiles alone.
    pub(crate) const fn is_own(self) -> bool {
        match self {
            Self::LeaderFault(_) | Self::MalformedEntry | Self::EvmReverted | Self::Forbidden => false,
            Self::InvalidContract(invalid) => !matches!(
                invalid,
                Invalid::RunnerAbsent | Invalid::RunnerMalformed | Invalid::NotUtf8Text | Invalid::MajorMismatch
            ),
            _ => true,
        }
    }
}

impl fmt::Display for VmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExitCode(code) => write!(f, "exit_code {code}"),
            Self::Trap(trap) => write!(f, "wasm_trap {}", trap.text()),
            Self::OutOf(resource) => write!(f, "out_of {}", resource.text()),
            Self::AbsentLeaderNondetOutput => f.write_str("absent_leader_nondet_output"),
            Self::ValidatorDisagrees { call } => write!(f, "validator_disagrees call {call}"),
            Self::InvalidContract(what) => write!(f, "invalid_contract {}", what.text()),
            Self::LeaderFault(fault) => fault.fmt(f),
            Self::MalformedEntry => f.write_str("malformed_entry"),
            Self::EvmReverted => f.write_str("evm reverted"),
            Self::Forbidden => f.write_str("forbidden"),
        }
    }
}

impl core::error::Error for VmError {}

/// The text is none of the specification's.
///
/// ```
/// use subvm_core::{UnknownVmError, VmError};
/// assert_eq!("out_of patience".parse::<VmError>(), Err(UnknownVmError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownVmError;

impl fmt::Display for UnknownVmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a VM error text of the specification (docs/spec/sub-vm.md, Outcomes)")
    }
}

impl core::error::Error for UnknownVmError {}

impl FromStr for VmError {
    type Err = UnknownVmError;

    fn from_str(text: &str) -> Result<Self, UnknownVmError> {
        parse(text).filter(|error| canonical(error, text)).ok_or(UnknownVmError)
    }
}

fn parse(text: &str) -> Option<VmError> {
    if let Some(code) = text.strip_prefix("exit_code ") {
        return code.parse().ok().map(VmError::ExitCode);
    }
    if let Some(call) = text.strip_prefix("validator_disagrees call ") {
        return call.parse().ok().map(|call| VmError::ValidatorDisagrees { call });
    }
    if let Some(fault) = text.strip_prefix(LeaderFault::CLASS) {
        return LeaderFault::parse(fault).map(VmError::LeaderFault);
    }
    match text {
        "absent_leader_nondet_output" => return Some(VmError::AbsentLeaderNondetOutput),
        "malformed_entry" => return Some(VmError::MalformedEntry),
        "evm reverted" => return Some(VmError::EvmReverted),
        "forbidden" => return Some(VmError::Forbidden),
        _ => {}
    }
    let (class, rest) = text.split_once(' ')?;
    match class {
        "wasm_trap" => Trap::parse(rest).map(VmError::Trap),
        "out_of" => Resource::parse(rest).map(VmError::OutOf),
        "invalid_contract" => Invalid::parse(rest).map(VmError::InvalidContract),
        _ => None,
    }
}

/// Numbers have one spelling: `+1` and `01` parse as integers but are not what `Display` writes, and no guest exits with code 0 in error.
fn canonical(error: &VmError, text: &str) -> bool {
    *error != VmError::ExitCode(0) && alloc::format!("{error}") == text
}

macro_rules! texts {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every variant, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The text, which is part of consensus.
            ///
            /// ```
            /// # use subvm_core::{Invalid, Resource, Trap};
            /// assert_eq!(Trap::StackOverflow.text(), "stack_overflow");
            /// assert_eq!(Resource::GasTime.text(), "gas time");
            /// assert_eq!(Invalid::Args.text(), "args");
            /// ```
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

texts! {
    /// A trap of WebAssembly, or one that the rules add.
    ///
    /// ```
    /// use subvm_core::{Trap, VmError};
    /// assert_eq!(VmError::Trap(Trap::IntegerDivideByZero).to_string(), "wasm_trap integer_divide_by_zero");
    /// assert_eq!(Trap::ALL.len(), 13);
    /// ```
    Trap {
        /// The `unreachable` instruction.
        Unreachable = "unreachable",
        /// The stack budget is used up.
        StackOverflow = "stack_overflow",
        /// An access beyond a memory.
        MemoryOutOfBounds = "memory_out_of_bounds",
        /// An access beyond a table.
        TableOutOfBounds = "table_out_of_bounds",
        /// `call_indirect` through a null element.
        IndirectCallToNull = "indirect_call_to_null",
        /// `call_indirect` of a function of another type.
        BadSignature = "bad_signature",
        /// A signed division or a conversion that overflows.
        IntegerOverflow = "integer_overflow",
        /// A division by zero.
        IntegerDivideByZero = "integer_divide_by_zero",
        /// A conversion of a NaN to an integer.
        BadConversionToInteger = "bad_conversion_to_integer",
        /// A host call was given a pointer that is not aligned as its type requires.
        HeapMisaligned = "heap_misaligned",
        /// A float instruction under the policy *trap*.
        NondetInstruction = "nondet_instruction",
        /// An exception that nothing in the sub-VM catches.
        UncaughtException = "uncaught_exception",
        /// `throw_ref` of null.
        NullReference = "null_reference",
    }
}

texts! {
    /// What a run can use up.
    ///
    /// ```
    /// use subvm_core::{Resource, VmError};
    /// let error: VmError = "out_of memory wasm_table".parse()?;
    /// assert_eq!(error, VmError::OutOf(Resource::WasmTable));
    /// # Ok::<(), subvm_core::UnknownVmError>(())
    /// ```
    Resource {
        /// RAM, other than for wasm memories and tables at instantiation.
        Memory = "memory",
        /// RAM, for a wasm memory at instantiation.
        WasmMemory = "memory wasm_memory",
        /// RAM, for a wasm table at instantiation.
        WasmTable = "memory wasm_table",
        /// Open descriptors.
        Fds = "fds",
        /// Nested sub-VMs, or the stack units that entering one costs.
        VmRecursion = "vm_recursion",
        /// Non-deterministic blocks in a transaction.
        NondetBlocks = "nondet_blocks",
        /// Time gas.
        GasTime = "gas time",
        /// Storage gas.
        GasStorage = "gas storage",
        /// Data gas.
        GasData = "gas data",
    }
}

texts! {
    /// What is wrong with a contract that cannot start.
    ///
    /// ```
    /// use subvm_core::{Invalid, Parts, wasi::Refused};
    /// let error = Parts { args: vec!["\0".into()], ..Parts::default() }.check(&Refused::default()).unwrap_err();
    /// assert_eq!(error.invalid(), Invalid::Args);
    /// ```
    Invalid {
        /// A module that is not WebAssembly of the enabled features, or exceeds a limit.
        WasmValidating = "wasm validating",
        /// An import that nothing satisfies, or a bad module name.
        WasmLinking = "wasm linking",
        /// Neither of the entry exports is there with the right type.
        WasmEntrypoint = "wasm entrypoint",
        /// Arguments that the rules refuse.
        Args = "args",
        /// Environment variables that the rules refuse.
        Env = "env",
        /// A package that is absent or malformed.
        Package = "package",
        /// Nothing says what runs it, or that is not there. Of GenVM's profiles, as those that follow.
        RunnerAbsent = "runner absent",
        /// What runs it cannot be followed.
        RunnerMalformed = "runner malformed",
        /// It is text, and not UTF-8.
        NotUtf8Text = "not_utf8_text",
        /// It is of another major version.
        MajorMismatch = "major_mismatch",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    fn all() -> Vec<VmError> {
        let mut all: Vec<VmError> = Trap::ALL.iter().copied().map(VmError::Trap).collect();
        all.extend(Resource::ALL.iter().copied().map(VmError::OutOf));
        all.extend(Invalid::ALL.iter().copied().map(VmError::InvalidContract));
        all.extend([1, -1, i32::MIN, i32::MAX].map(VmError::ExitCode));
        all.extend([0, 7, u32::MAX].map(|call| VmError::ValidatorDisagrees { call }));
        all.extend([
            VmError::AbsentLeaderNondetOutput,
            VmError::MalformedEntry,
            VmError::EvmReverted,
            VmError::Forbidden,
        ]);
        let hash = crate::ShortHash::of(b"what a leader posted");
        let faults = [
            LeaderFault::Absent,
            LeaderFault::Malformed,
            LeaderFault::UsesThisError(hash),
            LeaderFault::FixPoint,
            LeaderFault::Extra(hash),
        ];
        all.extend(faults.map(VmError::LeaderFault));
        all
    }

    #[test]
    fn texts_parse_back() {
        for error in all() {
            assert_eq!(error.to_string().parse(), Ok(error));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "exit_code",
            "exit_code 0",
            "exit_code +1",
            "exit_code 01",
            "exit_code -0",
            "out_of gas",
            "wasm_trap ",
            "wasm_trap unreachable ",
            "validator_disagrees call 00",
            "leader_fault nondet_output",
            "leader_fault nondet_output extra",
            "leader_fault nondet_output extra 00000",
            "leader_fault nondet_output extra 00000i",
            "leader_fault nondet_output extra 000000 ",
        ] {
            assert_eq!(text.parse::<VmError>(), Err(UnknownVmError), "{text:?}");
        }
    }
}
