//! `docs/divergence.md`, step by step: what the page says that commands print is what they print.

use super::*;

#[path = "../../examples/divergence.rs"]
mod example;

/// The blocks of the page that show commands with what they print: the command, and the lines.
fn shown() -> Vec<(String, Vec<String>)> {
    let page = fs::read_to_string(format!("{ROOT}/docs/divergence.md")).unwrap();
    let blocks = page.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let parsed = blocks.map(|block| {
        let mut lines = block.lines().map(str::to_owned);
        let command = lines.next().unwrap();
        (command.strip_prefix("$ ").expect("a command").to_owned(), lines.collect())
    });
    parsed.collect()
}

#[test]
fn each_command_of_the_page_prints_what_the_page_says() {
    let dir = scratch("divergence");
    let mut seen = Vec::new();
    for (command, expected) in shown() {
        let words: Vec<&str> = command.split_whitespace().collect();
        let printed = if let ["cargo", "run", .., "divergence", "--", "."] = words[..] {
            example::disagree(dir.path()).unwrap() + "\n"
        } else {
            assert_eq!(words[0], "subvm", "{command}");
            let mut started = Command::new(env!("CARGO_BIN_EXE_subvm"));
            started.current_dir(dir.path()).args(&words[1..]).stdin(Stdio::null());
            let output = started.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR")).output().unwrap();
            assert!(output.stderr.is_empty(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let printed: Vec<&str> = printed.lines().collect();
        assert_eq!(printed, expected, "{command}\n{}", printed.join("\n"));
        seen.push(words[1].to_owned());
    }
    for step in ["run", "diff", "replay", "bisect", "report"] {
        assert!(seen.iter().any(|word| word == step), "the page shows no {step}");
    }
}
