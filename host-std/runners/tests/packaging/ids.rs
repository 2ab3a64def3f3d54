//! Ids.

use subvm_core::{Address, SlotId};
use subvm_runners::{Known, RunnerId, View, gvm32};

use super::make::all_say;

#[test]
fn each_form_of_id_is_read_and_written() {
    let digest = gvm32::encode(&[9; 32]);
    for text in [
        format!("py-genlayer:{digest}"),
        format!("custom:{digest}"),
        "contract".into(),
        "a_B-9:latest".into(),
        "a:test".into(),
        format!("chain:0x{}", "ab".repeat(20)),
        format!("chain:0x{}:a", "ab".repeat(20)),
        format!("chain:0x{}:f:{digest}", "ab".repeat(20)),
    ] {
        assert_eq!(RunnerId::parse(&text, Known::Gvm32).expect(&text).to_string(), text);
    }
    let slot = Some(SlotId([9; 32]));
    let id = RunnerId::Chain { address: Address([0xab; 20]), view: View::Finalized, slot };
    assert_eq!(RunnerId::parse(&format!("chain:0x{}:f:{digest}", "AB".repeat(20)), Known::Gvm32), Ok(id));
}

#[test]
fn each_malformed_id_is_refused_with_its_own_text() {
    let digest = "0".repeat(52);
    let table = [
        ("".into(), "it is not <name>:<digest>"),
        ("contracts".into(), "it is not <name>:<digest>"),
        (format!(":{digest}"), "its name is not of ASCII letters, digits, _ and -"),
        (format!("../a:{digest}"), "its name is not of"),
        (format!("{}:{digest}", "a".repeat(129)), "its name is not of"),
        ("a:newest".into(), "its digest is not 52 characters of GVM32"),
        (format!("a:{}", "0".repeat(51)), "its digest is not 52 characters of GVM32"),
        (format!("a:{}1", "0".repeat(51)), "its digest is not 52 characters of GVM32"),
        (format!("a:{}U", "0".repeat(51)), "its digest is not 52 characters of GVM32"),
        ("custom:x".into(), "its digest is not 52 characters of GVM32"),
        ("chain:abcd".into(), "its address does not begin with 0x"),
        ("chain:0xabcd".into(), "its address is not of 40 hexadecimal digits"),
        (format!("chain:0x{}", "+f".repeat(20)), "its address is not of 40 hexadecimal digits"),
        (format!("chain:0x{}:", "00".repeat(20)), "its state is neither a nor f"),
        (format!("chain:0x{}:a:0", "00".repeat(20)), "its slot is not 52 characters of GVM32"),
        (format!("chain:0x{}:a:{digest}:", "00".repeat(20)), "something follows its slot"),
    ];
    let error = |text: String| RunnerId::parse(&text, Known::Gvm32).expect_err(&text).to_string();
    all_say(table.into_iter().map(|(text, expected)| (error(text), expected)));
}

#[test]
fn a_long_id_is_not_repeated_whole() {
    let error = RunnerId::parse(&"x".repeat(1 << 20), Known::Gvm32).expect_err("no id");
    assert!(error.to_string().len() < 300);
}
