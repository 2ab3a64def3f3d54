"""Fixtures for tests of contracts: `subvm_chain`, and those that GenLayer's direct mode has, on the real sandbox.

It is there wherever pytest runs, so that no engine is started before a test asks for a fixture.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, Optional, Union

import pytest

from ._native import Address, Package, keep_compiled
from .chain import Chain, load
from .direct import DirectContract, VMContext, create_address, create_test_addresses, deploy_contract
from .errors import Error

_OPTIONS = {
    "runner": "what runs contracts in Python: a bundle [default: what the variable SUBVM_RUNNER names]",
    "runner_path": "a directory of packages that contracts may import, such as GenLayer's SDK",
    "profile": "whose rules contracts find: seed, genvm-0.1, genvm-0.2, genvm-0.3 [default: seed, with a runner path genvm-0.2]",
    "cache": "where compiled modules are kept; off for nowhere [default: in pytest's own cache]",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("subvm", "contracts on subvm")
    for name, help in _OPTIONS.items():
        group.addoption(f"--subvm-{name.replace('_', '-')}", dest=f"subvm_{name}", metavar=name.upper(), help=help)
        parser.addini(f"subvm_{name}", help)


def _option(config: pytest.Config, name: str) -> Optional[str]:
    """What the command line says, or the project's configuration."""
    given = config.getoption(f"subvm_{name}") or config.getini(f"subvm_{name}")
    return str(given) if given else None


def _path(config: pytest.Config, name: str) -> Optional[Path]:
    """A file or directory, from where the project's configuration is."""
    given = _option(config, name)
    return None if given is None else config.rootpath / given


@pytest.fixture(scope="session")
def subvm_cache(pytestconfig: pytest.Config) -> None:
    """Has compiled modules kept: an interpreter takes half a minute to compile, and is compiled once."""
    if _option(pytestconfig, "cache") == "off":
        return
    directory = _path(pytestconfig, "cache")
    kept = getattr(pytestconfig, "cache", None)
    if directory is None and kept is not None:
        directory = Path(kept.mkdir("subvm"))
    if directory is None:
        return
    try:
        keep_compiled(directory)
    except Error as error:
        warnings.warn(f"compiled modules are not kept: {error}", stacklevel=1)


@pytest.fixture(scope="session")
def subvm_runner(pytestconfig: pytest.Config, subvm_cache: None) -> Optional[Package]:
    """What runs contracts in Python; nothing where none was named."""
    named = _path(pytestconfig, "runner") or os.environ.get("SUBVM_RUNNER")
    return load(named) if named else None


@pytest.fixture
def subvm_chain(subvm_runner: Optional[Package]) -> Chain:
    """A chain in memory: a leader and two validators."""
    return Chain(runner=subvm_runner)


@pytest.fixture
def direct_vm(pytestconfig: pytest.Config, subvm_runner: Optional[Package]) -> Iterator[VMContext]:
    """Who calls, what the world answers, what time it is."""
    vm = VMContext(subvm_runner, _path(pytestconfig, "runner_path"), _option(pytestconfig, "profile"))
    yield vm
    vm.clear_mocks()


@pytest.fixture
def direct_deploy(direct_vm: VMContext) -> Callable[..., DirectContract]:
    """Deploys a contract: `direct_deploy("contracts/token.py", 1000)`, with the arguments of its constructor."""
    def deploy(contract_path: Union[str, Path], *args: Any, **kwargs: Any) -> DirectContract:
        return deploy_contract(contract_path, direct_vm, *args, **kwargs)

    return deploy


@pytest.fixture
def direct_alice() -> Address:
    """An account."""
    return create_address("alice")


@pytest.fixture
def direct_bob() -> Address:
    """Another account."""
    return create_address("bob")


@pytest.fixture
def direct_charlie() -> Address:
    """A third account."""
    return create_address("charlie")


@pytest.fixture
def direct_owner() -> Address:
    """Who calls where a test says nothing else."""
    return create_address("owner")


@pytest.fixture
def direct_accounts() -> list[Address]:
    """Ten accounts."""
    return create_test_addresses()
