//! What one validator's work is made of.

use std::hint::black_box;
use std::sync::Arc;

use ed25519_dalek::Signer;
use subvm_chain::{
    Chain, Extension, SignedExtension, SignedTx, Votes, extension_bytes, forget_signatures, sample, signed,
};

use crate::chain::{Traffic, begin, clock};

/// Transactions in one block.
const BATCH: usize = 1_000;
/// Blocks.
const ROUNDS: usize = 3;

/// Microseconds of processor time, each; the least of some rounds.
fn least(count: usize, rounds: impl Iterator<Item = u64>) -> f64 {
    rounds.min().unwrap_or(0) as f64 / 1e3 / count as f64
}

fn timed<T>(work: impl FnOnce() -> T) -> (u64, T) {
    forget_signatures();
    let began = clock();
    let done = black_box(work());
    (clock() - began, done)
}

/// The votes of the one validator on the last block.
fn votes(chain: &Chain) -> Option<Votes> {
    if chain.height() == 0 {
        return None;
    }
    let who = sample::validator(0);
    let bytes = Extension { time: chain.time() + 1, items: Vec::new() }.to_bytes();
    let message = extension_bytes(sample::CHAIN_ID, chain.height(), 0, &chain.last(), &who, &bytes);
    let signature = ed25519(&message);
    Some(Votes { round: 0, votes: vec![SignedExtension { validator: 0, bytes, signature }] })
}

fn ed25519(message: &[u8]) -> [u8; 64] {
    sample::signer(0).sign(message).to_bytes()
}

/// A table of them.
pub(crate) fn parts() {
    let mut traffic = Traffic::new(0);
    let (genesis, engine) = begin(1, 4 << 20);
    let mut chain = Chain::new(Arc::new(genesis), engine).expect("begins");
    let (mut admit, mut propose, mut validate, mut apply) = (vec![], vec![], vec![], vec![]);
    let (mut bytes, mut block_bytes, mut pages, mut receipts) = (0, 0, 0, 0);
    for _ in 0..ROUNDS {
        let sent: Vec<Vec<u8>> = (0..BATCH).map(|_| traffic.next().to_bytes()).collect();
        bytes = sent.iter().map(Vec::len).sum::<usize>() / BATCH;
        let (time, txs) =
            timed(|| sent.iter().map(|tx| chain.admit(tx).expect("is admitted")).collect::<Vec<SignedTx>>());
        admit.push(time);
        let votes = votes(&chain);
        let (time, block) = timed(|| chain.propose(sample::validator(0), votes, txs, Vec::new()));
        propose.push(time);
        assert_eq!(block.txs.len(), BATCH);
        block_bytes = block.to_bytes().len() / BATCH;
        let (time, valid) = timed(|| chain.validate(&block));
        valid.expect("follows");
        validate.push(time);
        let (time, applied) = timed(|| chain.apply(&block).expect("applies"));
        apply.push(time);
        assert!(applied.outcomes.iter().all(|(_, it)| it.receipt.as_ref().is_some_and(|receipt| receipt.returned())));
        pages = applied.writes.iter().map(|(_, _, pages)| pages.len()).sum::<usize>();
        receipts = applied
            .outcomes
            .iter()
            .filter_map(|(_, it)| it.receipt.as_ref())
            .map(|it| it.to_bytes().len())
            .sum::<usize>()
            / BATCH;
    }
    let message = [7; 120];
    let signature = ed25519(&message);
    let key = sample::signer(0).verifying_key().to_bytes();
    let sign = least(
        200,
        (0..5).map(|_| {
            timed(|| {
                (0..200).for_each(|_| {
                    black_box(ed25519(black_box(&message)));
                })
            })
            .0
        }),
    );
    let verify = least(
        200,
        (0..5).map(|_| {
            timed(|| {
                for _ in 0..200 {
                    forget_signatures();
                    assert!(black_box(signed(&key, &message, &signature)));
                }
            })
            .0
        }),
    );
    println!("\nOne validator's work, microseconds of processor time each\n");
    println!("| what | µs |\n|---|--:|");
    for (what, time) in [
        ("a transfer is admitted: form, signature, balance", least(BATCH, admit.into_iter())),
        ("a transfer is put into a block", least(BATCH, propose.into_iter())),
        ("a transfer of another's block is validated", least(BATCH, validate.into_iter())),
        ("a transfer runs, and its receipt is applied in memory", least(BATCH, apply.into_iter())),
        ("a vote is signed", sign),
        ("a vote is verified", verify),
    ] {
        println!("| {what} | {time:.1} |");
    }
    println!(
        "\nA transfer has {bytes} bytes, {block_bytes} in a block; its receipt {receipts}; it writes {:.2} pages.",
        pages as f64 / BATCH as f64
    );
}
