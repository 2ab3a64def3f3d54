#!/usr/bin/env python3
"""Recomputes tests/vectors/state.json from docs/spec/state.md alone: keys, digests, roots, and proofs of pages, there and not there. Shares no
code with the implementation; BLAKE3 is that of check_transactions.py. Needs nothing beside Python 3.8.

    tests/vectors/check_state.py [state.json]

Ends with 0 and one line for each state, or says what differs.
"""

import json
import sys
from pathlib import Path

from check_transactions import CHUNK_END, CHUNK_START, ROOT, compress, uleb, words_of

KEYED = 16
EMPTY = bytes(32)


def keyed(domain, raw):
    """BLAKE3 of at most 64 bytes under a key: one compression."""
    key = tuple(int.from_bytes(domain[at : at + 4], "little") for at in range(0, 32, 4))
    out = compress(key, words_of(raw), 0, len(raw), CHUNK_START | CHUNK_END | ROOT | KEYED)
    return b"".join(word.to_bytes(4, "little") for word in out)


def contract_key(contract):
    return keyed(b"subvm state: key of a contract..", contract)


def page_key(contract, slot, page):
    return keyed(b"subvm state: key of a page......", contract + slot + page.to_bytes(4, "big"))


def leaf(key, value):
    return keyed(b"subvm state: leaf...............", key + value)


def node(zero, one):
    return keyed(b"subvm state: node of two halves.", zero + one)


def bit(key, at):
    return key[at // 8] >> (7 - at % 8) & 1


def tree(leaves, depth=0):
    """The digest of a tree of {key: value}."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return leaf(*next(iter(leaves.items())))
    half = lambda one: {key: value for key, value in leaves.items() if bit(key, depth) == one}
    return node(tree(half(0), depth + 1), tree(half(1), depth + 1))


def way(leaves, own):
    """The bytes of a branch, and the value at its end."""
    siblings = []
    while len(leaves) > 1:
        depth, beside = len(siblings), {}
        beside = {key: value for key, value in leaves.items() if bit(key, depth) != bit(own, depth)}
        leaves = {key: value for key, value in leaves.items() if bit(key, depth) == bit(own, depth)}
        siblings.append(tree(beside, depth + 1))
    raw = uleb(len(siblings))
    for at in range(0, len(siblings), 8):
        raw += bytes([sum(1 << n for n, sibling in enumerate(siblings[at : at + 8]) if sibling != EMPTY)])
    raw += b"".join(sibling for sibling in siblings if sibling != EMPTY)
    for key, value in leaves.items():
        return (raw + b"\1" + value, value) if key == own else (raw + b"\2" + key + value, None)
    return raw + b"\0", None


def folded(raw, root, key):
    """Reads a branch off the front of bytes. What is left, and the value that it proves; an exception where it proves none."""
    depth, shift = 0, 0
    while True:
        depth |= (raw[0] & 127) << shift
        last, raw, shift = raw[0] < 128, raw[1:], shift + 7
        if last:
            break
    assert depth <= 256, "longer than a key"
    bits, raw = raw[: (depth + 7) // 8], raw[(depth + 7) // 8 :]
    siblings = []
    for at in range(depth):
        if bits[at // 8] >> at % 8 & 1:
            siblings.append(raw[:32])
            raw = raw[32:]
        else:
            siblings.append(EMPTY)
    kind, raw = raw[0], raw[1:]
    if kind == 0:
        digest, value = EMPTY, None
    elif kind == 1:
        digest, value, raw = leaf(key, raw[:32]), raw[:32], raw[32:]
    else:
        other = raw[:32]
        assert kind == 2 and other != key and all(bit(other, at) == bit(key, at) for at in range(depth)), "not on the way"
        digest, value, raw = leaf(other, raw[32:64]), None, raw[64:]
    for at in reversed(range(depth)):
        digest = node(siblings[at], digest) if bit(key, at) else node(digest, siblings[at])
    assert digest == root, "another root"
    return raw, value


def proven(raw, root, contract, slot, page):
    """What a proof says that a page holds."""
    assert raw[0] == 1, "another version"
    raw, storage = folded(raw[1:], root, contract_key(contract))
    value = None
    if storage is not None:
        raw, value = folded(raw, storage, page_key(contract, slot, page))
    assert not raw, "something follows"
    return EMPTY if value is None else value


def check(state):
    said = []
    expect = lambda what, found, recorded: found == recorded or said.append(f"{what}: {found} instead of {recorded}")
    contracts = {}
    for contract, slot, page, content in state["pages"]:
        contract, content = bytes.fromhex(contract), bytes.fromhex(content)
        if content != EMPTY:
            contracts.setdefault(contract, {})[page_key(contract, bytes.fromhex(slot), page)] = content
    storage = {contract: tree(pages) for contract, pages in contracts.items()}
    leaves = {contract_key(contract): digest for contract, digest in storage.items()}
    root = tree(leaves)
    expect("root", root.hex(), state["root"])
    expect("storage", {contract.hex(): digest.hex() for contract, digest in storage.items()}, state["storage"])
    for number, proof in enumerate(state["proofs"]):
        contract, slot = bytes.fromhex(proof["contract"]), bytes.fromhex(proof["slot"])
        raw, there = way(leaves, contract_key(contract))
        held = None
        if there is not None:
            below, held = way(contracts[contract], page_key(contract, slot, proof["page"]))
            raw += below
        expect(f"proof {number}", (b"\1" + raw).hex(), proof["bytes"])
        expect(f"proof {number} holds", (held or EMPTY).hex(), proof["holds"])
        expect(f"proof {number} proves", proven(b"\1" + raw, root, contract, slot, proof["page"]).hex(), proof["holds"])
    for refused in state["refused"]:
        contract, slot = bytes.fromhex(refused["contract"]), bytes.fromhex(refused["slot"])
        try:
            found = proven(bytes.fromhex(refused["bytes"]), bytes.fromhex(refused["root"]), contract, slot, refused["page"])
            said.append(f"{refused['name']}: it proves {found.hex()}")
        except (AssertionError, IndexError):
            pass
    return said


def main(arguments):
    path = Path(arguments[0]) if arguments else Path(__file__).with_name("state.json")
    wrong = 0
    for state in json.loads(path.read_text(encoding="utf-8"))["states"]:
        said = check(state)
        wrong += len(said)
        print(f"{state['name']}: " + ("; ".join(said) or "as recorded"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
