"""Does a node's part keep the promises that its trait makes? Each check raises `BrokenPromise` for the first that does not hold.

`make` makes a part of the same chain at the same height each time: a check makes several, and compares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Optional

from . import _native
from ._native import Address
from ._types import Addressable, Value
from .node import Clock, Host, Modules, Rng, Storage

__all__ = ["Written", "clock", "host", "modules", "rng", "storage"]


class Written(NamedTuple):
    """A page that a storage holds: in both states where `state` is `finalized`, on top where it is `accepted`."""

    state: str
    contract: Address
    slot: bytes
    page: int
    content: bytes


def storage(make: Callable[[list[Written]], Storage]) -> None:
    """Checks a storage, which is made of the pages that were written."""
    _native.check_storage(lambda written: make([Written(*page) for page in written]))


def clock(make: Callable[[], Clock]) -> None:
    """Checks a clock."""
    _native.check_clock(make)


def rng(make: Callable[[], Rng]) -> None:
    """Checks a generator."""
    _native.check_rng(make)


def host(make: Callable[[], Host], *, contract: Addressable, nobody: Addressable) -> None:
    """Checks a host, in which the one address has code in both states, and the other has none."""
    _native.check_host(make, contract, nobody)


def modules(make: Callable[[], Modules], *, request: Value, unknown: Optional[Value] = None) -> None:
    """Checks modules, which answer `request`, with a result or an error, and have no module for `unknown`; nothing where they know all."""
    encoded = None if unknown is None else _native.encode(unknown)
    _native.check_modules(make, _native.encode(request), encoded)
