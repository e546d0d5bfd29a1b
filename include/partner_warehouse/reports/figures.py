"""What a report says, read from the published file and written for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from partner_warehouse.exports.currencies import money
from partner_warehouse.reports.calendars import CALENDARS, Grain, period_end

HISTORY = 13
"""Periods in a line of the past: the report's, and twelve before it."""

_LARGEST_PARTS = 25
_PART_KPIS = ("revenue_generated", "leads_generated", "customer_acquisition", "partner_roi", "partnership_quality")
_WORDS = {"on_target": "on target", "off_target": "off target", "no_target": "no target", "no_data": "no data"}


@dataclass(frozen=True, slots=True)
class Line:
    """One KPI of the whole company."""

    name: str
    value: str
    before: str
    target: str
    status: str
    status_words: str
    basis: str
    trend: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a report: the first column is text, the others are numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that a page shows."""

    as_of: str
    lines: Sequence[Line]
    tables: Sequence[Table]

    def count(self, status: str) -> int:
        """How many KPIs have a status."""
        return sum(line.status == status for line in self.lines)


def read(connection: duckdb.DuckDBPyConnection, grain: Grain, first: date) -> Figures:
    """The figures of one period.

    Args:
        connection: The published file.
        grain: The report.
        first: First day of the period.
    """
    as_of = _one(connection, "SELECT strftime(as_of AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M UTC') FROM ops.run_parameters")
    tables = [_parts(connection, grain, first, dimension) for dimension in CALENDARS[grain].parts]
    if grain == "monthly":
        tables += [_bands(connection, first), _payouts(connection, first)]
    if grain in {"quarterly", "yearly"}:
        tables.append(_markets(connection, grain, first))
    return Figures(str(as_of), _lines(connection, grain, first), [table for table in tables if table.rows])


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else ""


def _lines(connection: duckdb.DuckDBPyConnection, grain: Grain, first: date) -> list[Line]:
    column = CALENDARS[grain].column
    rows = connection.execute(
        f"SELECT kpi_code, {column}, value, unit, operator, target, target_to, status, basis_count "  # noqa: S608 - ours
        f"FROM kpi.{grain} WHERE dimension = 'all' AND {column} <= ? ORDER BY kpi_code, {column}",
        [first],
    ).fetchall()
    by_kpi: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        by_kpi.setdefault(row[0], []).append(row)
    lines = []
    for kpi, periods in by_kpi.items():
        _, period, value, unit, operator, target, _, status, basis = periods[-1]
        if period != first:
            continue
        before = periods[-2][2] if len(periods) > 1 else None
        lines.append(
            Line(
                name=kpi.replace("_", " ").replace("roi", "ROI"),
                value=written(value, unit),
                before=written(before, unit),
                target=f"{operator} {written(target, unit)}" if target is not None else "",
                status=status,
                status_words=_WORDS[status],
                basis=f"{basis:,}",
                trend=trend([row[2] for row in periods[-HISTORY:]]),
            )
        )
    return lines


def _parts(connection: duckdb.DuckDBPyConnection, grain: Grain, first: date, dimension: str) -> Table:
    column = CALENDARS[grain].column
    rows = connection.execute(
        f"SELECT dimension_value, kpi_code, value, unit FROM kpi.{grain} "  # noqa: S608 - the names are ours
        f"WHERE dimension = ? AND {column} = ? AND kpi_code IN ({', '.join('?' * len(_PART_KPIS))})",
        [dimension, first, *_PART_KPIS],
    ).fetchall()
    names: dict[str, str] = {}
    if dimension == "partner":
        names = dict(connection.execute("SELECT partner_id, name FROM partners.dim_partner").fetchall())
    cells: dict[str, dict[str, tuple[Decimal | None, str]]] = {}
    for part, kpi, value, unit in rows:
        cells.setdefault(part, {})[kpi] = (value, unit)
    shown = [kpi for kpi in _PART_KPIS if any(kpi in found for found in cells.values())]

    def size(part: str) -> tuple[Decimal, str]:
        return -(cells[part].get("revenue_generated", (None, ""))[0] or Decimal(0)), part

    largest = sorted(cells, key=size)[:_LARGEST_PARTS]
    return Table(
        title=f"By {dimension.replace('_', ' ')}",
        columns=[dimension.replace("_", " "), *(kpi.replace("_", " ") for kpi in shown)],
        rows=[
            [names.get(part) or part, *(written(*cells[part].get(kpi, (None, ""))) for kpi in shown)]
            for part in largest
        ],
        note=f"The {_LARGEST_PARTS} with most revenue of {len(cells)}." if len(cells) > _LARGEST_PARTS else "",
    )


def _bands(connection: duckdb.DuckDBPyConnection, first: date) -> Table:
    rows = connection.execute(
        "SELECT partner_type, currency, revenue, investment, roi, direct_roi, indirect_roi, roi_from, roi_to, band "
        "FROM partners.roi_by_type_monthly WHERE month = ? ORDER BY partner_type",
        [first],
    ).fetchall()
    return Table(
        title="Return by partner type",
        columns=["partner type", "revenue", "investment", "return", "direct", "indirect", "band", "is"],
        rows=[
            [
                kind,
                *(written(amount, currency) for amount in (revenue, investment)),
                *(written(value, "percent") for value in (roi, direct, indirect)),
                f"{start:,.0f} to {end:,.0f} %" if start is not None else "",
                band.replace("_", " "),
            ]
            for kind, currency, revenue, investment, roi, direct, indirect, start, end, band in rows
        ],
        note="Direct and indirect are each measured against the whole investment.",
    )


def _payouts(connection: duckdb.DuckDBPyConnection, first: date) -> Table:
    rows = connection.execute(
        "SELECT currency, count(*), sum(earned), sum(adjustments), sum(payable), sum(closing_balance) "
        "FROM finance.payout_history WHERE month = ? GROUP BY currency ORDER BY currency",
        [first],
    ).fetchall()
    return Table(
        title="Payouts of the month",
        columns=["currency", "payouts", "earned", "adjustments", "payable", "carried forward"],
        rows=[[row[0], f"{row[1]:,}", *(money(amount, row[0]) for amount in row[2:])] for row in rows],
    )


def _markets(connection: duckdb.DuckDBPyConnection, grain: Grain, first: date) -> Table:
    rows = connection.execute(
        "SELECT market_kind || ' ' || market, min(first_month), currency, sum(partner_revenue), bool_or(is_new) "
        "FROM partners.market_expansion WHERE month >= ? AND month < ? GROUP BY 1, currency "
        "HAVING sum(partner_revenue) <> 0 ORDER BY 4 DESC, 1",
        [first, period_end(grain, first)],
    ).fetchall()
    return Table(
        title="Markets",
        columns=["market", "first partner revenue", "partner revenue", "opened in the period"],
        rows=[
            [market, f"{since:%Y-%m}" if since else "", written(revenue, currency), "yes" if new else ""]
            for market, since, currency, revenue, new in rows
        ],
    )


def written(value: Decimal | None, unit: str) -> str:
    """A value as people read it; a dash where there is none."""
    if value is None:
        return "-"
    if unit == "percent":
        return f"{value:,.1f} %"
    if unit == "count":
        return f"{value:,.0f}"
    if unit in {"score", "days", "months"}:
        return f"{value:,.1f}" if unit == "score" else f"{value:,.1f} {unit}"
    return f"{money(value, unit)} {unit}"


def trend(values: Sequence[Decimal | None]) -> str:
    """The points of a small line, 0 to 100 wide and 0 to 24 high; empty where there are not two."""
    known = [float(value) for value in values if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    step, scale = 100 / (len(values) - 1), (high - low) or 1.0
    return " ".join(
        f"{place * step:.1f},{22 - 20 * (float(value) - low) / scale:.1f}"
        for place, value in enumerate(values)
        if value is not None
    )
