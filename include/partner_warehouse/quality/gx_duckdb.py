"""The one mend that Great Expectations needs to read DuckDB through `duckdb-sqlalchemy`.

Great Expectations 1.24 closes a connection before it has fetched, unless the dialect is on its list of those whose
connections persist, and it knows no regular expression operator for DuckDB. `apply` adds both. The test
`tests/quality/test_gx_duckdb.py` fails on the day when a release no longer needs it.
"""

from __future__ import annotations

import enum
import importlib
from typing import Any

import sqlalchemy as sa

_REGEX_USERS = (
    "great_expectations.expectations.metrics.util",
    "great_expectations.expectations.metrics.column_map_metrics.column_values_match_regex",
    "great_expectations.expectations.metrics.column_map_metrics.column_values_match_regex_list",
    "great_expectations.expectations.metrics.column_map_metrics.column_values_not_match_regex",
    "great_expectations.expectations.metrics.column_map_metrics.column_values_not_match_regex_list",
    "great_expectations.expectations.metrics.column_aggregate_metrics.column_values_match_regex_values",
    "great_expectations.expectations.metrics.column_aggregate_metrics.column_values_not_match_regex_values",
)
"""The function that picks the operator is imported by name into each of these."""


class _Dialect(enum.StrEnum):
    DUCKDB = "duckdb"


def apply() -> None:
    """Make Great Expectations work on DuckDB in this process. May be called any number of times."""
    engine: Any = importlib.import_module("great_expectations.execution_engine.sqlalchemy_execution_engine")
    if _Dialect.DUCKDB in engine._PERSISTED_CONNECTION_DIALECTS:
        return
    engine._PERSISTED_CONNECTION_DIALECTS += (_Dialect.DUCKDB,)

    util: Any = importlib.import_module(_REGEX_USERS[0])
    original = util.get_dialect_regex_expression

    def get_dialect_regex_expression(column: Any, regex: str, dialect: Any, positive: bool = True) -> Any:
        if getattr(getattr(dialect, "dialect", dialect), "name", "") == _Dialect.DUCKDB.value:
            matches = sa.func.regexp_matches(column, sa.literal(regex))
            return matches if positive else sa.not_(matches)
        return original(column, regex, dialect, positive=positive)

    for name in _REGEX_USERS:
        module: Any = importlib.import_module(name)
        module.get_dialect_regex_expression = get_dialect_regex_expression
