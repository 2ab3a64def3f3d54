"""Contracts of the repository on a chain."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from pysubvm import DOWN, Address, Chain, Fails, Page, Receipt, UserError, VmError
from pysubvm.errors import Error, InsufficientFunds, NodeError, PackageError, Undetermined

from conftest import GUESTS

TOKEN = GUESTS / "token.wasm"
ORACLE = GUESTS / "oracle.wasm"
URL = "https://prices.test/btc"


def test_tokens_go_from_hand_to_hand(chain: Chain, alice: Address, bob: Address) -> None:
    token = chain.deploy(TOKEN, {"supply": 100}, sender=alice)
    moved = token.by(alice).call("transfer", to=bob, amount=30)
    assert moved.ok and moved.votes == ["agree", "agree"] and moved.value is None and moved.error is None
    assert token.view("balance_of", owner=bob) == 30
    assert moved.gas.time > 0 and moved.receipt.gas == moved.gas and len(moved.receipt.storage) == 2
    assert moved.events == [message["EmitEvent"] for message in moved.messages]
    assert moved.events[0]["blob"] == {"from": alice, "to": bob, "amount": 30}


def test_a_failure_is_raised_with_its_text_and_its_transaction(chain: Chain, bob: Address) -> None:
    token = chain.deploy(TOKEN, {"supply": 7})
    with pytest.raises(UserError) as raised:
        token.by(bob).call("transfer", to=bob, amount=1)
    assert raised.value.message == str(raised.value) == "the balance is too small"
    failed = raised.value.transaction
    assert failed is not None and failed.accepted and not failed.ok and failed.report is not None
    assert failed.report.outcome == "user_error" and failed.report.fingerprint is not None
    assert token.by(bob).try_call("transfer", to=bob, amount=1).error == "the balance is too small"


def test_receipts_are_those_of_rust(chain: Chain, alice: Address) -> None:
    token = chain.deploy(TOKEN, {"supply": 100}, sender=alice)
    moved = token.by(alice).call("transfer", to=alice, amount=1)
    again = Receipt(moved.receipt.to_bytes())
    assert again == moved.receipt and again.digest == moved.receipt.digest and again.vote(moved.receipt) == "agree"
    assert again.with_nondet([b"\0\0"]).vote(moved.receipt) != "agree"
    with pytest.raises(ValueError, match="not a receipt"):
        Receipt(b"\0")


def test_prices_are_asked_and_agreed_on(chain: Chain) -> None:
    rule = chain.world.web("https://prices.test/*", "101.25")
    oracle = chain.deploy(ORACLE)
    asked = oracle.call("ask", url=URL)
    assert asked.value == {"answer": "101.25", "count": 1}
    assert rule.used == 3, "a leader and two validators"
    assert chain.world.asked[0][:2] == ("leader", "WebRequest") and chain.world.asked[0][2]["url"] == URL


def test_nodes_that_see_another_page_disagree(chain: Chain) -> None:
    chain.world.web("*", "101", only={"leader": "666"})
    oracle = chain.deploy(ORACLE)
    with pytest.raises(Undetermined, match="disagree at nondet, call 0, disagree at nondet, call 0"):
        oracle.call("ask", url=URL)
    chain.world.web(re.compile(r"prices\.test"), lambda fields: Page(fields["url"][-3:].encode()), only={1: DOWN})
    asked = oracle.call("ask", url=URL)
    assert asked.value["answer"] == "btc" and asked.votes[0] == "agree" and asked.votes[1].startswith("timeout: ")
    assert oracle.view("get") == {"answer": "btc", "count": 1}


def test_what_the_world_lacks_is_the_nodes_failure(chain: Chain) -> None:
    oracle = chain.deploy(ORACLE)
    with pytest.raises(NodeError, match="no script answers"):
        oracle.call("ask", url=URL)
    chain.world.web("*", Fails("timeout"))
    assert not oracle.try_call("ask", url=URL).ok


def test_what_a_function_of_the_world_raises_is_raised_and_nothing_is_kept(chain: Chain) -> None:
    def broken(_: object) -> str:
        raise LookupError("no such page in this test")

    chain.world.web("*", broken)
    oracle = chain.deploy(ORACLE)
    before = chain.now
    with pytest.raises(LookupError, match="no such page in this test"):
        oracle.call("ask", url=URL)
    assert chain.now == before and oracle.view("get") == {"answer": "", "count": 0}
    chain.world.web("*", lambda _: 2.5)
    with pytest.raises(TypeError, match="there is no float"):
        oracle.call("ask", url=URL)


def test_a_run_cannot_call_its_own_chain(chain: Chain) -> None:
    chain.world.web("*", lambda _: str(chain.balance(bytes(20))))
    oracle = chain.deploy(ORACLE)
    with pytest.raises(Error, match="the chain is at work"):
        oracle.call("ask", url=URL)


def test_a_leader_that_lies_is_found(chain: Chain) -> None:
    chain.world.web("*", "101")
    oracle = chain.deploy(ORACLE)
    chain.tamper(lambda results: [result[:-1] + b"9" for result in results])
    assert not oracle.try_call("ask", url=URL).accepted
    chain.honest()
    asked = oracle.call("ask", url=URL)
    assert chain.one_more(asked.receipt) == "agree"
    chain.world.web("*", "99")
    assert chain.one_more(asked.receipt) == "disagree at nondet, call 0"

    def broken(_: list[bytes]) -> list[bytes]:
        raise RuntimeError("a lie that fails")

    chain.tamper(broken)
    with pytest.raises(RuntimeError, match="a lie that fails"):
        oracle.call("ask", url=URL)


def test_appeals_snapshots_and_finality(chain: Chain, alice: Address) -> None:
    with pytest.raises(Error, match="there is no transaction to appeal"):
        chain.appeal(5)
    chain.world.web("*", "101", only={"leader": "99", 0: "99"})
    oracle = chain.deploy(ORACLE)
    before = chain.snapshot()
    assert oracle.call("ask", url=URL).accepted, "two of three"
    assert not chain.appeal(5).accepted, "two of six"
    chain.restore(before)
    assert oracle.view("get")["count"] == 0
    assert chain.finalize() == []


def test_time_and_money(chain: Chain, alice: Address, bob: Address) -> None:
    start = chain.now
    assert start == dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
    chain.wait(dt.timedelta(days=1, microseconds=3))
    assert chain.now - start == dt.timedelta(days=1, microseconds=3)
    chain.now = dt.datetime(2024, 6, 15, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert chain.now.isoformat() == "2024-06-15T10:00:00+00:00"
    with pytest.raises(ValueError, match="no time zone"):
        chain.now = dt.datetime(2024, 6, 15)
    assert (chain.balance(alice), chain.balance(bob)) == (100, 5)
    token = chain.deploy(TOKEN, {"supply": 1})
    with pytest.raises(InsufficientFunds, match="has 5, and sends 6"):
        token.by(bob, value=6).call("transfer", to=bob, amount=0)
    chain.fund(bob, 2**128 - 1)
    assert chain.balance(bob) == 2**128 - 1


def test_storage_past_the_contract(chain: Chain) -> None:
    token = chain.deploy(TOKEN, {"supply": 1})
    chain.write(token, b"\7" * 32, 1, b"abc")
    assert chain.read(token, b"\7" * 32, 32, 4) == b"abc\0" and chain.read(token, bytes(32)) != b""
    for wrong in (lambda: chain.write(token, bytes(32), 0, bytes(33)), lambda: chain.read(token, bytes(32), 2**32 - 1, 2)):
        with pytest.raises(ValueError):
            wrong()


def test_code_that_is_none_is_refused(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUBVM_RUNNER", raising=False)
    with pytest.raises(PackageError):
        chain.deploy(b"subvm but cut short")
    bad = chain.try_deploy(b"\0asm not a module")
    assert not bad.ok and bad.error is not None and bad.error.startswith("invalid_contract")
    with pytest.raises(VmError) as raised:
        chain.deploy(b"\0asm not a module")
    assert raised.value.code == bad.error and raised.value.told
    with pytest.raises(PackageError, match="name what runs contracts in Python"):
        chain.deploy("token.py")


def test_parameters_are_those_that_are_known() -> None:
    spent = Chain(limits={"gas_time": 1000}, profile="genvm-0.2").try_deploy(TOKEN, {"supply": 1})
    assert spent.error == "out_of gas time"
    for wrong, says in [
        (dict(profile="genvm"), "profile: there is no 'genvm'|profile: there is no \"genvm\"; there are seed"),
        (dict(floats="hard"), "floats: there is no"),
        (dict(limits={"gas": 1}), "limits: there is no \"gas\"; there are ram"),
        (dict(limits={"depth": -1}), "limits, depth"),
    ]:
        with pytest.raises(ValueError, match=says):
            Chain(**wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Chain(colour=1)  # type: ignore[call-arg]


def test_messages_are_delivered(chain: Chain, alice: Address) -> None:
    shop = chain.deploy(GUESTS / "workshop.wasm", {"count": 5})
    token = chain.deploy(TOKEN, {"supply": 100}, sender=shop)
    given = shop.call("give", token=token, to=alice, amount=30)
    (delivered,) = given.delivered
    assert delivered.contract == token.address and delivered.ok and delivered.events[0]["blob"]["amount"] == 30
    refused = shop.call("give", token=token, to=alice, amount=71)
    assert refused.ok and refused.delivered[0].error == "the balance is too small"
    assert token.view("balance_of", owner=alice) == 30


def test_contracts_are_their_addresses(chain: Chain, alice: Address) -> None:
    token = chain.deploy(TOKEN, {"supply": 3}, sender=alice)
    assert token == chain.at(token) and hash(token) == hash(token.address) and token.balance == 0
    assert chain.at(token.address.as_hex).view("balance_of", owner=alice) == 3
