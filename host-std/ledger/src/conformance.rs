//! What every [`Ledger`] must do, as checks that say which promise is broken: run [`check`] on a ledger of yours.

use std::collections::BTreeMap;
use std::fmt;

use subvm_core::host::State;
use subvm_core::host::page::PAGES;
use subvm_core::{Address, PageWrite, SlotId};

use super::{Applied, Heights, Ledger, LedgerError};

mod history;
mod rules;

/// A promise that a ledger broke.
///
/// ```
/// use subvm_ledger::conformance::Broken;
/// let broken = Broken { promise: "an empty ledger is at height 0", found: "it is at 7".into() };
/// assert_eq!(broken.to_string(), "broken promise: an empty ledger is at height 0: it is at 7");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The promise, in words of [`Ledger`] or [`Storage`](subvm_core::host::Storage).
    pub promise: &'static str,
    /// What happened instead.
    pub found: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broken promise: {}: {}", self.promise, self.found)
    }
}

impl std::error::Error for Broken {}

const A: Address = Address([0xaa; 20]);
const B: Address = Address([0xab; 20]);
const S: SlotId = SlotId([0x55; 32]);
const T: SlotId = SlotId([0x56; 32]);
const LAST_PAGE: u32 = PAGES - 1;

/// Checks all promises; `make` gives an empty ledger each time.
///
/// # Errors
/// The first promise that does not hold.
///
/// ```
/// use subvm_ledger::{RedbLedger, conformance};
/// conformance::check(|| RedbLedger::in_memory().unwrap()).unwrap();
/// ```
pub fn check<L: Ledger>(mut make: impl FnMut() -> L) -> Result<(), Broken> {
    for check in [
        starts_empty,
        reads_any_range,
        keeps_apart,
        orders_heights,
        refuses_bad_input,
        rolls_back,
        finalizes,
        blocks,
        history::has_states,
        history::forgets,
        rules::stay_with_their_blocks,
    ] {
        check(&mut make())?;
    }
    (1..=4).try_for_each(|seed| behaves_as_its_model(&mut make(), seed))
}

fn starts_empty<L: Ledger>(ledger: &mut L) -> Result<(), Broken> {
    const ZERO: &str = "bytes never written are zero";
    expect(ZERO, read(ledger, State::Accepted, &A, &S, u32::MAX, 1)?, vec![0])?;
    expect(ZERO, read(ledger, State::Finalized, &A, &S, 0, 1000)?, vec![0; 1000])?;
    expect("a new ledger is at height 0", heights(ledger)?, Heights::default())
}

fn reads_any_range<L: Ledger>(ledger: &mut L) -> Result<(), Broken> {
    const RANGE: &str = "any range of bytes can be read, and holes in it are zero";
    apply(ledger, &A, &[page(S, 1, 1), page(S, 2, 2), page(S, 4, 4), page(S, LAST_PAGE, 9)], 1)?;
    let bytes: Vec<u8> = [0, 1, 2, 0, 4, 0].iter().flat_map(|fill| [*fill; 32]).collect();
    for (from, to) in [(0, 192), (31, 33), (33, 34), (40, 40), (63, 129), (95, 96), (96, 128), (127, 161), (160, 192)] {
        let found = read(ledger, State::Accepted, &A, &S, from as u32, to - from)?;
        expect(RANGE, found, bytes[from..to].to_vec())?;
    }
    expect(RANGE, read(ledger, State::Accepted, &A, &S, u32::MAX, 1)?, vec![9])?;
    expect(RANGE, read(ledger, State::Accepted, &A, &S, u32::MAX - 32, 33)?, [vec![0], vec![9; 32]].concat())
}

fn keeps_apart<L: Ledger>(ledger: &mut L) -> Result<(), Broken> {
    const APART: &str = "contracts, slots and states do not show in one another";
    apply(ledger, &A, &[page(S, 0, 1)], 1)?;
    for (state, contract, slot) in
        [(State::Accepted, B, S), (State::Accepted, A, T), (State::Accepted, B, T), (State::Finalized, A, S)]
    {
        expect(APART, read(ledger, state, &contract, &slot, 0, 32)?, vec![0; 32])?;
    }
    expect(APART, read(ledger, State::Accepted, &A, &S, 0, 32)?, vec![1; 32])
}

fn orders_heights<L: Ledger>(ledger: &mut L) -> Result<(), Broken> {
    const ORDER: &str = "heights never fall, and receipts of one height follow each other";
    refuses(ORDER, ledger.apply(&A, &[page(S, 0, 1)], 0), "height 0 was applied to")?;
    apply(ledger, &A, &[page(S, 0, 1), page(S, 0, 2)], 5)?;
    expect("the last of a receipt's repeated pages stands", read(ledger, State::Accepted, &A, &S, 0, 1)?, vec![2])?;
    apply(ledger, &A, &[page(S, 0, 3)], 5)?;
    expect(ORDER, read(ledger, State::Accepted, &A, &S, 0, 1)?, vec![3])?;
    refuses(ORDER, ledger.apply(&A, &[page(S, 0, 4)], 4), "height 4 was applied after 5")?;
    expect("a refused receipt changes nothing", read(ledger, State::Accepted, &A, &S, 0, 1)?, vec![3])?;
    apply(ledger, &A, &[], 7)?;
    expect("an empty receipt raises the height", heights(ledger)?, Heights { accepted: 7, finalized: 0 })
}

