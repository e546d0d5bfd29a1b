"""Every commission policy as a case of files: what goes in, and the lines and exclusions that come out.

A case's `expected_due.csv` is complete: what each of its partners is due, by the month in which it becomes payable,
without what is held. `expected_exclusions.csv` and `expected_lines.csv` name rows that must be there.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from commission_cases import SCENARIOS, read_csv

CASES = sorted(SCENARIOS.iterdir())


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_due_by_month(case: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = warehouse.execute(
        """
        select partner_id, currency, strftime(payable_on, '%Y-%m') as due_month, sum(amount)
        from finance.commission_lines
        where starts_with(partner_id, ?) and status <> 'held'
        group by all
        """,
        [case.name.replace("_", "-") + "-"],
    ).fetchall()
    found = {row[:3]: row[3] for row in rows}
    expected = {
        (row["partner_id"], row["currency"], row["due_month"]): Decimal(row["amount"])
        for row in read_csv(case / "expected_due.csv")
    }
    assert found == expected


def test_exclusions(case: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
    for row in read_csv(case / "expected_exclusions.csv"):
        found = warehouse.execute(
            "select amount, currency from finance.exclusions "
            "where movement_kind = ? and movement_id = ? and reason = ?",
            [row["movement_kind"], row["movement_id"], row["reason"]],
        ).fetchall()
        assert found == [(Decimal(row["amount"]), row["currency"])], row


def test_lines(case: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
    for row in read_csv(case / "expected_lines.csv"):
        columns = [name for name in row if name != "movement_id"]
        found = warehouse.execute(
            f"select {', '.join(columns)} from finance.commission_lines where movement_id = ?", [row["movement_id"]]
        ).fetchall()
        texts = [tuple("" if value is None else str(value) for value in line) for line in found]
        assert texts == [tuple(row[name] for name in columns)], row
