"""Messages, events, balances, other contracts."""
import _genlayer_wasi as wasi

from ._host import call, sub_vm
from .calldata import decode, encode


def balance(address=None):
    """What an account has; the contract's own, less what this run has sent, where none is named."""
    return wasi.get_self_balance() if address is None else wasi.get_balance(address)


def send(to, value=0, *, on="finalized", **calldata):
    """A message to another contract: `send(to, method="pay", amount=5)`. It is delivered when this run is accepted, or final."""
    call("PostMessage", {"address": to, "calldata": calldata, "value": value, "on": on})


def view(of, method, *, state=0, **arguments):
    """What a view of another contract returns. Raises `Failed` where that fails."""
    return sub_vm("CallContract", {"address": of, "calldata": {**arguments, "method": method}, "state": state})


def emit(name, fields, topics=()):
    """An event: `emit("Paid", {"to": to, "amount": 5}, topics=["to"])`. It is found by its name and by up to three of its fields."""
    found = [name.encode(), *(encode(fields[topic]) for topic in topics)]
    for topic in found:
        if len(topic) > 32:
            raise ValueError(f"a topic has 32 octets at most, and {topic!r} has {len(topic)}")
    call("EmitEvent", {"topics": [topic.ljust(32, b"\0") for topic in found], "blob": fields})


def eth_call(address, data):
    """What a contract of the other machine returns: octets, or what it reverted with as `{"revert": ..}`."""
    return decode(call("EthCall", {"address": address, "calldata": data}))


def trace(text):
    """A line among the node's diagnostics."""
    call("Trace", {"Message": str(text)})