fn refuses_bad_input<L: Ledger>(ledger: &mut L) -> Result<(), Broken> {
    const BOUNDS: &str = "pages and ranges beyond a slot are refused, and change nothing";
    refuses(BOUNDS, ledger.apply(&A, &[page(S, 0, 1), page(S, LAST_PAGE + 1, 1)], 1), "page 2^27 was written")?;
    expect(BOUNDS, read(ledger, State::Accepted, &A, &S, 0, 32)?, vec![0; 32])?;
    expect(BOUNDS, heights(ledger)?, Heights::default())?;
    refuses(BOUNDS, ledger.read(State::Accepted, &A, &S, u32::MAX, &mut [0; 2]), "byte 2^32 was read")
}

fn rolls_back<L: Ledger>(ledger: &mut L) -> Result<(), Broken> {
    const BACK: &str = "rolling back restores the state of that height";
    for height in 1..=4 {
        apply(ledger, &A, &[page(S, 0, height as u8), page(S, height as u32, 1)], height)?;
    }
    done(BACK, ledger.finalize(1))?;
    done(BACK, ledger.rollback(9))?;
    expect("rolling back to a height not reached changes nothing", heights(ledger)?.accepted, 4)?;
    done(BACK, ledger.rollback(2))?;
    expect(BACK, read(ledger, State::Accepted, &A, &S, 0, 1)?, vec![2])?;
    expect(BACK, read(ledger, State::Accepted, &A, &S, 96, 64)?, vec![0; 64])?;
    expect(BACK, heights(ledger)?, Heights { accepted: 2, finalized: 1 })?;
    refuses("what is final cannot be rolled back", ledger.rollback(0), "block 1 was taken back")?;
    apply(ledger, &A, &[page(S, 0, 7)], 3)?;
    done(BACK, ledger.rollback(1))?;
    expect(BACK, read(ledger, State::Accepted, &A, &S, 0, 1)?, vec![1])
}

fn finalizes<L: Ledger>(ledger: &mut L) -> Result<(), Broken> {
    const FINAL: &str = "finalizing makes the state of that height final";
    for height in 1..=4 {
        apply(ledger, &A, &[page(S, 0, height as u8)], height)?;
    }
    done(FINAL, ledger.finalize(3))?;
    expect(FINAL, read(ledger, State::Finalized, &A, &S, 0, 1)?, vec![3])?;
    expect(FINAL, read(ledger, State::Accepted, &A, &S, 0, 1)?, vec![4])?;
    done(FINAL, ledger.finalize(2))?;
    expect("what is final stays final", heights(ledger)?, Heights { accepted: 4, finalized: 3 })?;
    refuses("a final height takes no receipts", ledger.apply(&A, &[page(S, 0, 9)], 3), "block 3 was changed")?;
    done(FINAL, ledger.finalize(6))?;
    expect("empty blocks can be finalized", heights(ledger)?, Heights { accepted: 6, finalized: 6 })?;
    expect(FINAL, read(ledger, State::Finalized, &A, &S, 0, 1)?, vec![4])
}

fn blocks<L: Ledger>(ledger: &mut L) -> Result<(), Broken> {
    const BLOCK: &str = "a block's receipts are applied in their order, all of them or none";
    let pages = [[page(S, 0, 1), page(S, 1, 1)], [page(S, 1, 2), page(S, 2, 2)], [page(S, 0, 3), page(S, 1, 3)]];
    let receipts = [(A, &pages[0]), (A, &pages[1]), (B, &pages[2])];
    let receipts = receipts.map(|(contract, pages)| Applied { contract, pages });
    done(BLOCK, ledger.apply_block(&receipts, 1))?;
    let bytes = |fills: [u8; 3]| fills.into_iter().flat_map(|fill| [fill; 32]).collect::<Vec<u8>>();
    expect(BLOCK, read(ledger, State::Accepted, &A, &S, 0, 96)?, bytes([1, 2, 2]))?;
    expect(BLOCK, read(ledger, State::Accepted, &B, &S, 0, 96)?, bytes([3, 3, 0]))?;
    let bad = [page(S, 0, 9), page(S, LAST_PAGE + 1, 9)];
    let second = [Applied { contract: A, pages: &pages[2] }, Applied { contract: B, pages: &bad }];
    refuses(BLOCK, ledger.apply_block(&second, 2), "a page beyond its slot was written")?;
    expect(BLOCK, read(ledger, State::Accepted, &A, &S, 0, 96)?, bytes([1, 2, 2]))?;
    done(BLOCK, ledger.apply_block(&[], 3))?;
    expect(BLOCK, heights(ledger)?, Heights { accepted: 3, finalized: 0 })
}

