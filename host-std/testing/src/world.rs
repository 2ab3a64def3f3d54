//! What the web and models answer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use subvm_core::calldata::{Map, Value};
use subvm_core::host::{HostError, Modules, Progress, RequestId};

use crate::time::Spent;

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
#[non_exhaustive]
pub enum Answer {
    /// What the module found: `{"ok": value}`.
    Ok(Value),
    /// It failed, with this code: `{"error": code}`. `timeout` is one of them.
    Error(&'static str),
    /// The module is not there: an internal error, for which a node votes *timeout*.
    Down,
    /// This, after so long. A node that waits beyond its [deadline](crate::Chain::deadline) votes *timeout*.
    After(Duration, Box<Answer>),
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

    /// The same, so much later. Requests that a contract starts together are answered beside each other.
    ///
    /// ```
    /// use std::time::Duration;
    /// use subvm_testing::{Answer, Chain, Map, Node, Vote, web};
    /// # let oracle = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/contracts/wasm/oracle.wasm"));
    /// let mut chain = Chain::new();
    /// chain.deadline = Duration::from_secs(10);
    /// let (alice, oracle) = (chain.account("alice", 0), chain.deploy(oracle, Map::new()));
    /// let slow = Answer::page(200, "101").after(Duration::from_secs(11));
    /// chain.world(web("*").text("101").to(Node::Validator(1), slow));
    /// let asked = chain.call(alice, oracle, "ask", Map::from([("url", "https://prices.test/btc")]));
    /// assert!(matches!(asked.votes[..], [Vote::Agree, Vote::Timeout(_)]));
    /// ```
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self::After(time, Box::new(self))
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

/// An answer's calldata, or why there is none.
type Answered = Result<Vec<u8>, String>;

/// The world as one node sees it. The script that was said last counts.
pub(crate) struct Seen {
    node: Node,
    scripts: Vec<Script>,
    spent: Spent,
    next: u64,
    /// When each answer is there, and what it is.
    answers: BTreeMap<RequestId, (Duration, Answered)>,
}

impl Seen {
    pub(crate) fn by(node: Node, scripts: &[Script], spent: Spent) -> Self {
        Self { node, scripts: scripts.to_vec(), spent, next: 0, answers: BTreeMap::new() }
    }

    /// How long an answer takes, and what it is.
    fn answer(&self, request: &[u8]) -> Result<(Duration, Answered), HostError> {
        let request = Value::decode(request)?;
        let (name, fields) = request.as_map().and_then(|map| map.iter().next()).ok_or("no request")?;
        let found = self.scripts.iter().rev().find_map(|script| script.answer_to(self.node, &request, name, fields));
        let mut answer = found.ok_or_else(|| format!("no script answers {request}: add one with Chain::world"))?;
        let mut takes = Duration::ZERO;
        while let Answer::After(time, then) = answer {
            (takes, answer) = (takes.saturating_add(time), *then);
        }
        let value = match answer {
            Answer::Ok(value) => Map::from([("ok", value)]).into(),
            Answer::Exactly(value) => value,
            Answer::Error(code) => Map::from([("error", code)]).into(),
            Answer::Down | Answer::After(..) => {
                return Ok((takes, Err(format!("the world has no {name} for {:?}", self.node))));
            }
        };
        Ok((takes, Ok(value.encode()?)))
    }
}

impl Modules for Seen {
    fn start(&mut self, request: &[u8]) -> Result<RequestId, HostError> {
        let (takes, answer) = self.answer(request)?;
        if takes.is_zero()
            && let Err(why) = answer
        {
            return Err(why.into());
        }
        let id = RequestId(self.next);
        self.next += 1;
        self.answers.insert(id, (self.spent.so_far().saturating_add(takes), answer));
        Ok(id)
    }

    fn wait(&mut self, id: RequestId, at_most: Duration) -> Result<Progress, HostError> {
        let spent = || format!("request {} was never started, or is spent", id.0);
        let (due, _) = self.answers.get(&id).ok_or_else(spent)?;
        let left = due.saturating_sub(self.spent.so_far());
        self.spent.pass(left.min(at_most));
        // What is there in the very moment of a deadline is too late, whoever looks first.
        if !left.is_zero() && left >= at_most {
            return Ok(Progress::Pending);
        }
        let (_, answer) = self.answers.remove(&id).ok_or_else(spent)?;
        Ok(Progress::Ready(answer?))
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
