"""A publication made by hand: `finance.commission_lines` with what a test gives, and defaults for the rest."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from partner_warehouse.plans.files import keep_copy
from partner_warehouse.settings import Settings

COLUMNS = {
    "line_id": "VARCHAR",
    "partner_id": "VARCHAR",
    "programme": "VARCHAR",
    "plan_id": "VARCHAR",
    "plan_version": "INTEGER",
    "component": "VARCHAR",
    "movement_kind": "VARCHAR",
    "movement_id": "VARCHAR",
    "corrects_line_id": "VARCHAR",
    "base_amount": "DECIMAL(18, 3)",
    "base_currency": "VARCHAR",
    "rate": "DECIMAL(18, 12)",
    "tier": "VARCHAR",
    "fee": "DECIMAL(18, 3)",
    "split_share": "DECIMAL(18, 12)",
    "fx_rate": "DECIMAL(28, 10)",
    "fx_date": "DATE",
    "amount": "DECIMAL(18, 3)",
    "currency": "VARCHAR",
    "earned_on": "DATE",
    "payable_on": "DATE",
    "status": "VARCHAR",
    "hold_reason": "VARCHAR",
    "is_held": "BOOLEAN",
    "withheld_amount": "DECIMAL(18, 3)",
    "withheld_base_amount": "DECIMAL(18, 3)",
    "withheld_period": "DATE",
}

DEFAULTS = {
    "partner_id": "p1",
    "programme": "reseller",
    "plan_id": "base",
    "plan_version": 1,
    "component": "percentage",
    "movement_kind": "payment",
    "currency": "USD",
    "base_currency": "USD",
    "split_share": "1",
    "status": "payable",
    "withheld_amount": "0",
    "withheld_base_amount": "0",
    "withheld_period": "2026-01-01",
}


def line(line_id: str, amount: str | None, earned_on: str, **others: Any) -> dict[str, Any]:
    """An entitlement line, payable on its own day and held as its status says, unless the test says otherwise."""
    given = {"line_id": line_id, "movement_id": f"m-{line_id}", "amount": amount, "earned_on": earned_on}
    return DEFAULTS | given | {"payable_on": earned_on, "is_held": others.get("status") == "held"} | others


def publish(
    settings: Settings,
    lines: Iterable[Mapping[str, Any]],
    as_of: str = "2030-01-01T00:00:00Z",
    merged: Mapping[str, str] | None = None,
) -> None:
    """Replace the publication, as the warehouse does: whole, by one rename.

    Args:
        settings: The installation.
        lines: Of the entitlement.
        as_of: What it was computed for.
        merged: Partners that are another one now.
    """
    target = settings.published_path
    target.parent.mkdir(parents=True, exist_ok=True)
    candidate = target.with_suffix(".candidate")
    candidate.unlink(missing_ok=True)
    declared = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    with duckdb.connect(str(candidate)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA finance")
        connection.execute("CREATE SCHEMA ops")
        connection.execute(f"CREATE TABLE finance.commission_lines ({declared})")
        rows = [[row.get(name) for name in COLUMNS] for row in lines]
        if rows:
            marks = ", ".join("?" * len(COLUMNS))
            connection.executemany(f"INSERT INTO finance.commission_lines VALUES ({marks})", rows)
        connection.execute("CREATE TABLE finance.merged_partners (partner_id VARCHAR, merged_into VARCHAR)")
        for pair in (merged or {}).items():
            connection.execute("INSERT INTO finance.merged_partners VALUES (?, ?)", pair)
        connection.execute(
            "CREATE TABLE ops.run_parameters AS SELECT ?::TIMESTAMPTZ AS as_of, ?::TIMESTAMPTZ AS known_at, "
            "'UTC' AS timezone, 'USD' AS reporting_currency, 4 AS fx_lookback_days, ? AS plans_hash",
            [as_of, datetime(9999, 12, 31, tzinfo=UTC), keep_copy(settings)],
        )
    os.replace(candidate, target)


def plans(directory: Path, **minimums: str) -> Path:
    """A plan file with a plan for each keyword, its value the smallest payout in each currency of the tests."""
    directory.mkdir(parents=True, exist_ok=True)
    rows = [
        f"{plan_id},{version},2020-01-01,{currency},{minimum}"
        for plan_id, minimum in minimums.items()
        for version, currency in enumerate(("USD", "EUR", "GBP", "JPY", "KWD"), start=1)
    ]
    header = "plan_id,version,effective_from,currency,min_payout"
    (directory / "commission_plans.csv").write_text("\n".join([header, *rows, ""]))
    return directory
