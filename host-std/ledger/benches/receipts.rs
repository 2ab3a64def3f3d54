//! Receipts a second into a redb file: a block of many in one transaction, and one by one; and what of it the roots take.
//!
//! ```text
//! cargo bench --locked -p subvm-ledger --bench receipts
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use subvm_core::{Address, PageWrite, SlotId};
use subvm_ledger::trie::{Memory, apply, page};
use subvm_ledger::{Applied, History, Ledger, RedbLedger, RedbOptions};

/// Receipts in a block.
const RECEIPTS: u64 = 2_000;
/// Pages that each writes.
const PAGES: u64 = 4;
const BLOCKS: u64 = 20;

/// Numbers that look random, the same each time (SplitMix64).
fn mixed(number: u64) -> u64 {
    let z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

/// Pages of one of 250 contracts, some of them ones that were written before.
fn receipt(number: u64) -> (Address, Vec<PageWrite>) {
    let contract = Address([(mixed(number) % 250) as u8; 20]);
    let page = |of: u64| {
        let place = mixed(number * PAGES + of) % (4 * RECEIPTS * BLOCKS);
        let mut content = [0; 32];
        content[..8].copy_from_slice(&(number + 1).to_le_bytes());
        PageWrite { slot: SlotId([(place % 16) as u8; 32]), page: place as u32, content }
    };
    (contract, (0..PAGES).map(page).collect())
}

fn block(height: u64, receipts: u64) -> Vec<(Address, Vec<PageWrite>)> {
    (0..receipts).map(|number| receipt(height * RECEIPTS + number)).collect()
}

fn per_second(count: u64, time: Duration) -> u64 {
    (count as f64 / time.as_secs_f64()) as u64
}

/// Blocks into a ledger that keeps so much history: the time, and the bytes of the file.
fn blocks(history: u64) -> (Duration, u64) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let options = RedbOptions { history, ..RedbOptions::default() };
    let mut ledger = RedbLedger::open_with(dir.path(), options).expect("a new ledger");
    let mut time = Duration::ZERO;
    for height in 1..=BLOCKS {
        let block = block(height, RECEIPTS);
        let receipts: Vec<_> = block.iter().map(|(contract, pages)| Applied { contract: *contract, pages }).collect();
        let began = Instant::now();
        ledger.apply_block(&receipts, height).expect("it is applied");
        ledger.finalize(height.saturating_sub(2)).expect("it is final");
        time += began.elapsed();
    }
    ledger.finalize(BLOCKS).expect("it is final");
    let verified = ledger.snapshot().and_then(|snapshot| snapshot.verify()).expect("it is whole");
    let proof = ledger.prove(BLOCKS, &receipt(RECEIPTS).0, &SlotId([0; 32]), 0).expect("it is proven");
    ledger.compact().expect("it is made smaller");
    drop(ledger);
    let bytes = std::fs::metadata(dir.path().join(RedbLedger::FILE)).expect("the file is there").len();
    println!(
        "    {} pages and {} rows in {bytes} bytes, a proof of {}",
        verified.pages,
        verified.rows,
        proof.to_bytes().len()
    );
    (time, bytes)
}

fn main() {
    println!(
        "{BLOCKS} blocks of {RECEIPTS} receipts of {PAGES} pages, finalized two blocks later, on disk when reported"
    );
    for history in [0, u64::MAX] {
        let (time, _) = blocks(history);
        let kept = if history == 0 { "no history" } else { "all history" };
        println!("{kept}: {} receipts a second", per_second(BLOCKS * RECEIPTS, time));
    }

    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut ledger = RedbLedger::open(dir.path()).expect("a new ledger");
    let began = Instant::now();
    for (height, (contract, pages)) in (1..).zip(block(1, 200)) {
        ledger.apply(&contract, &pages, height).expect("it is applied");
    }
    println!("one by one: {} receipts a second", per_second(200, began.elapsed()));

    let (mut rows, mut time) = (Memory::default(), Duration::ZERO);
    for height in 1..=BLOCKS {
        let pages: BTreeMap<_, _> = block(height, RECEIPTS)
            .iter()
            .flat_map(|(contract, pages)| {
                pages.iter().map(|write| (page(contract, &write.slot, write.page), write.content))
            })
            .collect();
        let began = Instant::now();
        let change = apply(&mut rows, &pages).expect("no row is missing");
        time += began.elapsed();
        rows.extend(change.rows);
    }
    println!("roots alone, in memory: {} receipts a second", per_second(BLOCKS * RECEIPTS, time));
}
