"""Runs leave Python alone: other threads go on, Ctrl-C calls them off, no panic crosses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from pysubvm import Chain, Package, VmError
from pysubvm.errors import InternalError

from conftest import GUESTS

# An endless loop, as a module: (module (func (export "_start") (loop (br 0)))).
ENDLESS = bytes.fromhex("0061736d0100000001040160000003020100070a01065f737461727400000a0901070003400c000b0b")


@pytest.fixture
def endless() -> Package:
    return Package(ENDLESS)


def test_an_endless_loop_ends_by_its_gas(endless: Package) -> None:
    chain = Chain(validators=0, limits={"gas_time": 10_000_000})
    with pytest.raises(VmError) as raised:
        chain.deploy(endless)
    assert raised.value.code == "out_of gas time"
    assert any("setting up" in line or "func" in line for line in raised.value.told), "where the gas went is told"


def test_other_threads_go_on(endless: Package) -> None:
    chain = Chain(validators=0, limits={"gas_time": 2_000_000_000})
    beats, done = 0, threading.Event()

    def beat() -> None:
        nonlocal beats
        while not done.wait(0.001):
            beats += 1

    thread = threading.Thread(target=beat)
    thread.start()
    start = time.monotonic()
    chain.try_deploy(endless)
    took = time.monotonic() - start
    done.set()
    thread.join()
    assert beats > 10 * took, f"{beats} in {took} s"


def test_chains_run_beside_each_other(endless: Package) -> None:
    chains = [Chain(validators=0, limits={"gas_time": 50_000_000}) for _ in range(4)]
    errors: list[object] = []
    threads = [threading.Thread(target=lambda chain=chain: errors.append(chain.try_deploy(endless).error)) for chain in chains]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == ["out_of gas time"] * 4


def test_a_panic_becomes_an_exception_and_nothing_of_it_is_kept() -> None:
    chain = Chain()
    alice = chain.account("alice", 1)
    token = chain.deploy(GUESTS / "token.wasm", {"supply": 1})
    chain.fund(token, 2**128 - 1)
    now = chain.now
    with pytest.raises(InternalError, match="overflow"):
        token.by(alice, value=1).call("transfer", to=alice, amount=0)
    assert chain.balance(alice) == 1 and chain.now == now
    assert token.view("balance_of", owner=alice) == 0, "the chain goes on"


def test_ctrl_c_calls_a_run_off_and_nothing_of_it_is_kept(endless: Package) -> None:
    chain = Chain(limits={"gas_time": 2**62})
    alice, now = chain.account("alice", 5), chain.now
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        chain.try_deploy(endless, sender=alice, value=5)
    assert time.monotonic() - start < 30, "2^62 ticks are 69 years"
    assert chain.balance(alice) == 5 and chain.now == now
    assert chain.finalize() == [], "the chain goes on"


def test_it_is_called_off_where_python_ends_with_it() -> None:
    """As a user has it: a script, and Ctrl-C."""
    script = f"import pysubvm\npysubvm.Chain(limits={{'gas_time': 2**62}}).try_deploy(bytes.fromhex('{ENDLESS.hex()}'))\n"
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=3)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT and b"KeyboardInterrupt" in stderr
