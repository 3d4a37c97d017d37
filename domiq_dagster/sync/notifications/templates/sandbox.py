"""Where a template runs: it may read the values that it is given and make a text of bounded length in bounded
time. Jinja2's own sandbox keeps it from the machine; it lets it multiply strings and loop for hours.

Everything that makes a long text of short ones is bounded where it happens: operators, filters, methods of
strings, what is printed. Each body (of a loop, a macro, a block) looks at the clock.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST = 200_000
"""Characters of a text, and items of a list."""
SECONDS = 2.0
"""How long one part of a message may take."""
LARGEST_FILE = 256 * 1024
_LONGEST_FORMAT = 1_000
_WIDE = re.compile(r"\d{4,}|\*|\{[^{}]*[:!][^{}]*\{")
_HUGE = 1 << 64
_GROWING = frozenset({"replace", "join", "wordwrap", "indent", "xmlattr", "batch", "slice"})
_REMOVED = ("lipsum",)


class TooMuch(Exception):
    """A template makes too long a text, or takes too long; the text says which."""


class _Limits(threading.local):
    """What the rendering of this thread may still do."""

    until: float = float("inf")
    characters: int = 0


class _Code(CodeGenerator):
    """Python code of templates that looks at the clock in each body, and at the length of what it joins."""

    def blockvisit(self, nodes_: Any, frame: Frame) -> None:
        length = sum(
            len(data.data)
            for node in nodes_
            if isinstance(node, nodes.Output)
            for data in node.nodes
            if isinstance(data, nodes.TemplateData)
        )
        self.writeline(f"environment.tick({length})")
        super().blockvisit(nodes_, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.bounded(")
        super().visit_Concat(node, frame)
        self.write(")")


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """A sandboxed environment whose templates end."""

    code_generator_class = _Code
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, loader: BaseLoader, *, autoescape: bool, shown: Callable[[Any], Any] | None) -> None:
        self._limits = _Limits()
        self._shown = shown
        super().__init__(
            loader=loader,
            autoescape=autoescape,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=self._finalize,
        )
        for name in _REMOVED:
            self.globals.pop(name, None)
        for name, function in list(self.filters.items()):
            self.filters[name] = _bounded_filter(name, function)

    def text(self, name: str, values: Mapping[str, Any]) -> str:
        """The text of a template.

        Raises:
            TooMuch: it is too long, or takes too long.
            Exception: whatever else a template may raise.
        """
        template = self.get_template(name)
        self._limits.until = time.monotonic() + SECONDS
        self._limits.characters = LONGEST
        try:
            return template.render(values)
        finally:
            self._limits.until = float("inf")

    def tick(self, characters: int) -> None:
        """Called by each body, with the length of its own text."""
        if time.monotonic() > self._limits.until:
            raise TooMuch(f"takes longer than {SECONDS:g} seconds")
        self._spend(characters)

    def bounded(self, value: Any) -> Any:
        """The value, if it is not too long."""
        if isinstance(value, str | list | tuple) and len(value) > LONGEST:
            raise TooMuch(f"makes more than {LONGEST} characters")
        return value

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        _check_operands(operator, left, right)
        return self.bounded(super().call_binop(context, operator, left, right))

    def call(self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        # Jinja2 hands out format and format_map in a wrapping of its own.
        method = getattr(__obj, "__wrapped__", __obj)
        owner, name = getattr(method, "__self__", None), str(getattr(method, "__name__", ""))
        if isinstance(owner, str):
            args = _spelt_out(name, args)
            _check_arguments(name, owner, (*args, *kwargs.values()))
            if name in ("format", "format_map"):
                _check_format(owner)
        return self.bounded(super().call(__context, __obj, *args, **kwargs))

    def _finalize(self, value: Any) -> Any:
        shown = value if self._shown is None else self._shown(value)
        if isinstance(shown, int) and abs(shown) > _HUGE:
            raise TooMuch("makes a number that is too large")
        if isinstance(shown, str):
            self._spend(len(shown))
        return shown

    def _spend(self, characters: int) -> None:
        self._limits.characters -= characters
        if self._limits.characters < 0 and self._limits.until != float("inf"):
            raise TooMuch(f"makes more than {LONGEST} characters")


class DirectoryLoader(BaseLoader):
    """Templates of a directory: files in it, of reasonable size. A link that leads out of the directory, a
    pipe or a device is not followed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        home = self._directory.resolve()
        try:
            path = (self._directory / template).resolve()
            if path.parent != home and home not in path.parents:
                raise TemplateNotFound(template)
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                raise TemplateNotFound(template)
            with path.open("rb") as file:
                content = file.read(LARGEST_FILE + 1)
        except (OSError, RuntimeError, ValueError):  # gone, not ours to read, a circle of links
            raise TemplateNotFound(template) from None
        if len(content) > LARGEST_FILE:
            raise TooMuch(f"is larger than {LARGEST_FILE // 1024} kB")
        stamp = (found.st_mtime_ns, found.st_ino)
        return content.decode("utf-8"), str(path), lambda: _stamp(path) == stamp


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _bounded_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    first = 1 if getattr(function, "jinja_pass_arg", None) else 0

    def bounded(*args: Any, **kwargs: Any) -> Any:
        args = (*args[:first], *_spelt_out(name, args[first:]))
        given = (*args[first:], *kwargs.values())
        value = given[0] if given else None
        if name == "format":
            _check_format(str(value))
        _check_arguments(name, value, given[1:])
        made = function(*args, **kwargs)
        if isinstance(made, str | list | tuple) and len(made) > LONGEST:
            raise TooMuch(f"makes more than {LONGEST} characters")
        return made

    bounded.__dict__.update(getattr(function, "__dict__", {}))  # how Jinja2 is to call it
    return bounded


def _spelt_out(name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of what makes a long text, with their items in lists: of a range, or of what comes one by
    one, nobody knows the length. Of any longer than it may be so much is taken that it is seen."""
    if name not in _GROWING:
        return args
    return tuple(
        list(islice(a, LONGEST + 1))
        if isinstance(a, Iterable) and not isinstance(a, str | bytes | list | tuple | Mapping)
        else a
        for a in args
    )


def _check_arguments(name: str, value: Any, given: tuple[Any, ...]) -> None:
    if any(isinstance(g, int) and abs(g) > _LONGEST_FORMAT for g in given):
        raise TooMuch(f"uses {name} with a number over {_LONGEST_FORMAT}")
    if name in _GROWING:
        longest = max((_length(g) for g in given), default=0)
        if _length(value) * max(longest, _width(given)) > 100 * LONGEST:
            raise TooMuch(f"uses {name} on more than it may")


def _width(given: tuple[Any, ...]) -> int:
    return max((abs(g) for g in given if isinstance(g, int)), default=0)


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(_length(v) + 1 for v in value[:LONGEST])
    return 1


def _check_format(words: str) -> None:
    if _WIDE.search(words):
        raise TooMuch("formats a value wider than it may")


def _check_operands(operator: str, left: Any, right: Any) -> None:
    if operator == "%" and isinstance(left, str):
        _check_format(left)
    if operator == "*":
        for text, times in ((left, right), (right, left)):
            if (
                isinstance(text, str | list | tuple)
                and isinstance(times, int)
                and len(text) * times > LONGEST
            ):
                raise TooMuch(f"makes more than {LONGEST} characters")
    if operator in ("*", "**", "+") and any(isinstance(n, int) and abs(n) > _HUGE for n in (left, right)):
        raise TooMuch("reckons with numbers that are too large")
    if operator == "**" and isinstance(right, int) and abs(right) > 64:
        raise TooMuch("reckons with numbers that are too large")
