"""A chain in memory, for tests of contracts: the real engine runs them, nothing of the VM is a double."""

from __future__ import annotations

import datetime as dt
import os
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, Optional, Union

from . import _native
from ._native import Address, Package, Receipt, Snapshot, Transaction
from ._types import Addressable, Value
from .errors import PackageError
from .world import World

__all__ = ["Chain", "Code", "Contract", "compiled", "default_runner", "load", "settings"]

#: A contract's code: a package; bytes of a module or a bundle; or a file of these, or of a source in Python (`.py`).
Code = Union[Package, bytes, str, "os.PathLike[str]"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_NOBODY = Address(bytes(20))
# Sources that were compiled in this process, by their text and their runner.
_compiled: dict[tuple[str, Package], Package] = {}


def settings(
    *,
    profile: str = "seed",
    floats: str = "soft",
    personality: str = "seed",
    fingerprints: bool = True,
    limits: Optional[Mapping[str, int]] = None,
) -> dict[str, Any]:
    """Consensus parameters: whose rules contracts find (`seed`, `genvm-0.1`, `genvm-0.2`, `genvm-0.3`), what floats do (`soft`, `trap`, `canonical`),
    and limits by name, such as `gas_time`."""
    return dict(profile=profile, floats=floats, personality=personality, fingerprints=fingerprints, limits=dict(limits or {}))


def default_runner() -> str:
    """The file that the variable `SUBVM_RUNNER` names: what runs contracts in Python."""
    named = os.environ.get("SUBVM_RUNNER")
    if not named:
        raise PackageError("name what runs contracts in Python, with runner=, or in the variable SUBVM_RUNNER (docs/python.md)")
    return named


def compiled(source: str, runner: Package, path: Path) -> Package:
    """The package of a source in Python and a runner, whose interpreter compiles it in a sub-VM. `path` is for people."""
    if (source, runner) not in _compiled:
        try:
            _compiled[source, runner] = Package.of_python(source.encode(), runner)
        except PackageError as error:
            raise PackageError(f"{path}: {error}") from None
    return _compiled[source, runner]


def load(code: Code, runner: Optional[Code] = None) -> Package:
    """The package of code. A source in Python needs a runner: this one, or that of `default_runner`."""
    if isinstance(code, Package):
        return code
    if isinstance(code, (bytes, bytearray)):
        return Package(bytes(code))
    path = Path(code)
    if path.suffix != ".py":
        return Package(path.read_bytes())
    interpreter = load(runner or default_runner())
    return compiled(path.read_text(encoding="utf-8"), interpreter, path)


class Contract:
    """A contract on a chain, as somebody calls it. In calldata it is its address.

    >>> token.by(alice).call("transfer", to=bob, amount=30)     # doctest: +SKIP
    """

    def __init__(self, chain: Chain, address: Address, sender: Addressable = _NOBODY, value: int = 0) -> None:
        self.chain, self.address = chain, address
        self._sender, self._value = sender, value

    def by(self, sender: Addressable, value: int = 0) -> Contract:
        """The same contract, called by an account, which sends so much along."""
        return Contract(self.chain, self.address, sender, value)

    def call(self, method: str, /, **arguments: Value) -> Transaction:
        """Calls a method. Raises what `Transaction.value` raises, where it failed."""
        transaction = self.try_call(method, **arguments)
        transaction.value  # noqa: B018: it raises
        return transaction

    def try_call(self, method: str, /, **arguments: Value) -> Transaction:
        """Calls a method, however that ends."""
        return self.chain.send(self.address, {**arguments, "method": method}, sender=self._sender, value=self._value)

    def view(self, method: str, /, **arguments: Value) -> Any:
        """What a method returns; nothing of what it does is kept."""
        return self.chain.view(self.address, {**arguments, "method": method}, sender=self._sender).value

    @property
    def balance(self) -> int:
        """What it has."""
        return self.chain.balance(self.address)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contract) and self.chain is other.chain and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)

    def __repr__(self) -> str:
        return f"<Contract {self.address}>"


def _weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """A function that calls a method and does not keep its object: the native half may hold it, into which the garbage collector does not see."""
    found = weakref.WeakMethod(method)

    def call(*arguments: Any) -> Any:
        alive = found()
        if alive is None:
            raise ReferenceError("the chain is gone: keep it while its native half runs")
        return alive(*arguments)

    return call


