//! What the live world answered once.

use std::io::Read;

use subvm_core::calldata::Value;
use subvm_replay::{Answer as Recorded, Ask, Asked, ReadError, Reader, Record};

use crate::{Answer, Script};

/// What the web and models answered in a recorded run, as scripts: a script for each request, which answers as the module did then. Of one
/// request that was made more than once, the first answer counts. A request that the node could not start, or whose answer it could not
/// give, is answered by [`Answer::Down`].
///
/// `subvm run --config node.toml --record live.rec ..` makes a recording, on the live world; each test repeats it from then on.
///
/// ```no_run
/// use subvm_testing::{Chain, recorded};
/// let mut chain = Chain::new();
/// for script in recorded(std::fs::File::open("tests/live.rec").unwrap()).unwrap() {
///     chain.world(script);
/// }
/// ```
///
/// # Errors
/// This is no recording, or it was changed.
pub fn recorded(recording: impl Read) -> Result<Vec<Script>, ReadError> {
    let mut asked: Vec<(Option<u64>, Value, Answer)> = Vec::new();
    for record in Reader::new(recording)? {
        let Record::Asked(Asked { ask, answer }) = record? else { continue };
        match (ask, answer) {
            (Ask::Start { request }, answer) => {
                // A guest's request that is no calldata never comes to a module.
                let Ok(request) = Value::decode(&request) else { continue };
                let id = if let Recorded::Id(id) = answer { Some(id) } else { None };
                asked.push((id, request, Answer::Down));
            }
            (Ask::Wait { id }, Recorded::Bytes(bytes)) => {
                let found = asked.iter_mut().rev().find(|(started, ..)| *started == Some(id));
                if let (Some((_, _, answer)), Ok(value)) = (found, Value::decode(&bytes)) {
                    *answer = Answer::Exactly(value);
                }
            }
            _ => {}
        }
    }
    // Of two scripts for one request, the later counts.
    Ok(asked.into_iter().rev().map(|(_, request, answer)| Script::this(request, answer)).collect())
}
