"""Calldata (docs/spec/calldata.md): `encode` and `decode`.

None, bool, int, str, bytes, list (or tuple), dict with strings as keys, and `Address`.
"""

DEPTH = 128
INT_BITS = 65_536


class Address(bytes):
    """An account or a contract: 20 octets. `Address("0x..")` reads hexadecimal digits."""

    __slots__ = ()

    def __new__(cls, value):
        octets = bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)
        if len(octets) != 20:
            raise ValueError(f"an address has 20 octets, not {len(octets)}")
        return super().__new__(cls, octets)

    def __str__(self):
        return "0x" + self.hex()

    def __repr__(self):
        return f'Address("{self}")'


class CalldataError(ValueError):
    """What is no calldata: why, and at which octet."""


def encode(value):
    """The one encoding of a value."""
    out = bytearray()
    _put(out, value, DEPTH)
    return bytes(out)


def _uleb(out, n):
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)


def _head(out, kind, n):
    _uleb(out, n << 3 | kind)


def _inner(depth):
    if depth == 0:
        raise CalldataError(f"more than {DEPTH} containers within one another")
    return depth - 1


def _put(out, value, depth):
    if value is None:
        out.append(0)
    elif value is False or value is True:
        out.append(8 << value)
    elif isinstance(value, str):
        octets = value.encode()
        _head(out, 4, len(octets))
        out += octets
    elif isinstance(value, int):
        kind, n = (1, value) if value >= 0 else (2, ~value)
        if n.bit_length() > INT_BITS:
            raise CalldataError(f"an integer has more than {INT_BITS} bits")
        _head(out, kind, n)
    elif isinstance(value, Address):
        out.append(0x18)
        out += value
    elif isinstance(value, (bytes, bytearray, memoryview)):
        value = bytes(value)
        _head(out, 3, len(value))
        out += value
    elif isinstance(value, (list, tuple)):
        depth = _inner(depth)
        _head(out, 5, len(value))
        for item in value:
            _put(out, item, depth)
    elif isinstance(value, dict):
        depth = _inner(depth)
        _head(out, 6, len(value))
        for key in sorted(value, key=_key):
            octets = key.encode()
            _uleb(out, len(octets))
            out += octets
            _put(out, value[key], depth)
    else:
        raise CalldataError(f"calldata has no {type(value).__name__}")


def _key(key):
    if not isinstance(key, str):
        raise CalldataError(f"a key of a map is a string, not {type(key).__name__}")
    return key.encode()


def decode(data):
    """The value that these octets are the encoding of."""
    data = bytes(data)
    value, at = _get(data, 0, DEPTH)
    if at != len(data):
        raise CalldataError(f"octets behind the value, at {at}")
    return value


def _get_uleb(data, at):
    n = shift = 0
    start = at
    while True:
        if at == len(data):
            raise CalldataError(f"it ends too early, at {at}")
        octet = data[at]
        at += 1
        n |= (octet & 127) << shift
        if octet < 128:
            if octet == 0 and shift:
                raise CalldataError(f"a number is longer than it need be, at {start}")
            return n, at
        shift += 7
        if shift > INT_BITS + 10:
            raise CalldataError(f"a number is too large, at {start}")


def _take(data, at, length, start):
    if length > len(data) - at:
        raise CalldataError(f"a length is beyond the end, at {start}")
    return data[at : at + length], at + length


def _text(data, at, length, start):
    octets, end = _take(data, at, length, start)
    try:
        return octets.decode(), end
    except UnicodeDecodeError as error:
        raise CalldataError(f"no UTF-8, at {at + error.start}") from None


def _get(data, start, depth):
    n, at = _get_uleb(data, start)
    kind, n = n & 7, n >> 3
    if kind == 0:
        if n < 3:
            return (None, False, True)[n], at
        if n == 3:
            if len(data) - at < 20:
                raise CalldataError(f"it ends too early, at {len(data)}")
            return Address(data[at : at + 20]), at + 20
        raise CalldataError(f"an unknown atom, at {start}")
    if kind in (1, 2):
        if n.bit_length() > INT_BITS:
            raise CalldataError(f"a number is too large, at {start}")
        return (n if kind == 1 else ~n), at
    if kind == 3:
        return _take(data, at, n, start)
    if kind == 4:
        return _text(data, at, n, start)
    if kind == 7:
        raise CalldataError(f"a reserved type, at {start}")
    if n > len(data) - at:
        raise CalldataError(f"a count is beyond the end, at {start}")
    depth = _inner(depth)
    if kind == 5:
        items = []
        for _ in range(n):
            item, at = _get(data, at, depth)
            items.append(item)
        return items, at
    entries, last = {}, None
    for _ in range(n):
        place = at
        length, at = _get_uleb(data, at)
        key, at = _text(data, at, length, place)
        if last is not None and key.encode() <= last:
            raise CalldataError(f"keys are not in order, at {place}")
        last = key.encode()
        entries[key], at = _get(data, at, depth)
    return entries, at
