"""A node in Python: its five parts, a run on them, and the kit that checks them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Optional

import pytest

from pysubvm import Address, NodeError, Package, calldata, conformance
from pysubvm.conformance import Written
from pysubvm.errors import BrokenPromise
from pysubvm.node import Message, Node, Reverted, run

from conftest import GUESTS

CONTRACT, EVE = Address(b"\xc0" * 20), Address(b"\xee" * 20)
PAGE = 32


class Pages:
    """Storage: pages by state, contract, slot and number."""

    def __init__(self, written: list[Written] = []) -> None:
        self.pages: dict[tuple[str, Address, bytes, int], bytes] = {}
        for page in written:
            states = ("accepted", "finalized") if page.state == "finalized" else ("accepted",)
            for state in states:
                self.pages[state, page.contract, page.slot, page.page] = page.content

    def read(self, state: str, contract: Address, slot: bytes, index: int, length: int) -> bytes:
        first, last = index // PAGE, (index + max(length, 1) - 1) // PAGE
        whole = b"".join(self.pages.get((state, contract, slot, number), bytes(PAGE)) for number in range(first, last + 1))
        return whole[index - first * PAGE :][:length]


class BlockTime:
    def transaction_time(self) -> int:
        return 1_704_067_200_000_000_000

    def elapsed(self) -> int:
        return time.monotonic_ns()


class Urandom:
    def fill(self, length: int) -> bytes:
        return os.urandom(length)


class OneContract:
    def __init__(self, package: Package) -> None:
        self.package = package
        self.printed: list[tuple[str, bytes]] = []

    def balance(self, state: str, address: Address) -> int:
        return 2**256 - 1 if address == EVE else 0

    def code(self, state: str, address: Address) -> Optional[Package]:
        return self.package if address == CONTRACT else None

    def locked_slots(self, contract: Address) -> list[bytes]:
        return []

    def eth_call(self, state: str, address: Address, calldata: bytes) -> Reverted:
        return Reverted(b"no layer below")

    def output(self, stream: str, data: bytes) -> None:
        self.printed.append((stream, data))


class Web:
    """Answers each request at once, with a page."""

    def __init__(self, page: bytes = b"101") -> None:
        self.page, self.answers, self.asked = page, dict[int, bytes](), list[Any]()

    def start(self, request: bytes) -> int:
        ((name, fields),) = calldata.decode(request).items()
        if name != "WebRequest":
            raise KeyError(f"there is no {name}")
        self.asked.append(fields)
        page = {"status": 200, "headers": {}, "body": self.page}
        self.answers[len(self.asked)] = calldata.encode({"ok": page})
        return len(self.asked)

    def wait(self, id: int, at_most: int) -> Optional[bytes]:
        return self.answers.pop(id)

    def cancel(self, id: int) -> None:
        self.answers.pop(id, None)


@pytest.fixture
def oracle() -> Package:
    return Package((GUESTS / "oracle.wasm").read_bytes())


def node(package: Package, **parts: Any) -> Node:
    known = dict(storage=Pages(), clock=BlockTime(), rng=Urandom(), host=OneContract(package), modules=Web())
    return Node(**{**known, **parts})


def ask(**fields: Any) -> Message:
    data = calldata.encode({"method": "ask", "url": "https://prices.test/btc"})
    return Message(contract=CONTRACT, sender=EVE, data=data, **fields)


def test_a_leader_and_validators_in_python(oracle: Package) -> None:
    leader = node(oracle)
    report = run(leader, ask())
    assert report.value == {"answer": "101", "count": 1} and report.outcome == "return" and report.error is None
    assert isinstance(leader.host, OneContract) and leader.host.printed
    results = report.receipt.nondet
    same = run(node(oracle), ask(), role="validator", results=results)
    assert same.vote(report.receipt) == "agree" and same.receipt == report.receipt
    other = run(node(oracle, modules=Web(b"99")), ask(), role="validator", results=results)
    assert other.vote(report.receipt) == "disagree at nondet, call 0"
    web = Web()
    synced = run(node(oracle, modules=web), ask(), role="sync", results=results)
    assert synced.receipt == report.receipt and web.asked == []


def test_what_was_written_is_read_again(oracle: Package) -> None:
    here = node(oracle)
    for count in (1, 2):
        report = run(here, ask())
        assert report.value["count"] == count
        for slot, number, content in report.receipt.storage:
            assert isinstance(here.storage, Pages)
            here.storage.pages["accepted", CONTRACT, slot, number] = content


class Broken(Exception):
    pass


def raises(*_: Any) -> Any:
    raise Broken("as you asked")


@pytest.mark.parametrize(
    ("part", "method", "kind"),
    [("storage", "read", "host"), ("host", "code", "host"), ("host", "locked_slots", "host"), ("modules", "start", "module"), ("modules", "wait", "module")],
)
def test_a_part_that_fails_is_the_nodes_failure_with_its_exception(oracle: Package, part: str, method: str, kind: str) -> None:
    here = node(oracle)
    setattr(getattr(here, part), method, raises)
    with pytest.raises(NodeError, match="as you asked") as failed:
        run(here, ask())
    assert failed.value.kind == kind and isinstance(failed.value.__cause__, Broken)


@pytest.mark.parametrize(("part", "method"), [("clock", "transaction_time"), ("clock", "elapsed"), ("host", "output")])
def test_what_cannot_fail_and_does_is_raised_by_the_run(oracle: Package, part: str, method: str) -> None:
    here = node(oracle)
    setattr(getattr(here, part), method, raises)
    with pytest.raises(Broken, match="as you asked"):
        run(here, ask(), deadline=10**12)


@pytest.mark.parametrize(
    ("part", "method", "gives", "says"),
    [
        ("storage", "read", "x", "read gives bytes, not str"),
        ("storage", "read", b"", "read gave 0 bytes, and"),
        ("host", "code", b"\0asm", "code gives a Package or None, not bytes"),
        ("modules", "wait", 5, "wait gives bytes or None, not int"),
        ("modules", "start", -1, "can't convert negative int"),
    ],
)
def test_what_a_part_gives_wrongly_is_said(oracle: Package, part: str, method: str, gives: Any, says: str) -> None:
    here = node(oracle)
    setattr(getattr(here, part), method, lambda *_: gives)
    with pytest.raises(NodeError, match=says):
        run(here, ask())


def test_a_deadline_is_the_nodes(oracle: Package) -> None:
    class Slow(Web):
        def wait(self, id: int, at_most: int) -> Optional[bytes]:
            time.sleep(min(at_most, 10**7) / 1e9)
            return None

    with pytest.raises(NodeError) as failed:
        run(node(oracle, modules=Slow()), ask(), deadline=10**8)
    assert failed.value.kind == "deadline"


def test_arguments_that_make_no_sense_are_refused(oracle: Package) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        (dict(role="king"), "there is no role"),
        (dict(results=[b"\0\0"]), "a leader makes its results"),
        (dict(state="imagined"), "there is no state"),
        (dict(entry="door"), "there is no entry"),
    ]
    for options, says in wrong:
        with pytest.raises(ValueError, match=says):
            run(node(oracle), ask(), **options)
    with pytest.raises(ValueError, match="less than nothing"):
        run(node(oracle), ask(value=-1))


def test_the_parts_keep_their_promises(oracle: Package) -> None:
    conformance.storage(Pages)
    conformance.clock(BlockTime)
    conformance.rng(Urandom)
    conformance.host(lambda: OneContract(oracle), contract=CONTRACT, nobody=EVE)
    request = {"WebRequest": {"method": "GET", "url": "https://prices.test", "headers": {}, "body": b"", "sign": False}}
    conformance.modules(Web, request=request, unknown={"Ouija": {}})


class Stopped(BlockTime):
    def elapsed(self) -> int:
        return 0


class Loud(Pages):
    def read(self, *args: Any) -> bytes:
        return raises()  # type: ignore[no-any-return]


class Same(Urandom):
    def fill(self, length: int) -> bytes:
        return bytes(length)


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (lambda: conformance.clock(Stopped), "elapsed time passes"),
        (lambda: conformance.storage(Loud), "broken promise"),
        (lambda: conformance.rng(Same), "broken promise"),
        (lambda: conformance.modules(Web, request={"Nothing": {}}), "broken promise"),
    ],
    ids=["clock", "storage", "rng", "modules"],
)
def test_a_broken_promise_is_named(check: Callable[[], None], says: str) -> None:
    with pytest.raises(BrokenPromise, match=says):
        check()


def test_what_making_a_part_raises_is_raised() -> None:
    with pytest.raises(Broken):
        conformance.clock(raises)
