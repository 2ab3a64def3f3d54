//! Every sequence of calls on descriptors, to a depth: what random ones may miss, none can here.
//!
//! The depth is 4, or what `SUBVM_DEPTH` says.

use subvm_core::Personality;

use crate::support::ops::{self, Op};
use crate::support::{PATH_OPEN, READABLE};

/// Room for two descriptors beside those that a sub-VM starts with, so that the limit is reached.
const OPEN_FDS: u32 = 6;

/// What makes descriptors, ends them, moves them, and moves their offsets; where they are made decides which numbers the others mean.
fn alphabet() -> Vec<Op> {
    let open =
        |dir, path: &str, oflags| Op::Open { dir, path: path.into(), oflags, base: READABLE, inheriting: PATH_OPEN };
    vec![
        open(3, "a.txt", 0),
        open(4, "one", 0),
        open(3, "dir", 2),
        Op::Attach(3),
        Op::Close(4),
        Op::Close(3),
        Op::Renumber(4, 5),
        Op::Renumber(5, 3),
        Op::Read { fd: 4, len: 2 },
        Op::Seek { fd: 4, offset: -1, whence: 2 },
        Op::List { fd: 5, len: 40, cookie: 1 },
    ]
}

fn depth() -> u32 {
    let depth = std::env::var("SUBVM_DEPTH").ok().map(|depth| depth.parse().expect("SUBVM_DEPTH is a small number"));
    depth.unwrap_or(4)
}

#[test]
fn every_short_sequence_of_calls_on_descriptors_is_the_models() {
    let alphabet = alphabet();
    // With a root more, a number of the alphabet's means another descriptor.
    for (personality, roots) in
        [(Personality::Seed, &[][..]), (Personality::Program, &[]), (Personality::Program, &["/dir"])]
    {
        for number in 0..alphabet.len().pow(depth()) {
            // The number's digits are the calls. What comes to the same beginning is compared again with each end.
            let digits = (0..depth()).map(|place| number / alphabet.len().pow(place) % alphabet.len());
            ops::sequence(personality, roots, OPEN_FDS, digits.map(|digit| &alphabet[digit]));
        }
    }
}
