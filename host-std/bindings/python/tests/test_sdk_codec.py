"""The codec of contracts' SDK (`runners/python/lib/subvm/calldata.py`), which is written by hand in Python, against the core's."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pysubvm import Address
from pysubvm.calldata import decode, encode
from pysubvm.errors import CalldataError

from conftest import ROOT


def sdk() -> ModuleType:
    path = ROOT / "runners/python/lib/subvm/calldata.py"
    spec = importlib.util.spec_from_file_location("sdk_calldata", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SDK = sdk()

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
leaves = (
    st.none() | st.booleans() | st.integers() | st.integers(-(2**400), 2**400) | text | st.binary(max_size=40) | st.binary(min_size=20, max_size=20).map(Address)
)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(text, inner, max_size=6), max_leaves=40)


def theirs(value: Any) -> Any:
    """The value with the SDK's own addresses."""
    if isinstance(value, Address):
        return SDK.Address(value.as_bytes)
    if isinstance(value, list):
        return [theirs(item) for item in value]
    if isinstance(value, dict):
        return {key: theirs(item) for key, item in value.items()}
    return value


def decoded(data: bytes) -> list[tuple[Any, ...]]:
    """What the core makes of bytes, and what the SDK makes of them: a value, or nothing where they are refused."""
    results: list[tuple[Any, ...]] = []
    for codec, refused in ((decode, CalldataError), (SDK.decode, SDK.CalldataError)):
        try:
            results.append((codec(data),))
        except refused:
            results.append(())
    return results


@settings(max_examples=150, deadline=None)
@given(values)
def test_values_have_one_encoding(value: Any) -> None:
    data = encode(value)
    assert SDK.encode(theirs(value)) == data
    assert SDK.decode(data) == theirs(value)
    # Addresses are bytes to the SDK, and a type of their own here: their encodings tell them apart.
    assert SDK.encode(SDK.decode(data)) == encode(decode(data)) == data


@settings(max_examples=200, deadline=None)
@given(values, st.integers(0, 10**6), st.integers(1, 255), st.integers(-3, 3))
def test_both_refuse_the_same(value: Any, at: int, flip: int, cut: int) -> None:
    data = bytearray(encode(value))
    data[at % len(data)] ^= flip
    mutated = bytes(data[:cut] if cut < 0 else data + bytes(cut))
    core, own = decoded(mutated)
    assert bool(core) == bool(own), mutated.hex()
    if core:
        assert own == (theirs(core[0]),) and encode(core[0]) == mutated


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_both_read_the_same_of_any_bytes(data: bytes) -> None:
    core, own = decoded(data)
    assert own == tuple(theirs(value) for value in core), data.hex()


@pytest.mark.parametrize("depth", [128, 129])
def test_the_limits_are_the_same(depth: int) -> None:
    deep: Any = None
    for _ in range(depth):
        deep = [deep]
    for value in (deep, 2 ** (65_536 if depth == 129 else 65_535), -(2**65_536) - (depth == 129)):
        for codec, refused in ((encode, CalldataError), (SDK.encode, SDK.CalldataError)):
            if depth == 129:
                with pytest.raises(refused):
                    codec(value)
            else:
                codec(value)
