"""What a contract keeps: `Item`, one value, and `Map`, one for each key. They stand in the contract's class; values are calldata.

A place is a slot of its own: BLAKE2s of where it is within its parent, so that no two lie in one place. In it are the length of the encoding, four
octets little-endian, and the encoding; a length of 0 is a place to which nothing was written.
"""
import hashlib

import _genlayer_wasi as wasi

from .calldata import Address, decode, encode

# Octets that are read at once: most values are not longer.
FIRST = 64
_views = False


def forbid_writes():
    """From now on: the run is a view."""
    global _views
    _views = True


def _slot(kind, parent, key):
    return hashlib.blake2s(key, key=parent, person=kind).digest()


def _read(slot, default):
    head = bytearray(FIRST)
    wasi.storage_read(slot, 0, head)
    length = int.from_bytes(head[:4], "little")
    if length == 0:
        return default() if callable(default) else default
    if length <= FIRST - 4:
        return decode(head[4 : 4 + length])
    rest = bytearray(length + 4 - FIRST)
    wasi.storage_read(slot, FIRST, rest)
    return decode(bytes(head[4:]) + bytes(rest))


def _write(slot, octets):
    if _views:
        raise PermissionError("a view writes nothing: make the method public")
    wasi.storage_write(slot, 0, len(octets).to_bytes(4, "little") + octets)


class Item:
    """One value: read and written as an attribute. `default` is what it is until it is written (a callable makes it)."""

    def __init__(self, default=None):
        self._default = default

    def __set_name__(self, owner, name):
        self._slot = _slot(b"item", b"", name.encode())

    def __get__(self, instance, owner=None):
        return self if instance is None else _read(self._slot, self._default)

    def __set__(self, instance, value):
        _write(self._slot, encode(value))


class Map:
    """A value for each key: `balances[owner]`; several keys are a tuple. `default` is what stands where nothing was written."""

    def __init__(self, default=None):
        self._default = default

    def __set_name__(self, owner, name):
        self._root = _slot(b"map", b"", name.encode())

    def _slot_of(self, key):
        return _slot(b"key", self._root, encode(list(key) if isinstance(key, tuple) else [key]))

    def __getitem__(self, key):
        return _read(self._slot_of(key), self._default)

    def __setitem__(self, key, value):
        _write(self._slot_of(key), encode(value))

    def __delitem__(self, key):
        _write(self._slot_of(key), b"")

    def __contains__(self, key):
        head = bytearray(4)
        wasi.storage_read(self._slot_of(key), 0, head)
        return any(head)


__all__ = ["Address", "Item", "Map"]