type Pages = BTreeMap<(u8, u32), u8>;

/// Random operations, beside a model that keeps the whole state of each height.
fn behaves_as_its_model<L: Ledger>(ledger: &mut L, seed: u64) -> Result<(), Broken> {
    const MODEL: &str = "any sequence of operations leaves the state that their order says";
    let mut states: BTreeMap<u64, Pages> = BTreeMap::from([(0, Pages::new())]);
    let mut finalized = 0;
    let mut next = sequence(seed);
    for step in 0..200 {
        let (&accepted, state) = states.last_key_value().unwrap_or_else(|| unreachable!("a state is always there"));
        match next(8) {
            0 => {
                finalized = (finalized + next(accepted - finalized + 1)).max(finalized);
                done(MODEL, ledger.finalize(finalized))?;
            }
            1 => {
                let to = finalized + next(accepted - finalized + 1);
                states.retain(|height, _| *height <= to);
                let state = states.last_key_value().map(|(_, state)| state.clone()).unwrap_or_default();
                states.insert(to, state);
                done(MODEL, ledger.rollback(to))?;
            }
            _ => {
                let mut state = state.clone();
                let height = (accepted + next(2)).max(finalized + 1);
                let (contract, number) = (next(2) as u8, next(6) as u32);
                // A page of zeros is one that was never written.
                let fill = if next(4) == 0 { 0 } else { 1 + step as u8 };
                state.insert((contract, number), fill);
                states.insert(height, state);
                apply(ledger, &Address([contract; 20]), &[page(S, number, fill)], height)?;
            }
        }
        let at = |height| states.range(..=height).next_back().map(|(_, state)| state.clone()).unwrap_or_default();
        for contract in 0..2 {
            expect(MODEL, whole(ledger, State::Accepted, contract)?, bytes(&at(u64::MAX), contract))?;
            expect(MODEL, whole(ledger, State::Finalized, contract)?, bytes(&at(finalized), contract))?;
        }
        history::check(ledger, at, accepted_and_lower(&states, &mut next))?;
    }
    Ok(())
}

/// The highest height, and one that is not above it.
fn accepted_and_lower(states: &BTreeMap<u64, Pages>, next: &mut impl FnMut(u64) -> u64) -> [u64; 2] {
    let accepted = states.last_key_value().map_or(0, |(height, _)| *height);
    [accepted, next(accepted + 1)]
}

fn whole<L: Ledger>(ledger: &mut L, state: State, contract: u8) -> Result<Vec<u8>, Broken> {
    read(ledger, state, &Address([contract; 20]), &S, 0, 6 * 32)
}

fn bytes(pages: &Pages, contract: u8) -> Vec<u8> {
    (0..6).flat_map(|number| [pages.get(&(contract, number)).copied().unwrap_or(0); 32]).collect()
}

/// Numbers below the one given, the same for the same seed (SplitMix64).
fn sequence(mut seed: u64) -> impl FnMut(u64) -> u64 {
    move |below| {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

fn page(slot: SlotId, page: u32, fill: u8) -> PageWrite {
    PageWrite { slot, page, content: [fill; 32] }
}

fn apply<L: Ledger>(ledger: &mut L, contract: &Address, pages: &[PageWrite], height: u64) -> Result<(), Broken> {
    done("a receipt above what is applied is applied", ledger.apply(contract, pages, height))
}

fn heights<L: Ledger>(ledger: &mut L) -> Result<Heights, Broken> {
    done("heights can be asked for", ledger.heights())
}

fn read<L: Ledger>(
    ledger: &mut L,
    state: State,
    contract: &Address,
    slot: &SlotId,
    index: u32,
    len: usize,
) -> Result<Vec<u8>, Broken> {
    // Not zeros, so that a byte that is left alone shows.
    let mut bytes = vec![0xee; len];
    let result = ledger.read(state, contract, slot, index, &mut bytes);
    result.map_err(|error| Broken { promise: "what lies inside a slot can be read", found: error.to_string() })?;
    Ok(bytes)
}

fn expect<T: PartialEq + fmt::Debug>(promise: &'static str, found: T, expected: T) -> Result<(), Broken> {
    if found == expected {
        return Ok(());
    }
    Err(Broken { promise, found: format!("{found:02x?} instead of {expected:02x?}") })
}

fn done<T>(promise: &'static str, result: Result<T, LedgerError>) -> Result<T, Broken> {
    result.map_err(|error| Broken { promise, found: error.to_string() })
}

fn refuses<E>(promise: &'static str, result: Result<(), E>, found: &str) -> Result<(), Broken> {
    match result {
        Ok(()) => Err(Broken { promise, found: found.into() }),
        Err(_) => Ok(()),
    }
}
