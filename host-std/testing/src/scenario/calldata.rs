//! Calldata's text form, in which `$name` is the address of an account or a contract.

use std::collections::BTreeMap;

use subvm_core::Address;
use subvm_core::calldata::Value;

/// The addresses that names have.
pub(super) type Names = BTreeMap<String, Address>;

/// Calldata as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl Text {
    /// The value, once names have addresses.
    pub(super) fn value(&self, names: &Names) -> Result<Value, String> {
        let text = named(&self.0, names)?;
        text.parse().map_err(|error| format!("{} is no calldata: {error}", self.0))
    }
}

/// The text with addresses in the place of names, but not within strings.
fn named(text: &str, names: &Names) -> Result<String, String> {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(['"', '$']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let len = if from.starts_with('"') { string(from) } else { 1 + name(&from[1..]) };
        let (this, after) = from.split_at(len);
        match this.strip_prefix('$') {
            Some(name) => {
                let address = names.get(name).ok_or_else(|| unknown(name, names))?;
                out.push_str(&Value::from(*address).to_string());
            }
            None => out.push_str(this),
        }
        rest = after;
    }
    Ok(out + rest)
}

pub(super) fn unknown(name: &str, names: &Names) -> String {
    let known: Vec<&str> = names.keys().map(|name| &**name).collect();
    format!("no account and no contract is called {name} here; there are: {}", known.join(", "))
}

/// The bytes of a string with its quotes, or of all where it does not end.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn name(text: &str) -> usize {
    text.find(|c: char| !is_letter(c)).unwrap_or(text.len())
}

/// Whether a name may have it.
pub(super) fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_addresses_but_in_strings() {
        let names = Names::from([("bob".to_owned(), Address([7; 20])), ("a-b_1".to_owned(), Address([1; 20]))]);
        for (text, value) in [
            (
                r#"{"to": $bob, "note": "$bob \" $x"}"#,
                format!(r#"{{"note":"$bob \" $x","to":addr#{}}}"#, "07".repeat(20)),
            ),
            ("[$a-b_1,$bob]", format!("[addr#{},addr#{}]", "01".repeat(20), "07".repeat(20))),
        ] {
            assert_eq!(Text(text.to_owned()).value(&names).unwrap().to_string(), value);
        }
        for (text, why) in [
            ("$eve", "no account and no contract is called eve here; there are: a-b_1, bob"),
            ("$", "no account and no contract is called  here"),
            ("\"open", "is no calldata"),
            ("\"open \\", "is no calldata"),
            ("$bobé", "is no calldata"),
        ] {
            let error = Text(text.to_owned()).value(&names).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
