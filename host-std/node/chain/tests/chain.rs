//! The chain in lockstep: what transactions, votes and appeals come to.

mod support;

use ed25519_dalek::Signer;
use subvm_chain::{Action, CallId, Extension, InvalidBlock, Item, Refusal, SignedTx, Status, contract_address, sample};
use subvm_core::calldata::Value;
use subvm_core::{Address, Ballot};

use support::*;

const NOBODY: Address = Address([0x11; 20]);

#[test]
fn money_moves_and_is_paid_for() {
    let mut net = Net::new(4);
    let tx = sample::tx(0, 0, false, Action::Transfer { to: NOBODY, value: 500 });
    let cost = net.chain.cost(&tx);
    let applied = net.block(vec![tx.clone()]);
    assert_eq!(statuses(&applied), [Status::Moved]);
    assert_eq!(net.chain.account(&NOBODY).balance, 500);
    let spent = sample::BALANCE - net.chain.account(&sample::holder(0)).balance;
    assert!(spent > 500 && spent < cost, "what was reserved for gas is back: {spent} of {cost}");
    assert_eq!(net.chain.account(&sample::validator(0)).balance, spent - 500, "the rest is the proposer's");
    // The same again is no transaction any more: neither alone, nor in a block.
    assert_eq!(net.chain.admit(&tx.to_bytes()), Err(Refusal::Nonce { expected: 1, found: 0 }));
    assert_eq!(net.next(vec![tx]).txs, []);
}

#[test]
fn contracts_are_deployed_and_called_and_send_messages() {
    let mut net = Net::new(4);
    let at = contract_address(&sample::holder(0), 0);
    let bundle = net.bundle.to_bundle();
    let deploy = sample::tx(0, 0, false, Action::Deploy { bundle: bundle.clone(), value: 0, data: vec![] });
    let list = |on: &str| Value::Array([Value::Address(NOBODY), on.into()].into_iter().collect::<Vec<_>>().into());
    let call = |nonce, data: Value, value| {
        sample::tx(0, nonce, false, Action::Call { to: at, value, data: data.encode().unwrap() })
    };
    let fails = call(1, "no".into(), 70);
    let applied = net.block(vec![deploy, fails, call(2, list("accepted"), 1_000), call(3, list("finalized"), 0)]);
    assert_eq!(
        statuses(&applied),
        [Status::Returned, Status::Failed, Status::Returned, Status::Returned, Status::Moved]
    );
    assert_eq!(net.counted(at), 3, "a constructor's call, and two that returned");
    assert_eq!((net.chain.account(&at).balance, net.chain.account(&NOBODY).balance), (250, 500));
    // The second message waits until its block is final.
    let finality = net.chain.genesis().rules.finality;
    (1..finality).for_each(|_| assert_eq!(statuses(&net.block(vec![])), []));
    let mut moved = statuses(&net.block(vec![]));
    moved.extend(statuses(&net.block(vec![])));
    assert_eq!(moved, [Status::Moved]);
    assert_eq!((net.chain.account(&at).balance, net.chain.account(&NOBODY).balance), (250, 750));
    // Where a contract is, no other is put.
    assert_eq!(net.again().root(), net.chain.root());
}

#[test]
fn a_result_of_the_web_is_proposed_voted_on_and_done() {
    let mut net = Net::new(4);
    net.sites = vec![Some(100), Some(103), Some(98), Some(5_000)];
    let tx = ask(0, 0);
    assert_eq!(statuses(&net.block(vec![tx.clone()])), [Status::Pending]);
    assert_eq!(net.counted(ORACLE), 0);
    let (at, status) = net.until_ended(tx.tx.id().into(), 20).unwrap();
    assert_eq!(status, Status::Accepted);
    assert!(at <= 5, "ordered, proposed, committed, opened: {at}");
    assert_eq!(net.counted(ORACLE), 1);
    assert_eq!(net.again().root(), net.chain.root(), "who catches up asks the web nothing");
}

#[test]
fn who_waits_for_a_contract_waits_in_order_and_nobody_else_does() {
    let mut net = Net::new(4);
    let transfer = sample::tx(1, 0, false, Action::Transfer { to: NOBODY, value: 1 });
    let applied = net.block(vec![ask(0, 0), ask(2, 0), transfer]);
    assert_eq!(statuses(&applied), [Status::Pending, Status::Moved]);
    assert!(net.until_ended(ask(2, 0).tx.id().into(), 20).is_some());
    assert_eq!(net.counted(ORACLE), 2);
}

