//! The 72 programs of the WASI test suite for preview 1, as a table of the calls that they judge (`programs.txt`), under each personality.
//!
//! `docs/conformance.md` is made of that table.

mod call;
mod program;

use std::path::Path;

use call::Calls;
use program::{PROGRAMS, Program, Step, read};
use subvm_core::Personality;

/// Why a program comes to something else here; `docs/conformance.md` has a sentence for each.
const REASONS: [&str; 8] = ["defaults", "judged", "links", "rights", "root", "seed", "sockets", "writes"];

/// What each call of a program comes to.
fn run(program: &Program, personality: Personality) -> Vec<String> {
    let mut calls = Calls::new(program, personality);
    program.steps.iter().map(|step| calls.make(&step.call)).collect()
}

/// Whether the suite would be content: it takes any of what it names, and where it names no result, any.
fn takes(accepted: &str, came: &str) -> bool {
    accepted.split('/').any(|one| one == came || (one == "ok" && came.starts_with("ok:")))
}

#[test]
fn each_call_comes_to_what_the_table_says_under_each_personality() {
    let mut text = String::new();
    for program in read(PROGRAMS) {
        let [seed, ours] = [Personality::Seed, Personality::Program].map(|personality| run(&program, personality));
        text += &program.head;
        for (index, step) in program.steps.iter().enumerate() {
            let Step { call, accepted, .. } = step;
            match accepted {
                Some(accepted) => text += &format!("{call} | {accepted} | {} | {}\n", seed[index], ours[index]),
                None => {
                    for came in [&seed[index], &ours[index]] {
                        assert!(came.starts_with("ok"), "{}: {call}: {came}", program.name);
                    }
                    text += &format!("+ {call}\n");
                }
            }
        }
    }
    if std::env::var_os("SUBVM_RECORD").is_some() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wasi/suite/programs.txt"), text).unwrap();
    } else {
        let differs = PROGRAMS.lines().zip(text.lines()).find(|(recorded, here)| recorded != here);
        assert_eq!(differs, None, "a call comes to something else than is recorded");
        assert_eq!(PROGRAMS, text);
    }
}

#[test]
fn all_programs_are_there_and_each_that_differs_says_why() {
    let programs = read(PROGRAMS);
    assert_eq!(programs.len(), 72);
    for program in &programs {
        let differs = program.steps.iter().any(|step| {
            let accepted = step.accepted.as_deref();
            accepted.is_some_and(|accepted| step.recorded.iter().any(|came| !takes(accepted, came)))
        });
        let Program { name, why, .. } = program;
        assert_eq!(differs, why.is_some(), "{name} differs: {differs}, and its reason is {why:?}");
        assert!(why.as_deref().is_none_or(|why| REASONS.contains(&why)), "{name}: no sentence for {why:?}");
    }
}

/// Where the suite is right to expect something and nothing but the personality is in the way, `program` gives it.
#[test]
fn what_the_seed_alone_refuses_a_program_has() {
    for program in read(PROGRAMS).iter().filter(|program| program.why.as_deref() == Some("seed")) {
        for step in &program.steps {
            let accepted = step.accepted.as_deref().unwrap();
            assert!(takes(accepted, &step.recorded[1]), "{}: {}", program.name, step.call);
        }
    }
}
