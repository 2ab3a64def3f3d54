"""The native half: classes that are shared, and what `chain`, `node` and `conformance` give manners."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Optional, Union, final

from ._types import Addressable, Value

@final
class Address:
    """The 20 bytes that name an account or a contract: `Address("0x..")`, or of 20 bytes."""
    def __init__(self, of: Addressable) -> None: ...
    @property
    def as_bytes(self) -> bytes: ...
    @property
    def as_hex(self) -> str:
        """0x and 40 digits, in lower case."""
    def __bytes__(self) -> bytes: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object) -> bool: ...
    def __lt__(self, other: Address) -> bool: ...
    def __le__(self, other: Address) -> bool: ...
    def __gt__(self, other: Address) -> bool: ...
    def __ge__(self, other: Address) -> bool: ...

@final
class Package:
    """What runs: a module and all that it needs. `Package(code)` is of a module alone, or of a bundle; raises `PackageError`."""
    def __init__(self, code: bytes) -> None: ...
    @staticmethod
    def of_parts(
        start: bytes,
        files: dict[str, bytes],
        libraries: Sequence[tuple[str, bytes]],
        args: Sequence[str],
        env: Sequence[tuple[str, str]],
    ) -> Package:
        """Of its parts: the module that starts, its tree, libraries, arguments and environment."""
    @staticmethod
    def of_python(source: bytes, runner: Package) -> Package:
        """Of a contract's source in Python and a runner, which compiles it in a sub-VM."""
    def with_files(self, files: dict[str, bytes]) -> Package:
        """The same package with more files; raises `PackageError` where one is there already."""
    @property
    def digest(self) -> str:
        """The digest by which nodes know it, in hexadecimal."""
    @property
    def start(self) -> bytes: ...
    @property
    def files(self) -> dict[str, bytes]: ...
    def to_bundle(self) -> bytes:
        """What is deployed: the same bytes for the same parts."""
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Gas:
    """What the deterministic side used: ticks of `time`, pages of `storage`, bytes of `data`."""
    @property
    def data(self) -> int: ...
    @property
    def storage(self) -> int: ...
    @property
    def time(self) -> int: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Receipt:
    """What is voted on, equal on every node. `Receipt(data)` is of its canonical bytes; raises `ReceiptError`."""
    def __init__(self, data: bytes) -> None: ...
    def to_bytes(self) -> bytes: ...
    @property
    def digest(self) -> str:
        """In hexadecimal: the same as Rust's, and as every node's."""
    @property
    def params(self) -> str:
        """The digest of the consensus parameters."""
    @property
    def message(self) -> str:
        """The digest of the message."""
    @property
    def result(self) -> bytes:
        """How it ended: a code byte (0 it returned, 1 a user error, 2 a VM error), and calldata or text."""
    @property
    def returned(self) -> bool: ...
    @property
    def gas(self) -> Gas: ...
    @property
    def storage(self) -> list[tuple[bytes, int, bytes]]:
        """What it wrote: slot, number of the page, its 32 bytes."""
    @property
    def messages(self) -> list[Any]:
        """What it sends, each a dict from its name to its fields."""
    @property
    def nondet(self) -> list[bytes]:
        """The results of its non-deterministic blocks, each a code byte and data."""
    def with_nondet(self, nondet: Sequence[bytes]) -> Receipt:
        """The receipt of a leader that lies about its blocks."""
    def vote(self, leader: Receipt) -> str:
        """How a node that came to this receipt votes on a leader's."""
    def __eq__(self, other: object) -> bool: ...

@final
class Report:
    """What one run came to: the receipt, and beside it what is no part of it."""
    @property
    def outcome(self) -> str:
        """`return`, `user_error` or `vm_error`."""
    @property
    def value(self) -> Any:
        """What it returned; raises `UserError` or `VmError` where it did not."""
    @property
    def error(self) -> Optional[str]:
        """The text of a user error, or the code of a VM error."""
    @property
    def receipt(self) -> Receipt: ...
    @property
    def gas(self) -> Gas: ...
    @property
    def ram_peak(self) -> int:
        """The most bytes of RAM that deterministic sub-VMs held."""
    @property
    def diagnostics(self) -> list[str]:
        """What people should know: why a module was refused, which option helps."""
    @property
    def fingerprint(self) -> Any:
        """The machine at a failure; `None` where it returned."""
    def vote(self, leader: Receipt) -> str:
        """This node's vote on the leader's receipt: `agree`, `disagree at FIELD`, `disagree at nondet, call N`, `timeout: WHY`."""

