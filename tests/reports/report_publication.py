"""A publication small enough to know by heart: what the reports read, for a partner type, two partners, two years."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb

from partner_warehouse.reports.calendars import CALENDARS, GRAINS, Grain, period_end
from partner_warehouse.settings import Settings

AS_OF = date(2026, 10, 12)
NAME = "Alder <b>& Sons</b>"
"""A name that would be markup."""


def publish(settings: Settings) -> None:
    """Write the published file."""
    settings.published_path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.published_path)) as connection:
        for schema in ("kpi", "partners", "finance", "ops"):
            connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute("CREATE TABLE ops.run_parameters AS SELECT TIMESTAMPTZ '2026-10-12 06:00:00+00' AS as_of")
        for grain in GRAINS:
            _kpis(connection, grain)
        connection.execute(
            "CREATE TABLE partners.dim_partner AS "
            "SELECT unnest(['P1', 'P2']) AS partner_id, unnest([?, 'Birch']) AS name",
            [NAME],
        )
        connection.execute(
            "CREATE TABLE partners.roi_by_type_monthly AS "
            "SELECT DATE '2026-09-01' AS month, 'channel' AS partner_type, "
            "'USD' AS currency, 900.00 AS revenue, 200.00 AS investment, 350.0 AS roi, 150.0 AS direct_roi, "
            "100.0 AS indirect_roi, 200.0 AS roi_from, 400.0 AS roi_to, 'within' AS band"
        )
        connection.execute(
            "CREATE TABLE finance.payout_history AS "
            "SELECT DATE '2026-09-01' AS month, 'USD' AS currency, 10.00 AS earned, "
            "-1.00 AS adjustments, 9.00 AS payable, 0.00 AS closing_balance"
        )
        connection.execute(
            "CREATE TABLE partners.market_expansion AS SELECT DATE '2026-08-01' AS month, 'country' AS market_kind, "
            "'FR' AS market, DATE '2026-08-01' AS first_month, 'USD' AS currency, 77.00 AS partner_revenue, "
            "true AS is_new"
        )


def _kpis(connection: duckdb.DuckDBPyConnection, grain: Grain) -> None:
    column = CALENDARS[grain].column
    connection.execute(
        f"CREATE TABLE kpi.{grain} ({column} DATE, kpi_code VARCHAR, dimension VARCHAR, dimension_value VARCHAR, "
        "value DECIMAL(28, 10), target DECIMAL(28, 10), target_to DECIMAL(28, 10), status VARCHAR, basis_count BIGINT, "
        "unit VARCHAR, operator VARCHAR, is_closed BOOLEAN)"
    )
    day = date(2025, 1, 1)
    periods: list[date] = []
    while day <= AS_OF:
        first = day - timedelta(days=day.weekday()) if grain == "weekly" else day
        periods.append(first)
        day = period_end(grain, first)
    rows = [
        ("revenue_generated", "all", "all", 1, 10, "on_target", 3, "USD", ">="),
        ("onboarding_time", "all", "all", None, 30, "no_data", 0, "days", "<"),
        ("leads_generated", "all", "all", 0, 500, "off_target", 1, "count", ">="),
        ("revenue_generated", "partner", "P1", 1, None, "no_target", 3, "USD", None),
        ("revenue_generated", "partner_type", "channel", 1, None, "no_target", 3, "USD", None),
    ]
    closed = [period_end(grain, first) <= AS_OF for first in periods]
    for kpi, dimension, part, step, target, status, basis, unit, operator in rows:
        connection.execute(
            f"INSERT INTO kpi.{grain} SELECT first, ?, ?, ?, number * ? + 1, ?, NULL, ?, ?, ?, ?, closed FROM "
            "(SELECT unnest(?::DATE[]) AS first, unnest(range(1, ?)) AS number, unnest(?::BOOLEAN[]) AS closed)",
            [kpi, dimension, part, step, target, status, basis, unit, operator, periods, len(periods) + 1, closed],
        )
