"""The names of GenLayer's *direct mode*, on the real sandbox: a test changes `gltest.direct` to `pysubvm.direct`, and nothing else.

Direct mode runs a contract in the test's own Python, over a double of `_genlayer_wasi`, the five functions that contracts have: `storage_read`,
`storage_write`, `get_balance`, `get_self_balance`, `gl_call`. Here the contract runs in the sandbox, on the runner's Python, and has the functions
themselves: metered, deterministic, each block in a sub-VM of its own, whose data was really pickled.

What a test can reach is what a node can: methods, by name. Attributes of the contract's class are not there.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

from . import calldata
from ._native import Address, Package, Snapshot, Transaction
from ._source import Source
from ._types import Addressable, Value
from .chain import Chain, Code, compiled, default_runner, load
from .errors import Error, Failed, NodeError, PackageError
from .sdk import starter, with_contract, with_sdk
from .world import Page, Rule

__all__ = [
    "ContractRollback",
    "DirectContract",
    "MockNotFoundError",
    "VMContext",
    "create_address",
    "create_test_addresses",
    "deploy_contract",
]

#: What a call that failed raises: `UserError` and `VmError`, under the name that direct mode has for it.
ContractRollback = Failed
#: What a request without a mock raises, under the name that direct mode has for it.
MockNotFoundError = NodeError

_UNSET: Any = object()


def create_address(seed: str) -> Address:
    """The address that a name decides."""
    return Address(hashlib.sha256(seed.encode()).digest()[:20])


def create_test_addresses(count: int = 10) -> list[Address]:
    """Addresses for tests."""
    return [create_address(f"account{number}") for number in range(count)]


class DirectContract:
    """A contract in the sandbox, whose methods are called as if it were here: by the context's `sender`, with its `value`."""

    def __init__(self, vm: VMContext, address: Address, source: Source) -> None:
        self._vm, self._source = vm, source
        self.address = address

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._source.methods and name not in self._source.methods:
            known = ", ".join(key for key in self._source.methods if not key.startswith("__"))
            raise AttributeError(f"the contract has no method {name}; it has {known}. What it keeps is read by methods: it runs in the sandbox")

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._vm._call(self, name, self._source.arguments(name, args, kwargs))

        call.__name__ = name
        return call

    def __repr__(self) -> str:
        return f"<DirectContract {self.address}>"


@dataclass(frozen=True)
class _Saved:
    """What a snapshot of a context holds."""

    chain: Snapshot
    rules: list[Rule]
    sender: Addressable
    value: int
    pranks: list[Addressable]
    last: Optional[Transaction]


