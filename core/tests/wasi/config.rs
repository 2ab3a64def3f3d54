//! What arguments, environments and file trees refuse.

use subvm_core::wasi::{Args, ArgsError, Env, EnvError, Pattern, PatternError, Refused};

fn args<T: AsRef<[u8]>>(args: &[T]) -> Result<Vec<String>, ArgsError> {
    Args::new(args).map(|args| args.iter().map(str::to_owned).collect())
}

fn env(pairs: &[(&str, &[u8])]) -> Result<Vec<Vec<u8>>, EnvError> {
    Env::new(pairs.iter().copied(), &Refused::default()).map(|env| env.iter().map(<[u8]>::to_vec).collect())
}

#[test]
fn args_get_sees_utf_8_with_tabs_and_newlines() {
    let list = ["", "\t\n", "ünï", "a=b", "--flag"];
    assert_eq!(args(&list).unwrap(), list);
    assert!(args::<&str>(&[]).unwrap().is_empty());
    assert_eq!(Args::default(), Args::new([""; 0]).unwrap());
}

#[test]
fn args_get_never_sees_control_characters() {
    for c in
        (0..=0x1F_u8).filter(|c| !matches!(c, b'\t' | b'\n')).chain([0x7F]).map(char::from).chain(['\u{80}', '\u{9F}'])
    {
        assert_eq!(args(&["fine".into(), format!("x{c}y")]), Err(ArgsError::Control(1)), "{c:?}");
    }
    assert_eq!(args(&["\u{A0}"]).unwrap(), ["\u{A0}"]);
    assert_eq!(args(&[&b"\xFF"[..]]), Err(ArgsError::NotUtf8(0)));
}

#[test]
fn args_get_has_limits() {
    let long = "x".repeat(65_536);
    assert!(args(&["x"; 1024]).is_ok());
    assert_eq!(args(&["x"; 1025]), Err(ArgsError::TooMany));
    assert!(args(&[&long]).is_ok());
    assert_eq!(args(&["", &format!("{long}x")]), Err(ArgsError::TooLong(1)));
    assert!(args(&[&*long; 16]).is_ok());
    assert_eq!(args(&[[&*long; 16].as_slice(), &["x"]].concat()), Err(ArgsError::TooLongTogether(16)));
}

#[test]
fn environ_get_starts_from_the_defaults_and_nothing_else() {
    let defaults = [b"LANG=C.UTF-8".to_vec(), b"LC_ALL=C.UTF-8".to_vec(), b"TZ=UTC".to_vec()];
    assert_eq!(env(&[]).unwrap(), defaults);
    assert_eq!(Env::default().iter().collect::<Vec<_>>(), defaults);
}

#[test]
fn environ_get_sees_later_values() {
    let pairs: [(&str, &[u8]); 3] = [("A", b"1"), ("TZ", b"\xFF="), ("A", b"2")];
    assert_eq!(env(&pairs).unwrap(), [&b"A=2"[..], b"LANG=C.UTF-8", b"LC_ALL=C.UTF-8", b"TZ=\xFF="]);
}

#[test]
fn environ_get_never_sees_other_names() {
    let long = "N".repeat(128);
    assert!(env(&[(&long, b""), ("_a9Z", b""), ("a", b"")]).is_ok());
    for name in ["", "1A", "A-B", "A=B", "A B", "Ä", "A\0", &format!("{long}N")] {
        assert_eq!(env(&[(name, b"x")]), Err(EnvError::Name(name.into())));
    }
}

#[test]
fn environ_get_never_sees_other_values() {
    assert!(env(&[("A", &[b'x'; 32_768])]).is_ok());
    assert_eq!(env(&[("A", &[b'x'; 32_769])]), Err(EnvError::TooLong("A".into())));
    assert_eq!(env(&[("A", b"x\0")]), Err(EnvError::Nul("A".into())));
}

