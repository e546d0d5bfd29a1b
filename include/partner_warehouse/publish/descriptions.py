"""What each published table and column means, and what one row of it is: read from what dbt wrote of the project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from partner_warehouse.settings import Settings

_KEY_TESTS = {"unique": "column_name", "grain": "key"}
"""The tests that say what one row is, and their argument that names the columns."""

RUN_PARAMETERS, GATE_RESULTS, FRESHNESS = "ops.run_parameters", "ops.gate_results", "ops.freshness"


@dataclass(frozen=True, slots=True)
class Description:
    """A table's description.

    Attributes:
        about: What one row is.
        columns: What each column is.
        key: The columns that no two rows share; empty where none is known.
    """

    about: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    key: tuple[str, ...] = ()


NOT_OF_DBT: Mapping[str, Description] = {
    RUN_PARAMETERS: Description(
        "One row - what the publication was computed for. Owner: data engineering.",
        {
            "as_of": "The instant computed for, UTC; facts after it are not in.",
            "known_at": "Only what had landed up to this instant was seen, UTC.",
            "timezone": "Time zone of the reports' days and months.",
            "reporting_currency": "Currency of the KPIs.",
            "fx_lookback_days": "Days that an exchange rate may be older than the day it is needed for.",
            "plans_hash": "SHA-256 of the plan files in force; drafts by them keep these files.",
        },
    ),
    FRESHNESS: Description(
        "One row is one object of a source - how fresh it is. Owner: data engineering.",
        {
            "source": "The source.",
            "object": "The object of it.",
            "status": "Whether it is fresh.",
            "looked_at": "When somebody last looked for something new, UTC; null where nobody has.",
            "loaded_at": "When something last arrived, UTC; null where nothing has.",
            "looked_limit_hours": "Hours after which a look is too long ago.",
            "loaded_limit_hours": "Hours after which the last load is too long ago; null without a limit.",
            "judged_at": "When this was judged, UTC.",
        },
        ("source", "object"),
    ),
    GATE_RESULTS: Description(
        "One row is the newest result of one expectation on one table. Owner: data engineering.",
        {
            "stage": "The gate.",
            "table_schema": "Schema of the table that was checked.",
            "table_name": "The table that was checked.",
            "expectation": "What was expected, in Great Expectations' terms.",
            "column": "The column that it is about; null where it is about the table.",
            "success": "Whether it holds.",
            "checked": "How many rows were checked.",
            "unexpected": "How many rows broke it.",
            "sample_keys": "Keys of some of the rows that broke it.",
            "about": "The rule in words.",
            "checked_at": "When it was checked, UTC.",
        },
    ),
}
"""The tables that the publication adds to dbt's."""


def manifest_path(settings: Settings) -> Path:
    """What dbt wrote of the project when it last ran."""
    return settings.dbt_dir / "manifest.json"


def load_descriptions(settings: Settings) -> dict[str, Description]:
    """The descriptions of all marts, by `schema.table`; of the publication's own tables only, where dbt never ran."""
    descriptions = dict(NOT_OF_DBT)
    path = manifest_path(settings)
    if not path.exists():
        return descriptions
    nodes: dict[str, dict[str, Any]] = json.loads(path.read_bytes())["nodes"]
    keys = _keys(nodes)
    for unique_id, node in nodes.items():
        if node["resource_type"] in {"model", "seed", "snapshot"}:
            descriptions[f"{node['schema']}.{node['alias']}"] = Description(
                " ".join(node["description"].split()),
                {name: " ".join(column["description"].split()) for name, column in node["columns"].items()},
                keys.get(unique_id, ()),
            )
    return descriptions


def _keys(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The columns that no two rows of a model share, by the tests that hold it."""
    keys: dict[str, tuple[str, ...]] = {}
    for node in nodes.values():
        test = node.get("test_metadata") or {}
        if argument := _KEY_TESTS.get(test.get("name", "")):
            columns = test["kwargs"][argument]
            keys.setdefault(node["attached_node"], (columns,) if isinstance(columns, str) else tuple(columns))
    return keys
