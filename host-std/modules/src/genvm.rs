//! Answers as contracts of GenVM find them: `docs/genvm.md`, *Profiles*.

use std::fmt;
use std::sync::Arc;

use subvm_core::calldata::{Map, Value};

use crate::{Failure, Service};

/// A service whose answers of the web are in GenVM's shapes: `{"response": {status, headers, body}}` of a request, `{"text": str}` or
/// `{"image": bytes}` of a page that was rendered. What others answer stays as it is.
///
/// ```
/// use std::sync::Arc;
/// use subvm_core::calldata::{Map, Value};
/// use subvm_modules::{Failure, GenVmAnswers, Service};
///
/// struct Page;
/// impl Service for Page {
///     fn answer(&self, _name: &str, _fields: &Map) -> Result<Value, Failure> {
///         Ok("hello".into())
///     }
/// }
/// let page = GenVmAnswers::new(Arc::new(Page));
/// assert_eq!(page.answer("WebRender", &Map::new()).unwrap().to_string(), r#"{"text":"hello"}"#);
/// assert_eq!(page.answer("ExecPrompt", &Map::new()).unwrap().to_string(), r#""hello""#);
/// ```
pub struct GenVmAnswers(Arc<dyn Service>);

impl fmt::Debug for GenVmAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenVmAnswers").finish_non_exhaustive()
    }
}

impl GenVmAnswers {
    /// Of this service.
    #[must_use]
    pub fn new(service: Arc<dyn Service>) -> Self {
        Self(service)
    }
}

impl Service for GenVmAnswers {
    fn answer(&self, name: &str, fields: &Map) -> Result<Value, Failure> {
        let answer = self.0.answer(name, fields)?;
        let field = match (name, &answer) {
            ("WebRequest", _) => "response",
            ("WebRender", Value::Bytes(_)) => "image",
            ("WebRender", _) => "text",
            _ => return Ok(answer),
        };
        Ok(Value::Map(Map::from([(field, answer)])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Result<Value, &'static str>);

    impl Service for Fixed {
        fn answer(&self, _: &str, _: &Map) -> Result<Value, Failure> {
            self.0.clone().map_err(Failure::Code)
        }
    }

    #[test]
    fn pages_and_answers_are_under_their_own_names_and_failures_stay() {
        let said = |name: &str, answer: Value| {
            GenVmAnswers::new(Arc::new(Fixed(Ok(answer)))).answer(name, &Map::new()).unwrap().to_string()
        };
        let response = Value::Map(Map::from([("status", 200)]));
        assert_eq!(said("WebRequest", response), r#"{"response":{"status":200}}"#);
        assert_eq!(said("WebRender", Value::Bytes(vec![1])), r#"{"image":b#01}"#);
        assert_eq!(said("WebRender", "<html>".into()), r#"{"text":"<html>"}"#);
        assert_eq!(said("ExecPromptTemplate", true.into()), "true");
        let failed = GenVmAnswers::new(Arc::new(Fixed(Err("refused")))).answer("WebRequest", &Map::new());
        assert!(matches!(failed, Err(Failure::Code("refused"))));
    }
}