#[test]
fn environ_get_has_limits() {
    let names: Vec<String> = (0..1022).map(|n| format!("N{n}")).collect();
    let pairs: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &b""[..])).collect();
    assert_eq!(env(&pairs[..1021]).unwrap().len(), 1024);
    assert_eq!(env(&pairs), Err(EnvError::TooMany));

    let defaults = "LANG=C.UTF-8LC_ALL=C.UTF-8TZ=UTC".len();
    let value = [b'x'; 32_768];
    let mut pairs: Vec<(&str, &[u8])> = names[..31].iter().map(|name| (&**name, &value[..])).collect();
    let left = (1 << 20) - defaults - pairs.iter().map(|(name, value)| name.len() + 1 + value.len()).sum::<usize>() - 5;
    pairs.push(("LAST", &value[..left]));
    assert!(env(&pairs).is_ok());
    pairs[31].0 = "LAST_";
    assert_eq!(env(&pairs), Err(EnvError::TooLongTogether));
}

#[test]
fn environ_get_never_sees_secrets_or_what_steers_a_loader() {
    for name in [
        "LD_PRELOAD",
        "ld_library_path",
        "DYLD_X",
        "API_KEY",
        "Api_Key",
        "X_TOKEN",
        "X_SECRET",
        "PGPASSWORD",
        "PASSWORD_FILE",
        "MY_passwd_X",
        "CREDENTIALS",
        "aws_region",
        "SSH_AUTH_SOCK",
        "GPG_TTY",
        "LD_",
        "_KEY",
    ] {
        assert_eq!(env(&[("FINE", b""), (name, b"x")]), Err(EnvError::Refused(name.into())));
    }
    for name in ["KEY", "KEYS", "KEY_X", "LD", "LDX", "TOKEN", "TOKENS", "SECRET", "PASS", "AWS", "XAWS_", "OLD_X"] {
        assert!(env(&[(name, b"x")]).is_ok(), "{name}");
    }
}

#[test]
fn environ_get_has_a_list_that_can_be_replaced() {
    let refused = Refused::new(["*X".parse().unwrap(), "one".parse().unwrap()]);
    let env = |name: &str| Env::new([(name, "")], &refused).is_ok();
    assert!(env("LD_PRELOAD") && env("ONES") && env("X_") && !env("One") && !env("ax") && !env("X"));
    assert_eq!(refused.patterns().iter().map(Pattern::as_str).collect::<Vec<_>>(), ["*X", "ONE"]);
    assert_eq!(Refused::default().patterns().len(), 11);
    for pattern in ["", "*", "**", "A*B", "***A", "A-B", "Ä"] {
        let error = PatternError(pattern.into());
        assert!(error.to_string().contains(&format!("{pattern:?}")));
        assert_eq!(pattern.parse::<Pattern>(), Err(error));
    }
    for pattern in Refused::default().patterns() {
        assert_eq!(&pattern.to_string().parse::<Pattern>().unwrap(), pattern);
    }
}

#[test]
fn refusals_name_what_they_refuse() {
    let text = |name, value| env(&[(name, value)]).unwrap_err().to_string();
    for (name, value) in [("9", &b""[..]), ("API_KEY", b""), ("A_NAME", b"\0"), ("B_NAME", &[b'x'; 40_000])] {
        assert!(text(name, value).contains(name), "{}", text(name, value));
    }
    assert!(args(&["", "\0"]).unwrap_err().to_string().contains("argument 1 "));
}

#[test]
fn a_list_that_covers_a_default_forbids_setting_it_and_nothing_more() {
    let refused = Refused::new(["L*", "TZ"].map(|pattern| pattern.parse().unwrap()));
    assert_eq!(Env::new([("TZ", "UTC")], &refused), Err(EnvError::Refused("TZ".into())));
    assert!(!Env::new([("HOME", "/")], &refused).unwrap().is_refused(&refused));
    for changed in [("TZ", "CET"), ("LIST", "x")] {
        assert!(Env::new([changed], &Refused::default()).unwrap().is_refused(&refused), "{changed:?}");
    }
}
