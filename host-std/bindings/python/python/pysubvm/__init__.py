"""subvm from Python: untrusted WebAssembly for blockchain nodes, deterministic to the byte.

    from pysubvm import Chain

    chain = Chain()
    alice, bob = chain.account("alice"), chain.account("bob")
    token = chain.deploy("token.wasm", {"supply": 100}, sender=alice)
    token.by(alice).call("transfer", to=bob, amount=30)
    assert token.view("balance_of", owner=bob) == 30

`chain` tests contracts, `node` is a node whose parts are Python, `conformance` checks such parts, `direct` has the names of GenLayer's direct mode.
"""

from . import calldata, conformance, errors, node
from ._native import Address, Gas, Package, Receipt, Report, Snapshot, Transaction, keep_compiled
from .chain import Chain, Contract, load
from .errors import Error, Failed, NodeError, Undetermined, UserError, VmError
from .world import DOWN, Fails, Page

__all__ = [
    "DOWN",
    "Address",
    "Chain",
    "Contract",
    "Error",
    "Failed",
    "Fails",
    "Gas",
    "NodeError",
    "Package",
    "Page",
    "Receipt",
    "Report",
    "Snapshot",
    "Transaction",
    "Undetermined",
    "UserError",
    "VmError",
    "calldata",
    "conformance",
    "errors",
    "keep_compiled",
    "load",
    "node",
]
