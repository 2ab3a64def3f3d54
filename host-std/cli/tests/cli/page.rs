//! `subvm report`: one page, which loads nothing, obeys nothing of what a contract said, and can be read in a browser.

use super::recording::recorded;
use super::*;

fn report(args: &[&str]) -> String {
    let dir = scratch("report");
    let path = dir.path().join("report.html").to_str().unwrap().to_owned();
    let output = subvm(&[&["report", "-o", &path], args].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read_to_string(path).unwrap()
}

/// What a browser makes of a page, once its scripts have run; nothing where there is no browser.
fn in_browser(page: &str) -> Option<String> {
    if Command::new("chromium").arg("--version").output().is_err() {
        support::skipped("chromium");
        return None;
    }
    let dir = scratch("browser");
    let path = write(dir.path(), "page.html", page.as_bytes());
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]);
    browser.arg(format!("--user-data-dir={}", dir.path().join("profile").display())).arg(format!("file://{path}"));
    let output = browser.stdin(Stdio::null()).output().unwrap();
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The page with one more script of its own, at its end.
fn and_then(page: &str, script: &str) -> String {
    let nonce = page.split("<script nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    page.replace("</body>", &format!("<script nonce=\"{nonce}\">{script}</script></body>"))
}

#[test]
fn a_run_is_one_page_with_landmarks_that_loads_nothing() {
    let (_world, recording, _) = recorded(&[]);
    let page = report(&[&recording]);
    for part in [
        "<html lang=\"en\">",
        "default-src 'none'",
        "<header>",
        "<nav aria-label=\"Sections\">",
        "<main id=\"main\">",
        "<footer>",
        "href=\"#main\"",
        "<label>Search<input id=\"search\"",
        "role=\"status\" aria-live=\"polite\"",
        "<th scope=\"col\">Ticks</th>",
        "prefers-color-scheme:dark",
        "role=\"img\" aria-label=\"Flame graph",
        "storage_read (host)",
        "the run is the recorded one",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
    for loads in ["http:", "https:", "src=\"", "url(", "@import"] {
        assert!(!page.contains(loads), "{loads}");
    }
    // Every section has its link.
    let sections = page.matches("<section id=\"").count();
    assert_eq!((sections, page.matches("<li><a href=\"#").count()), (5, 5));

    let Some(seen) = in_browser(&page) else { return };
    let rows = page.matches("<tr data-kind=").count();
    assert!(seen.contains(&format!("{rows} of {rows} rows</output>")), "the filter runs");
    let script = "text.value='STORAGE_READ';text.dispatchEvent(new Event('input'));kind.value='call';kind.dispatchEvent(new Event('change'))";
    let seen = in_browser(&and_then(&page, script)).unwrap();
    let calls =
        page.lines().filter(|line| line.contains("data-kind=\"call\"") && line.contains("storage_read(")).count();
    assert!(calls > 0 && seen.contains(&format!("{calls} of {rows} rows</output>")), "{calls} of {rows}");
    // A script that is not the page's own does not run.
    let foreign = page.replace("</body>", "<script>document.title='obeyed'</script></body>");
    assert!(!in_browser(&foreign).unwrap().contains("<title>obeyed"));
}

#[test]
fn what_a_contract_says_is_shown_and_never_obeyed() {
    let world = run::World::new();
    let hostile = r#"</script><script>document.title='obeyed'</script><img src=x onerror=alert(1)>\u202e"#;
    let message = world.message(&format!(r#"{{"method": "fail", "message": "{hostile}"}}"#));
    let recording = world.dir.path().join("call.rec").to_str().unwrap().to_owned();
    let output = subvm(&["run", "--message", &message, "--record", &recording, run::ORACLE]);
    assert_eq!(output.status.code(), Some(125), "{}", String::from_utf8_lossy(&output.stderr));
    let page = report(&[&recording]);
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "{page}");
    assert_eq!((page.matches("<script").count(), page.matches("<img").count()), (1, 0));
    assert!(!page.contains('\u{202e}'));
    let Some(seen) = in_browser(&page) else { return };
    assert!(!seen.contains("<title>obeyed") && !seen.contains("<img"), "{seen}");
}

#[test]
fn two_recordings_are_compared_and_long_ones_are_cut() {
    let dir = scratch("long");
    let text = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (func (export "_start") (local $i i32)
            (loop (drop (call $yield))
                (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const COUNT))))))"#;
    let [a, b] = [("a", "6000"), ("b", "6001")].map(|(name, count)| {
        let module = write(dir.path(), &format!("{name}.wat"), text.replace("COUNT", count).as_bytes());
        let recording = dir.path().join(format!("{name}.rec")).to_str().unwrap().to_owned();
        assert_eq!(subvm(&["exec", "--record", &recording, &module]).status.code(), Some(0));
        recording
    });
    let page = report(&[&a, &b]);
    assert!(
        page.contains("records are left out here") && page.contains("aria-label=\"what differs\""),
        "{}",
        page.len()
    );
    assert!(page.contains("differs: "));
    assert_eq!(page.matches("<tr data-kind=").count(), 3_000 + 1_000 + 1);
    assert!(page.len() < 4 << 20, "{}", page.len());
    fails(&["report", &a, "-o", &a], 126, &["it is read for the page"]);
    fails(&["report", "no/such/file", "-o", "/nowhere/x"], 126, &["cannot read no/such/file"]);
    fails(&["report", &a, "-o", "/nowhere/x"], 126, &["cannot write /nowhere/x"]);
}
