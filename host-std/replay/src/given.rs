//! What a run is given, to and from a recording.

use std::sync::Arc;

use subvm_core::{Message, Params, Run};

use crate::format::record::{Given, Part};

/// What every node is given of a run, and what is this node's.
pub(crate) fn of(run: &Run) -> (Given, Part) {
    let given = Given {
        message: run.message.encode(),
        entry: run.entry.clone(),
        state: run.state,
        params: run.params.to_bytes(),
    };
    (given, Part { role: run.role.clone(), deadline: run.deadline })
}

/// The run again, without a deadline: a replay takes as long as it takes.
pub(crate) fn run(given: &Given, part: &Part) -> Result<Run, &'static str> {
    let params = Params::from_bytes(&given.params).map_err(|_| "what is said to be parameters is none")?;
    Ok(Run {
        message: Message::decode(&given.message).map_err(|_| "what is said to be a message is none")?,
        entry: given.entry.clone(),
        role: part.role.clone(),
        params: Arc::new(params),
        state: given.state,
        deadline: None,
        cancel: None,
    })
}
