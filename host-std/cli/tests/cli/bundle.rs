//! `bundle`: what is packed is shown and unpacked as it was, and no bundle writes where it may not.

use super::*;

#[test]
fn a_package_is_packed_shown_and_unpacked() {
    let dir = scratch("bundle");
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let data = write(dir.path(), "data", b"abc");
    let (map, link) = (format!("{data}=/in/data"), format!("lib={}", guest("done")));
    let bundle = path("a.bundle");
    let options = ["--map", &map, "--link", &link, "--env", "A=1", "--output", &bundle];
    let packed = subvm(&[&["bundle", "pack"], &options[..], &[&guest("done"), "--", "-v"]].concat());
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let digest = String::from_utf8(packed.stdout).unwrap().trim().to_owned();
    let shown = subvm(&["bundle", "show", "--json", &bundle]);
    let shown: Json = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["digest"], *digest);
    assert_eq!((&shown["files"][0]["path"], &shown["libraries"][0]["name"]), (&"/in/data".into(), &"lib".into()));
    assert_eq!(shown["args"], Json::from(vec!["done.wat", "-v"]));
    let text = String::from_utf8(subvm(&["bundle", "show", &bundle]).stdout).unwrap();
    assert!(text.contains(&digest) && text.contains("variable   A=1"), "{text}");
    assert!(subvm(&["bundle", "unpack", &bundle, &path("out")]).status.success());
    assert_eq!(fs::read(dir.path().join("out/files/in/data")).unwrap(), b"abc");
    assert!(fs::read(dir.path().join("out/libraries/0-lib.wasm")).unwrap().starts_with(b"\0asm"));
    // Packed again, it is the same package.
    let again = path("b.bundle");
    let (map, link) = (format!("{}=/", path("out/files")), format!("lib={}", path("out/libraries/0-lib.wasm")));
    let options = ["--map", &map, "--link", &link, "--env", "A=1", "--arg0", "done.wat", "--output", &again];
    subvm(&[&["bundle", "pack"], &options[..], &[&path("out/start.wasm"), "--", "-v"]].concat());
    assert_eq!(fs::read(&again).unwrap(), fs::read(&bundle).unwrap());
    fails(&["bundle", "unpack", &bundle, &path("out")], 126, &["cannot write", "out"]);
}

#[test]
fn roots_are_part_of_a_bundle() {
    let dir = scratch("bundle-roots");
    fs::create_dir_all(dir.path().join("data")).unwrap();
    write(&dir.path().join("data"), "a", b"1");
    let module = guest("done");
    let pack = |guest: &str, name: &str| {
        let (map, bundle) = (format!("{}/data={guest}", dir.path().display()), dir.path().join(name));
        let bundle = bundle.to_str().unwrap().to_owned();
        let options = ["bundle", "pack", "--map", &map, "--output", &bundle, &module];
        assert!(subvm(&options).status.success());
        serde_json::from_slice::<Json>(&subvm(&["bundle", "show", "--json", &bundle]).stdout).unwrap()
    };
    let (whole, inner) = (pack("/", "whole"), pack("/usr/data", "inner"));
    assert_eq!((&whole["roots"], &inner["roots"]), (&Json::Array(vec![]), &Json::from(vec!["/usr/data"])));
    let text = subvm(&["bundle", "show", dir.path().join("inner").to_str().unwrap()]).stdout;
    assert!(String::from_utf8(text).unwrap().contains("root       /usr/data\n"));
}

#[test]
fn what_is_no_bundle_is_refused() {
    let dir = scratch("no-bundle");
    let module = write(dir.path(), "a.wasm", b"\0asm\x01\0\0\0");
    fails(&["bundle", "show", &module], 126, &["is no bundle", "subvm bundle pack"]);
    // A library whose name leads out of the directory: no tool of ours writes one.
    let hostile = write(dir.path(), "hostile", b"subvm\x01\0\x01\x07../evil\0\0\0\0\0\0");
    let out = dir.path().join("out");
    let output = subvm(&["bundle", "unpack", &hostile, out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(126));
    assert!(!out.exists() && !dir.path().join("evil").exists());
}