@dataclass(eq=False)
class VMContext:
    """A test's machine: who calls, what the world answers, what time it is. `chain` is below it, where a test wants more: votes, gas, receipts."""

    #: What runs contracts in Python: a runner, or its file; nothing for what `SUBVM_RUNNER` names.
    runner: Optional[Code] = None
    #: A directory of packages that contracts may import, such as GenLayer's SDK.
    runner_path: Optional[Path] = None
    #: Whose rules contracts find (`docs/genvm.md`); nothing for `seed`, or with a `runner_path` `genvm-0.2`.
    profile: Optional[str] = None
    #: Warn of mocks that nothing asked for, when they are cleared.
    strict_mocks: bool = False
    #: Here blocks are always pickled: there is nothing to switch on.
    check_pickling: bool = True
    #: What is sent along with each call that is no view.
    value: int = 0
    chain: Chain = field(init=False)

    def __post_init__(self) -> None:
        if self.runner_path is not None:
            self.runner = with_sdk(load(self.runner or default_runner()), self.runner_path)
        profile = self.profile or ("seed" if self.runner_path is None else "genvm-0.2")
        self._genvm = profile != "seed"
        # An SDK that is imported in each call takes more than a chain gives by default.
        limits = {} if self.runner_path is None else {"gas_time": 100_000_000_000, "gas_time_nondet": 100_000_000_000}
        # One node, as in direct mode: `run_validator` is a second. A test that wants votes sets `chain.validators`.
        self.chain = Chain(validators=0, runner=self.runner, profile=profile, limits=limits)
        self._sender: Addressable = create_address("owner")
        self._pranks: list[Addressable] = []
        self._last: Optional[Transaction] = None
        self._saved: list[_Saved] = []

    # --- who, when, with what -------------------------------------------------------------------------------------------

    @property
    def sender(self) -> Addressable:
        """Who calls."""
        return self._pranks[-1] if self._pranks else self._sender

    @sender.setter
    def sender(self, sender: Addressable) -> None:
        self._sender = sender

    @property
    def origin(self) -> Addressable:
        """Who signed: here always who calls."""
        return self.sender

    @origin.setter
    def origin(self, origin: Addressable) -> None:
        raise Error("a transaction is signed by who calls: set sender")

    @contextlib.contextmanager
    def activate(self) -> Iterator[VMContext]:
        """Nothing to do: contracts are not imported into this Python."""
        yield self

    @contextlib.contextmanager
    def prank(self, address: Addressable) -> Iterator[None]:
        """Another sender, for what is within."""
        self.startPrank(address)
        try:
            yield
        finally:
            self.stopPrank()

    def startPrank(self, address: Addressable) -> None:
        """Another sender, until `stopPrank`."""
        self._pranks.append(address)

    def stopPrank(self) -> None:
        """Ends the last prank."""
        if not self._pranks:
            raise RuntimeError("there is no prank to stop: startPrank begins one")
        self._pranks.pop()

    def warp(self, timestamp: str) -> None:
        """Sets the instant of the next transaction, as `2024-06-15T12:00:00Z`."""
        now = dt.datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
        self.chain.now = now if now.tzinfo else now.replace(tzinfo=dt.timezone.utc)

    def deal(self, address: Addressable, amount: int) -> None:
        """Sets what an account has."""
        self.chain.fund(address, amount)

    # --- the world ------------------------------------------------------------------------------------------------------

    def mock_web(self, url_pattern: str, response: dict[str, Any]) -> None:
        """Requests to addresses in which the regular expression is found are answered so: `{"status": 200, "body": "..", "method": "GET"}`, or
        with the first two and `headers` within `response`. Of two mocks for one request, the first counts."""
        page = response.get("response", response)
        body = page.get("body", page.get("text", b""))
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        answer = Page(body, page.get("status", 200), page.get("headers", {}))
        method = response.get("method", "GET")
        self._first(self.chain.world.web(re.compile(url_pattern), lambda fields: self._page(fields, answer), method=method))

    def mock_llm(self, prompt_pattern: str, response: Any) -> None:
        """Prompts in which the regular expression is found are answered so; where JSON was asked for, a text is taken as that."""

        def answer(fields: dict[str, Any]) -> Any:
            if fields.get("response_format") == "json" and isinstance(response, str):
                return json.loads(response)
            return response

        self._first(self.chain.world.model(re.compile(prompt_pattern), answer))

    def _first(self, rule: Rule) -> None:
        """Has earlier rules count before this one."""
        self.chain.world.rules.remove(rule)
        self.chain.world.rules.insert(0, rule)

    def _page(self, fields: dict[str, Any], page: Page) -> Any:
        """What a module answers; under GenVM's profiles, what its SDK unpacks."""
        mode = fields.get("mode")
        if mode is None:
            return {"response": page.value()} if self._genvm else page
        body = page.value()["body"]
        shown = body if mode == "screenshot" else body.decode()
        return {"image" if mode == "screenshot" else "text": shown} if self._genvm else shown

    def clear_mocks(self) -> None:
        """Forgets all mocks."""
        if self.strict_mocks:
            for rule in self.chain.world.rules:
                if not rule.used:
                    warnings.warn(f"nothing asked for the mock of {rule.text}", RuntimeWarning, stacklevel=2)
        self.chain.world.forget()

    # --- going back -----------------------------------------------------------------------------------------------------

    def snapshot(self) -> int:
        """Keeps what there is, mocks and sender among it: a number for `revert`."""
        rules = list(self.chain.world.rules)
        saved = _Saved(self.chain.snapshot(), rules, self._sender, self.value, list(self._pranks), self._last)
        self._saved.append(saved)
        return len(self._saved) - 1

    def revert(self, snapshot_id: int) -> None:
        """Goes back to a snapshot, which stays; later ones are gone."""
        if not 0 <= snapshot_id < len(self._saved):
            raise ValueError(f"there is no snapshot {snapshot_id}; there are {len(self._saved)}")
        saved = self._saved[snapshot_id]
        del self._saved[snapshot_id + 1 :]
        self.chain.restore(saved.chain)
        self.chain.world.rules[:] = saved.rules
        self._sender, self.value, self._pranks, self._last = saved.sender, saved.value, list(saved.pranks), saved.last

    # --- how a call ends ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def expect_revert(self, message: Optional[str] = None) -> Iterator[None]:
        """What is within has to fail: as a user error or a VM error, whose text, or what it printed on standard error, has `message` in it."""
        try:
            yield
        except Failed as failed:
            if message is not None and not any(message in text for text in (str(failed), *failed.told)):
                raise AssertionError(f"it was expected to fail with {message!r}; it failed: {failed}") from failed
            return
        raise AssertionError("it was expected to fail, and returned" + (f": {message!r}" if message else ""))

    def run_validator(
        self, *, leader_result: Any = _UNSET, leader_error: Optional[BaseException] = None, index: int = -1
    ) -> bool:
        """Whether one more validator agrees with what the leader of the last call said in its non-deterministic blocks, in the world as it is mocked
        now. `leader_result` or `leader_error` says what the leader said in block `index` instead."""
        last = self._last
        if last is None or not last.receipt.nondet:
            raise RuntimeError("there is no non-deterministic block to validate: call a method that has one first")
        results = last.receipt.nondet
        if not -len(results) <= index < len(results):
            raise IndexError(f"the last call had {len(results)} non-deterministic blocks: there is no block {index}")
        index %= len(results)
        if leader_error is not None:
            results[index] = b"\1" + str(leader_error).encode()
        elif leader_result is not _UNSET:
            results[index] = b"\0" + calldata.encode(leader_result)
        vote = self.chain.one_more(last.receipt.with_nondet(results))
        # A block before it that disagrees ends the run, too; a receipt that differs for the leader's other result is no disagreement with it.
        if vote.startswith("timeout"):
            raise NodeError(vote)
        return not vote.startswith("disagree at nondet")

    def clear_validators(self) -> None:
        """Forgets the last call."""
        self._last = None

    @property
    def last(self) -> Optional[Transaction]:
        """The last transaction: its gas, messages, receipt."""
        return self._last

    def _deploy(self, code: Package, source: Source, data: dict[str, Value]) -> DirectContract:
        deployed = self.chain.try_deploy(code, data, sender=self.sender, value=self._value())
        self._last = deployed
        deployed.value  # noqa: B018: it raises
        return DirectContract(self, deployed.contract, source)

    def _call(self, contract: DirectContract, name: str, data: dict[str, Value]) -> Any:
        method = contract._source.methods.get(name)
        if method is not None and method.view:
            return self.chain.view(contract.address, data, sender=self.sender).value
        self._last = self.chain.send(contract.address, data, sender=self.sender, value=self._value())
        return self._last.value

    def _value(self) -> int:
        """What is sent along: who has not so much is given it, as direct mode does not ask."""
        if self.value > self.chain.balance(self.sender):
            self.chain.fund(self.sender, self.value)
        return self.value


def deploy_contract(contract_path: Union[str, Path], vm: VMContext, *args: Any, sdk_version: Optional[str] = None, **kwargs: Any) -> DirectContract:
    """Deploys a contract's source, with the arguments of its constructor. `sdk_version` is taken and not looked at: the SDK is what `runner_path`
    has."""
    path = Path(contract_path)
    text = path.read_text(encoding="utf-8")
    try:
        source = Source.of(text)
    except SyntaxError as error:
        version = ".".join(map(str, sys.version_info[:2]))
        raise PackageError(f"{path}, line {error.lineno}: {error.msg}, as Python {version} reads it") from None
    if source.genlayer and vm.runner_path is None:
        raise Error(f"{path} imports genlayer: name the directory that has this package, with --subvm-runner-path or runner_path=")
    runner = load(vm.runner or default_runner())
    if vm.runner_path is None:
        code = compiled(text, runner, path)
    else:
        code = compiled(starter(source.genlayer), with_contract(runner, text), path)
    return vm._deploy(code, source, source.arguments(None, args, kwargs))
