#!/usr/bin/env python3
"""Writes random_get.hex, the known answers of `random_get`, from CPython's own MT19937.

CPython seeds an integer by `init_by_array` with its 32-bit words, the lowest first
(Modules/_randommodule.c, random_seed), which is what docs/spec/wasi.md asks for.
"""

import pathlib
import random


def generator():
    return random.Random(sum(byte << (32 * place) for place, byte in enumerate(b"GenLayer")))


def read(source, length):
    """One call: fresh words, little-endian, the last one cut short."""
    words = (source.getrandbits(32).to_bytes(4, "little") for _ in range((length + 3) // 4))
    return b"".join(words)[:length]


LENGTHS = [1, 3, 4, 5, 0, 20, 4, 7, 8, 2499, 2, 64]

source = generator()
lines = ["# the first 4096 bytes, in one call", f"4096 {read(source, 4096).hex()}", "# one sub-VM, call by call"]
source = generator()
lines += [f"{length} {read(source, length).hex()}".strip() for length in LENGTHS]
pathlib.Path(__file__).with_name("random_get.hex").write_text("\n".join(lines) + "\n")
