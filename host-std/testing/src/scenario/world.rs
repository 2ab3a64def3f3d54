//! What the web and models answer, as the file says it.

use std::path::Path;

use subvm_core::calldata::{Map, Value};

use super::calldata::{Names, Text};
use super::document::{Is, Node, Wrong};
use super::parse::duration;
use super::table::{Table, hex, list, number, text, truth};
use crate::Node as Asker;
use crate::{Answer, Script, model, recorded, web};

/// Rules, in their order. `here` is the directory of the file.
pub(super) fn rules(node: &Node, key: &str, here: &Path) -> Result<Vec<Script>, Wrong> {
    let mut scripts = Vec::new();
    for item in list(node, key)? {
        let mut table = Table::of(item, "a rule of world")?;
        if let Some(file) = table.take("recorded") {
            scripts.extend(recording(file, here)?);
            table.end()?;
            continue;
        }
        scripts.push(rule(table)?);
    }
    Ok(scripts)
}

fn recording(file: &Node, here: &Path) -> Result<Vec<Script>, Wrong> {
    let path = here.join(text(file, "recorded")?);
    let wrong = |error: &dyn std::fmt::Display| (file.line, format!("{}: {error}", path.display()));
    let opened = std::fs::File::open(&path).map_err(|error| wrong(&error))?;
    recorded(std::io::BufReader::new(opened)).map_err(|error| wrong(&error))
}

fn rule(mut table: Table<'_>) -> Result<Script, Wrong> {
    let line = table.line;
    let (url, prompt) = (table.read("web", text)?, table.read("model", text)?);
    let method = table.read("method", text)?;
    let (mut script, of) = match (url, prompt) {
        (Some(url), None) => (web(&url), Of::Web),
        (None, Some(prompt)) => (model(&prompt), Of::Model),
        _ => return Err((line, "a rule of world has one of the keys web, model, recorded".into())),
    };
    match method {
        Some(method) if of == Of::Web => script = script.method(&method),
        Some(_) => return Err((line, "method is for rules of web".into())),
        None => {}
    }
    let only = table.take("only");
    if let Some(answer) = answer(&mut table, of)? {
        script = script.answers(answer);
    } else if only.is_none() {
        return Err((line, NO_ANSWER.into()));
    }
    table.end()?;
    for item in only.map(|only| list(only, "only")).transpose()?.unwrap_or_default() {
        let mut table = Table::of(item, "an answer of only")?;
        let asker = asker(table.need("node")?, "node")?;
        let answer = answer(&mut table, of)?.ok_or((item.line, NO_ANSWER.to_owned()))?;
        table.end()?;
        script = script.to(asker, answer);
    }
    Ok(script)
}

const NO_ANSWER: &str = "there is no answer; give text, body, answer, error, or down = true";

#[derive(Clone, Copy, PartialEq)]
enum Of {
    Web,
    Model,
}

/// `"leader"`, or the number of a validator.
pub(super) fn asker(node: &Node, key: &str) -> Result<Asker, Wrong> {
    match &node.is {
        Is::Text(name) if name == "leader" => Ok(Asker::Leader),
        Is::Int(_) => number(node, key).map(Asker::Validator),
        _ => Err((node.line, format!("{key}: a node is \"leader\", or the number of a validator, from 0"))),
    }
}

fn answer(table: &mut Table<'_>, of: Of) -> Result<Option<Answer>, Wrong> {
    let line = table.line;
    let status = table.read("status", number::<u16>)?;
    let body = table.read("body", hex)?;
    let words = table.read("text", text)?;
    let value = table.take("answer");
    let error = table.read("error", text)?;
    let down = table.read("down", truth)?.unwrap_or_default();
    let after = table.read("after", duration)?;
    if (status.is_some() || body.is_some()) && of == Of::Model {
        return Err((line, "status and body are for rules of web".into()));
    }
    let page = match (body, words) {
        (Some(_), Some(_)) => return Err((line, "an answer has text or body, not both".into())),
        (Some(body), None) => Some(Answer::page(status.unwrap_or(200), body)),
        (None, Some(words)) if of == Of::Web => Some(Answer::page(status.unwrap_or(200), words)),
        (None, Some(words)) => Some(Answer::Ok(words.into())),
        (None, None) => status.map(|status| Answer::page(status, "")),
    };
    let value = value.map(|node| Ok(Answer::Ok(plain(node)?))).transpose()?;
    let error = error.map(|code| Answer::Exactly(Map::from([("error", Value::from(code))]).into()));
    let mut all = [page, value, error, down.then_some(Answer::Down)].into_iter().flatten();
    match (all.next(), all.next()) {
        (None, None) if after.is_some() => Err((line, format!("after is how long an answer takes, and {NO_ANSWER}"))),
        (answer, None) => Ok(answer.map(|answer| after.into_iter().fold(answer, Answer::after))),
        _ => Err((line, "there are two answers; give one of text or body, answer, error, down".into())),
    }
}

/// Calldata without names.
fn plain(node: &Node) -> Result<Value, Wrong> {
    Text(text(node, "answer")?).value(&Names::new()).map_err(|why| (node.line, why))
}
