//! Language models, for non-deterministic mode: `ExecPrompt` and `ExecPromptTemplate` at any endpoint that speaks the protocol of OpenAI's
//! chat completions.
//!
//! # Error codes
//! What a guest sees as `{"error": code}`:
//!
//! | code | when |
//! |---|---|
//! | `bad_request` | an image is no PNG, JPEG, GIF or WebP, or a template is unknown |
//! | `refused` | the model, its provider, or a filter between does not answer this prompt |
//! | `truncated` | the answer was cut off by the provider's limit |
//! | `bad_answer` | the answer is not of the form that was asked for, has a key twice, or is beyond a bound |
//! | `busy` | the provider was too busy for it, each time that it was asked |
//! | `failed` | the provider failed at it or broke off, each time that it was asked |
//! | `timeout` | the provider had it, and did not answer in time |
//!
//! # Whose failure it is
//! What a provider may answer *to a prompt* is a result, for the guest to see: a prompt that one provider refuses must not keep every node
//! from voting. What keeps this node from asking is internal: no guest sees it, and the node votes *timeout*.
//!
//! | what happens | asked again | what it is |
//! |---|---|---|
//! | 200, and an answer | | the answer, `refused`, `truncated` or `bad_answer` |
//! | 400, 413, 414, 422, 451 | no | `refused` |
//! | 408, 409, 425, 429 | yes | `busy` |
//! | 5xx | yes | `failed` |
//! | 401, 407 | no | internal: the key, or the proxy's |
//! | any other status, such as 302, 402, 403, 404, 405 | no, but a fixed harmless prompt is tried once | `refused` where that is answered with 200, else internal: the address, the model, the account |
//! | no connection: the name, the port, TLS | yes | internal, unless an earlier attempt had a connection |
//! | a connection, and no answer in time | no, the time is over | `timeout` |
//! | a connection that breaks, or no HTTP | yes | `failed` |
//!
//! With several providers, the first answer counts; without one, the last result; an internal error only where no provider came to either.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use subvm_core::calldata::{Map, Value};

mod json;
mod provider;
mod proxy;
mod template;
mod transport;

pub use provider::{Key, KeyError, Provider};
pub use proxy::{Proxy, ProxyError};

use crate::{Failure, Service};
use provider::{Answered, Ask};
use subvm_observe::{self as observe, event};

/// The code of an answer that is not of the form that was asked for.
const BAD_ANSWER: Failure = Failure::Code("bad_answer");
/// The code of a prompt that is not answered.
const REFUSED: Failure = Failure::Code("refused");
/// The code of a request that makes no sense.
const BAD_REQUEST: Failure = Failure::Code("bad_request");

/// Asks models: the first provider, and the next where one fails.
///
/// ```no_run
/// use std::sync::Arc;
/// use subvm_modules::model::{Key, ModelClient, Provider};
/// use subvm_modules::ModuleSet;
///
/// let mut provider = Provider::new("https://api.example.com/v1", "some-model");
/// provider.key = Some(Key::from_env("EXAMPLE_KEY")?);
/// let client = ModelClient::new(vec![provider]);
/// let modules = ModuleSet::new(8).with(ModelClient::REQUESTS, Arc::new(client));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ModelClient {
    providers: Vec<Provider>,
    used: Used,
}

#[derive(Debug, Default)]
struct Used {
    prompt: AtomicU64,
    completion: AtomicU64,
}

/// Tokens that providers say they counted.
///
/// ```
/// use subvm_modules::model::{ModelClient, Usage};
/// let client = ModelClient::new(Vec::new());
/// assert_eq!(client.usage(), Usage::default());
/// assert_eq!(client.usage().to_string(), "0 prompt and 0 completion tokens");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Tokens of prompts.
    pub prompt: u64,
    /// Tokens of answers.
    pub completion: u64,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} prompt and {} completion tokens", self.prompt, self.completion)
    }
}

impl ModelClient {
    /// The requests that it answers.
    pub const REQUESTS: &'static [&'static str] = &["ExecPrompt", "ExecPromptTemplate"];

    /// A client of these providers, in order of preference.
    #[must_use]
    pub fn new(providers: Vec<Provider>) -> Self {
        Self { providers, used: Used::default() }
    }

    /// The tokens used since this client was made.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Usage { prompt: load(&self.used.prompt), completion: load(&self.used.completion) }
    }

    /// `ExecPrompt`: a string, or the calldata of the JSON object that the model wrote.
    fn prompt(&self, fields: &Map) -> Result<Value, Failure> {
        let ask = Ask::prompt(fields)?;
        let text = self.ask(&ask)?;
        if ask.json { json::object(&text) } else { Ok(Value::from(text)) }
    }

    /// `ExecPromptTemplate`: a string for what a leader is asked, a boolean for what a validator is.
    fn template(&self, fields: &Map) -> Result<Value, Failure> {
        let template = template::Template::parse(fields)?;
        template.answer(&self.ask(&template.ask())?)
    }

    fn ask(&self, ask: &Ask) -> Result<String, Failure> {
        let mut last = Failure::Unavailable("no model provider is configured: see [[model.providers]]".into());
        for provider in &self.providers {
            match provider.ask(ask) {
                Ok(answer) => return Ok(self.account(provider, answer)),
                Err(failure) => {
                    event!(warn, provider = provider.base_url, ?failure, "a model provider failed");
                    if matches!(failure, Failure::Code(_)) || matches!(last, Failure::Unavailable(_)) {
                        last = failure;
                    }
                }
            }
        }
        Err(last)
    }

    fn account(&self, provider: &Provider, answer: Answered) -> String {
        let Usage { prompt, completion } = answer.usage;
        observe::tokens(prompt, completion);
        event!(info, provider = provider.base_url, model = provider.model, prompt, completion, "model tokens used");
        self.used.prompt.fetch_add(prompt, Ordering::Relaxed);
        self.used.completion.fetch_add(completion, Ordering::Relaxed);
        answer.text
    }
}

impl Service for ModelClient {
    fn answer(&self, name: &str, fields: &Map) -> Result<Value, Failure> {
        match name {
            "ExecPrompt" => self.prompt(fields),
            _ => self.template(fields),
        }
    }
}
