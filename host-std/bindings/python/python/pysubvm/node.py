"""A node in Python: its parts are objects with the methods below, and `run` runs one transaction on them.

A method that raises makes the run a `NodeError`, whose cause is what it raised; never a contract's result. The exceptions are `Rng.fill`, after which
the guest finds errno `io`, and methods that cannot fail (of `Clock`, `Host.output`, `Modules.cancel`): what they raise calls the run off, and is
raised by `run`. `pysubvm.conformance` checks parts for the promises that they make.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional, Protocol, Union

from . import _native
from ._native import Address, Package, Report
from ._types import Addressable
from .chain import settings

__all__ = ["Clock", "Host", "Message", "Modules", "Node", "Reverted", "Rng", "Storage", "run"]


class Storage(Protocol):
    """Reads contracts' storage as it was before the run."""

    def read(self, state: str, contract: Address, slot: bytes, index: int, length: int) -> bytes:
        """So many bytes of a slot, from one on; those that were never written are zero. `state` is `accepted` or `finalized`."""
        ...


class Clock(Protocol):
    """Tells time."""

    def transaction_time(self) -> int:
        """The transaction's instant, in nanoseconds since 1970: the same on every node, and throughout a run."""
        ...

    def elapsed(self) -> int:
        """Nanoseconds since a fixed moment, never going backwards: `time.monotonic_ns()`."""
        ...


class Rng(Protocol):
    """Makes bytes nobody can foresee, for non-deterministic mode."""

    def fill(self, length: int) -> bytes:
        """So many: `os.urandom(length)`."""
        ...


@dataclass(frozen=True)
class Reverted:
    """A call of the layer below reverted, with these bytes."""

    reverted: bytes


class Host(Protocol):
    """Knows the chain, and takes what guests print."""

    def balance(self, state: str, address: Address) -> int:
        """What an account has, less than 2^256."""
        ...

    def code(self, state: str, address: Address) -> Optional[Package]:
        """What stands at an address, the same on every node."""
        ...

    def locked_slots(self, contract: Address) -> Sequence[bytes]:
        """The slots that a run may not write."""
        ...

    def eth_call(self, state: str, address: Address, calldata: bytes) -> Union[bytes, Reverted, None]:
        """What a read-only call of the layer below comes to; nothing where it refuses."""
        ...

    def output(self, stream: str, data: bytes) -> None:
        """Takes what a guest printed on `stdout`, `stderr` or `trace`."""
        ...


class Modules(Protocol):
    """Reaches the web and models, for non-deterministic mode."""

    def start(self, request: bytes) -> int:
        """Starts a request, calldata `{name: fields}`, without waiting: a number, unique within the run."""
        ...

    def wait(self, id: int, at_most: int) -> Optional[bytes]:
        """Waits so many nanoseconds: the calldata of `{"ok": value}` or `{"error": code}`, or nothing yet."""
        ...

    def cancel(self, id: int) -> None:
        """Gives up a request, whose result nobody will ask for."""
        ...


@dataclass
class Node:
    """All that a node supplies to a run. One object may be several parts."""

    storage: Storage
    clock: Clock
    rng: Rng
    host: Host
    modules: Modules


@dataclass
class Message:
    """The transaction, as every node knows it."""

    contract: Addressable
    sender: Addressable
    data: bytes
    origin: Optional[Addressable] = None
    signer: Optional[Addressable] = None
    value: int = 0
    chain_id: int = 61_999
    is_init: bool = False


def run(
    node: Node,
    message: Message,
    *,
    role: str = "leader",
    results: Sequence[bytes] = (),
    entry: str = "contract",
    stdin: Optional[bytes] = None,
    state: str = "accepted",
    deadline: Optional[int] = None,
    **parameters: Any,
) -> Report:
    """Runs one transaction. `role` is `leader`; or `validator` or `sync`, with the leader's `results` (`Receipt.nondet`). `entry` is `contract`; or
    `deterministic` or `nondeterministic` for a plain program, with what stands on its standard input. `deadline` is in nanoseconds; other keywords
    are `settings`. Raises `NodeError` where it comes to nothing."""
    origin = message.sender if message.origin is None else message.origin
    fields = dict(vars(message), origin=origin)
    parts = (node.storage, node.clock, node.rng, node.host, node.modules)
    return _native.run(settings(**parameters), fields, role, list(results), (entry, stdin), state, deadline, parts)
