//! Names for people: demangled, bounded, harmless to print.

use std::fmt::{self, Write};

/// Characters of a name that are shown.
const MOST: usize = 256;
/// Bytes of a name that is demangled: longer ones are shown as they are, as far as they are shown.
const MANGLED: usize = 4096;
/// How deep a name of C++ may nest. Each level takes the demangler some hundred bytes of stack.
const NESTING: u32 = 96;

/// A name as its source has it: of Rust or of C++ where it is mangled as theirs are, else as it is; and [`shown`].
///
/// ```
/// use subvm_symbols::demangled;
/// assert_eq!(demangled("_ZN4core9panicking5panic17h0123456789abcdefE"), "core::panicking::panic");
/// assert_eq!(demangled("_ZNSt6vectorIiE9push_backEi"), "std::vector<int>::push_back(int)");
/// assert_eq!(demangled("main"), "main");
/// ```
#[must_use]
pub fn demangled(name: &str) -> String {
    let plain = if name.len() > MANGLED { None } else { rust(name).or_else(|| cpp(name)) };
    shown(plain.as_deref().unwrap_or(name))
}

/// Text in one line, of 256 characters at most, in which what a terminal would obey is escaped.
///
/// ```
/// use subvm_symbols::shown;
/// assert_eq!(shown("\u{1b}[2Jgone"), "\\u{1b}[2Jgone");
/// assert_eq!(shown(&"x".repeat(1000)).len(), 258);
/// ```
#[must_use]
pub fn shown(text: &str) -> String {
    let mut line = String::new();
    let mut length = 0;
    for c in text.chars() {
        let escaped = if is_obeyed(c) { c.escape_default().to_string() } else { c.to_string() };
        length += escaped.chars().count();
        if length > MOST {
            line.push_str("..");
            break;
        }
        line.push_str(&escaped);
    }
    line
}

/// Whether a terminal may obey a character rather than show it: controls, other ends of lines, and what turns the direction of text around.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Without the hash.
fn rust(name: &str) -> Option<String> {
    let symbol = rustc_demangle::try_demangle(name).ok()?;
    let mut text = Bounded::default();
    // What does not fit is cut.
    let _ = write!(text, "{symbol:#}");
    Some(text.0)
}

fn cpp(name: &str) -> Option<String> {
    if !name.starts_with("_Z") && !name.starts_with("__Z") {
        return None;
    }
    let parse = cpp_demangle::ParseOptions::default().recursion_limit(NESTING);
    let symbol = cpp_demangle::Symbol::new_with_options(name, &parse).ok()?;
    let print = cpp_demangle::DemangleOptions::default().recursion_limit(NESTING).no_return_type();
    let mut text = Bounded::default();
    let written = symbol.structured_demangle(&mut text, &print);
    // A name that nests too deep fails before the text is full.
    (written.is_ok() || text.is_full()).then_some(text.0)
}

/// Text that ends where no more is shown: a mangled name may stand for one that is exponentially longer.
#[derive(Default)]
struct Bounded(String);

impl Bounded {
    const BYTES: usize = 4 * MOST;

    fn is_full(&self) -> bool {
        self.0.len() >= Self::BYTES
    }
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_full() {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_for_an_exponentially_longer_one_is_cut() {
        // Each parameter is a pair of the one before: S_ stands for what was said.
        let mut name = String::from("_Z1f4pairIiiE");
        for step in 0..60_u32 {
            let before = if step == 0 {
                "S".to_owned()
            } else {
                format!("S{}", char::from_digit(step - 1, 36).map_or('Z', |c| c.to_ascii_uppercase()))
            };
            name.push_str(&format!("4pairI{before}_{before}_E"));
        }
        assert!(demangled(&name).len() <= 4 * MOST + 2);
    }

    #[test]
    fn a_name_that_nests_deep_is_shown_as_it_is() {
        let name = format!("_Z1f{}i", "P".repeat(4000));
        assert!(demangled(&name).starts_with("_Z1fPPP"));
        let long = format!("_Z1f{}i", "P".repeat(400_000));
        assert!(demangled(&long).starts_with("_Z1fPPP"));
    }

    #[test]
    fn no_name_turns_a_line_around() {
        assert_eq!(demangled("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(demangled("a\r\nb"), "a\\r\\nb");
    }
}
