"""Gas and receipts are those of Rust: the files that Rust's tests hold theirs to."""

from __future__ import annotations

import re

from pysubvm import Chain, Transaction

from conftest import GUESTS, ROOT


def recorded(name: str) -> dict[str, str]:
    lines = (ROOT / "tests/golden/contracts" / f"{name}.txt").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines)


def seen(transaction: Transaction) -> str:
    gas, receipt = transaction.gas, transaction.receipt
    return f"time {gas.time}, storage {gas.storage}, data {gas.data}, receipt {receipt.digest}"


def test_those_of_the_token() -> None:
    """As `tests/tests/contracts/token.rs` does it."""
    chain, golden = Chain(), recorded("token")
    alice, bob = chain.account("alice", 100), chain.account("bob", 100)
    token = chain.deploy(GUESTS / "token.wasm", {"supply": 1000}, sender=alice)
    assert seen(token.by(alice).call("transfer", to=bob, amount=300)) == golden["transfer"]
    for _ in range(2):
        token.view("balance_of", owner=alice)
    token.by(alice).call("approve", spender=bob, amount=50)
    spent = token.by(bob).call("transfer_from", to=bob, amount=20, owner=alice)
    assert seen(spent) == golden["transfer_from"]
    refused = token.by(bob).try_call("transfer_from", to=bob, amount=31, owner=alice)
    assert refused.error == "the allowance is too small"
    balance = chain.view(token, {"method": "balance_of", "owner": bob})
    assert balance.value == 320 and seen(balance) == golden["balance_of"]
    assert all(re.fullmatch(r"time \d+, storage \d+, data \d+, receipt [0-9a-f]{64}", line) for line in golden.values())
