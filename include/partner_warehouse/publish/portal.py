"""What the partner portal shows (`portal.yml`): views over the served tables, and figures that anybody may know."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from partner_warehouse.ledger import sentences
from partner_warehouse.publish.descriptions import Description

SCHEMA = "portal"

_DEFINITION = Path(__file__).with_name("portal.yml")

_SENTENCES = {
    "{payout}": sentences.PAYOUT,
    "{posted_line}": sentences.POSTED_LINE,
    "{entitlement_line}": sentences.ENTITLEMENT_LINE,
}
"""What the views say in words, by the place that the definition keeps for it."""


@dataclass(frozen=True, slots=True)
class View:
    """One view or figure.

    Attributes:
        query: Of PostgreSQL for a view, of DuckDB for a figure.
        uses: The served tables that it reads.
    """

    name: str
    query: str
    uses: tuple[str, ...]
    description: Description

    def possible_with(self, tables: Collection[str]) -> bool:
        """Whether every table that it reads is there."""
        return set(self.uses) <= set(tables)

    def described(self, descriptions: Mapping[str, Description]) -> Description:
        """With what is said of the columns that come unchanged from the tables below."""
        columns: dict[str, str] = {}
        for table in reversed(self.uses):
            columns.update(descriptions.get(table, Description()).columns)
        return Description(self.description.about, {**columns, **self.description.columns}, self.description.key)


@cache
def _document() -> dict[str, dict[str, dict[str, object]]]:
    document: dict[str, dict[str, dict[str, object]]] = yaml.safe_load(_DEFINITION.read_text(encoding="utf-8"))
    return document


def views() -> list[View]:
    """The views, made anew with each publication."""
    return [_view(name, entry, _with_sentences(str(entry["sql"]))) for name, entry in _document()["views"].items()]


def _with_sentences(query: str) -> str:
    for place, sentence in _SENTENCES.items():
        query = query.replace(place, sentence)
    return query


def figures() -> list[View]:
    """The figures, computed from the published file and stored."""
    return [
        _view(name, entry, _DEFINITION.with_name(str(entry["sql"])).read_text(encoding="utf-8"))
        for name, entry in _document()["figures"].items()
    ]


def _view(name: str, entry: Mapping[str, object], query: str) -> View:
    uses, columns, key = entry["uses"], entry.get("columns", {}), entry.get("key", [])
    assert isinstance(uses, list) and isinstance(columns, dict) and isinstance(key, list)  # noqa: S101, PT018
    return View(name, query, tuple(uses), Description(" ".join(str(entry["description"]).split()), columns, tuple(key)))
