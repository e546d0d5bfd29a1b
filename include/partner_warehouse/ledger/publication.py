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
        known_at: The newest load in it; None where it does not say.
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
    as_of = known_at = None
    if "as_of" in published_columns(duck, "ops", "run_parameters"):
        row = duck.execute("SELECT as_of FROM publication.ops.run_parameters").fetchone()
        as_of = row[0].astimezone(UTC) if row and row[0] else None
    if {"loaded_at", "source"} <= published_columns(duck, "ops", "loads"):
        row = duck.execute("SELECT max(loaded_at) FROM publication.ops.loads WHERE source <> 'ledger'").fetchone()
        known_at = row[0].astimezone(UTC) if row and row[0] else None
    return Basis(as_of, known_at, _pins(duck))


_PINS = ("timezone", "reporting_currency", "fx_lookback_days", "plans_hash")


def _pins(duck: duckdb.DuckDBPyConnection) -> Pins | None:
    if not set(_PINS) <= published_columns(duck, "ops", "run_parameters"):
        return None
    row = duck.execute(f"SELECT {', '.join(_PINS)} FROM publication.ops.run_parameters").fetchone()  # noqa: S608
    return Pins(*row) if row else None
