"""What is published: opened read-only, its columns, and what it was computed from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from partner_warehouse.errors import BadInputError


@dataclass(frozen=True, slots=True)
class Basis:
    """What the publication was computed from.

    Attributes:
        as_of: The instant it was computed for; None where it does not say.
        known_at: What was landed up to it is in it, and nothing else; None where it does not say.
        pins: What else decided it; None where it does not say.
    """

    as_of: datetime | None
    known_at: datetime | None
    pins: Pins | None

    @property
    def plans_hash(self) -> str | None:
        """SHA-256 of the plan files that were in force; None where it does not say."""
        return self.pins.plans_hash if self.pins else None


@dataclass(frozen=True, slots=True)
class Pins:
    """What decided a publication besides the landed data, named as the settings are.

    Attributes:
        plans_hash: SHA-256 of the plan files that were in force.
    """

    timezone: str
    reporting_currency: str
    fx_lookback_days: int
    plans_hash: str


@contextmanager
def publication(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of our own with the publication attached, read-only, as `publication`.

    Raises:
        BadInputError: Nothing was published yet.
    """
    if not path.exists():
        raise BadInputError("nothing is published yet: `partner-warehouse run` computes and publishes the entitlement")
    with duckdb.connect() as duck:
        duck.execute("SET TimeZone = 'UTC'")
        # It would go to where the answer of a command goes.
        duck.execute("SET enable_progress_bar = false")
        duck.execute(f"ATTACH {literal(str(path))} AS publication (READ_ONLY)")
        yield duck


def literal(value: str) -> str:
    """A SQL string literal, where a statement takes no parameter."""
    return "'" + value.replace("'", "''") + "'"


def published_columns(duck: duckdb.DuckDBPyConnection, table_schema: str, table: str) -> set[str]:
    """The columns of a published table; empty where it is not published."""
    try:
        # Not `duckdb_columns()`: that reads what is known of every table, and takes longer than an explanation.
        found = duck.execute(f'SELECT * FROM publication."{table_schema}"."{table}" LIMIT 0')  # noqa: S608
    except duckdb.CatalogException:
        return set()
    return {column[0] for column in found.description or ()}


def basis(duck: duckdb.DuckDBPyConnection) -> Basis:
    """What the attached publication was computed from."""
    as_of, known_at = (
        _instant(duck, "run_parameters", name, f"SELECT {name} FROM publication.ops.run_parameters")  # noqa: S608
        for name in ("as_of", "known_at")
    )
    if known_at is None or known_at == _EVERYTHING:
        # A build that had not set itself an instant; the ledger's loads may have come after it.
        newest = "SELECT max(loaded_at) FROM publication.ops.loads WHERE source <> 'ledger'"
        known_at = _instant(duck, "loads", "loaded_at", newest)
    return Basis(as_of, known_at, _pins(duck))


_EVERYTHING = datetime(9999, 12, 31, tzinfo=UTC)
"""What earlier versions were computed with: all that was landed, whenever."""


def _instant(duck: duckdb.DuckDBPyConnection, table: str, column: str, query: str) -> datetime | None:
    """What a query over a table of the runs says; None where it is not published with the column."""
    if column not in published_columns(duck, "ops", table):
        return None
    row = duck.execute(query).fetchone()
    return row[0].astimezone(UTC) if row and row[0] else None


_PINS = ("timezone", "reporting_currency", "fx_lookback_days", "plans_hash")


def _pins(duck: duckdb.DuckDBPyConnection) -> Pins | None:
    if not set(_PINS) <= published_columns(duck, "ops", "run_parameters"):
        return None
    row = duck.execute(f"SELECT {', '.join(_PINS)} FROM publication.ops.run_parameters").fetchone()  # noqa: S608
    return Pins(*row) if row else None
