"""The suites as data: `expectations/<stage>/<schema>.<table>.json`.

A file holds what Great Expectations itself writes for a suite (a list of `{type, kwargs, meta}`), the columns that
identify a row (`meta.key`), and for whom the rule stands (`meta.about`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from partner_warehouse.errors import BadInputError
from partner_warehouse.settings import EXPECTATIONS

Stage = Literal["landing", "staging", "marts", "payouts", "publication"]
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True, slots=True)
class Suite:
    """What one table must hold at one stage."""

    stage: Stage
    schema: str
    table: str
    key: tuple[str, ...]
    expectations: tuple[dict[str, Any], ...]

    @property
    def name(self) -> str:
        """`stage.schema.table`, unique over all suites."""
        return f"{self.stage}.{self.schema}.{self.table}"


def load_suites(stage: Stage, directory: Path = EXPECTATIONS) -> tuple[Suite, ...]:
    """Read a stage's suites, sorted by table.

    Raises:
        BadInputError: A file is not a suite; the message names it and what is missing.
    """
    return tuple(_read(stage, path) for path in sorted((directory / stage).glob("*.json")))


def _read(stage: Stage, path: Path) -> Suite:
    schema, _, table = path.stem.partition(".")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Suite(
            stage=stage,
            schema=schema,
            table=table,
            key=tuple(document["meta"]["key"]),
            expectations=tuple(
                {"type": entry["type"], "kwargs": dict(entry["kwargs"]), "meta": dict(entry.get("meta", {}))}
                for entry in document["expectations"]
            ),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"expectations/{stage}/{path.name}: not a suite ({error!r}); "
            "needs meta.key (a list of columns) and expectations (each with type and kwargs)"
        ) from error
