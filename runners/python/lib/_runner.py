"""What the start module calls: `set_up` once, `main` in each run.

A package of a contract has `/contract.py`, and `/contract.pyc`, its bytecode, where it was compiled when it was deployed. With the arguments
`--compile PATH` the bytecode of PATH goes to standard output instead.
"""
import importlib._bootstrap_external as external
import importlib.util
import marshal
import sys
from types import ModuleType

SOURCE = "/contract.py"
# What code is preceded by: a magic number, flags, and the hash of the source.
HEAD = 16

# What contracts usually need, and then costs them nothing.
PRELOADED = (
    "subvm base64 collections.abc copy dataclasses datetime decimal enum functools hashlib io itertools json math operator os re string struct typing"
)


def set_up():
    for name in PRELOADED.split():
        importlib.import_module(name)
    import gc

    # What is there now is never garbage.
    gc.collect()
    gc.freeze()


def main(arguments):
    """The exit status."""
    sys.argv[:] = arguments
    try:
        if arguments[1:2] == ["--compile"]:
            compile_(arguments[2])
        else:
            run()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    # Nothing is torn down: who ends, ends.
    sys.stdout.flush()
    sys.stderr.flush()
    return status & 0xFF


def read(path):
    with open(path, "rb", buffering=0) as file:
        return file.readall()


def compile_(path):
    source = read(path)
    code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    sys.stdout.buffer.write(external._code_to_hash_pyc(code, importlib.util.source_hash(source), False))


def code():
    try:
        compiled = read(SOURCE + "c")
    except FileNotFoundError:
        return compile(read(SOURCE), SOURCE, "exec", dont_inherit=True, optimize=0)
    if compiled[:4] != importlib.util.MAGIC_NUMBER:
        raise ImportError(f"{SOURCE}c was compiled by another Python: deploy the contract again")
    return marshal.loads(memoryview(compiled)[HEAD:])


def run():
    contract = ModuleType("contract")
    contract.__file__ = SOURCE
    sys.modules["contract"] = contract
    exec(code(), contract.__dict__)
    import subvm._entry

    subvm._entry.main(contract)
