//! Reads /data once and counts its words; then looks up those that are its arguments. A snapshot of it has read and counted already.

use std::collections::BTreeMap;
use std::sync::OnceLock;

static WORDS: OnceLock<BTreeMap<String, usize>> = OnceLock::new();

/// What `subvm snapshot` calls.
#[unsafe(no_mangle)]
pub extern "C" fn snapshot() {
    WORDS.get_or_init(words);
}

fn words() -> BTreeMap<String, usize> {
    let mut words = BTreeMap::new();
    let mut paths: Vec<_> = std::fs::read_dir("/data").expect("/data").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths.into_iter().filter(|path| path.is_file()) {
        let text = String::from_utf8_lossy(&std::fs::read(path).expect("a file")).into_owned();
        for word in text.split_whitespace() {
            *words.entry(word.to_lowercase()).or_default() += 1;
        }
    }
    words
}

fn main() {
    let words = WORDS.get_or_init(words);
    println!("{} words", words.len());
    for word in std::env::args().skip(1) {
        println!("{word}: {}", words.get(&word).copied().unwrap_or_default());
    }
    // An object whose function is called through a table.
    let shown: Vec<Box<dyn Fn() -> usize>> = vec![Box::new(|| words.len()), Box::new(|| words.values().sum())];
    println!("{:?}", shown.iter().map(|shown| shown()).collect::<Vec<_>>());
}
