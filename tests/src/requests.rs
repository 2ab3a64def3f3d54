//! The requests of `gl_call` and their fields, told again from the table of `docs/spec/sdk.md`.

/// What may stand in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Any value.
    Any,
    /// Bytes.
    Bytes,
    /// Text.
    Str,
    /// A boolean.
    Bool,
    /// An address.
    Address,
    /// 0 to 2^256 - 1.
    Word,
    /// `accepted` or `finalized`.
    On,
    /// 0, 1 or 2.
    State,
    /// An integer that is not negative.
    Ticks,
    /// How a validator compares.
    Strategy,
    /// At most four times 32 bytes.
    Topics,
    /// A map of anything.
    Map,
    /// A map of bytes.
    Headers,
    /// Bytes or null.
    Body,
    /// `text`, `html` or `screenshot`.
    RenderMode,
    /// `text` or `json`.
    Format,
    /// At most two times bytes.
    Images,
    /// This text.
    Is(&'static str),
}

/// A request's name, and its fields.
pub type Row = (&'static str, &'static [(&'static str, Field)]);

/// The requests whose argument is a map of fields: those with fields that may be missing, and those with several forms, once for each.
pub const REQUESTS: [Row; 16] = [
    ("RunNondet", &[("data_leader", Field::Bytes), ("data_validator", Field::Bytes)]),
    ("RunNondetWith", &[("data", Field::Bytes), ("strategy", Field::Strategy)]),
    ("Sandbox", &[("data", Field::Bytes), ("allow_write_storage", Field::Bool), ("allow_send_messages", Field::Bool)]),
    (
        "Sandbox",
        &[
            ("data", Field::Bytes),
            ("allow_write_storage", Field::Bool),
            ("allow_send_messages", Field::Bool),
            ("gas_time", Field::Ticks),
        ],
    ),
    ("CallContract", &[("address", Field::Address), ("calldata", Field::Any), ("state", Field::State)]),
    (
        "PostMessage",
        &[("address", Field::Address), ("calldata", Field::Any), ("value", Field::Word), ("on", Field::On)],
    ),
    (
        "DeployContract",
        &[
            ("calldata", Field::Any),
            ("code", Field::Bytes),
            ("value", Field::Word),
            ("on", Field::On),
            ("salt_nonce", Field::Word),
        ],
    ),
    ("EthSend", &[("address", Field::Address), ("calldata", Field::Bytes), ("value", Field::Word)]),
    ("EthCall", &[("address", Field::Address), ("calldata", Field::Bytes)]),
    ("EmitEvent", &[("topics", Field::Topics), ("blob", Field::Map)]),
    ("WebRequest", &[("method", Field::Str), ("url", Field::Str), ("headers", Field::Headers), ("body", Field::Body)]),
    ("WebRender", &[("mode", Field::RenderMode), ("url", Field::Str), ("wait_after_loaded", Field::Str)]),
    ("ExecPrompt", &[("prompt", Field::Str), ("response_format", Field::Format), ("images", Field::Images)]),
    (
        "ExecPromptTemplate",
        &[
            ("template", Field::Is("EqComparative")),
            ("leader_answer", Field::Str),
            ("validator_answer", Field::Str),
            ("principle", Field::Str),
        ],
    ),
    (
        "ExecPromptTemplate",
        &[
            ("template", Field::Is("EqNonComparativeLeader")),
            ("task", Field::Str),
            ("criteria", Field::Str),
            ("input", Field::Str),
        ],
    ),
    (
        "ExecPromptTemplate",
        &[
            ("template", Field::Is("EqNonComparativeValidator")),
            ("task", Field::Str),
            ("criteria", Field::Str),
            ("input", Field::Str),
            ("output", Field::Str),
        ],
    ),
];
