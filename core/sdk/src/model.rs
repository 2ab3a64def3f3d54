//! Language models, in non-deterministic blocks.

use alloc::string::String;

use crate::data::Decode;
use crate::{Result, host, web};

/// Asks a model, which answers in words.
///
/// # Errors
/// `Module`: it did not answer, with the code of the node's model module. `Refused`, `forbidden`, outside a non-deterministic block.
///
/// ```no_run
/// let who = subvm_sdk::model::ask("Who wrote Faust? The name alone.")?;
/// # Ok::<(), subvm_sdk::Error>(())
/// ```
pub fn ask(prompt: &str) -> Result<String> {
    ask_about(prompt, &[])
}

/// Asks a model about at most two images: PNG, JPEG, GIF or WebP.
///
/// # Errors
/// As [`ask`]; `Refused`, `inval`, for more images.
pub fn ask_about(prompt: &str, images: &[&[u8]]) -> Result<String> {
    prompted(prompt, "text", images)
}

/// Asks a model, whose answer is JSON of this type. Say so in the prompt, with the names of the fields.
///
/// # Errors
/// As [`ask`]. `Calldata`: the answer is of another type; calldata has no numbers with fractions.
///
/// ```no_run
/// use subvm_sdk::prelude::*;
/// #[derive(Calldata)]
/// struct Verdict { winner: String, sure: bool }
/// # fn main() -> Result<()> {
/// let verdict: Verdict = model::ask_json(r#"Who won? As JSON: {"winner": string, "sure": boolean}"#)?;
/// # Ok(())
/// # }
/// ```
pub fn ask_json<T: Decode>(prompt: &str) -> Result<T> {
    prompted(prompt, "json", &[])
}

fn prompted<T: Decode>(prompt: &str, format: &str, images: &[&[u8]]) -> Result<T> {
    let answer = host::request("ExecPrompt", |to| {
        to.map(3).key("images").array(images.len());
        for image in images {
            to.bytes(image);
        }
        to.key("prompt").str(prompt).key("response_format").str(format);
    })?;
    web::answered(&answer)
}
