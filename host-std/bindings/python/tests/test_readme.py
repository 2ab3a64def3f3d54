"""What the README shows, runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conftest import GUESTS, ROOT

HERE = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "runners/python/examples"


def block(of: str) -> str:
    """The block of Python that has this in it."""
    blocks = re.findall(r"```python\n(.*?)```", (HERE / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (found,) = [block for block in blocks if of in block]
    return str(found)


def test_the_first_example(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(block("def test_tokens").replace('"token.wasm"', repr(str(GUESTS / "token.wasm"))))
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_the_example_of_the_plugin(pytester: pytest.Pytester, runner: Path, pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    pytester.makepyfile(block("def test_oracle").replace("contracts/oracle.py", str(EXAMPLES / "oracle.py")))
    options = ["--subvm-runner", str(runner), "--subvm-cache", str(pytestconfig.cache.mkdir("subvm"))]
    pytester.runpytest_subprocess(*options).assert_outcomes(passed=1)
