"""Names for types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Union

if TYPE_CHECKING:
    from ._native import Address

    class HasAddress(Protocol):
        """A contract, for one."""

        @property
        def address(self) -> Address: ...

    #: What names an account or a contract: an address, 20 bytes, 40 hexadecimal digits, or a contract.
    Addressable = Union[Address, bytes, str, HasAddress]
    #: What calldata has: `None`, `bool`, `int`, `str`, `bytes`, `Address`, and `list` and `dict` of these.
    Value = Union[None, bool, int, str, bytes, bytearray, Address, HasAddress, Sequence[Any], Mapping[str, Any]]
else:
    Addressable = Value = Any
