//! What the web and models answer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use subvm_core::calldata::{Map, Value};
use subvm_core::host::{HostError, Modules, Progress, RequestId};

/// Who of a transaction's nodes asks.
///
/// ```
/// use subvm_testing::Node;
/// assert_ne!(Node::Leader, Node::Validator(0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// The leader.
    Leader,
    /// A validator, counted from 0.
    Validator(usize),
}

/// What a request comes to.
///
/// ```
/// use subvm_testing::{Answer, Node, web};
/// // The second validator's connection is down, and the leader is shown another page than the others.
/// let _prices = web("https://prices.test/*").text("100").to(Node::Validator(1), Answer::Down).to(Node::Leader, Answer::page(200, "666"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// What the module found: `{"ok": value}`.
    Ok(Value),
    /// It failed, with this code: `{"error": code}`. `timeout` is one of them.
    Error(&'static str),
    /// The module is not there: an internal error, for which a node votes *timeout*.
    Down,
    /// This, whatever it says: what a module gave once ([`recorded`](crate::recorded())).
    Exactly(Value),
}

impl Answer {
    /// A page, without headers.
    #[must_use]
    pub fn page(status: u16, body: impl AsRef<[u8]>) -> Self {
        let body = Value::Bytes(body.as_ref().to_vec());
        Self::Ok(Map::from([("status", Value::from(status)), ("headers", Map::new().into()), ("body", body)]).into())
    }
}

/// Requests of a kind, and their answers.
///
/// ```
/// use subvm_testing::{Answer, Chain, model, web};
/// let mut chain = Chain::new();
/// chain.world(web("https://*.test/*").method("POST").answers(Answer::Error("timeout")));
/// chain.world(model("Who won*").answers(Answer::Ok("eve".into())));
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    asks: Asks,
    answer: Answer,
    /// For some nodes another.
    to: Vec<(Node, Answer)>,
}

/// What a request must be.
#[derive(Clone, Debug)]
enum Asks {
    /// One of these names, with fields that must be there and patterns of what is in them.
    Like(&'static [&'static str], Vec<(&'static str, String)>),
    /// This one.
    This(Value),
    /// What a function answers.
    Any(Asked),
}

/// A function that answers requests.
#[derive(Clone)]
struct Asked(Arc<Reply>);

/// Who asks, and the request: what it comes to, if this answers it.
type Reply = dyn Fn(Node, &Value) -> Option<Answer> + Send + Sync;

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked(..)")
    }
}

/// Requests to addresses of a pattern, in which `*` is any text; rendered pages too. Until more is said, they are answered by `404`.
#[must_use]
pub fn web(url: &str) -> Script {
    Script::new(&["WebRequest", "WebRender"], ("url", url.to_owned()), Answer::page(404, ""))
}

/// Prompts of a pattern, in which `*` is any text. Until more is said, the model refuses.
///
/// The questions that strategies ask have no prompt: they are found by their principle, or by their task.
#[must_use]
pub fn model(prompt: &str) -> Script {
    Script::new(
        &["ExecPrompt", "ExecPromptTemplate"],
        ("prompt|principle|task", prompt.to_owned()),
        Answer::Error("refused"),
    )
}

/// Requests that a function answers, where patterns are not enough: it is given who asks and the request, a map from its name to its fields. Where
/// it answers nothing, the scripts before it are asked.
///
/// ```
/// use subvm_testing::{Answer, Chain, asked};
/// let mut chain = Chain::new();
/// chain.world(asked(|_, request| {
///     let url = request["WebRequest"]["url"].as_str()?;
///     Some(Answer::page(200, url.len().to_string()))
/// }));
/// ```
#[must_use]
pub fn asked(answer: impl Fn(Node, &Value) -> Option<Answer> + Send + Sync + 'static) -> Script {
    Script { asks: Asks::Any(Asked(Arc::new(answer))), answer: Answer::Down, to: Vec::new() }
}

