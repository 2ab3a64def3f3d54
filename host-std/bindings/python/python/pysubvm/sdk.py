"""Packages that contracts may import beside what the runner has."""

from __future__ import annotations

from pathlib import Path

from ._native import Package
from .errors import PackageError

__all__ = ["starter", "with_contract", "with_sdk"]

#: Where a runner looks for more.
_MORE = "/lib/more"
#: Where the contract is then.
_CONTRACT = f"{_MORE}/_contract.py"

# The runner has started already: it looked for the directory when that was not there.
_STARTER = f"""\
import sys
sys.path_importer_cache.pop("{_MORE}", None)
with open("{_CONTRACT}", encoding="utf-8") as source:
    exec(compile(source.read(), "{_CONTRACT}", "exec", dont_inherit=True))
"""


def with_sdk(runner: Package, directory: Path) -> Package:
    """The runner with all that is in a directory, to be imported by contracts: `directory/genlayer/__init__.py` is the package `genlayer`. What
    is there counts: the package's digest says which it was."""
    root = Path(directory)
    if not root.is_dir():
        raise PackageError(f"{root} is no directory: name the one that has the packages, such as genlayer/, in it")
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file() and _wanted(path)}
    if not any(name.endswith(".py") for name in files):
        raise PackageError(f"{root} has no Python in it: name the directory that has the packages, such as genlayer/, in it")
    return runner.with_files({f"{_MORE}/{name}": data for name, data in files.items()})


def with_contract(runner: Package, source: str) -> Package:
    """The runner with a contract's source, for `starter`."""
    return runner.with_files({_CONTRACT: source.encode()})


def starter(genlayer: bool) -> str:
    """What stands in the contract's place: it makes the packages known, and is the contract. GenLayer's SDK is started by an import after it."""
    return _STARTER + ("import genlayer.gl._internal.runner\n" if genlayer else "")


def _wanted(path: Path) -> bool:
    return "__pycache__" not in path.parts and path.suffix != ".pyc" and not any(part.startswith(".") for part in path.parts[-1:])
