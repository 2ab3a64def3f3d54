"""The names of GenLayer's direct mode, on the real sandbox: contracts of the repository, in tests as direct mode has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pysubvm import Chain
from pysubvm._source import Source
from pysubvm.direct import VMContext, create_address, create_test_addresses, deploy_contract
from pysubvm.errors import Error, NodeError, PackageError, UserError, VmError

from conftest import ROOT

EXAMPLES = ROOT / "runners/python/examples"
URL = "https://prices.test/btc"

GENLAYER = """\
# { "Depends": "py-genlayer:test" }
from genlayer import *


class Storage(gl.Contract):
    kept: str

    def __init__(self, initial: str, *, loud: bool = False):
        self.kept = initial

    @gl.public.view
    def get(self) -> str:
        return self.kept

    @gl.public.write.payable
    def put(self, new: str) -> None:
        self.kept = new
"""


# --- what needs no interpreter ------------------------------------------------------------------------------------------


def test_a_source_says_how_it_is_called() -> None:
    token = Source.of((EXAMPLES / "token.py").read_text())
    assert not token.genlayer and token.methods["balance_of"].view and not token.methods["transfer"].view
    assert token.arguments("transfer", ("x",), {"amount": 3}) == {"to": "x", "amount": 3, "method": "transfer"}
    assert token.arguments(None, (1000,), {}) == {"supply": 1000}
    for args, kwargs, says in [(("x", 1, 2), {}, "takes 2 arguments, not 3"), (("x",), {"to": "y"}, "was given to twice")]:
        with pytest.raises(TypeError, match=says):
            token.arguments("transfer", args, kwargs)
    storage = Source.of(GENLAYER)
    assert storage.genlayer and storage.methods["get"].view and not storage.methods["put"].view
    assert storage.arguments("put", ("x",), {}) == {"method": "put", "args": ["x"]}
    assert storage.arguments(None, (), {"initial": "x"}) == {"kwargs": {"initial": "x"}}
    assert storage.arguments("get", (), {}) == {"method": "get"}


def test_addresses_are_the_names(direct_alice: Any, direct_bob: Any, direct_accounts: Any) -> None:
    assert direct_alice == create_address("alice") != direct_bob
    assert direct_accounts == create_test_addresses() and len(set(direct_accounts)) == 10


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUBVM_RUNNER", raising=False)
    with pytest.raises(PackageError, match="name what runs contracts in Python"):
        deploy_contract(EXAMPLES / "token.py", VMContext(), 1000)
    contract = tmp_path / "storage.py"
    contract.write_text(GENLAYER)
    with pytest.raises(Error, match="name the directory that has this package"):
        deploy_contract(contract, VMContext(), "x")
    vm = VMContext()
    with pytest.raises(RuntimeError, match="no non-deterministic block"):
        vm.run_validator()
    with pytest.raises(ValueError, match="there is no snapshot 0"):
        vm.revert(0)
    with pytest.raises(AssertionError, match="expected to fail, and returned"), vm.expect_revert():
        pass
    with pytest.raises(RuntimeError, match="no prank to stop"):
        vm.stopPrank()
    with pytest.raises(Error, match="set sender"):
        vm.origin = bytes(20)


def test_mocks_that_nothing_asked_for_are_told() -> None:
    vm = VMContext(strict_mocks=True)
    vm.mock_web("prices", {"status": 200, "body": "1"})
    vm.mock_llm("who won", "eve")
    with pytest.warns(RuntimeWarning, match="nothing asked for the mock of (web|model)"):
        vm.clear_mocks()
    assert vm.chain.world.rules == []


# --- on the runner ------------------------------------------------------------------------------------------------------


@pytest.fixture
def subvm_runner(runner: Path, subvm_cache: None) -> Any:
    from pysubvm import load

    return load(runner)


def test_tokens_go_from_hand_to_hand(direct_vm: Any, direct_deploy: Any, direct_alice: Any, direct_bob: Any) -> None:
    direct_vm.sender = direct_alice
    token = direct_deploy(str(EXAMPLES / "token.py"), 1000)
    token.transfer(direct_bob, 300)
    assert token.balance_of(direct_alice) == 700 and token.balance_of(owner=direct_bob) == 300
    assert direct_vm.last.gas.time > 0

    with direct_vm.prank(direct_bob):
        token.approve(direct_alice, 50)
    token.transfer_from(direct_bob, direct_alice, 20)
    assert token.balance_of(direct_bob) == 280

    kept = direct_vm.snapshot()
    token.transfer(direct_bob, 1)
    direct_vm.revert(kept)
    assert token.balance_of(direct_alice) == 720
    direct_vm.revert(kept)
    with pytest.raises(ValueError, match="there is no snapshot 1"):
        direct_vm.revert(1)


def test_what_fails_is_expected_with_its_text(direct_vm: Any, direct_deploy: Any, direct_bob: Any) -> None:
    token = direct_deploy(str(EXAMPLES / "token.py"), supply=10)
    direct_vm.sender = direct_bob
    with direct_vm.expect_revert("the balance is too small"):
        token.transfer(direct_bob, 1)
    with pytest.raises(AssertionError, match="expected to fail with 'no money'; it failed: the balance is too small"):
        with direct_vm.expect_revert("no money"):
            token.transfer(direct_bob, 1)
    with pytest.raises(UserError, match="expected an integer, not a string"):
        token.transfer(direct_bob, "1")
    with pytest.raises(AttributeError, match="the contract has no method mint; it has"):
        token.mint(1)
    direct_vm.value = 5
    with direct_vm.expect_revert("approve takes no money"):
        token.approve(direct_bob, 1)


def test_a_validator_is_run_in_another_world(direct_vm: Any, direct_deploy: Any) -> None:
    direct_vm.mock_web(r"prices\.test/", {"status": 200, "body": "10000", "method": "GET"})
    oracle = direct_deploy(str(EXAMPLES / "oracle.py"), URL)
    assert oracle.update() == 10000 and oracle.read() == 10000
    assert direct_vm.run_validator() is True
    assert direct_vm.run_validator(leader_result=10050) is True, "within a percent"
    assert direct_vm.run_validator(leader_result=12000) is False
    assert direct_vm.run_validator(leader_error=ValueError("no price")) is False
    with pytest.raises(IndexError):
        direct_vm.run_validator(index=1)
    direct_vm.clear_mocks()
    with pytest.raises(NodeError):
        direct_vm.run_validator()
    direct_vm.mock_web(r"prices\.test/", {"response": {"status": 200, "headers": {}, "body": b"9000"}, "method": "GET"})
    direct_vm.mock_web(r"prices\.test/", {"status": 200, "body": "10000"})
    assert direct_vm.run_validator() is False, "of two mocks the first counts"
    direct_vm.clear_mocks()
    direct_vm.mock_web(".*", {"status": 200, "body": "closed"})
    with direct_vm.expect_revert("no price: 'closed'"):
        oracle.update()
    assert oracle.read() == 10000


def test_each_node_is_a_sandbox_of_its_own(direct_vm: Any, direct_deploy: Any) -> None:
    direct_vm.chain.validators = 3
    direct_vm.mock_web(".*", {"status": 200, "body": "7"})
    oracle = direct_deploy(str(EXAMPLES / "oracle.py"), URL)
    oracle.update()
    assert direct_vm.last.votes == ["agree"] * 3


def test_time_and_who_calls(direct_vm: Any, direct_deploy: Any, direct_owner: Any, tmp_path: Path) -> None:
    contract = tmp_path / "clock.py"
    contract.write_text("from subvm import contract, message, public, view\n\n@contract\nclass Clock:\n    @view\n    def now(self):\n        return [message.datetime, message.sender]\n\n    @public\n    def crash(self):\n        return 1 // 0\n")
    clock = direct_deploy(contract)
    direct_vm.warp("2024-06-15T12:00:00Z")
    assert clock.now() == ["2024-06-15T12:00:00Z", direct_owner]
    with pytest.raises(VmError) as raised:
        clock.crash()
    assert raised.value.code == "exit_code 1" and any("ZeroDivisionError" in line for line in raised.value.told), raised.value.told
    with direct_vm.expect_revert("ZeroDivisionError"):
        clock.crash()


def test_messages_without_end_are_ended(runner: Path, tmp_path: Path) -> None:
    contract = tmp_path / "again.py"
    contract.write_text("from subvm import contract, message, public, send\n\n@contract\nclass Again:\n    @public\n    def again(self):\n        send(message.contract, on='accepted', method='again')\n")
    chain = Chain(runner=runner, validators=0)
    again = chain.deploy(contract)
    before = chain.now
    with pytest.raises(Error, match="messages beget messages without end"):
        again.call("again")
    assert chain.now == before, "nothing of it is kept"


def test_a_source_with_a_fault_is_told_with_its_line(runner: Path, tmp_path: Path) -> None:
    contract = tmp_path / "bad.py"
    contract.write_text("def f(:\n")
    with pytest.raises(PackageError, match=r"bad.py, line 1: .*, as Python 3\.\d+ reads it"):
        deploy_contract(contract, VMContext(runner))
    with pytest.raises(PackageError, match="bad.py: it cannot be compiled: .*SyntaxError"):
        Chain(runner=runner).deploy(contract)


# --- packages that the user brings along --------------------------------------------------------------------------------

# Not GenLayer's SDK, which is theirs: what it does at the door, from what is known of it.
SDK = {
    "genlayer/__init__.py": "from . import gl\n__all__ = ['gl']\n",
    "genlayer/gl/__init__.py": """\
