"""A statement as one page: no script, nothing that it would have to fetch."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from partner_warehouse.exports.statement_view import View


@cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).with_name("templates"))
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("statement.html.j2")


def render(view: View) -> bytes:
    """The page, UTF-8."""
    return _template().render(view=view).encode("utf-8")
