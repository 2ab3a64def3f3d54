"""How it ends: what raises ends a run, what is called off calls nobody, and nothing is kept that nobody has."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pysubvm import Chain, Package, conformance
from pysubvm.node import run

from conftest import GUESTS
from test_aside import ENDLESS
from test_node import BlockTime, Broken, Pages, Urandom, Web, ask, node, raises

ORACLE = GUESTS / "oracle.wasm"
URL = "https://prices.test/btc"


@contextmanager
def soon() -> Iterator[None]:
    """Ctrl-C for what does not end by itself."""
    timer = threading.Timer(10, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        pytest.fail("it was called off after 10 seconds")
    finally:
        timer.cancel()
        timer.join()


def test_a_clock_that_raises_ends_an_endless_run() -> None:
    class Breaks(BlockTime):
        asked = 0

        def elapsed(self) -> int:
            self.asked += 1
            return super().elapsed() if self.asked < 5 else raises()

    with soon(), pytest.raises(Broken):
        run(node(Package(ENDLESS), clock=Breaks()), ask(), deadline=10**12, limits={"gas_time": 2**62})


def test_a_clock_that_raises_ends_a_run_before_it_asks_anybody() -> None:
    here = node(Package(ORACLE.read_bytes()))
    web = here.modules
    assert isinstance(web, Web)
    setattr(here.clock, "transaction_time", raises)
    with pytest.raises(Broken):
        run(here, ask())
    assert web.asked == [], "the run ended before it came so far"


def test_an_answer_that_raises_ends_what_the_other_nodes_would_do(chain: Chain) -> None:
    asked = []

    def broken(fields: dict[str, Any]) -> str:
        asked.append(fields)
        raise LookupError("no such page")

    oracle = chain.deploy(ORACLE)
    chain.validators = 5
    chain.world.web("*", broken, only={"leader": "101"})
    with pytest.raises(LookupError, match="no such page"):
        oracle.call("ask", url=URL)
    assert len(asked) == 1, "the first validator's"
    chain.world.web("*", "101")
    assert oracle.call("ask", url=URL).accepted, "the chain goes on"


def test_a_lie_that_raises_ends_it_before_validators_ask(chain: Chain) -> None:
    oracle = chain.deploy(ORACLE)
    chain.world.web("*", "101")
    chain.tamper(raises)
    with pytest.raises(Broken):
        oracle.call("ask", url=URL)
    assert [who for who, *_ in chain.world.asked] == ["leader"]
    chain.honest()
    assert oracle.call("ask", url=URL).accepted


@pytest.mark.parametrize("kind", ["storage", "clock", "rng", "modules"])
def test_ctrl_c_ends_a_check_at_the_next_call(kind: str) -> None:
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)  # Signals are looked for every 20 ms.

    class Storage(Pages):
        def read(self, *args: Any) -> bytes:
            call()
            return super().read(*args)

    class Clock(BlockTime):
        def elapsed(self) -> int:
            call()
            return super().elapsed()

    class Rng(Urandom):
        def fill(self, length: int) -> bytes:
            call()
            return super().fill(length)

    class Modules(Web):
        def start(self, request: bytes) -> int:
            call()
            return super().start(request)

        def wait(self, *args: Any) -> Any:
            call()
            return super().wait(*args)

    request = {"WebRequest": {"method": "GET", "url": URL, "headers": {}, "body": b"", "sign": False}}
    checks = {
        "storage": lambda: conformance.storage(Storage),
        "clock": lambda: conformance.clock(Clock),
        "rng": lambda: conformance.rng(Rng),
        "modules": lambda: conformance.modules(Modules, request=request),
    }
    with pytest.raises(KeyboardInterrupt):
        checks[kind]()
    assert calls == 2


def test_a_chain_that_its_own_functions_know_is_collected() -> None:
    chain = Chain()
    chain.world.web("*", lambda _: str(chain.now))
    chain.tamper(lambda results: results if chain.validators else [])
    gone, world = weakref.ref(chain), weakref.ref(chain.world)
    native = chain._native
    del chain
    gc.collect()
    assert gone() is None and world() is None
    assert native.validators == 2, "what is left of it does not fall"


def test_a_world_may_be_another_one(chain: Chain) -> None:
    oracle = chain.deploy(ORACLE)
    other = Chain()
    other.world.web("*", "7")
    chain.world = other.world
    assert oracle.call("ask", url=URL).value["answer"] == "7"


@pytest.mark.parametrize("half", ["chain", "chain._native"])
def test_a_liar_may_look_at_the_chain_as_it_goes(half: str) -> None:
    """In a process of its own: where it stops, it has the interpreter's lock."""
    script = f"""
from pysubvm import Chain
chain = Chain()
class Liar:
    def __call__(self, results):
        return results
    def __del__(self):
        print("gone at", chain.validators, flush=True)
{half}.tamper(Liar())
{half}.tamper(Liar())
{half}.honest()
{half}.tamper(Liar())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.count("gone at 2") >= 2, done.stderr