class Contract:
    declared = None

    def __init_subclass__(cls):
        Contract.declared = cls


class _Public:
    def view(self, method):
        method.public = True
        return method

    def write(self, method):
        return self.view(method)


public = _Public()
public.write.__func__.payable = lambda method: public.view(method)
""",
    "genlayer/gl/_internal/__init__.py": "",
    "genlayer/gl/_internal/runner.py": """\
import os

import _genlayer_wasi as wasi
from subvm import decode, encode

from .. import Contract

SLOT = bytes(32)


class Kept:
    def __get__(self, contract, cls):
        length = bytearray(4)
        wasi.storage_read(SLOT, 0, length)
        text = bytearray(int.from_bytes(length, "little"))
        wasi.storage_read(SLOT, 4, text)
        return text.decode()

    def __set__(self, contract, text):
        wasi.storage_write(SLOT, 0, len(text.encode()).to_bytes(4, "little") + text.encode())


cls = Contract.declared
for name in cls.__annotations__:
    setattr(cls, name, Kept())
message = decode(os.read(0, 1 << 16))
call = decode(message["entry_data"])
contract = cls.__new__(cls)
method = cls.__init__ if message["is_init"] else getattr(cls, call["method"])
wasi.gl_call(encode({"Return": method(contract, *call.get("args", []), **call.get("kwargs", {}))}))
""",
}


@pytest.fixture
def sdk(tmp_path: Path) -> Path:
    for name, text in SDK.items():
        path = tmp_path / "sdk" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "sdk"


def test_an_sdk_that_the_user_brings_is_imported(subvm_runner: Any, sdk: Path, tmp_path: Path) -> None:
    contract = tmp_path / "storage.py"
    contract.write_text(GENLAYER)
    vm = VMContext(subvm_runner, sdk)
    storage = deploy_contract(contract, vm, "initial", loud=True)
    assert storage.get() == "initial"
    storage.put("updated")
    assert storage.get() == "updated"
    vm.value = 7
    storage.put("paid for")
    assert vm.chain.balance(storage) == 7
    with pytest.raises(VmError) as raised:
        storage.put()
    assert any("missing 1 required positional argument: 'new'" in line for line in raised.value.told), raised.value.told


def test_packages_are_for_every_contract(subvm_runner: Any, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more/prices.py").write_text("FEE = 7\n")
    contract = tmp_path / "shop.py"
    contract.write_text("from prices import FEE\nfrom subvm import contract, view\n\n@contract\nclass Shop:\n    @view\n    def fee(self):\n        return FEE\n")
    assert deploy_contract(contract, VMContext(subvm_runner, tmp_path / "more", "seed")).fee() == 7


@pytest.mark.parametrize(("at", "says"), [("nowhere", "is no directory"), (".", "has no Python in it")])
def test_an_sdk_that_is_none_is_refused(subvm_runner: Any, tmp_path: Path, at: str, says: str) -> None:
    with pytest.raises(PackageError, match=says):
        VMContext(subvm_runner, tmp_path / at)


# --- the plugin, as a project has it ------------------------------------------------------------------------------------


def test_a_project_names_its_runner_once(pytester: pytest.Pytester, runner: Path, pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    pytester.makepyprojecttoml(f'[tool.pytest.ini_options]\nsubvm_runner = "{runner}"\nsubvm_cache = "{pytestconfig.cache.mkdir("subvm")}"\n')
    pytester.makepyfile(
        f"""
        from pysubvm.direct import create_address

        def test_token(direct_vm, direct_deploy, direct_alice):
            token = direct_deploy({str(EXAMPLES / "token.py")!r}, 5)
            token.transfer(direct_alice, 5)
            assert token.balance_of(create_address("alice")) == 5

        def test_chain(subvm_chain):
            assert subvm_chain.deploy({str(EXAMPLES / "token.py")!r}, {{"supply": 1}}).view("total") == 1
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=2)
