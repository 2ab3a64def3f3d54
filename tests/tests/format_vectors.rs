//! Known answers for bundles, messages and parameters, in `tests/vectors/formats.json`, for other implementations: bytes that are read, what
//! they say, their digests, and bytes that are refused.
//!
//! `SUBVM_RECORD=1 cargo test --workspace --test format_vectors` records anew; a line in `CHANGELOG.md` says why.

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};
use subvm_core::wasi::Refused;
use subvm_core::{Address, FloatPolicy, Library, Message, Package, Params, Parts, Personality};
use subvm_tests::vectors::{bytes, hex, list, text};

fn packages() -> [(&'static str, Package); 2] {
    let library = |name: &str| Library { name: name.into(), wasm: b"\0asm\x01\0\0\0"[..].into() };
    let whole = Parts {
        start: b"\0asm\x01\0\0\0"[..].into(),
        libraries: vec![library("b"), library("a")],
        files: vec![("/x/y".into(), b"1"[..].into()), ("/a".into(), b""[..].into()), ("/x-".into(), b"2"[..].into())],
        directories: vec!["/empty/er".into()],
        roots: vec!["/x".into(), "/empty/er".into(), "/empty".into()],
        args: vec!["prog".into(), "--flag".into()],
        env: vec![("TZ".into(), "CET".into()), ("HOME".into(), "/=".into())],
    };
    let package = |parts: Parts| parts.check(&Refused::default()).unwrap();
    [("empty", package(Parts::default())), ("whole", package(whole))]
}

fn messages() -> [(&'static str, Message); 2] {
    let message = Message {
        contract_address: Address([1; 20]),
        sender_address: Address([2; 20]),
        origin_address: Address([3; 20]),
        stack: vec![Address([4; 20]), Address([5; 20])],
        chain_id: 61_999.into(),
        value: 1_000_000_000_000_000_000_000_u128.into(),
        is_init: true,
        entry_data: b"\x0e\x01\x06method\x1cget".to_vec(),
        ..Message::default()
    };
    [("empty", Message::default()), ("whole", message)]
}

fn params() -> [(&'static str, Params); 2] {
    let (floats, personality) = (FloatPolicy::Canonical, Personality::Program);
    let refused_env = Refused::new(["A*".parse().unwrap()]);
    let mut other = Params { floats, personality, refused_env, fingerprints: false, ..Params::default() };
    (other.limits.gas_time, other.limits.depth) = (5, 3);
    [("default", Params::default()), ("other", other)]
}

fn vector(name: &str, bytes: &[u8], digest: [u8; 32]) -> Json {
    json!({"name": name, "bytes": hex(bytes), "digest": hex(&digest)})
}

fn refused() -> Json {
    let whole = packages()[1].1.to_bundle();
    let cut = &whole[..whole.len() - 1];
    let followed = [&whole[..], &[0]].concat();
    json!({
        "bundles": [
            {"name": "cut", "bytes": hex(cut)},
            {"name": "followed", "bytes": hex(&followed)},
            {"name": "of another version", "bytes": hex(b"subvm\x02\0\0\0\0\0\0\0")},
            {"name": "a number that is not in its shortest form", "bytes": hex(b"subvm\x01\x80\0\0\0\0\0\0\0")},
            {"name": "files out of order", "bytes": hex(b"subvm\x01\0\0\x02\x02/b\0\x02/a\0\0\0\0\0")},
            {"name": "a path that is not absolute", "bytes": hex(b"subvm\x01\0\0\x01\x01a\0\0\0\0\0")},
            {"name": "variables out of order", "bytes": hex(b"subvm\x01\0\0\0\0\0\0\x02\x03B=1\x03A=1")},
            {"name": "17 libraries", "bytes": hex(&[&b"subvm\x01\0\x11"[..], &b"\x01a\0".repeat(17), &[0; 5]].concat())},
            {"name": "a root that is no directory", "bytes": hex(b"subvm\x01\0\0\x01\x02/a\0\0\x01\x02/a\0\0")},
            {"name": "a root that is there twice", "bytes": hex(b"subvm\x01\0\0\0\x01\x02/d\x02\x02/d\x02/d\0\0")},
            {"name": "the root among the roots", "bytes": hex(b"subvm\x01\0\0\0\0\x01\x01/\0\0")},
        ],
    })
}

#[test]
fn formats_are_as_recorded() {
    let computed = json!({
        "bundles": packages().iter().map(|(name, it)| vector(name, &it.to_bundle(), it.digest())).collect::<Json>(),
        "messages": messages().iter().map(|(name, it)| vector(name, &it.encode(), it.digest())).collect::<Json>(),
        "params": params().iter().map(|(name, it)| vector(name, &it.to_bytes(), it.digest())).collect::<Json>(),
        "refused": refused(),
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/formats.json");
    if std::env::var_os("SUBVM_RECORD").is_some() {
        fs::write(&path, serde_json::to_string_pretty(&computed).unwrap() + "\n").unwrap();
    }
    let recorded: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(recorded, computed);
    for ((vector, (_, package)), (_, message)) in list(&recorded["bundles"]).iter().zip(packages()).zip(messages()) {
        let read = Package::from_bundle(&bytes(&vector["bytes"])).unwrap();
        assert_eq!((hex(&read.digest()), read.to_bytes()), (text(&vector["digest"]).into(), package.to_bytes()));
        assert_eq!(Message::decode(&message.encode()), Ok(message));
    }
    for ((_, own), vector) in params().into_iter().zip(list(&recorded["params"])) {
        assert_eq!(Params::from_bytes(&bytes(&vector["bytes"])), Ok(own));
    }
    for vector in list(&recorded["refused"]["bundles"]) {
        let error = Package::from_bundle(&bytes(&vector["bytes"])).expect_err(text(&vector["name"]));
        println!("{}: {error}", vector["name"]);
    }
}