@final
class Transaction:
    """What became of a transaction: how it ended at the leader, how validators voted, what its messages led to."""
    @property
    def contract(self) -> Address: ...
    @property
    def report(self) -> Optional[Report]:
        """The leader's run; `None` where its node failed."""
    @property
    def internal(self) -> Optional[str]:
        """What the leader's node lacked, where its run came to nothing."""
    @property
    def value(self) -> Any:
        """What it returned. Raises `UserError`, `VmError`, `NodeError` or `Undetermined` where there is no such thing; each has `transaction`."""
    @property
    def ok(self) -> bool:
        """Whether it returned, and was accepted."""
    @property
    def error(self) -> Optional[str]:
        """How the run failed: the text of a user error, or the code of a VM error."""
    @property
    def votes(self) -> list[str]:
        """How each validator voted: `agree`, `disagree at FIELD`, `disagree at nondet, call N`, `timeout: WHY`."""
    @property
    def accepted(self) -> bool:
        """Whether most nodes agreed, the leader with itself among them."""
    @property
    def gas(self) -> Gas: ...
    @property
    def receipt(self) -> Receipt: ...
    @property
    def messages(self) -> list[Any]:
        """All that it sends, each a dict from its name (`EmitEvent`, `PostMessage`, `DeployContract`, `EthSend`) to its fields."""
    @property
    def events(self) -> list[dict[str, Any]]:
        """The events it emitted, each a dict of `topics` and `blob`."""
    @property
    def delivered(self) -> list[Transaction]:
        """What its messages led to that were delivered on acceptance, in their order."""
    @property
    def stack(self) -> list[str]:
        """Where a trap or a budget ended it: the functions that were active, innermost first."""
    @property
    def stdout(self) -> bytes: ...
    @property
    def stderr(self) -> bytes:
        """What the leader's run printed on standard error: the traceback of a contract in Python, for one."""
    @property
    def trace(self) -> list[str]:
        """What `Trace` requests said."""

@final
class Snapshot:
    """What a chain was."""

class Chain:
    """What `pysubvm.Chain` has below it."""
    validators: int
    now: int
    def __init__(self, settings: dict[str, Any], validators: int, world: Callable[[Optional[int], Any], Any]) -> None: ...
    def account(self, name: str, balance: int) -> Address: ...
    def balance(self, of: Addressable) -> int: ...
    def fund(self, account: Addressable, balance: int) -> None: ...
    def install(self, package: Package) -> Address: ...
    def deploy(self, package: Package, arguments: Value, sender: Addressable, value: int) -> Transaction: ...
    def send(self, sender: Addressable, contract: Addressable, value: int, calldata: Value) -> Transaction: ...
    def send_bytes(self, sender: Addressable, contract: Addressable, value: int, data: bytes) -> Transaction: ...
    def view(self, sender: Addressable, contract: Addressable, calldata: Value) -> Transaction: ...
    def finalize(self) -> list[Transaction]: ...
    def appeal(self, validators: int) -> Transaction: ...
    def one_more(self, proposal: Receipt) -> str: ...
    def tamper(self, how: Callable[[list[bytes]], Sequence[bytes]]) -> None: ...
    def honest(self) -> None: ...
    def snapshot(self) -> Snapshot: ...
    def restore(self, to: Snapshot) -> None: ...
    def read(self, contract: Addressable, slot: bytes, start: int, length: int) -> bytes: ...
    def write(self, contract: Addressable, slot: bytes, page: int, data: bytes) -> None: ...

def keep_compiled(directory: Union[str, PathLike[str]]) -> bool:
    """Keeps compiled modules in a directory too, so that the next process need not compile them. Whether that counts from now on: it does where
    nothing ran before, and no other directory was named."""

def encode(value: Value) -> bytes:
    """The calldata of a value; raises `CalldataError`, or `TypeError` with where the value is that has no place in calldata."""

def decode(data: bytes) -> Any:
    """The value that calldata is; raises `CalldataError` for what is not canonical."""

def to_text(value: Value) -> str:
    """Calldata's text form, a superset of JSON."""

def parse(text: str) -> Any:
    """The value of calldata's text form."""

def run(
    settings: dict[str, Any],
    message: dict[str, Any],
    role: str,
    results: Sequence[bytes],
    entry: tuple[str, Optional[bytes]],
    read_state: str,
    deadline: Optional[int],
    parts: Sequence[Any],
) -> Report: ...
def check_storage(make: Callable[[Any], Any]) -> None: ...
def check_clock(make: Callable[[], Any]) -> None: ...
def check_rng(make: Callable[[], Any]) -> None: ...
def check_host(make: Callable[[], Any], contract: Addressable, nobody: Addressable) -> None: ...
def check_modules(make: Callable[[], Any], request: bytes, unknown: Optional[bytes]) -> None: ...
