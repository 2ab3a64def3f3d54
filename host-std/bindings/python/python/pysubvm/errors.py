"""What goes wrong, as exceptions. All are `Error`; those for a bad argument are `ValueError`, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Sequence

if TYPE_CHECKING:
    from ._native import Transaction

__all__ = [
    "AddressError",
    "BrokenPromise",
    "CalldataError",
    "Error",
    "Failed",
    "InsufficientFunds",
    "InternalError",
    "NodeError",
    "PackageError",
    "ReceiptError",
    "Undetermined",
    "UserError",
    "VmError",
]


class Error(Exception):
    """Whatever this package has to say."""

    #: What became of the transaction, where this is about one.
    transaction: Optional[Transaction] = None


class Failed(Error):
    """A run that did not return. `told` are lines for people: where it was, what it printed on standard error."""

    def __init__(self, text: str, told: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.told = list(told)

    @property
    def message(self) -> str:
        """Why, without what is told."""
        return str(self.args[0])

    def __str__(self) -> str:
        return "\n  ".join([self.message, *self.told])


class UserError(Failed):
    """The contract refused: `message` is what it said."""

    def __str__(self) -> str:
        return self.message


class VmError(Failed):
    """The contract broke a rule, trapped, or used up its gas: `code` is a stable code, such as `out_of gas time` or `exit_code 1`."""

    @property
    def code(self) -> str:
        return self.message


class NodeError(Error):
    """A run came to nothing, for what its node lacked. `kind` is `host`, `module`, `deadline`, `engine`, `params`, `bug`, `cancelled`, or nothing where
    it is not known; the exception of a part in Python is the cause."""

    def __init__(self, text: str, kind: Optional[str] = None) -> None:
        super().__init__(text)
        self.kind = kind


class Undetermined(Error):
    """Most nodes do not agree with the leader, so that nothing was applied."""


class InsufficientFunds(Error, ValueError):
    """Who sends money has not so much."""


class AddressError(Error, ValueError):
    """This names no account and no contract."""


class CalldataError(Error, ValueError):
    """These bytes are no calldata, or this value cannot be."""


class PackageError(Error, ValueError):
    """This code makes no package: a bundle that is cut short, a source that does not compile."""


class ReceiptError(Error, ValueError):
    """These bytes are no receipt."""


class BrokenPromise(Error, AssertionError):
    """A part does not do what its trait promises."""


class InternalError(Error):
    """A fault of this package: a panic below it. Please report it."""
