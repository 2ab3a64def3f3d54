"""From a message to a method, and from what that returns to the end of the run."""
from . import nondet, storage
from ._host import Error, Failed, call, read
from .calldata import Address, CalldataError, decode

INIT, PUBLIC, VIEW = "init", "public", "view"
# The contract's class, once it is declared.
declared = []


class Message:
    """Who calls, and when. Of the run that goes on: `subvm.message`."""

    def __init__(self):
        self._fields = None

    def _read(self):
        if self._fields is None:
            self._fields = decode(read(0))
        return self._fields

    def __getattr__(self, name):
        return self._read()[_NAMES[name]] if name in _NAMES else _missing(name)


_NAMES = {
    "sender": "sender_address",
    "origin": "origin_address",
    "contract": "contract_address",
    "stack": "stack",
    "chain_id": "chain_id",
    "value": "value",
    "datetime": "datetime",
    "is_init": "is_init",
}


def _missing(name):
    raise AttributeError(f"a message has no {name}: it has {', '.join(_NAMES)}")


message = Message()


def mark(kind, payable=False):
    def marked(function):
        function._subvm = (kind, payable)
        return function

    return marked


def contract(cls):
    """Makes the contract of a class: of its methods those are called that are marked `@init`, `@public` or `@view`."""
    if declared:
        raise TypeError(f"a module has one contract: {declared[0].__name__} is one already")
    declared.append(cls)
    return cls


def main(module):
    """Runs what the message asks for; a module that declares no contract has done so itself."""
    if not declared and not nondet._blocks:
        return
    fields = message._read()
    try:
        kind = fields["entry_kind"]
        value = nondet.perform(fields) if kind else method(fields)
    except Error as error:
        end("UserError", str(error))
    except Failed as failed:
        # What a sub-VM was refused for is why this one is.
        end("UserError", failed.text)
    else:
        end("Return", value)


def end(request, value):
    import sys

    sys.stdout.flush()
    sys.stderr.flush()
    call(request, value)


def method(fields):
    cls = declared[0]
    try:
        arguments = decode(fields["entry_data"])
    except CalldataError as error:
        raise Error(f"calldata: {error}") from None
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise Error(f"calldata: a map is expected, not {kind_of(arguments)}")
    name = arguments.pop("method", None)
    function, (kind, payable) = init(cls) if fields["is_init"] and name is None else public(cls, name, fields["is_init"])
    if fields["value"] and not payable:
        raise Error(f"{function.__name__} takes no money: it is not payable")
    check(function, arguments)
    if kind == VIEW:
        storage.forbid_writes()
    return function(cls(), **arguments)


def init(cls):
    for value in vars(cls).values():
        if getattr(value, "_subvm", (None,))[0] == INIT:
            return value, value._subvm
    return nothing, (INIT, False)


def nothing(self):
    """A contract without a constructor."""


def public(cls, name, is_init):
    value = vars(cls).get(name) if isinstance(name, str) else None
    marked = getattr(value, "_subvm", None)
    if marked is None or (marked[0] == INIT) != is_init:
        known = ", ".join(key for key, value in vars(cls).items() if getattr(value, "_subvm", (INIT,))[0] != INIT)
        raise Error(f"calldata: no method {name!r}: there are {known or 'none'}")
    return value, marked


_TYPES = {int: "an integer", str: "a string", bytes: "bytes", bool: "a boolean", Address: "an address", list: "an array", dict: "a map"}


def kind_of(value):
    return "null" if value is None else _TYPES.get(type(value), type(value).__name__)


def check(function, arguments):
    """Holds what a caller sent to the names and types of the parameters."""
    code = function.__code__
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    for name in arguments:
        if name not in names:
            raise Error(f"calldata, {name}: {function.__name__} has no such argument")
    optional = len(function.__defaults__ or ())
    for name in names[: code.co_argcount - 1 - optional]:
        if name not in arguments:
            raise Error(f"calldata, {name}: {function.__name__} needs it")
    for name, wanted in function.__annotations__.items():
        if name in arguments and wanted in _TYPES and type(arguments[name]) is not wanted:
            raise Error(f"calldata, {name}: expected {_TYPES[wanted]}, not {kind_of(arguments[name])}")
