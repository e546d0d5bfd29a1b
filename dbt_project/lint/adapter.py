"""Stands in for dbt's `adapter` where sqlfluff renders a model: enough that the model is valid SQL."""

from __future__ import annotations

from collections.abc import Callable


def dispatch(macro_name: str, *_: object) -> Callable[..., str]:
    """Return a macro that renders to a call of a function by the dispatched macro's name, on its first argument.

    What stands around a select renders to the select, and what stands for columns to all of them.
    """
    if macro_name == "qualified":
        return lambda query, _: query
    if macro_name == "all_but":
        return lambda _, relation: f"{relation}.*" if relation else "*"
    return lambda *arguments: f"{macro_name}({arguments[0] if arguments else ''})"
