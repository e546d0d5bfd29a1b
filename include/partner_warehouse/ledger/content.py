"""What a period's lines and payouts come to: their columns, hash and totals, and where two of them differ."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
from sqlalchemy import Table
from sqlalchemy.types import TypeEngine

from partner_warehouse.ledger import bulk, schema
from partner_warehouse.ledger.types import Exact

Columns = dict[str, TypeEngine[Any]]
"""The names and types of a table's columns."""


def _columns_of(table: Table, names: str) -> Columns:
    return {name: table.c[name].type for name in names.split()}


LINE_COLUMNS = _columns_of(
    schema.draft_lines,
    """
    line_id commission_line_id payout_id partner_id programme plan_id plan_version component movement_kind movement_id
    corrects_line_id base_amount base_currency rate tier split_share fx_rate fx_date amount currency earned_on
    payable_on fee
    """,
)
"""A line, in the order that it is hashed in."""

_ADDED = {"fee"}
"""Columns that came to a line later. Where null they are no part of its hash, so that what was drafted and posted
before keeps the one that it has; they are hashed last, after a column that is never null.
"""

PAYOUT_COLUMNS = _columns_of(
    schema.draft_payouts,
    """
    payout_id partner_id currency opening_balance earned adjustments payable closing_balance min_payout line_count
    """,
)
"""A payout, in the order that it is hashed in."""


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """Control total of one currency: how many partners are paid, and how much together (major units)."""

    currency: str
    payouts: int
    payable: Decimal


