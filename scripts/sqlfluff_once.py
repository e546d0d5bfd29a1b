"""sqlfluff's command line, with each file of macros compiled once in a process.

Its Jinja templater compiles all macros of the project anew for every model, and twice: a quarter of what linting costs.
What a template compiles to depends on its text alone, so it is kept.
"""

from __future__ import annotations

import sys
from types import CodeType
from typing import Any

from jinja2 import Environment
from sqlfluff.cli.commands import cli

_compile = Environment.compile
_compiled: dict[tuple[type[Environment], str, tuple[Any, ...]], CodeType | str] = {}


def _compile_once(self: Environment, source: Any, *names: Any, **options: Any) -> CodeType | str:
    if not isinstance(source, str) or options:
        return _compile(self, source, *names, **options)
    key = (type(self), source, names)
    if key not in _compiled:
        _compiled[key] = _compile(self, source, *names)
    return _compiled[key]


Environment.compile = _compile_once  # type: ignore[method-assign, assignment]

if __name__ == "__main__":
    sys.exit(cli())
