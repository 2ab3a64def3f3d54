//! Archives.

use std::sync::Arc;

use subvm_runners::{Archive, Bounds, Format};

use super::make::{Entry, MODULE, all_say, entry, read, refused, tape, ustar, zip};

const MANIFEST: &[u8] = br#"{"StartWasm":"a.wasm"}"#;

fn good() -> Vec<Entry> {
    vec![entry("runner.json", MANIFEST), entry("lib/", b""), entry("lib/a.py", b"pass"), entry("a.wasm", MODULE)]
}

#[test]
fn archives_of_both_kinds_hold_the_same_files() {
    let files = [("runner.json", MANIFEST), ("lib/a.py", &b"pass"[..]), ("a.wasm", MODULE)];
    for (bytes, format) in [(zip(&good()), Format::Zip), (ustar(&files), Format::Ustar)] {
        let archive = read(&bytes).expect("it is whole");
        assert_eq!((archive.format, archive.manifest.as_bytes()), (format, MANIFEST));
        assert_eq!(archive.below("").map(|(name, _)| name).collect::<Vec<_>>(), ["a.wasm", "lib/a.py", "runner.json"]);
        assert_eq!(archive.below("lib/").map(|(_, file)| &**file).collect::<Vec<_>>(), [b"pass"]);
        assert!(archive.file("lib/").is_none() && archive.file("lib").is_none());
    }
}

#[test]
fn of_entries_with_one_name_the_last_is_there() {
    let twice = zip(&[good(), vec![entry("lib/a.py", b"later")]].concat());
    assert_eq!(&**read(&twice).expect("it is whole").file("lib/a.py").expect("there"), b"later");
    let twice = ustar(&[("runner.json", MANIFEST), ("a", b"1"), ("a", b"2")]);
    assert_eq!(&**read(&twice).expect("it is whole").file("a").expect("there"), b"2");
}

/// A whole archive, with its third entry changed.
fn changed(change: impl FnOnce(&mut Entry)) -> Vec<u8> {
    let mut entries = good();
    change(&mut entries[2]);
    zip(&entries)
}

