//! A node that runs out of memory: what a guest chose the size of is refused with an internal error, and the process lives on. What is promised,
//! and where that ends: `docs/security.md`, *Where the promises end*.
//!
//! Each scene runs in a process of its own, since one that breaks the promise ends it. `SUBVM_NO_MEMORY=all` takes every request where it is one
//! in so many otherwise; `SUBVM_NO_MEMORY_TRACE=1` shows who asked for what was refused.

use std::process::{Command, Output};

use scene::Scene;

mod allocator;
mod scene;
mod scripted;

/// What is smaller than this is not promised.
pub(crate) const LARGE: usize = 64 << 10;

/// Scene, first request that is refused and how many bytes it has at least, for the process that [`alone`] is.
const ORDER: &str = "SUBVM_NO_MEMORY_SCENE";

fn scene(name: &str) -> Scene {
    scripted::scene(name).unwrap_or_else(|| panic!("there is no scene {name}"))
}

/// What a process of its own does. Says nothing where nobody started it for that.
#[test]
fn alone() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let mut words = order.split(',');
    let name = words.next().unwrap_or_default();
    let mut number = || words.next().and_then(|word| word.parse::<usize>().ok()).expect("a number");
    let (first, last, from) = (number(), number(), number());
    let scene = scene(name);
    let undisturbed = scene.receipt();
    for nth in first..=last {
        eprintln!("request {nth}");
        if !scene.without(nth, from, &undisturbed) {
            eprintln!("there are {}", nth - 1);
            break;
        }
    }
}

/// Starts [`alone`] for requests `first` to `last` of `from` bytes or more.
fn started(scene: &str, first: usize, last: usize, from: usize) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "alone", "--nocapture"]).env(ORDER, format!("{scene},{first},{last},{from}"));
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// How many requests there are, where the process says so: it does when it comes to the end.
fn there_are(stderr: &str) -> Option<usize> {
    stderr.lines().find_map(|line| line.strip_prefix("there are ")?.parse().ok())
}

/// Each request of [`LARGE`] bytes or more, one after the other, in one process that has to live.
fn lives(scene: &str, at_least: usize) {
    let output = started(scene, 1, usize::MAX - 1, LARGE);
    let stderr = said(&output);
    assert!(output.status.success(), "{scene}: {}\n{stderr}", output.status);
    let count = there_are(&stderr).expect("it comes to the end");
    assert!(count >= at_least, "{scene}: {count} large requests: what is it to show?");
}

/// Requests of any size, each in a process: it comes to a result or an internal error, or ends as the promise says that it may, for want of fewer
/// than [`LARGE`] bytes.
fn ends_well(scene: &str, every: usize) {
    let all = std::env::var("SUBVM_NO_MEMORY").is_ok_and(|value| value == "all");
    for nth in (1..).step_by(if all { 1 } else { every }) {
        let output = started(scene, nth, nth, 1);
        let stderr = said(&output);
        if there_are(&stderr).is_some() {
            return;
        }
        let small = stderr.lines().find_map(|line| {
            line.strip_prefix("memory allocation of ")?.strip_suffix(" bytes failed")?.parse::<usize>().ok()
        });
        let ended = output.status.success() || small.is_some_and(|small| small < LARGE);
        assert!(ended, "{scene}, request {nth}: {}\n{stderr}", output.status);
    }
}

macro_rules! scenes {
    ($($function:ident: $scene:literal, $at_least:literal large, one in $every:literal;)*) => { $(
        mod $function {
            #[test]
            fn what_a_guest_chose_is_refused_and_the_process_lives() {
                super::lives($scene, $at_least);
            }

            #[test]
            fn nothing_else_goes_wrong_where_it_ends() {
                super::ends_well($scene, $every);
            }
        }
    )* };
}

scenes! {
    leader: "leader", 40 large, one in 199;
    validator: "validator", 40 large, one in 199;
    sync: "sync", 20 large, one in 199;
    genvm: "genvm", 40 large, one in 199;
    descriptors: "descriptors", 1 large, one in 1999;
    failing: "failing", 3 large, one in 19;
    values: "values", 5 large, one in 199;
}