impl Script {
    fn new(names: &'static [&'static str], field: (&'static str, String), answer: Answer) -> Self {
        Self { asks: Asks::Like(names, vec![field]), answer, to: Vec::new() }
    }

    /// One request, with all of its fields.
    pub(crate) fn this(request: Value, answer: Answer) -> Self {
        Self { asks: Asks::This(request), answer, to: Vec::new() }
    }

    /// Requests of a method alone: `POST`. Nothing, for one that was recorded.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        if let Asks::Like(_, fields) = &mut self.asks {
            fields.push(("method", method.to_owned()));
        }
        self
    }

    /// What all nodes are answered. Nothing, for a function, which says so itself.
    #[must_use]
    pub fn answers(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }

    /// All nodes are answered a page of success with this text.
    #[must_use]
    pub fn text(self, body: &str) -> Self {
        self.answers(Answer::page(200, body))
    }

    /// What one node is answered instead.
    #[must_use]
    pub fn to(mut self, node: Node, answer: Answer) -> Self {
        self.to.push((node, answer));
        self
    }

    /// What a node's request comes to, if this script has an answer to it.
    fn answer_to(&self, node: Node, request: &Value, name: &str, fields: &Value) -> Option<Answer> {
        let mine = self.to.iter().rev().find(|(to, _)| *to == node).map(|(_, answer)| answer);
        let found = |names: &str| names.split('|').find_map(|name| fields.get(name)?.as_str());
        match &self.asks {
            Asks::This(this) => (this == request).then_some(())?,
            Asks::Any(Asked(answer)) => return answer(node, request).map(|answer| mine.cloned().unwrap_or(answer)),
            Asks::Like(names, patterns) => {
                let all = |(field, pattern): &(&str, String)| found(field).is_some_and(|text| matches(pattern, text));
                (names.contains(&name) && patterns.iter().all(all)).then_some(())?;
            }
        }
        Some(mine.unwrap_or(&self.answer).clone())
    }
}

/// Whether a text is of a pattern, in which `*` is any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(after, &rest[at..]))
}

/// The world as one node sees it. The script that was said last counts.
pub(crate) struct Seen {
    node: Node,
    scripts: Vec<Script>,
    next: u64,
    answers: BTreeMap<RequestId, Vec<u8>>,
}

impl Seen {
    pub(crate) fn by(node: Node, scripts: &[Script]) -> Self {
        Self { node, scripts: scripts.to_vec(), next: 0, answers: BTreeMap::new() }
    }

    fn answer(&self, request: &[u8]) -> Result<Value, HostError> {
        let request = Value::decode(request)?;
        let (name, fields) = request.as_map().and_then(|map| map.iter().next()).ok_or("no request")?;
        let found = self.scripts.iter().rev().find_map(|script| script.answer_to(self.node, &request, name, fields));
        match found {
            Some(Answer::Ok(value)) => Ok(Map::from([("ok", value)]).into()),
            Some(Answer::Exactly(value)) => Ok(value),
            Some(Answer::Error(code)) => Ok(Map::from([("error", code)]).into()),
            Some(Answer::Down) => Err(format!("the world has no {name} for {:?}", self.node).into()),
            None => Err(format!("no script answers {request}: add one with Chain::world").into()),
        }
    }
}

impl Modules for Seen {
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
        let answer = self.answer(request)?.encode()?;
        let id = RequestId(self.next);
        self.next += 1;
        self.answers.insert(id, answer);
        Ok(id)
    }

    fn wait(&mut self, id: RequestId, _: Duration) -> Result<Progress, HostError> {
        let answer = self.answers.remove(&id);
        answer.map(Progress::Ready).ok_or_else(|| format!("request {} was never started, or is spent", id.0).into())
    }

    fn cancel(&mut self, id: RequestId) {
        self.answers.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*é*", "caféine", true),
            ("https://*.test/*", "https://a.b.test/x?y=1", true),
            ("**b", "ab", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
