#!/usr/bin/env python3
"""Recomputes tests/vectors/transactions.json from docs/spec alone: calldata, BLAKE3, parameters, message, storage pages, data gas,
fingerprints, receipts. Shares no code with the implementation, and needs nothing beside Python 3.8.

    tests/vectors/check_transactions.py [transactions.json]

Ends with 0 and one line for each transaction, or says what differs. What only a machine that runs WebAssembly can know (time gas, the frames
of a failure, what memories hold) is taken from the file; everything that follows from it is worked out here.
"""

import json
import re
import sys
from datetime import datetime, timezone
from pathlib import Path

# --- BLAKE3, from its paper: https://github.com/BLAKE3-team/BLAKE3-specs -------------------------------------------------------------

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
MASK = 0xFFFFFFFF


def _schedule():
    """The order of the message words in each of the seven rounds."""
    order, rounds = tuple(range(16)), []
    for _ in range(7):
        rounds.append(order)
        order = tuple(order[word] for word in PERMUTATION)
    return rounds


SCHEDULE = _schedule()
MIXES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def compress(chaining, words, counter, length, flags):
    """The first eight words of the compression function."""
    v = list(chaining) + list(IV[:4]) + [counter & MASK, counter >> 32, length, flags]
    for order in SCHEDULE:
        for mix, (a, b, c, d) in enumerate(MIXES):
            va, vb, vc, vd = v[a], v[b], v[c], v[d]
            va = (va + vb + words[order[2 * mix]]) & MASK
            vd ^= va
            vd = (vd >> 16 | vd << 16) & MASK
            vc = (vc + vd) & MASK
            vb ^= vc
            vb = (vb >> 12 | vb << 20) & MASK
            va = (va + vb + words[order[2 * mix + 1]]) & MASK
            vd ^= va
            vd = (vd >> 8 | vd << 24) & MASK
            vc = (vc + vd) & MASK
            vb ^= vc
            v[a], v[b], v[c], v[d] = va, (vb >> 7 | vb << 25) & MASK, vc, vd
    return tuple(v[word] ^ v[word + 8] for word in range(8))


def words_of(block):
    block = block.ljust(64, b"\0")
    return [int.from_bytes(block[at : at + 4], "little") for at in range(0, 64, 4)]


def chunk(raw, counter, root):
    """The chaining value of up to 1,024 bytes."""
    chaining = IV
    blocks = [raw[at : at + 64] for at in range(0, len(raw), 64)] or [b""]
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        flags = (CHUNK_START if number == 0 else 0) | (CHUNK_END | root if last else 0)
        chaining = compress(chaining, words_of(block), counter, len(block), flags)
    return chaining


