//! `args_*` and `environ_*`.

use std::sync::Arc;

use subvm_core::wasi::{Args, Config, Env, Refused};

use crate::support::{Guest, config};

fn with_args(args: &[&str]) -> Guest {
    Guest::with(Config { args: Arc::new(Args::new(args).unwrap()), ..config() })
}

fn with_env(pairs: &[(&str, &str)]) -> Guest {
    let env = Env::new(pairs.iter().copied(), &Refused::default()).unwrap();
    Guest::with(Config { env: Arc::new(env), ..config() })
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn args_sizes_get_counts_nuls() {
    let mut guest = with_args(&["prog", "", "ünï"]);
    guest.writes("args_sizes_get", &[4, 8], &[(4, &words(&[3, 5 + 1 + 6]))]);
}

#[test]
fn args_sizes_get_of_none_is_0() {
    Guest::new().writes("args_sizes_get", &[4, 8], &[(4, &words(&[0, 0]))]);
}

#[test]
fn args_get_writes_pointers_and_strings() {
    let mut guest = with_args(&["prog", "", "ünï"]);
    guest.writes("args_get", &[32, 101], &[(32, &words(&[101, 106, 107])), (101, "prog\0\0ünï\0".as_bytes())]);
}

#[test]
fn args_get_of_none_writes_nothing() {
    let mut guest = Guest::new();
    let end = guest.mem.len() as u64;
    guest.writes("args_get", &[end, end], &[]);
}

#[test]
fn args_get_writes_the_strings_after_the_pointers_where_they_overlap() {
    with_args(&["abcdefg"]).writes("args_get", &[32, 34], &[(32, &[34, 0]), (34, b"abcdefg\0")]);
}

#[test]
fn environ_sizes_get_counts_the_defaults() {
    let bytes = "LANG=C.UTF-8\0LC_ALL=C.UTF-8\0TZ=UTC\0".len() as u32;
    Guest::new().writes("environ_sizes_get", &[4, 8], &[(4, &words(&[3, bytes]))]);
}

#[test]
fn environ_get_writes_variables_sorted_by_name() {
    let mut guest = with_env(&[("Z", "last"), ("A", ""), ("_", "after Z"), ("LANG", "de_DE.UTF-8")]);
    let block = "A=\0LANG=de_DE.UTF-8\0LC_ALL=C.UTF-8\0TZ=UTC\0Z=last\0_=after Z\0";
    let starts: Vec<u32> = ["A=", "LANG", "LC", "TZ", "Z=l", "_="].map(|s| 200 + block.find(s).unwrap() as u32).into();
    guest.writes("environ_get", &[32, 200], &[(32, &words(&starts)), (200, block.as_bytes())]);
    guest.writes("environ_sizes_get", &[4, 8], &[(4, &words(&[6, block.len() as u32]))]);
}
