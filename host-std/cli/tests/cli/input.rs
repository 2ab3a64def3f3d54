//! What a user names: instants, addresses, files and directories.

use super::*;

#[test]
fn an_instant_is_rfc_3339_and_nothing_else() {
    let run = |time: &str| subvm(&["exec", "--time", time, &guest("done")]);
    for time in [
        "2024-01-01T00:00:00Z",
        "2024-02-29t23:59:59.123456789z",
        "2024-01-01T00:00:00.5+23:59",
        "1970-01-01T01:00:00+01:00",
        "2024-01-01T00:00:00-00:00",
    ] {
        let output = run(time);
        assert_eq!(output.status.code(), Some(0), "{time}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for time in [
        "2024-01-01",
        "2024-01-01T00Z",
        "2024-01-01T00:00Z",
        "20240101T000000Z",
        "2024-01-01 00:00:00Z",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00:00,5Z",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00+01",
        "2024-01-01T00:00:00+0100",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+01:00:30",
        "2024-01-01T00:00:00Z[UTC]",
        "2024-01-01T00:00:00[UTC]",
        "+002024-01-01T00:00:00Z",
        "2016-12-31T23:59:60Z",
        " 2024-01-01T00:00:00Z",
        "2024-01-01T00:00:00Z ",
        "",
    ] {
        fails(&["exec", "--time", time, &guest("done")], 126, &["is not RFC 3339", "2024-01-01T00:00:00Z"]);
        let message = run::MESSAGE.replace("CALL", &format!("null, \"datetime\": {time:?}"));
        let dir = scratch("instant");
        let message = write(dir.path(), "message.json", message.as_bytes());
        fails(&["run", "--message", &message, run::ORACLE], 126, &["message.json", "datetime", "is not RFC 3339"]);
    }
    for time in ["2023-02-29T00:00:00Z", "2024-01-01T24:00:00Z", "1969-12-31T23:59:59Z"] {
        fails(&["exec", "--time", time, &guest("done")], 126, &["--time"]);
    }
}

#[test]
fn an_address_is_forty_digits_and_nothing_else() {
    let dir = scratch("address");
    let message = |address: &str| {
        let message = run::MESSAGE.replace("CALL", "{\"method\": \"get\"}");
        let message = message.replace("\"5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e\"", address);
        write(dir.path(), "message.json", message.as_bytes())
    };
    let digits = "5E".repeat(20);
    for address in [format!("{digits:?}"), format!("\"0x{digits}\""), format!("addr#{digits}")] {
        let output = subvm(&["run", "--message", &message(&address), run::ORACLE]);
        assert_eq!(output.status.code(), Some(0), "{address}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for address in [
        format!("\"{digits} \""),
        format!("\" {digits}\""),
        format!("\"{digits}\\n\""),
        format!("\"0x {digits}\""),
        format!("\"0x0x{digits}\""),
        format!("\"0X{digits}\""),
        format!("\"{digits}00\""),
        format!("\"{}\"", &digits[1..]),
        format!("b#{digits}"),
    ] {
        let says = ["message.json", "sender_address has to be an address: 40 hexadecimal digits"];
        fails(&["run", "--message", &message(&address), run::ORACLE], 126, &says);
    }
}

#[test]
fn a_host_path_may_hold_an_equals_sign() {
    let dir = scratch("equals");
    let data = dir.path().join("a=/b=c");
    fs::create_dir_all(&data).unwrap();
    fs::copy(format!("{ROOT}/tests/guests/report/data/numbers.txt"), data.join("numbers.txt")).unwrap();
    let listed = |map: String, guest: &str| {
        let numbers = format!("{guest}/numbers.txt");
        subvm(&["exec", "--map", &map, "tests/guests/report/report.wasm", "--", &numbers, guest, "7"])
    };
    let host = data.to_str().unwrap();
    for (map, guest) in [(format!("{host}=/data"), "/data"), (format!("{host}=/d=/e"), "/d=/e")] {
        let output = listed(map, guest);
        assert_eq!(output.status.code(), Some(7), "{guest}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("numbers.txt"), "{guest}");
    }
    fails(&["exec", "--map", "no=such/dir=/x", &guest("trap")], 126, &["cannot map no=such/dir:"]);
    fails(&["exec", "--map", "nothing", &guest("trap")], 126, &["\"nothing\" has no '='"]);
}

/// A FIFO that nobody writes to.
#[cfg(unix)]
fn fifo(dir: &Path, name: &str) -> String {
    let path = dir.join(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path.to_str().unwrap().to_owned()
}

/// A command that must fail soon.
#[cfg(unix)]
#[track_caller]
fn fails_soon(args: &[&str], says: &[&str]) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_subvm"))
        .current_dir(ROOT)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > std::time::Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("{args:?}: it waits for ever");
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(126), "{args:?}: {stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{args:?}: one line, not: {stderr}");
    for text in says {
        assert!(stderr.contains(text), "{args:?}: {text:?} is missing from: {stderr}");
    }
}

#[test]
#[cfg(unix)]
fn what_could_be_read_for_ever_is_refused_by_name() {
    let dir = scratch("endless");
    let pipe = fifo(dir.path(), "pipe.wasm");
    let says = ["pipe.wasm", "it is a FIFO"];
    fails_soon(&["exec", &pipe], &says);
    fails_soon(&["inspect", &pipe], &says);
    fails_soon(&["check", &pipe], &says);
    fails_soon(&["exec", "--link", &format!("lib={pipe}"), &guest("done")], &says);
    fails_soon(&["exec", "--config", &pipe, &guest("done")], &["pipe.wasm", "FIFO"]);
    fails_soon(&["config", "check", &pipe], &["pipe.wasm", "FIFO"]);
    fails_soon(&["run", "--message", &pipe, run::ORACLE], &says);
    let world = run::World::new();
    let message = world.message(r#"{"method": "get"}"#);
    fails_soon(&["run", "--message", &message, "--role", "sync", "--leader", &pipe, run::ORACLE], &says);
    let result = write(dir.path(), "result.json", br#"{"frames": [], "module_instances": {}}"#);
    fails_soon(&["fingerprint", "explain", &result, &pipe], &says);
    fails_soon(&["exec", "/dev/zero"], &["cannot read /dev/zero", "it is a device"]);

    fails_soon(
        &["run", "--message", &message, "--receipt", &pipe, run::ORACLE],
        &["cannot write the receipt", says[1]],
    );
    assert!(Path::new(&pipe).exists(), "it was not replaced either");
}

#[test]
#[cfg(unix)]
fn what_could_be_mapped_for_ever_is_refused_by_name() {
    let refused = |prepare: &dyn Fn(&Path), says: &[&str]| {
        let dir = scratch("mapped");
        fs::create_dir(dir.path().join("below")).unwrap();
        write(dir.path(), "file", b"content");
        prepare(&dir.path().join("below"));
        fails_soon(&["exec", "--map", &format!("{}=/data", dir.path().display()), &guest("done")], says);
    };
    let link = |to: &'static str| move |dir: &Path| std::os::unix::fs::symlink(to, dir.join("link")).unwrap();
    refused(&|dir| drop(fifo(dir, "pipe")), &["cannot map ", "below/pipe: it is a FIFO"]);
    let listen = |dir: &Path| drop(std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap());
    refused(&listen, &["cannot map ", "below/socket: it is a socket"]);
    refused(&link("/dev/zero"), &["cannot map ", "below/link: it is a device"]);
    // A link that leads up makes a tree without end, and two of them more paths than there is time for.
    refused(&link(".."), &["cannot map ", "below/link: the link leads back"]);
    let twice =
        |dir: &Path| ["one", "two"].iter().for_each(|name| std::os::unix::fs::symlink(".", dir.join(name)).unwrap());
    refused(&twice, &["cannot map ", "the link leads back"]);
    fails_soon(&["exec", "--map", "/dev/zero=/zero", &guest("done")], &["cannot map /dev/zero: it is a device"]);
}
