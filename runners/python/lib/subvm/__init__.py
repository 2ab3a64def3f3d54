"""Contracts in Python on subvm.

    from subvm import Address, Error, Item, Map, contract, emit, init, message, public, view

    @contract
    class Counter:
        count = Item(0)

        @public
        def add(self, n: int):
            self.count += n

        @view
        def value(self):
            return self.count

It is called with `{"method": "add", "n": 5}`. See docs/python.md.
"""
from . import nondet
from ._entry import INIT, PUBLIC, VIEW, contract, mark, message
from ._host import Error, Failed, Refused
from .calldata import Address, CalldataError, decode, encode
from .chain import balance, emit, eth_call, send, trace
from .chain import view as view_of
from .storage import Item, Map

init = mark(INIT)
public = mark(PUBLIC)
payable = mark(PUBLIC, payable=True)
view = mark(VIEW)

__all__ = [
    "Address", "CalldataError", "Error", "Failed", "Item", "Map", "Refused", "balance", "contract", "decode", "emit", "encode", "eth_call", "init",
    "message", "nondet", "payable", "public", "send", "trace", "view", "view_of",
]
