//! Networks under a load that they cannot keep up with.

use subvm_sim::measured::{Load, Measured, measure, percentile};

use crate::chain::{Traffic, begin, clock, outside};

/// Half a millisecond to one and a half: machines of one city.
const DELAY: (u64, u64) = (500, 1_500);
/// A site that answers in 20 to 200 ms.
const WEB: (u64, u64) = (20_000, 200_000);
/// Bytes of a transfer, with its signature, or a little less.
const TRANSFER: u64 = 240;

fn network_of(validators: u16, block_bytes: u64, asking: u64, blocks: u64) -> Measured {
    let mut traffic = Traffic::new(asking);
    let (genesis, engine) = begin(validators, block_bytes);
    let wait = (2 * block_bytes / TRANSFER) as usize;
    measure(Load {
        genesis,
        engine,
        outside,
        web: WEB,
        delay: DELAY,
        first: Vec::new(),
        next: &mut || traffic.next(),
        wait,
        blocks,
        clock,
    })
}

fn head(what: &str) {
    println!("\n{what}\n");
    println!(
        "| validators | block, KiB | oracle calls, % | transfers a second | block, ms | sent to applied, ms | to final, ms | results a second | asked to accepted, ms | computing, % | messages and KiB a block |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
}

fn row(validators: u16, block_bytes: u64, asking: u64, blocks: u64) {
    let it = network_of(validators, block_bytes, asking, blocks);
    assert_eq!(it.rounds, 0, "no round is lost");
    let seconds = it.time as f64 / 1e6;
    let [done, accepted, _] = it.ended;
    let ms = |times: &[u64]| {
        let [half, most] = [50, 95].map(|percent| percentile(times, percent) as f64 / 1e3);
        if times.is_empty() { "-".to_owned() } else { format!("{half:.0} ({most:.0})") }
    };
    println!(
        "| {validators} | {} | {} | {:.0} | {:.1} | {} | {} | {:.1} | {} | {:.0} | {} and {} |",
        block_bytes >> 10,
        asking as f64 / 10.0,
        done as f64 / seconds,
        it.time as f64 / 1e3 / it.blocks as f64,
        ms(&it.applied),
        ms(&it.finalized),
        accepted as f64 / seconds,
        ms(&it.accepted),
        100.0 * it.computed as f64 / (it.time as f64 * f64::from(validators)),
        it.messages[0] / it.blocks,
        (it.messages[1] / it.blocks) >> 10,
    );
}

/// By the number of validators.
pub(crate) fn network() {
    head("By validators; times are the median, and that of 95 of a hundred");
    for validators in [1, 4, 7, 16, 31] {
        row(validators, 64 << 10, 0, 20);
    }
}

/// By the size of blocks.
pub(crate) fn blocks() {
    head("By the size of blocks");
    for (kib, blocks) in [(64, 20), (256, 18), (1_024, 5)] {
        row(4, kib << 10, 0, blocks);
    }
}

/// By what asks the web.
pub(crate) fn oracles() {
    head("By the share of oracle calls, of 64 oracles");
    for asking in [0, 10, 100] {
        row(4, 64 << 10, asking, 40);
    }
}