#[test]
fn a_line_is_only_so_long() {
    let mut net = Net::new(4);
    net.block(vec![ask(0, 0)]);
    let txs = |from: u8, nonces: std::ops::Range<u64>| {
        nonces.map(move |nonce| {
            let call = Action::Call { to: ORACLE, value: 3, data: vec![] };
            sample::tx(from, nonce, false, call)
        })
    };
    // Nobody proposes: all wait.
    net.sites = vec![None; 4];
    let before = net.chain.account(&sample::holder(2)).balance;
    net.block(txs(1, 0..1_024).collect());
    let bounced = statuses(&net.block(txs(2, 0..3).collect()));
    assert!(bounced.len() == 3 && bounced.iter().all(|status| matches!(status, Status::Bounced(_))), "{bounced:?}");
    let spent = before - net.chain.account(&sample::holder(2)).balance;
    let now = net.chain.genesis().rules.prices;
    let bytes = txs(2, 0..1).next().unwrap().to_bytes().len() as u128;
    assert_eq!(spent, 3 * (now.base + bytes * now.byte), "all but what the transactions cost at once is back");
}

#[test]
fn phases_are_longer_than_liars_can_be_proposers() {
    let mut net = Net::with(31, |genesis| {
        let rules = &mut genesis.rules;
        (rules.committee, rules.propose_blocks, rules.commit_blocks, rules.reveal_blocks) = (31, 1, 1, 1);
    });
    let tx = ask(0, 0);
    net.block(vec![tx.clone()]);
    net.block(vec![]);
    let poll = net.chain.poll(&tx.tx.id().into()).expect("a leader has proposed");
    assert_eq!(poll.until, net.chain.height() + 12, "10 of 31 can lie");
}

#[test]
fn a_lying_leader_is_followed_by_the_next() {
    let mut net = Net::new(4);
    net.sites[1] = Some(9_999);
    let applied = net.block(vec![ask(0, 0)]);
    assert_eq!(statuses(&applied), [Status::Pending]);
    let mut seen = Vec::new();
    for _ in 0..12 {
        seen.extend(statuses(&net.block(vec![])));
    }
    assert_eq!(seen, [Status::Proposed, Status::NextLeader, Status::Proposed, Status::Accepted]);
}

#[test]
fn where_nobody_agrees_nothing_is_done_and_the_money_is_back() {
    let mut net = Net::new(4);
    net.sites = vec![Some(0), Some(100), Some(200), Some(300)];
    let call = Action::Call { to: ORACLE, value: 77, data: vec![] };
    let tx = sample::tx(0, 0, true, call);
    net.block(vec![tx.clone()]);
    let (_, status) = net.until_ended(tx.tx.id().into(), 100).unwrap();
    assert_eq!((status, net.counted(ORACLE), net.chain.account(&ORACLE).balance), (Status::Undetermined, 0, 0));
}

#[test]
fn a_web_that_is_down_everywhere_is_a_result_too() {
    let mut net = Net::new(4);
    net.sites = vec![None; 4];
    let tx = ask(0, 0);
    net.block(vec![tx.clone()]);
    let (at, status) = net.until_ended(tx.tx.id().into(), 100).unwrap();
    assert_eq!(status, Status::Undetermined, "nobody has results to propose");
    assert!(at > net.chain.genesis().rules.propose_blocks);
}

#[test]
fn ballots_that_a_proposer_leaves_out_come_with_the_next() {
    let mut net = Net::new(4);
    let tx = ask(0, 0);
    net.block(vec![tx.clone()]);
    // One of four is left out of each block, another one each time: never less than a quorum.
    let mut ended = None;
    for number in 0..20 {
        net.silent = vec![number % 4];
        let applied = net.block(vec![]);
        ended = ended.or(applied.outcomes.iter().map(|(_, o)| o.status.clone()).find(Status::ended));
    }
    assert_eq!(ended, Some(Status::Accepted));
}

#[test]
fn a_third_that_is_silent_or_lies_changes_no_result() {
    for silent in [true, false] {
        let mut net = Net::new(7);
        if silent {
            net.silent = vec![5, 6]
        } else {
            (5..7).for_each(|liar| net.sites[liar] = Some(9_999))
        }
        let tx = ask(0, 0);
        net.block(vec![tx.clone()]);
        let ended = net.until_ended(tx.tx.id().into(), 40).unwrap();
        assert_eq!(ended.1, Status::Accepted, "silent: {silent}");
    }
}

