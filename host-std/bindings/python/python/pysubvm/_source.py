"""What a contract's source in Python says of how it is called."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any, Optional

from ._types import Value


@dataclass(frozen=True)
class Method:
    """What a source says of a method: the names of its parameters, and whether it only reads."""

    parameters: tuple[str, ...]
    view: bool


@dataclass(frozen=True)
class Source:
    """What a contract's source says of how it is called."""

    #: Whether it is written with GenLayer's SDK, which takes arguments as `args` and `kwargs`; else with `subvm`, which takes them by name.
    genlayer: bool
    methods: dict[str, Method]

    @classmethod
    def of(cls, source: str) -> Source:
        tree = ast.parse(source)
        imported = {name.split(".")[0] for node in ast.walk(tree) for name in _imports(node)}
        methods: dict[str, Method] = {}
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and _is_contract(node):
                methods = {item.name: _method(item) for item in node.body if isinstance(item, ast.FunctionDef)}
                init = next((m for item in node.body if isinstance(item, ast.FunctionDef) for m in [item] if "init" in _marks(item)), None)
                if init is not None:
                    methods["__init__"] = _method(init)
        return cls("genlayer" in imported, methods)

    def arguments(self, method: Optional[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Value]:
        """The calldata of a call; of the constructor, where no method is named."""
        head: dict[str, Value] = {} if method is None else {"method": method}
        if self.genlayer:
            return {**head, **({"args": list(args)} if args else {}), **({"kwargs": kwargs} if kwargs else {})}
        known = self.methods.get(method or "__init__", Method((), False)).parameters
        if len(args) > len(known):
            raise TypeError(f"{method or '__init__'} takes {len(known)} arguments, not {len(args)}")
        named = dict(zip(known, args))
        for name in kwargs:
            if name in named:
                raise TypeError(f"{method or '__init__'} was given {name} twice")
        return {**named, **kwargs, **head}


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def _dotted(node: ast.AST) -> str:
    return ast.unparse(node)


def _is_contract(node: ast.ClassDef) -> bool:
    """`@contract` of `subvm`; a base `gl.Contract`, or `gl.contract.Contract`, of GenLayer's SDK."""
    return any(_dotted(mark) == "contract" for mark in node.decorator_list) or any(
        _dotted(base).split(".")[-1] == "Contract" for base in node.bases
    )


def _marks(function: ast.FunctionDef) -> list[str]:
    return [_dotted(mark).split("(")[0] for mark in function.decorator_list]


def _method(function: ast.FunctionDef) -> Method:
    names = [argument.arg for argument in function.args.posonlyargs + function.args.args][1:]
    return Method(tuple(names), any(mark == "view" or mark.endswith(".view") for mark in _marks(function)))
