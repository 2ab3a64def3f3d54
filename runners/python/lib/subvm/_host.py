"""Calls of the host: requests, and what they give."""
import os

import _genlayer_wasi as wasi

from .calldata import decode, encode

Refused = wasi.Error
NOTHING = 2**32 - 1


class Error(Exception):
    """A contract's own refusal: ends the run as a user error with this text, and nothing of it is kept."""


class Failed(Exception):
    """Another sub-VM failed: `code` is 1 for a user error, 2 for a VM error; `text` is what it said."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code, self.text = code, text


def read(fd):
    parts = []
    try:
        while part := os.read(fd, 65536):
            parts.append(part)
    finally:
        if fd > 2:
            os.close(fd)
    return b"".join(parts)


def call(name, fields):
    """What a request gives: octets, or nothing. Raises `Refused` where the host says why not by a number."""
    fd = wasi.gl_call(encode({name: fields}))
    return None if fd == NOTHING else read(fd)


def sub_vm(name, fields):
    """What a sub-VM returned."""
    result = call(name, fields)
    if result[0] == 0:
        return decode(result[1:])
    raise Failed(result[0], result[1:].decode())


def module(name, fields):
    """What a module of the node answered, in a non-deterministic block."""
    answer = decode(call(name, fields))
    if "ok" in answer:
        return answer["ok"]
    raise Error(f"{name}: {answer.get('error')}")