#[test]
fn a_copied_commitment_opens_nothing() {
    let mut net = Net::new(4);
    net.block(vec![ask(0, 0)]);
    net.block(vec![]);
    // The honest have committed; now 3 says what 0 said.
    let said = net.said[0].items.clone();
    assert!(matches!(said[..], [Item::Commit { .. }]));
    let Item::Commit { call, poll, commitment } = said[0] else { unreachable!() };
    let mut poll_copy = net.chain.poll(&call).unwrap().clone();
    assert_eq!(poll_copy.number, poll);
    poll_copy.commits.insert(3, commitment);
    poll_copy.opening = true;
    // What opens 0's does not open the copy of it under 3's key.
    net.block(vec![]);
    let Some(Item::Open { ballot, salt, .. }) = net.said[0].items.first().copied() else {
        panic!("0 opens: {:?}", net.said[0])
    };
    let opens = |number: u16| {
        let key = sample::signer(number).verifying_key().to_bytes();
        commitment.opens(&ballot, &poll_copy.proposal.digest(), &key, &salt)
    };
    assert!(opens(0) && !opens(3));
}

#[test]
fn an_appeal_turns_a_result_and_the_chain_is_replayed_with_it() {
    // A committee of one; the appeals' have three, then all seven.
    let mut net = Net::with(7, |genesis| genesis.rules.committee = 1);
    let [truth, lie] = [100, 9_999].map(|answer| vec![Some(answer); 7]);
    let tx = ask(0, 0);
    let id: CallId = tx.tx.id().into();
    net.block(vec![tx]);
    // Leaders say what is so, and whoever judges is told otherwise.
    let mut at = 0;
    while at == 0 {
        net.sites = truth.clone();
        let block = net.next(vec![]);
        net.sites = lie.clone();
        let applied = net.put(block);
        let ended = applied.outcomes.iter().any(|(_, outcome)| outcome.status == Status::Undetermined);
        at = if ended { applied.height } else { 0 };
    }
    // After it others build upon what is there.
    let transfer = |nonce| sample::tx(2, nonce, false, Action::Transfer { to: NOBODY, value: 5 });
    net.block(vec![transfer(0)]);
    let (began, mut follower) = (net.blocks.len(), net.restored());
    let turn = |net: &mut Net, nonce, sites: &Vec<_>| {
        net.sites = sites.clone();
        let appeal = sample::tx(1, nonce, false, Action::Appeal { call: id });
        let applied = net.block(vec![appeal, transfer(nonce + 1)]);
        assert!(statuses(&applied).contains(&Status::Appealed));
        let turned = (0..20).map(|_| net.block(vec![])).find(|applied| applied.rolled_back.is_some());
        let applied = turned.expect("a larger committee comes to the opposite");
        assert_eq!(applied.rolled_back, Some(at - 1));
        let anew = |(height, outcome): &(u64, subvm_chain::Outcome)| {
            (outcome.call == id).then(|| (*height, outcome.status.clone()))
        };
        assert!(net.chain.finalized() < at);
        assert_eq!(net.again().root(), net.chain.root(), "all who replay come to the same");
        assert_eq!(net.chain.account(&NOBODY).balance, 5 * u128::from(nonce + 2), "others' transactions stand");
        applied.outcomes.iter().find_map(anew).unwrap()
    };
    assert_eq!(turn(&mut net, 0, &truth), (at, Status::Accepted));
    assert_eq!(net.counted(ORACLE), 1, "what was undetermined is done");
    assert_eq!(turn(&mut net, 1, &lie), (at, Status::Undetermined));
    assert_eq!(net.counted(ORACLE), 0, "and undone");
    assert_eq!(net.chain.money().gone, 0, "who was right has the bond back");
    let third = sample::tx(1, 2, false, Action::Appeal { call: id });
    assert_eq!(net.next(vec![third]).txs, [], "all have judged it");
    net.nothing_else_is_taken(1_009);
    while net.chain.finalized() < at {
        net.block(vec![]);
    }
    assert_eq!(net.again().root(), net.chain.root());
    let back = |block| follower.apply(block).unwrap().rolled_back.is_some();
    assert_eq!(net.blocks[began..].iter().map(back).filter(|back| *back).count(), 2);
    assert_eq!(follower.root(), net.chain.root(), "who began with a snapshot goes back as far, and comes to the same");
}

