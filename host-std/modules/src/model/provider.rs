//! One endpoint, and what is asked of it.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Written, json};
use subvm_core::calldata::{Map, Value};

use super::json::Json;
use super::transport::Attempts;
use super::{BAD_ANSWER, BAD_REQUEST, Proxy, REFUSED, Usage};
use crate::Failure;

/// A key that lets us in. It shows in no log and no error.
///
/// ```
/// use subvm_modules::model::Key;
/// let key = Key::new(" sk-123\n").unwrap();
/// assert_eq!(format!("{key:?}"), "Key(hidden)");
/// assert_eq!(Key::new("two words"), None);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

/// A key that cannot be had.
///
/// ```
/// use subvm_modules::model::Key;
/// let error = Key::from_env("NO_SUCH_VARIABLE").unwrap_err();
/// assert_eq!(error.to_string(), "the environment variable NO_SUCH_VARIABLE is not set");
/// assert!(Key::from_file("no/such/file".as_ref()).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError(String);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

impl Key {
    /// The key in the environment variable `name`.
    ///
    /// # Errors
    /// When it is not set, empty, or no key.
    pub fn from_env(name: &str) -> Result<Self, KeyError> {
        let text = std::env::var(name).map_err(|_| KeyError(format!("the environment variable {name} is not set")))?;
        Self::new(&text).ok_or_else(|| KeyError(format!("the environment variable {name} holds no key")))
    }

    /// The key in the file at `path`, without white space around it.
    ///
    /// # Errors
    /// When it cannot be read, is empty, or holds no key.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let failed = |error| KeyError(format!("the key file {} cannot be read: {error}", path.display()));
        let text = std::fs::read_to_string(path).map_err(failed)?;
        Self::new(&text).ok_or_else(|| KeyError(format!("the file {} holds no key", path.display())))
    }

    /// The key in `text`; nothing where it could not stand in a header.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

/// An endpoint and a model there.
///
/// ```
/// use std::time::Duration;
/// use subvm_modules::model::{Key, Provider};
/// let mut provider = Provider::new("https://api.example.com/v1/", "some-model");
/// provider.key = Key::new("sk-123");
/// provider.timeout = Duration::from_secs(10);
/// assert_eq!(provider.base_url, "https://api.example.com/v1");
/// ```
#[derive(Clone, Debug)]
pub struct Provider {
    /// What comes before `/chat/completions`.
    pub base_url: String,
    /// The name of the model.
    pub model: String,
    /// What lets us in, where the endpoint wants it.
    pub key: Option<Key>,
    /// What leads to the endpoint, where it is not reached without. Variables such as `ALL_PROXY` are not read.
    pub proxy: Option<Proxy>,
    /// How long an answer may take, all attempts together.
    pub timeout: Duration,
    /// How often to try again when the endpoint is busy, unwell or not there.
    pub retries: u32,
    /// How long to wait before the first of them; twice as long before each next one, unless the endpoint says how long.
    pub backoff: Duration,
    /// Bytes of an answer.
    pub max_answer: u64,
}

impl Provider {
    /// A provider without a key, that gets a minute and three more attempts.
    #[must_use]
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into().trim_end_matches('/').to_owned(),
            model: model.into(),
            key: None,
            proxy: None,
            timeout: Duration::from_secs(60),
            retries: 3,
            backoff: Duration::from_millis(500),
            max_answer: 4 << 20,
        }
    }

    pub(super) fn ask(&self, ask: &Ask) -> Result<Answered, Failure> {
        let answer = Attempts::new(self).post(&ask.body(&self.model))?;
        Answered::read(&answer)
    }
}

/// What is asked of a model.
pub(super) struct Ask {
    pub(super) instructions: Option<&'static str>,
    pub(super) text: String,
    /// As addresses that hold their data.
    pub(super) images: Vec<String>,
    /// Whether the answer is to be a JSON object.
    pub(super) json: bool,
}

impl Ask {
    /// Reads the fields of `ExecPrompt`.
    pub(super) fn prompt(fields: &Map) -> Result<Self, Failure> {
        let text = |name| fields.get(name).and_then(Value::as_str).ok_or(BAD_REQUEST);
        let images = fields.get("images").and_then(Value::as_array).ok_or(BAD_REQUEST)?;
        let images = images.iter().map(|image| image.as_bytes().and_then(data_url).ok_or(BAD_REQUEST));
        Ok(Self {
            instructions: None,
            text: text("prompt")?.to_owned(),
            images: images.collect::<Result<_, _>>()?,
            json: text("response_format")? == "json",
        })
    }

    /// What every model answers that answers at all.
    pub(super) fn harmless() -> Self {
        Self { instructions: None, text: "Reply with the word yes.".into(), images: Vec::new(), json: false }
    }

    pub(super) fn body(&self, model: &str) -> Written {
        let content = if self.images.is_empty() {
            json!(self.text)
        } else {
            let images = self.images.iter().map(|url| json!({"type": "image_url", "image_url": {"url": url}}));
            [json!({"type": "text", "text": self.text})].into_iter().chain(images).collect()
        };
        let mut messages = Vec::new();
        messages.extend(self.instructions.map(|text| json!({"role": "system", "content": text})));
        messages.push(json!({"role": "user", "content": content}));
        let mut body = json!({"model": model, "messages": messages});
        if self.json {
            body["response_format"] = json!({"type": "json_object"});
        }
        body
    }
}

/// The address that holds an image; nothing where it is of no kind that models know.
fn data_url(image: &[u8]) -> Option<String> {
    let kind = match image {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => "png",
        [0xff, 0xd8, 0xff, ..] => "jpeg",
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => "gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "webp",
        _ => return None,
    };
    Some(format!("data:image/{kind};base64,{}", STANDARD.encode(image)))
}

/// What a model answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) text: String,
    pub(super) usage: Usage,
}

impl Answered {
    fn read(bytes: &[u8]) -> Result<Self, Failure> {
        let answer = std::str::from_utf8(bytes).map_err(|_| BAD_ANSWER).and_then(Json::read)?;
        let Some(Json::Array(choices)) = answer.get("choices") else { return Err(BAD_ANSWER) };
        let choice = choices.first().ok_or(BAD_ANSWER)?;
        match choice.get("finish_reason").and_then(Json::as_str) {
            Some("length") => return Err(Failure::Code("truncated")),
            Some("content_filter") => return Err(REFUSED),
            _ => {}
        }
        let message = choice.get("message").ok_or(BAD_ANSWER)?;
        let text = |name| message.get(name).and_then(Json::as_str);
        if text("refusal").is_some() {
            return Err(REFUSED);
        }
        let text = text("content").ok_or(BAD_ANSWER)?;
        let tokens = |name| answer.get("usage").and_then(|usage| usage.get(name)).and_then(Json::as_u64).unwrap_or(0);
        let usage = Usage { prompt: tokens("prompt_tokens"), completion: tokens("completion_tokens") };
        Ok(Self { text: text.to_owned(), usage })
    }
}
