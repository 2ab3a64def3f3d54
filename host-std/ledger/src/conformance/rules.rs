//! Rules by height.

use subvm_core::costs::Limits;
use subvm_core::{Params, RuleSets};

use super::{A, Broken, S, apply, done, expect, page, refuses};
use crate::Ledger;

const STAY: &str = "the rules of blocks that are there stay, those of heights that come may change";

pub(super) fn stay_with_their_blocks<L: Ledger>(ledger: &mut L) -> Result<(), Broken> {
    let rules = |sets: &[(u64, u32)]| {
        let params = |depth| Params { limits: Limits { depth, ..Limits::default() }, ..Params::default() };
        RuleSets::new(sets.iter().map(|(height, depth)| (*height, params(*depth))))
            .map_err(|error| Broken { promise: STAY, found: error.to_string() })
    };
    let kept = |ledger: &mut L| done(STAY, ledger.rules());
    expect("a new ledger has no rules", kept(ledger)?, None)?;
    let late = ledger.set_rules(&rules(&[(2, 8)])?);
    refuses("its first block needs rules", late, "rules from height 2 on were taken")?;
    for change in [100, 5] {
        let sets = rules(&[(1, 8), (change, 16)])?;
        done(STAY, ledger.set_rules(&sets))?;
        expect(STAY, kept(ledger)?, Some(sets))?;
    }
    apply(ledger, &A, &[page(S, 0, 1)], 7)?;
    for refused in [&[(1, 8)][..], &[(1, 8), (6, 16)], &[(1, 9), (5, 16)], &[(1, 8), (5, 16), (7, 17)]] {
        refuses(STAY, ledger.set_rules(&rules(refused)?), "the rules of height 5, 1 or 7 were changed")?;
        expect("refused rules change nothing", kept(ledger)?, Some(rules(&[(1, 8), (5, 16)])?))?;
    }
    let later = rules(&[(1, 8), (5, 16), (8, 17)])?;
    done(STAY, ledger.set_rules(&later))?;
    expect(STAY, kept(ledger)?, Some(later))
}