@dataclass(frozen=True, slots=True)
class Content:
    """What a period's lines and payouts come to.

    Attributes:
        content_hash: SHA-256 over every line and every payout, in the order of their ids.
        totals: Control totals, by currency.
    """

    content_hash: str
    line_count: int
    payout_count: int
    totals: tuple[CurrencyTotal, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One column of a line or payout that is not what was posted, or a line or payout that only one side has.

    Attributes:
        kind: `line` or `payout`.
        row_id: Its line_id or payout_id.
        column: What differs. None where one side lacks the row; then the values are its amount, or its payable.
        posted: As text, amounts in major units; None where it was null, or not posted.
        now: The same of what comes out now.
    """

    kind: str
    row_id: str
    column: str | None
    posted: str | None
    now: str | None

    def __str__(self) -> str:
        if self.column is None:
            there = f"posted with {self.posted}, now not there" if self.now is None else f"not posted, now {self.now}"
            return f"{self.kind} {self.row_id}: {there}"
        return f"{self.kind} {self.row_id}: {self.column} {self.posted or 'empty'} -> {self.now or 'empty'}"


@dataclass(frozen=True, slots=True)
class Differences:
    """What is not as it was posted.

    Attributes:
        count: Of all of them.
        first: The first `TOLD`, payouts before lines.
    """

    count: int = 0
    first: tuple[Difference, ...] = ()


def of(duck: duckdb.DuckDBPyConnection, period: str, *, lines: str = "lines", payouts: str = "payouts") -> Content:
    """Hash and total a period's lines and payouts.

    Args:
        duck: Where they are.
        period: Theirs.
        lines: The table of the lines.
        payouts: The table of the payouts.
    """
    line_hashes, line_count = _digest(duck, lines, LINE_COLUMNS, "line_id")
    payout_hashes, payout_count = _digest(duck, payouts, PAYOUT_COLUMNS, "payout_id")
    whole = hashlib.sha256(f"{period}\n{line_count} {line_hashes}\n{payout_count} {payout_hashes}".encode()).hexdigest()
    totals = duck.execute(
        "SELECT currency, count(*) FILTER (payable > 0), CAST(sum(payable) AS DECIMAL(28, 3)) "  # noqa: S608
        f"FROM {payouts} GROUP BY currency ORDER BY currency"
    ).fetchall()
    return Content(whole, line_count, payout_count, tuple(CurrencyTotal(*row) for row in totals))


def agrees(duck: duckdb.DuckDBPyConnection, *, lines: str, payouts: str) -> bool:
    """Whether other lines and payouts are the same as `lines` and `payouts`, as their content hashes would tell.

    Args:
        duck: Where they are.
        lines: A table with the columns of a line, whose ids are unique.
        payouts: A table with the columns of a payout, whose ids are unique.
    """
    return _same_rows(duck, "lines", lines, LINE_COLUMNS, "line_id") and _same_rows(
        duck, "payouts", payouts, PAYOUT_COLUMNS, "payout_id"
    )


def _same_rows(duck: duckdb.DuckDBPyConnection, table: str, other: str, columns: Columns, key: str) -> bool:
    differs = " OR ".join(f"one.{name} IS DISTINCT FROM other.{name}" for name in columns)
    row = duck.execute(
        f"""
        SELECT
            (SELECT count(*) FROM {table}) = (SELECT count(*) FROM {other})
            AND NOT EXISTS (
                SELECT 1 FROM {table} AS one FULL JOIN {other} AS other ON one.{key} = other.{key} WHERE {differs}
            )
        """  # noqa: S608
    ).fetchone()
    return row is not None and bool(row[0])


TOLD = 1_000
"""Differences that a person may still read; of the others there is the count."""


def differences(duck: duckdb.DuckDBPyConnection, *, lines: str, payouts: str) -> Differences:
    """What `lines` and `payouts` have otherwise than what was posted, by kind, id and column.

    Args:
        duck: Where they are.
        lines: The table of the posted lines.
        payouts: The table of the posted payouts.
    """
    of_payouts, payout_count = _differences(duck, "payout", "payouts", payouts, PAYOUT_COLUMNS, "payable")
    of_lines, line_count = _differences(duck, "line", "lines", lines, LINE_COLUMNS, "amount")
    return Differences(payout_count + line_count, tuple([*of_payouts, *of_lines][:TOLD]))


def _differences(
    duck: duckdb.DuckDBPyConnection, kind: str, table: str, posted: str, columns: Columns, amount: str
) -> tuple[list[Difference], int]:
    """The first ones, and how many there are: every line of a month may differ, in every column."""
    key = f"{kind}_id"
    values = {name: f"CAST(CAST({{}}.{name} AS {bulk.duckdb_type(sort)}) AS VARCHAR)" for name, sort in columns.items()}
    pairs = ", ".join(
        f"{{'name': '{name}', 'was': {value.format('posted')}, 'is': {value.format('found')}}}"
        for name, value in values.items()
    )
    amounts = ", ".join(values[amount].format(side) for side in ("posted", "found"))
    duck.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE differing AS
        WITH compared AS (
            SELECT found.{key} AS row_id, unnest([{pairs}], recursive := true)
            FROM {table} AS found
            INNER JOIN {posted} AS posted ON found.{key} = posted.{key}
        )
        SELECT row_id, name, was, "is" FROM compared WHERE was IS DISTINCT FROM "is"
        UNION ALL
        SELECT coalesce(found.{key}, posted.{key}), NULL, {amounts}
        FROM {table} AS found
        FULL JOIN {posted} AS posted ON found.{key} = posted.{key}
        WHERE found.{key} IS NULL OR posted.{key} IS NULL
        """  # noqa: S608
    )
    rows = duck.execute(f"FROM differing ORDER BY ALL LIMIT {TOLD}").fetchall()
    ((count,),) = duck.execute("SELECT count(*) FROM differing").fetchall()
    return [Difference(kind, *row) for row in rows], count


def _digest(duck: duckdb.DuckDBPyConnection, table: str, columns: Columns, key: str) -> tuple[str, int]:
    """SHA-256 over the SHA-256 of each row; fields are parted, and null is not the empty text. Empty without rows."""
    fields = ", ".join(
        _as_text(name, kind) if name in _ADDED else f"coalesce({_as_text(name, kind)}, chr(30))"
        for name, kind in columns.items()
    )
    hashes = duck.execute(
        f"SELECT sha256(concat_ws(chr(31), {fields})) AS row_hash FROM {table} ORDER BY {key}"  # noqa: S608
    ).to_arrow_reader()
    digest, count = hashlib.sha256(), 0
    for batch in hashes:
        digest.update("".join(batch.column(0).to_pylist()).encode())
        count += batch.num_rows
    return digest.hexdigest() if count else "", count


def typed_list(columns: Columns) -> str:
    """The select list that gives columns of these names the ledger's types in DuckDB."""
    return ", ".join(f"CAST({name} AS {bulk.duckdb_type(kind)}) AS {name}" for name, kind in columns.items())


def _as_text(name: str, kind: TypeEngine[Any]) -> str:
    typed = f"CAST({name} AS {bulk.duckdb_type(kind)})"
    if isinstance(kind, Exact):
        return bulk.text_of_decimal(typed, kind.precision, kind.scale)
    return f"CAST({typed} AS VARCHAR)"
