//! `subvm calldata`.

use super::*;

#[test]
fn calldata_goes_both_ways_and_refusals_have_an_offset() {
    let dir = scratch("calldata");
    let text = write(dir.path(), "a.txt", br#"{"b": [1, -1, b#00ff], "a": null}"#);
    let output = subvm(&["calldata", "encode", &text]);
    let hex = String::from_utf8(output.stdout).unwrap();
    let back = subvm(&["calldata", "decode", &write(dir.path(), "a.hex", hex.as_bytes())]);
    assert_eq!(String::from_utf8_lossy(&back.stdout).trim(), r#"{"a":null,"b":[1,-1,b#00ff]}"#);
    fails(&["calldata", "decode", &write(dir.path(), "bad.hex", b"0e0161")], 126, &["not calldata", "3"]);
    fails(&["calldata", "decode", &write(dir.path(), "odd.hex", b"0")], 126, &["odd"]);
    fails(&["calldata", "encode", &write(dir.path(), "float.txt", b"1.5")], 126, &["floating"]);
}

/// What `calldata encode` says of a text, given as a file.
#[track_caller]
fn refused(command: &str, text: &[u8], says: &[&str]) {
    let dir = scratch("refused");
    fails(&["calldata", command, &write(dir.path(), "input", text)], 126, says);
}

#[test]
fn an_offset_counts_from_the_first_byte_of_what_was_given() {
    refused("encode", b"  \n 1.5", &["byte 4", "not_an_integer"]);
    refused("encode", b"\n[1,]\n", &["byte 4", "unexpected"]);
    refused("decode", b" 0e 0161", &["not calldata", "calldata, byte 3"]);
    refused("decode", b" 0e 0z", &["not hexadecimal", "byte 5"]);
    refused("decode", b"0\n", &["not hexadecimal", "byte 2", "odd"]);
}

/// The grammar has four: space, tab, line feed and carriage return.
#[test]
fn white_space_is_what_the_grammar_says() {
    let dir = scratch("white");
    let output = subvm(&["calldata", "encode", &write(dir.path(), "plain", b" \t\r\n1\r\n")]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "09\n");
    for text in ["\u{a0}1", "1\u{2003}", "\u{b}1", "1\u{c}", "\u{feff}1", "1\u{85}"] {
        refused("encode", text.as_bytes(), &["not calldata", "calldata text, byte "]);
        refused("decode", text.replace('1', "09").as_bytes(), &["not hexadecimal"]);
    }
}