def subtree(raw, counter, root=0):
    """The chaining value of bytes that begin at chunk number `counter`."""
    if len(raw) <= 1024:
        return chunk(raw, counter, root)
    # The left subtree is the largest power of two of chunks that leaves something to the right.
    left = 1 << ((len(raw) - 1) // 1024).bit_length() - 1
    pair = subtree(raw[: left * 1024], counter) + subtree(raw[left * 1024 :], counter + left)
    return compress(IV, pair, 0, 64, PARENT | root)


def blake3(raw):
    return b"".join(word.to_bytes(4, "little") for word in subtree(raw, 0, ROOT))


# --- Calldata: docs/spec/calldata.md ------------------------------------------------------------------------------------------------


class Address(bytes):
    """Twenty bytes that are an address, where `bytes` are bytes."""


def uleb(number):
    raw = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        raw.append(low | (0x80 if number else 0))
        if not number:
            return bytes(raw)


def encode(value):
    """The one encoding of a value: None, bool, int, Address, bytes, str, list or dict."""
    if value is None or isinstance(value, bool):
        return uleb({None: 0, False: 1, True: 2}[value] << 3)
    if isinstance(value, Address):
        return uleb(3 << 3) + value
    if isinstance(value, int):
        return uleb(value << 3 | 1) if value >= 0 else uleb((-1 - value) << 3 | 2)
    if isinstance(value, bytes):
        return uleb(len(value) << 3 | 3) + value
    if isinstance(value, str):
        raw = value.encode()
        return uleb(len(raw) << 3 | 4) + raw
    if isinstance(value, list):
        return uleb(len(value) << 3 | 5) + b"".join(map(encode, value))
    entries = sorted((key.encode(), encode(item)) for key, item in value.items())
    return uleb(len(entries) << 3 | 6) + b"".join(uleb(len(key)) + key + item for key, item in entries)


TOKEN = re.compile(r'\s*(?:(addr#[0-9a-fA-F]*)|(b#[0-9a-fA-F]*)|(-?\d+)|("(?:[^"\\]|\\.)*")|(null|true|false)|([\[\]{},:]))')


def parse(text):
    """A value from its text form."""
    tokens = []
    at = 0
    while at < len(text.rstrip()):
        match = TOKEN.match(text, at)
        if not match:
            raise ValueError(f"no calldata text at {at}: {text[at:at + 20]!r}")
        tokens.append(match)
        at = match.end()
    value, rest = parse_value(tokens)
    if rest:
        raise ValueError("more than one value")
    return value


def parse_value(tokens):
    address, raw, number, string, atom, mark = tokens[0].groups()
    rest = tokens[1:]
    if address is not None:
        return Address(bytes.fromhex(address[5:])), rest
    if raw is not None:
        return bytes.fromhex(raw[2:]), rest
    if number is not None:
        return int(number), rest
    if string is not None:
        return json.loads(string), rest
    if atom is not None:
        return {"null": None, "true": True, "false": False}[atom], rest
    container, end = ([], "]") if mark == "[" else ({}, "}")
    while rest[0].group(6) != end:
        key, rest = parse_value(rest) if end == "}" else (None, rest)
        item, rest = parse_value(rest[1:] if end == "}" else rest)
        if end == "}":
            container[key] = item
        else:
            container.append(item)
        if rest[0].group(6) == ",":
            rest = rest[1:]
    return container, rest[1:]


# --- A transaction: docs/spec/sub-vm.md, gas.md, fingerprint.md -----------------------------------------------------------------------

PAGE = 32
DEFAULT_PARAMS = {
    "floats": "soft",
    "schedule": 1,
    "lowering": 1,
    "fingerprints": True,
    "refused_env": "LD_* DYLD_* *_KEY *_TOKEN *_SECRET *PASSWORD* *PASSWD* *CREDENTIAL* AWS_* SSH_* GPG_*".split(),
    "limits": {
        "ram": 4_294_967_295,
        "open_fds": 1024,
        "depth": 512,
        "nondet_blocks": 4096,
        "nondet_result": 16 << 20,
        "stack_units": 8_388_608,
        "fingerprint_frames": 128,
        "gas_time": 800_000_000,
        "gas_time_nondet": 800_000_000,
        "gas_storage": 1 << 20,
        "gas_data": 64 << 20,
    },
}


def datetime_of(nanos):
    """An instant as the extended message has it."""
    seconds, fraction = divmod(nanos, 10**9)
    text = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{fraction:09}".rstrip("0") if fraction else "") + "Z"


def extended_message(given):
    """Descriptor 0 of the main sub-VM."""
    message = parse(given["message"])
    return dict(message, datetime=datetime_of(given["now"]), entry_kind=0, entry_stage_data=None, stack=[])


def final_pages(base, writes):
    """The receipt's pages: each that was written, whole."""
    raw, touched = {}, set()
    for writing, pieces in ((False, base), (True, writes)):
        for slot, index, content in pieces:
            for offset, byte in enumerate(bytes.fromhex(content)):
                raw[slot, index + offset] = byte
                if writing:
                    touched.add((bytes.fromhex(slot), (index + offset) // PAGE))
    return [
        [slot, page, bytes(raw.get((slot.hex(), page * PAGE + at), 0) for at in range(PAGE))]
        for slot, page in sorted(touched)
    ]


def memory(described):
    """A linear memory: its size and what stands in it."""
    raw = bytearray(described["bytes"])
    for index, content, times in described["holds"]:
        content = bytes.fromhex(content) * times
        raw[index : index + len(content)] = content
    return bytes(raw)


def fingerprint(machine):
    instances = {
        name: {"memories": [blake3(memory(each)) for each in memories]}
        for name, memories in machine["memories"].items()
    }
    return {"frames": parse(machine["frames"]), "module_instances": instances}


def result(effects):
    """Code byte ++ data as it is charged, and the receipt's `result`."""
    if "returns" in effects:
        raw = b"\0" + encode(parse(effects["returns"]))
        return raw, raw
    code, text = effects["fails"]
    failure = {"message": text, "fingerprint": fingerprint(effects["machine"])}
    charged = bytes([code]) + text.encode() if code == 1 else b""
    return charged, bytes([code]) + encode(failure)


def receipt(given, effects, time):
    returned = "returns" in effects
    charged, raw = result(effects)
    pages = final_pages(given["storage"], effects["writes"])
    messages = [encode(parse(text)) for text in effects["messages"]]
    nondet = [bytes([code]) + encode(parse(text)) for code, text in effects["nondet"]]
    data = sum(map(len, messages)) + sum(map(len, nondet)) + len(charged)
    return {
        "version": 1,
        "params": blake3(encode(DEFAULT_PARAMS)),
        "message": blake3(encode(extended_message(given))),
        "result": raw,
        "gas": {"data": data, "storage": len(pages), "time": time},
        "storage": pages if returned else [],
        "messages": messages if returned else [],
        "nondet": nondet,
    }


def differences(transaction):
    given, effects, expected = (transaction[part] for part in ("given", "effects", "expected"))
    computed = receipt(given, effects, expected["gas_time"])
    found = {
        "params": encode(DEFAULT_PARAMS).hex(),
        "params_digest": computed["params"].hex(),
        "message": encode(extended_message(given)).hex(),
        "message_digest": computed["message"].hex(),
        "result": computed["result"].hex(),
        "gas_data": computed["gas"]["data"],
        "gas_storage": computed["gas"]["storage"],
        "gas_time": expected["gas_time"],
        "receipt": encode(computed).hex(),
        "receipt_digest": blake3(encode(computed)).hex(),
    }
    if parse(given["params"]) != DEFAULT_PARAMS:
        return ["params: not the defaults of the specification"]
    return [f"{field}: {found.get(field)} instead of {value}" for field, value in expected.items() if found.get(field) != value]


def main(arguments):
    # Known answers of BLAKE3 itself: the empty input, and two subtrees of a known pattern (its published vectors).
    assert blake3(b"").hex() == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    pattern = bytes(at % 251 for at in range(2049))
    assert blake3(pattern).hex() == "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"
    path = Path(arguments[0]) if arguments else Path(__file__).with_name("transactions.json")
    wrong = 0
    for transaction in json.loads(path.read_text())["transactions"]:
        found = differences(transaction)
        print(f"{transaction['name']}: {'; '.join(found) or 'as recorded'}")
        wrong += bool(found)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