#[test]
fn an_appeal_that_changes_nothing_costs_its_bond() {
    let mut net = Net::with(7, |genesis| genesis.rules.committee = 3);
    let tx = ask(0, 0);
    net.block(vec![tx.clone()]);
    assert_eq!(net.until_ended(tx.tx.id().into(), 20).unwrap().1, Status::Accepted);
    let appeal = sample::tx(1, 0, false, Action::Appeal { call: tx.tx.id().into() });
    assert_eq!(statuses(&net.block(vec![appeal.clone()])), [Status::Appealed]);
    let again = sample::tx(2, 0, false, Action::Appeal { call: tx.tx.id().into() });
    assert_eq!(net.next(vec![again]).txs, [], "one appeal at a time");
    let mut seen = Vec::new();
    (0..10).for_each(|_| seen.extend(statuses(&net.block(vec![]))));
    assert_eq!(seen, [Status::Upheld]);
    assert_eq!(net.chain.money().gone, net.chain.genesis().rules.bond);
}

#[test]
fn what_is_final_is_not_appealed_against() {
    let mut net = Net::with(7, |genesis| genesis.rules.committee = 3);
    let tx = ask(0, 0);
    net.block(vec![tx.clone()]);
    let (at, _) = net.until_ended(tx.tx.id().into(), 20).unwrap();
    while net.chain.finalized() < at {
        net.block(vec![]);
    }
    let appeal = sample::tx(1, 0, false, Action::Appeal { call: tx.tx.id().into() });
    assert_eq!(net.next(vec![appeal]).txs, []);
}

#[test]
fn transactions_that_may_not_come_are_refused_with_a_code() {
    let mut net = Net::new(4);
    let good = sample::tx(0, 0, false, Action::Transfer { to: NOBODY, value: 1 });
    let change = |change: fn(&mut SignedTx)| {
        let mut tx = good.clone();
        change(&mut tx);
        SignedTx::sign(tx.tx, &sample::account(0))
    };
    let mut forged = good.clone();
    forged.tx.action = Action::Transfer { to: NOBODY, value: 2 };
    let mut weak = good.clone();
    (weak.tx.from, weak.signature) = ([0; 32], [0; 64]);
    let huge = change(|it| it.tx.action = Action::Call { to: NOBODY, value: 0, data: vec![0; 1 << 20] });
    let cases = [
        ("chain_id", change(|it| it.tx.chain_id = 1)),
        ("gas", change(|it| it.tx.gas.time = u64::MAX)),
        ("balance", change(|it| it.tx.action = Action::Transfer { to: NOBODY, value: u128::MAX })),
        ("bundle", change(|it| it.tx.action = Action::Deploy { bundle: b"no".to_vec(), value: 0, data: vec![] })),
        ("signature", forged),
        ("signature", weak),
        ("too_large", huge),
    ];
    for (code, tx) in cases {
        assert_eq!(net.chain.admit(&tx.to_bytes()).unwrap_err().code(), code);
        // No proposer can bring it in either.
        let mut block = net.next(vec![]);
        block.txs.push(tx);
        block.header.body = block.body();
        let invalid = net.chain.validate(&block).unwrap_err();
        assert!(matches!(&invalid, InvalidBlock::Tx { number: 0, why } if why.code() == code), "{code}: {invalid}");
    }
    let mut twice = net.next(vec![good.clone()]);
    twice.txs.push(good.clone());
    twice.header.body = twice.body();
    assert_eq!(net.chain.validate(&twice).unwrap_err().code(), "tx");
    assert_eq!(net.chain.admit(&[]).unwrap_err().code(), "malformed");
    let mut longer = good.to_bytes();
    longer.push(0);
    assert_eq!(net.chain.admit(&longer).unwrap_err().code(), "malformed");
    assert_eq!(statuses(&net.block(vec![good])), [Status::Moved]);
}

