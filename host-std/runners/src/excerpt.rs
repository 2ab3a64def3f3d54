//! Text from anybody, as far as an error shows it.

/// Characters of it that are shown.
const SHOWN: usize = 200;

/// The beginning of `text`, and how long it is where that is not all.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}... ({} bytes)", text.get(..end).unwrap_or_default(), text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_between_characters() {
        let long = "é".repeat(SHOWN + 1);
        assert_eq!(excerpt(&long), format!("{}... ({} bytes)", "é".repeat(SHOWN), long.len()));
        assert_eq!(excerpt(&"é".repeat(SHOWN)), "é".repeat(SHOWN));
    }
}
