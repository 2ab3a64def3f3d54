"""Where the contracts of the repository are, and what the recipe of the runner made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pysubvm import Address, Chain

ROOT = Path(__file__).resolve().parents[4]
GUESTS = ROOT / "tests/guests/contracts/wasm"

pytest_plugins = ["pytester"]


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def alice(chain: Chain) -> Address:
    return chain.account("alice", 100)


@pytest.fixture
def bob(chain: Chain) -> Address:
    return chain.account("bob", 5)


@pytest.fixture(scope="session")
def runner() -> Path:
    """What runs contracts in Python: it takes ten minutes to make, so that tests of it are left out where it was not."""
    named = os.environ.get("SUBVM_RUNNER")
    path = Path(named) if named else ROOT / "target/runners/python/out/python.bundle"
    if not path.is_file():
        pytest.skip(f"SKIPPED: no Python runner at {path}: make it with runners/python/build, where SUBVM names the command")
    return path