#[test]
fn each_malformed_zip_is_refused_with_its_own_text() {
    let named = |name: &str| changed(|entry| (entry.name, entry.own_name) = (name.into(), name.into()));
    let flags = |flags| changed(|entry| (entry.flags, entry.own_flags) = (flags, flags));
    let whole = zip(&good());
    let at = |from: usize, to: u8| {
        let mut bytes = whole.clone();
        bytes[from] = to;
        bytes
    };
    let end = whole.len() - 22;
    let table: Vec<(Vec<u8>, &str)> = vec![
        (named("/etc/passwd"), r#""/etc/passwd" at byte 97: its name begins with /"#),
        (named("lib/../../a"), r#""lib/../../a" at byte 97: its name holds the component .."#),
        (
            named("lib//a.py"),
            r#""lib//a.py" at byte 97: its name holds an empty component, the component ., a backslash or a control character"#,
        ),
        (named("./a.py"), "the component ., a backslash"),
        (named("lib\\a.py"), "a backslash or a control character"),
        (named("a\0.py"), "a backslash or a control character"),
        (named(""), "holds an empty component"),
        (changed(|entry| (entry.name, entry.own_name) = (vec![0xff], vec![0xff])), "its name is not UTF-8"),
        (named(&["a"; 65].join("/")), "its name has more than 64 components"),
        (named(&"a".repeat(4097)), "its name has more than 4096 bytes"),
        (named("lib/a.py/"), r#""lib/a.py/" at byte 97: it is a directory, and has bytes"#),
        (changed(|entry| (entry.method, entry.own_method) = (8, 8)), "it is compressed (method 8); store it: zip -0"),
        (flags(1), "it is encrypted"),
        (flags(1 << 3), "its sizes follow its bytes"),
        (flags(1 << 4), "it has the flags 0x0010, which have no meaning here"),
        (changed(|entry| entry.own_name = b"lib/b.py".into()), "its own header and the directory differ in its name"),
        (changed(|entry| entry.own_flags = 1 << 11), "differ in its flags"),
        (changed(|entry| entry.own_method = 8), "differ in its method"),
        (changed(|entry| entry.own_size = 3), "differ in its size"),
        (changed(|entry| entry.own_unpacked = 5), "differ in its size when unpacked"),
        (changed(|entry| entry.own_sum = 0), "differ in its CRC-32"),
        (changed(|entry| entry.unpacked = 1 << 31), "differ in its two sizes"),
        (changed(|entry| (entry.sum, entry.own_sum) = (7, 7)), "and said to be 00000007"),
        (changed(|entry| entry.offset = Some(u32::MAX - 1)), "it is cut or malformed"),
        (
            zip(&[good(), vec![Entry { offset: Some(97), ..entry("lib/a.py", b"pass") }]].concat()),
            "it shares bytes with another entry",
        ),
        (
            [b"PK\x03\x04 in front ".to_vec(), whole.clone()].concat(),
            "at byte 14: something stands before its first entry",
        ),
        ([whole.clone(), b"\0".to_vec()].concat(), "something stands behind its end"),
        (at(end + 10, 9), "its directory has another number of entries than it says"),
        (at(end + 16, 0), "it is cut or malformed"),
        (whole[..end].to_vec(), "it has no directory at its end"),
        (zip(&[entry("a", b"")]), "the archive holds no runner.json"),
        (zip(&[entry("runner.json", b"\xff")]), "runner.json is not UTF-8 from byte 0 on"),
    ];
    all_say(table.into_iter().map(|(bytes, expected)| (refused(&bytes), expected)));
}

#[test]
fn each_malformed_tape_is_refused_with_its_own_text() {
    let first = tape("runner.json", b'0', MANIFEST);
    let behind = |blocks: Vec<u8>| [first.clone(), blocks, vec![0; 1024]].concat();
    let sized = |size: u64| {
        let mut header = tar::Header::new_ustar();
        header.as_ustar_mut().expect("it is one").name[0] = b'a';
        header.set_size(size);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let mut gnu = tar::Header::new_gnu();
    gnu.as_gnu_mut().expect("it is one").name[0] = b'a';
    gnu.set_size(0);
    gnu.set_cksum();
    let mut sum = tape("a", b'0', b"");
    sum[148] = b'7';
    let mut padded = tape("a", b'0', b"x");
    padded[600] = 1;
    let table: Vec<(Vec<u8>, &str)> = vec![
        (behind(tape("/a", b'0', b"")), r#""/a" at byte 1024: its name begins with /"#),
        (behind(tape("../a", b'0', b"")), "its name holds the component .."),
        (behind(tape("a/", b'0', b"")), "its name holds an empty component"),
        (behind(tape("a", b'5', b"x")), "it is a directory, and has bytes"),
        (behind(tape("a", b'1', b"")), "it is a link (type '1')"),
        (behind(tape("a", b'2', b"")), "it is a link (type '2')"),
        (behind(tape("a", b'3', b"")), "it is neither a file nor a directory (type '3')"),
        (behind(tape("a", b'x', b"10 size=9\n")), "it is neither a file nor a directory (type 'x')"),
        (behind(tape("a", b'L', b"long")), "it is neither a file nor a directory (type 'L')"),
        (behind(gnu.as_bytes().to_vec()), "its header is not ustar's; write it with tar --format=ustar"),
        (behind(sum), "at byte 1024: its header: archive header checksum mismatch"),
        (behind(sized(1 << 40)), "it goes on beyond the archive's end"),
        (behind(sized(u64::MAX)), "at byte 1024: its header: "),
        (behind(padded), "bytes behind it are not zero"),
        ([first.clone(), vec![0; 512]].concat(), "does not end with two blocks of zeros"),
        (first.clone(), "does not end with two blocks of zeros"),
        ([behind(Vec::new()), b"more".to_vec()].concat(), "at byte 2048: something stands behind its end"),
        (ustar(&[("a", b"")]), "the archive holds no runner.json"),
    ];
    all_say(table.into_iter().map(|(bytes, expected)| (refused(&bytes), expected)));
}

#[test]
fn texts_without_a_header_are_refused_each_with_its_own_text() {
    let table: [(&[u8], &str); 8] = [
        (b"", "nothing says what runs it"),
        (b"print('hello')", "nothing says what runs it"),
        (b"# v0.1.0\nprint('hello')", "nothing says what runs it"),
        (b"# v1\n# {}", r#"the version "v1" is not v<major>.<minor>.<patch>"#),
        (b"# v4294967296.0.0\n# {}", "is not v<major>"),
        (b"# \xff", "the contract is not UTF-8 from byte 2 on"),
        (b"\x7fELF\xff", "the contract is not UTF-8 from byte 4 on"),
        (b"PK\x03\x04", "the ZIP archive: at byte 0: it has no directory at its end"),
    ];
    all_say(table.into_iter().map(|(bytes, expected)| (refused(bytes), expected)));
}

#[test]
fn a_text_says_its_version_and_its_runner_in_any_comment() {
    for mark in ["#", "//", "--"] {
        let text = format!(
            "{mark} v0.2.16\n{mark} {{ \"Seq\": [\n{mark}   {{ \"StartWasm\": \"file\" }}\n{mark} ] }}\ncode\n{mark} not this\n"
        );
        let archive = read(text.as_bytes()).expect("it says all");
        assert_eq!(archive.version.to_string(), "v0.2.16");
        assert_eq!(archive.manifest, " { \"Seq\": [\n   { \"StartWasm\": \"file\" }\n ] }");
        assert_eq!(&**archive.file("file").expect("the text"), text.as_bytes());
    }
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    // More entries than allowed, most of them hidden by the last of their name.
    let bounds = Bounds { entries: 3, ..Bounds::default() };
    let many = [entry("runner.json", MANIFEST), entry("a", b""), entry("a", b""), entry("a", b"")];
    for bytes in [zip(&many), ustar(&[("runner.json", MANIFEST), ("a", b""), ("a", b""), ("a", b"")])] {
        let error = Archive::read(Arc::from(bytes), &bounds).expect_err("there are four");
        assert!(error.to_string().contains("it has more than 3 entries"), "{error}");
    }
    let error =
        Archive::read(Arc::from(vec![0; 9]), &Bounds { bytes: 8, ..bounds.clone() }).expect_err("there are nine");
    assert_eq!(error.to_string(), "9 bytes, where a contract or runner has 8 at most");
    let long = format!("# {}", " ".repeat(100));
    let error = Archive::read(Arc::from(long.as_bytes()), &Bounds { manifest: 10, ..bounds }).expect_err("too long");
    assert_eq!(error.to_string(), "101 bytes, where a contract or runner has 10 at most");
}