class Chain:
    """A chain in memory. Each transaction is a block of its own, a second after the last: a leader runs it, validators check and vote, and what most
    agree on is applied.

    >>> chain = Chain()
    >>> alice = chain.account("alice", 100)
    >>> chain.balance(alice)
    100

    `runner` is what runs contracts in Python; other keywords are `settings`. A run goes on without the interpreter's lock; Ctrl-C calls it off, and
    then the chain is what it was before.
    """

    def __init__(
        self,
        *,
        validators: int = 2,
        runner: Optional[Code] = None,
        profile: str = "seed",
        floats: str = "soft",
        personality: str = "seed",
        fingerprints: bool = True,
        limits: Optional[Mapping[str, int]] = None,
    ) -> None:
        parameters = settings(profile=profile, floats=floats, personality=personality, fingerprints=fingerprints, limits=limits)
        self.world = World()
        self.runner = runner
        self._lie: Optional[Callable[[list[bytes]], Sequence[bytes]]] = None
        self._native = _native.Chain(parameters, validators, _weakly(self._answer))

    @property
    def validators(self) -> int:
        """Validators beside the leader."""
        return self._native.validators

    @validators.setter
    def validators(self, validators: int) -> None:
        self._native.validators = validators

    @property
    def now(self) -> dt.datetime:
        """The instant of the next block; set it to go elsewhere in time."""
        return _EPOCH + dt.timedelta(microseconds=self._native.now // 1000)

    @now.setter
    def now(self, now: dt.datetime) -> None:
        if now.tzinfo is None:
            raise ValueError(f"{now} has no time zone: add tzinfo=datetime.timezone.utc")
        self._native.now = (now - _EPOCH) // dt.timedelta(microseconds=1) * 1000

    def wait(self, time: dt.timedelta) -> None:
        """Lets time pass before the next block."""
        self._native.now += time // dt.timedelta(microseconds=1) * 1000

    def account(self, name: str, balance: int = 0) -> Address:
        """An account of this name, which has so much: an address that only its name decides."""
        return self._native.account(name, balance)

    def balance(self, of: Addressable) -> int:
        """What an account, or a contract, has."""
        return self._native.balance(of)

    def fund(self, account: Addressable, balance: int) -> None:
        """Sets what an account, or a contract, has."""
        self._native.fund(account, balance)

    def deploy(
        self, code: Code, arguments: Optional[Mapping[str, Any]] = None, *, sender: Addressable = _NOBODY, value: int = 0
    ) -> Contract:
        """Deploys a contract, and runs its constructor with these arguments. Raises what `Transaction.value` raises, where that fails."""
        deployed = self.try_deploy(code, arguments, sender=sender, value=value)
        deployed.value  # noqa: B018: it raises
        return Contract(self, deployed.contract)

    def try_deploy(
        self, code: Code, arguments: Optional[Value] = None, *, sender: Addressable = _NOBODY, value: int = 0
    ) -> Transaction:
        """Deploys a contract: what its constructor came to. Arguments are a dict, or any other calldata."""
        package = load(code, self.runner)
        return self._native.deploy(package, {} if arguments is None else arguments, sender, value)

    def install(self, code: Code) -> Contract:
        """Puts a contract on the chain, and runs no constructor."""
        return Contract(self, self._native.install(load(code, self.runner)))

    def at(self, address: Addressable) -> Contract:
        """The contract at an address."""
        return Contract(self, Address(address))

    def send(self, contract: Addressable, calldata: Value, *, sender: Addressable = _NOBODY, value: int = 0) -> Transaction:
        """Sends any calldata, and money along. A method is called by `{"method": name, ..arguments}`: `Contract.call` does so."""
        return self._native.send(sender, contract, value, calldata)

    def send_bytes(self, contract: Addressable, data: bytes, *, sender: Addressable = _NOBODY, value: int = 0) -> Transaction:
        """Sends any bytes in the place of calldata."""
        return self._native.send_bytes(sender, contract, value, data)

    def view(self, contract: Addressable, calldata: Value, *, sender: Addressable = _NOBODY) -> Transaction:
        """Sends any calldata, and keeps nothing of what it did."""
        return self._native.view(sender, contract, calldata)

    def finalize(self) -> list[Transaction]:
        """Makes all blocks so far final, and delivers the messages that waited for it: what they led to, in their order."""
        return self._native.finalize()

    def appeal(self, validators: int) -> Transaction:
        """Appeals the last transaction: goes back to before it, and runs it again with so many validators, in the world as it is now."""
        return self._native.appeal(validators)

    def one_more(self, proposal: Receipt) -> str:
        """How one more validator votes on a proposal for the last transaction, in the world as it is now. Nothing changes."""
        return self._native.one_more(proposal)

    def tamper(self, how: Callable[[list[bytes]], Sequence[bytes]]) -> None:
        """Lets the leaders lie from now on: a function changes the results of their non-deterministic blocks (each a code byte and data) before validators
        see them. `honest` ends it."""
        self._native.tamper(_weakly(self._lied))
        self._lie = how

    def honest(self) -> None:
        """Lets the leaders be honest again."""
        self._native.honest()
        self._lie = None

    def _answer(self, node: Optional[int], request: dict[str, Any]) -> Any:
        return self.world(node, request)

    def _lied(self, results: list[bytes]) -> Sequence[bytes]:
        return results if self._lie is None else self._lie(results)

    def snapshot(self) -> Snapshot:
        """What the chain is now."""
        return self._native.snapshot()

    def restore(self, to: Snapshot) -> None:
        """Goes back to what the chain was. What the world answers stays."""
        self._native.restore(to)

    def read(self, contract: Addressable, slot: bytes, start: int = 0, length: int = 32) -> bytes:
        """What a contract keeps in a slot, read past it: so many bytes from one on, zeros where nothing was written."""
        return self._native.read(contract, slot, start, length)

    def write(self, contract: Addressable, slot: bytes, page: int, data: bytes) -> None:
        """Writes to a contract's storage past it: at most a page of 32 bytes; the rest of the page becomes zero."""
        self._native.write(contract, slot, page, data)