#[test]
fn blocks_that_do_not_follow_are_invalid() {
    let mut net = Net::new(4);
    net.block(vec![]);
    net.block(vec![ask(0, 0)]);
    let good = net.next(vec![]);
    assert_eq!(net.chain.validate(&good), Ok(()));
    let check = |what: &str, change: &dyn Fn(&mut subvm_chain::Block)| {
        let mut block = good.clone();
        change(&mut block);
        block.header.body = block.body();
        assert_eq!(net.chain.validate(&block).unwrap_err().code(), what);
    };
    check("header", &|block| block.header.height += 1);
    check("header", &|block| block.header.parent.0[0] ^= 1);
    check("header", &|block| block.header.root[0] ^= 1);
    check("header", &|block| block.header.time += 1);
    check("header", &|block| block.header.proposer = NOBODY);
    check("votes", &|block| block.votes.as_mut().unwrap().votes.truncate(2));
    check("votes", &|block| block.votes.as_mut().unwrap().votes[1].bytes.push(0));
    check("votes", &|block| block.votes.as_mut().unwrap().votes.swap(0, 1));
    check("votes", &|block| block.votes.as_mut().unwrap().round += 1);
    check("votes", &|block| {
        let votes = &mut block.votes.as_mut().unwrap().votes;
        votes[1] = votes[0].clone();
    });
    check("proposal", &|block| block.proposals.push(block.proposals[0].clone()));
    check("proposal", &|block| block.proposals[0].0.0[0] ^= 1);
    let mut unhashed = good.clone();
    unhashed.proposals.clear();
    assert_eq!(net.chain.validate(&unhashed).unwrap_err().code(), "header");
    let mut none = good.clone();
    none.votes = None;
    none.header.time = net.chain.time() + 1;
    none.header.body = none.body();
    assert_eq!(net.chain.validate(&none).unwrap_err().code(), "votes");
}

#[test]
fn a_clock_that_is_an_hour_off_steers_nothing() {
    let mut net = Net::new(4);
    net.block(vec![]);
    const HOUR: u64 = 3_600_000_000_000;
    let before: fn(u16, &mut Extension) = |who, said| said.time -= if who == 2 { HOUR } else { 0 };
    let after: fn(u16, &mut Extension) = |who, said| said.time += if who == 2 { HOUR } else { 0 };
    for forge in [before, after] {
        net.forge = Some(forge);
        for _ in 0..4 {
            let before = net.chain.time();
            net.block(vec![]);
            assert!(net.chain.time() > before && net.chain.time() - before < 2_000_000_000);
        }
    }
}

#[test]
fn a_leader_that_proposes_what_no_run_makes_has_had_its_turn() {
    let mut net = Net::new(4);
    net.block(vec![ask(0, 0)]);
    let mut block = net.next(vec![]);
    let proposal = &mut block.proposals[0].1;
    proposal.nondet.push(vec![0, 0]);
    block.header.body = block.body();
    assert_eq!(statuses(&net.put(block)), [Status::Faulty]);
    let mut block = net.next(vec![]);
    block.proposals[0].1.nondet[0] = b"\xff garbage".to_vec();
    block.header.body = block.body();
    let seen = statuses(&net.put(block));
    assert_eq!(seen, [Status::Faulty, Status::Undetermined], "two leaders: one more than can lie");
}

#[test]
fn a_ballot_says_why_and_is_told() {
    let mut net = Net::new(4);
    net.sites[3] = Some(5_000);
    let tx = ask(0, 0);
    net.block(vec![tx]);
    let mut votes = Vec::new();
    for _ in 0..8 {
        for (_, outcome) in net.block(vec![]).outcomes {
            votes.extend(outcome.votes);
        }
    }
    assert_eq!(votes.iter().filter(|(_, ballot)| is_accept(ballot)).count(), 3);
    // It is accepted as soon as three have opened; the fourth may have come or not.
    let fourth = votes[3].1;
    assert!(matches!(fourth, None | Some(Ballot::Reject { call: Some(0), .. })), "{fourth:?}");
}

#[test]
fn an_extension_is_worth_nothing_elsewhere() {
    let (id, who, ext) = (subvm_chain::BlockId([1; 32]), sample::validator(0), b"x");
    let bytes = |chain, height, round| subvm_chain::extension_bytes(chain, height, round, &id, &who, ext);
    let all = [bytes(1, 1, 0), bytes(2, 1, 0), bytes(1, 2, 0), bytes(1, 1, 1)];
    let mut set: Vec<_> = all.to_vec();
    set.sort();
    set.dedup();
    assert_eq!(set.len(), all.len());
    assert!(sample::signer(0).sign(&all[0]) != sample::signer(0).sign(&all[1]));
}
