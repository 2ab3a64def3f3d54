"""What the web and models answer: rules, of which the last that matches counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Optional, Union

from ._native import Address

__all__ = ["DOWN", "Answer", "Fails", "Page", "Rule", "World"]


@dataclass(frozen=True)
class Page:
    """What a site answers."""

    body: Union[str, bytes] = b""
    status: int = 200
    headers: Mapping[str, Union[str, bytes]] = field(default_factory=dict)

    def value(self) -> dict[str, Any]:
        headers = {name: _bytes(value) for name, value in self.headers.items()}
        return {"status": self.status, "headers": headers, "body": _bytes(self.body)}


@dataclass(frozen=True)
class Fails:
    """The module failed, with this code: `Fails("timeout")`. A contract finds `{"error": code}`."""

    code: str


class _Down:
    def __repr__(self) -> str:
        return "DOWN"


#: The module is not there: an internal error, for which a node votes *timeout*.
DOWN = _Down()

#: What a request comes to: a page or its text, a model's text, any calldata, `Fails`, `DOWN`; or a function of the request's fields that gives one.
Answer = Union[Page, Fails, _Down, str, bytes, int, bool, list[Any], dict[str, Any], Address, Callable[[dict[str, Any]], Any]]

_WEB = ("WebRequest", "WebRender")
_MODEL = ("ExecPrompt", "ExecPromptTemplate")


def _bytes(text: Union[str, bytes]) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)


def _pattern(pattern: Union[str, re.Pattern[str]]) -> Callable[[str], bool]:
    """A text in which `*` is any text, and the whole must match; or a regular expression, which is searched for."""
    if isinstance(pattern, re.Pattern):
        return lambda text: pattern.search(text) is not None
    whole = re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)
    return lambda text: whole.fullmatch(text) is not None


@dataclass(eq=False)
class Rule:
    """Requests of a kind, and their answers. `used` counts those that it answered."""

    names: tuple[str, ...]
    matches: Callable[[dict[str, Any]], bool]
    answer: Answer
    only: Mapping[Union[str, int], Answer]
    text: str
    used: int = 0

    def reply(self, node: Optional[int], name: str, fields: dict[str, Any]) -> Any:
        answer = self.only.get("leader" if node is None else node, self.answer)
        if callable(answer):
            answer = answer(fields)
        return _exactly(name, answer)


def _exactly(name: str, answer: Any) -> Any:
    """What the native half takes: `{"ok": value}`, `{"error": code}`, or `False` for a module that is down."""
    if isinstance(answer, _Down):
        return False
    if isinstance(answer, Fails):
        return {"error": answer.code}
    if name == "WebRequest" and isinstance(answer, (str, bytes)):
        answer = Page(answer)
    return {"ok": answer.value() if isinstance(answer, Page) else answer}


class World:
    """What the nodes of a chain see."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        #: Every request so far: who asked (`"leader"`, or the number of a validator), its name, its fields.
        self.asked: list[tuple[Union[str, int], str, dict[str, Any]]] = []

    def web(
        self,
        url: Union[str, re.Pattern[str]],
        answer: Answer,
        *,
        method: Optional[str] = None,
        only: Optional[Mapping[Union[str, int], Answer]] = None,
    ) -> Rule:
        """Requests to addresses of a pattern, and pages that are rendered, are answered so; `only` says what single nodes are answered instead."""
        found = _pattern(url)

        def matches(fields: dict[str, Any]) -> bool:
            # A page that is rendered has no method.
            return found(fields["url"]) and method in (None, fields.get("method", method))

        return self._add(Rule(_WEB, matches, answer, only or {}, f"web {_shown(url)}"))

    def model(
        self,
        prompt: Union[str, re.Pattern[str]],
        answer: Answer,
        *,
        only: Optional[Mapping[Union[str, int], Answer]] = None,
    ) -> Rule:
        """Prompts of a pattern are answered so. The questions that strategies ask are found by their principle, or by their task."""
        found = _pattern(prompt)

        def matches(fields: dict[str, Any]) -> bool:
            texts = (fields.get(key) for key in ("prompt", "principle", "task"))
            return found(next((text for text in texts if isinstance(text, str)), ""))

        return self._add(Rule(_MODEL, matches, answer, only or {}, f"model {_shown(prompt)}"))

    def forget(self) -> None:
        """Forgets all rules."""
        self.rules.clear()

    def _add(self, rule: Rule) -> Rule:
        self.rules.append(rule)
        return rule

    def __call__(self, node: Optional[int], request: dict[str, Any]) -> Any:
        ((name, fields),) = request.items()
        self.asked.append(("leader" if node is None else node, name, fields))
        for rule in reversed(self.rules):
            if name in rule.names and rule.matches(fields):
                rule.used += 1
                return rule.reply(node, name, fields)
        return None


def _shown(pattern: Union[str, re.Pattern[str]]) -> str:
    return repr(pattern.pattern) if isinstance(pattern, re.Pattern) else repr(pattern)
