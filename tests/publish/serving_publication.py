"""A small publication made by hand: every mart of the project with the columns of its contract, and dbt's descriptions.

Every number of every row is the publication's marker, so that a reader can tell which publication it sees.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

from partner_warehouse.extract.freshness import write_table
from partner_warehouse.publish.descriptions import manifest_path
from partner_warehouse.settings import DBT_PROJECT, Settings

PARTNERS = 6
KPIS = ("leads_generated", "revenue_generated")
"""One about money, and one that is not."""

EXTREMES = """
    CREATE TABLE finance.extremes AS
    SELECT
        unnest([1, 2, 3]) AS id,
        unnest([-999999999999999.999, 0.001, NULL]::DECIMAL(18, 3)[]) AS amount,
        unnest(['0.0000000001', '-123456789012345678.0000000001', NULL]::DECIMAL(28, 10)[]) AS exact_amount,
        unnest(['', 'ü€😀' || chr(9) || chr(10) || '\\N', NULL]) AS words,
        unnest(['2026-03-29 01:59:59.999999+02', '9999-12-31 23:59:59.999999+00', NULL]::TIMESTAMPTZ[]) AS instant,
        unnest([['a', 'with "quotes", and comma', NULL], [], NULL]) AS several,
        unnest([340282366920938463463, -1, NULL]::HUGEINT[]) AS large
"""
"""A table that no policy names, with the values that are easily lost on the way."""


def address(server: str, login: str, database: str) -> str:
    """The address of a server, known as its superuser's, for another login and database."""
    return server.replace("//postgres:@/postgres", f"//{login}:@/{database}")


@cache
def marts() -> dict[str, dict[str, Any]]:
    """The project's marts as their yml files declare them, by `schema.table`."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((DBT_PROJECT / "models" / "marts").rglob("*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            found[f"{path.parent.name}.{model['name']}"] = model
    return found


def publish(settings: Settings, marker: int) -> None:
    """Replace the published file by one whose numbers are all `marker`."""
    target = settings.published_path
    target.parent.mkdir(parents=True, exist_ok=True)
    candidate = target.with_suffix(".new")
    candidate.unlink(missing_ok=True)
    with duckdb.connect(str(candidate)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table, model in marts().items():
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.split('.')[0]}")
            keys = [columns for _, _, columns in _keys(model)]
            columns = ", ".join(
                _column(column, table, marker, is_key=[column["name"]] in keys) for column in model["columns"]
            )
            is_report = "kpi_code" in {column["name"] for column in model["columns"]}
            kpis = " CROSS JOIN (SELECT unnest(?) AS kpi)" if is_report else ""
            source = f"(SELECT unnest(range(1, {PARTNERS + 1})) AS i)" + kpis
            connection.execute(f"CREATE TABLE {table} AS SELECT {columns} FROM {source}", [list(KPIS)] if kpis else [])
        connection.execute(EXTREMES)
        connection.execute(
            "CREATE TABLE ops.run_parameters AS SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_days(?) AS as_of, "
            "TIMESTAMPTZ '9999-12-31 00:00:00+00' AS known_at, 'UTC' AS timezone, 'USD' AS reporting_currency",
            [marker],
        )
        connection.execute(
            "CREATE TABLE ops.gate_results AS SELECT 'marts' AS stage, 'finance' AS table_schema, 'x' AS table_name, "
            "'e' AS expectation, NULL::VARCHAR AS \"column\", true AS success, ?::BIGINT AS checked, 0::BIGINT AS "
            "unexpected, ['line_id=1'] AS sample_keys, '' AS about, now() AS checked_at",
            [marker],
        )
        write_table(settings, connection)
    candidate.replace(target)
    path = manifest_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_manifest()), encoding="utf-8")


def _keys(model: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """The tests that say what one row of a model is: their names, their arguments, and the columns."""
    keys = [
        ("grain", "key", test["grain"]["arguments"]["key"]) for test in model.get("data_tests", []) if "grain" in test
    ]
    unique = [column["name"] for column in model["columns"] if "unique" in column.get("data_tests", [])]
    return keys + [("unique", "column_name", [name]) for name in unique]


def _column(column: dict[str, Any], table: str, marker: int, *, is_key: bool) -> str:
    name, kind = column["name"], column["data_type"]
    value = {
        "dimension": "'partner'",
        "dimension_value": "'p' || i",
        "partner_id": "'p' || i",
        "kpi_code": "kpi" if table.startswith("kpi.") else "'kpi'",
        "status": "'payable'",
        "unit_id": "'p' || i",
    }.get(name)
    if value is None:
        if re.match(r"date$", kind):
            value = "DATE '2026-01-01'" + (" + CAST(i AS INTEGER)" if is_key else "")
        elif kind.startswith("timestamp"):
            value = "TIMESTAMPTZ '2026-01-01 12:00:00+00'"
        elif kind == "boolean":
            value = "true"
        elif kind == "varchar" or is_key:
            value = f"'{name}-' || i" if kind == "varchar" else "i"
        else:
            value = str(marker)
    return f'CAST({value} AS {kind}) AS "{name}"'


def _manifest() -> dict[str, Any]:
    """What dbt would write of these models, as far as descriptions and keys go."""
    nodes: dict[str, Any] = {}
    for table, model in marts().items():
        schema, name = table.split(".")
        node = f"model.partner_warehouse.{schema}_{name}"
        nodes[node] = {
            "resource_type": "model",
            "schema": schema,
            "alias": name,
            "description": model["description"],
            "columns": {column["name"]: {"description": column["description"]} for column in model["columns"]},
        }
        for kind, argument, columns in _keys(model):
            value = columns if kind == "grain" else columns[0]
            metadata = {"name": kind, "kwargs": {argument: value}}
            nodes[f"test.{node}.{kind}"] = {
                "resource_type": "test",
                "attached_node": node,
                "test_metadata": metadata,
            }
    return {"nodes": nodes}


def rows_of(path: Path, table: str) -> list[tuple[object, ...]]:
    """All rows of a table of the published file."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(f"SELECT * FROM {table}").fetchall()
