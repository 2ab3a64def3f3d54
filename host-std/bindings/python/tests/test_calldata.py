"""Calldata of Python's values."""

from __future__ import annotations

from typing import Any

import pytest

from pysubvm import Address
from pysubvm.calldata import decode, encode, parse, to_text
from pysubvm.errors import AddressError, CalldataError

EVE = Address(b"\xee" * 20)

VALUES = [
    None,
    True,
    False,
    0,
    -1,
    2**63,
    -(2**63) - 1,
    2**256 - 1,
    -(2**60000),
    "",
    "né",
    b"",
    b"\0\xff",
    EVE,
    [],
    {},
    [1, [2, [3, {}]]],
    {"a": None, "b": {"c": [EVE, b"x"]}},
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_what_is_encoded_comes_back(value: Any) -> None:
    again = decode(encode(value))
    assert again == value and type(again) is type(value)
    assert parse(to_text(value)) == value


def test_bytes_are_those_of_the_specification() -> None:
    # docs/spec/calldata.md: what stands in its examples.
    assert encode({"method": "transfer", "amount": 7}) == encode({"amount": 7, "method": "transfer"}), "one value, one encoding"
    assert encode(None) == b"\x00" and encode(True) == b"\x10" and encode(1) == b"\x09"
    assert to_text({"to": "eve", "amount": 7}) == '{"amount":7,"to":"eve"}'


def test_tuples_and_bytearrays_are_taken_as_lists_and_bytes() -> None:
    assert decode(encode((1, bytearray(b"x")))) == [1, b"x"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"a": [1, 2.5]}, 'calldata["a"][1]: there is no float; there are None, bool, int, str, bytes, Address, list, dict'),
        ({1: 2}, "calldata: a key is a str, not 1"),
        ([{"x": {None: 1}}], 'calldata[0]["x"]: a key is a str, not None'),
        (object(), "calldata: there is no object"),
        ({1, 2}, "calldata: there is no set"),
    ],
)
def test_what_calldata_has_not_is_refused_with_where_it_is(value: Any, says: str) -> None:
    with pytest.raises(TypeError) as refused:
        encode(value)
    assert str(refused.value).startswith(says)


def test_what_is_beyond_the_limits_is_refused() -> None:
    deep: Any = None
    for _ in range(129):
        deep = [deep]
    for value in (deep, 2**70000):
        with pytest.raises(CalldataError):
            encode(value)
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(CalldataError, match="128 lists and dicts within one another"):
        encode(endless)


@pytest.mark.parametrize("data", [b"", b"\x07", b"\x0d\x09\x01", b"\x88\x00", b"\x00\x00"])
def test_what_is_not_canonical_is_refused(data: bytes) -> None:
    with pytest.raises(CalldataError):
        decode(data)


def test_lone_surrogates_are_no_text() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode("\ud800")


def test_addresses() -> None:
    assert Address("0x" + "ee" * 20) == EVE == Address(EVE) == Address("EE" * 20)
    assert bytes(EVE) == EVE.as_bytes == b"\xee" * 20 and str(EVE) == EVE.as_hex == "0x" + "ee" * 20
    assert {EVE: 1}[Address(b"\xee" * 20)] == 1 and Address(bytes(20)) < EVE
    for wrong in ("0x12", "zz" * 20, b"\1", 5, None):
        with pytest.raises(AddressError):
            Address(wrong)  # type: ignore[arg-type]
