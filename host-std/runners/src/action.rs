//! `runner.json`: what a runner does before its module starts.

use std::fmt;

use serde::Deserialize;

use crate::bounds::Bounds;
use crate::excerpt::excerpt;

/// One action.
///
/// ```
/// use subvm_runners::{Action, Bounds};
/// let action = Action::parse(r#"{"Seq": [{"SetArgs": ["py"]}, {"StartWasm": "a.wasm"}]}"#, 0, &Bounds::default())?;
/// assert_eq!(action, Action::Seq(vec![Action::SetArgs(vec!["py".into()]), Action::StartWasm("a.wasm".into())]));
/// # Ok::<(), subvm_runners::ManifestError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Action {
    /// Adds to the environment, or replaces there; `${NAME}` stands for what `NAME` is so far.
    AddEnv {
        /// The name.
        name: String,
        /// The value.
        val: String,
    },
    /// Maps a file of the runner; all below it, where the name ends with `/`.
    MapFile {
        /// Its name in the runner.
        file: String,
        /// Its absolute path in the sub-VM.
        to: String,
    },
    /// Sets the arguments.
    SetArgs(Vec<String>),
    /// Links a module of the runner, which later ones import from.
    LinkWasm(String),
    /// Starts a module of the runner. Nothing is done after that.
    StartWasm(String),
    /// Does what another runner says, unless that was done before.
    Depends(String),
    /// Does one after another.
    Seq(Vec<Action>),
    /// Does an action in one mode.
    When {
        /// In which mode.
        cond: Condition,
        /// What.
        action: Box<Action>,
    },
    /// Does an action on the files of another runner.
    With {
        /// Whose files.
        runner: String,
        /// What.
        action: Box<Action>,
    },
}

/// A mode of sub-VMs.
///
/// ```
/// use subvm_core::Mode;
/// use subvm_runners::Condition;
/// assert!(Condition::Nondet.holds(Mode::NonDeterministic) && !Condition::Det.holds(Mode::NonDeterministic));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Deterministic.
    Det,
    /// Non-deterministic.
    Nondet,
}

impl Condition {
    /// Whether a sub-VM of this mode meets it.
    #[must_use]
    pub fn holds(self, mode: subvm_core::Mode) -> bool {
        (self == Self::Det) == (mode == subvm_core::Mode::Deterministic)
    }
}

impl Action {
    /// Reads a `runner.json`. Its lines are counted from `lines_before`, so that an error in a text's header names the text's line.
    ///
    /// # Errors
    /// Where it is no JSON, or no action: unknown actions and fields, and those that are missing or of another type, are refused.
    pub fn parse(text: &str, lines_before: usize, bounds: &Bounds) -> Result<Self, ManifestError> {
        // An action is an object in an object or in an array.
        let levels = bounds.action_depth.saturating_mul(2).saturating_add(2);
        if let Some(at) = too_deep(text, levels) {
            let before = text.get(..at).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = at - before.rfind('\n').map_or(0, |end| end + 1) + 1;
            let why = format!("actions nest more than {} deep", bounds.action_depth);
            return Err(ManifestError { line: line + lines_before, column, field: String::new(), why });
        }
        let mut json = serde_json::Deserializer::from_str(text);
        // The depth was looked at.
        json.disable_recursion_limit();
        let action = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let field = error.path().to_string();
            ManifestError::of(error.inner(), field, lines_before)
        })?;
        json.end().map_err(|error| ManifestError::of(&error, String::new(), lines_before))?;
        Ok(action)
    }
}

/// The byte at which JSON nests deeper than so many levels.
fn too_deep(text: &str, levels: usize) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' if depth == levels => return Some(at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Why a text is no `runner.json`.
///
/// ```
/// use subvm_runners::{Action, Bounds};
/// let text = "{\n  \"MapFile\": {\"file\": \"a\", \"form\": \"/a\"}\n}";
/// let error = Action::parse(text, 0, &Bounds::default()).unwrap_err();
/// assert_eq!(error.to_string(), "runner.json, line 2, column 33, MapFile.form: unknown field `form`, expected `file` or `to`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// The field, as a path; empty where it is the whole.
    pub field: String,
    /// What is wrong.
    pub why: String,
}

impl ManifestError {
    fn of(error: &serde_json::Error, field: String, lines_before: usize) -> Self {
        let (line, column) = (error.line(), error.column());
        let why = error.to_string();
        let place = format!(" at line {line} column {column}");
        let why = excerpt(why.strip_suffix(&place).unwrap_or(&why));
        let field = if field == "." { String::new() } else { excerpt(&field) };
        Self { line: line + lines_before, column, field, why }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "runner.json, line {}, column {}", self.line, self.column)?;
        if !self.field.is_empty() {
            write!(f, ", {}", self.field)?;
        }
        write!(f, ": {}", self.why)
    }
}

impl std::error::Error for ManifestError {}
