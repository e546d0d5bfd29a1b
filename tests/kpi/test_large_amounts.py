"""Amounts at the top of what money holds: the marts build, sums stay exact, ratios are numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
from kpi_company import COMPANY, build_company

from partner_warehouse.settings import load_settings

LARGEST = "999999999999999.99"
AMOUNTS = {"deals": "amount", "invoice_lines": "net", "payments": "amount", "costs": "amount"}


def test_the_largest_amounts_do_not_stop_the_build(tmp_path: Path) -> None:
    company = {name: [dict(row) for row in rows] for name, rows in COMPANY.items()}
    for name, column in AMOUNTS.items():
        for row in company.get(name, ()):
            row[column] = LARGEST
            if name == "invoice_lines":
                row["tax"] = "0"
    company.pop("refunds")
    settings = load_settings(home=tmp_path, inbox=tmp_path / "inbox", sources=("files",), timezone="America/New_York")
    build_company(settings, company, datetime(2026, 4, 15, 12, tzinfo=UTC))
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        # P1 sourced the deals of January and of one payment of March, and P2 the other one of March.
        found = dict(connection.execute("SELECT month, sum(revenue) FROM partners.roi_monthly GROUP BY 1").fetchall())
        months = {month.strftime("%Y-%m"): amount for month, amount in found.items() if amount}
        largest = Decimal(LARGEST)
        assert months["2026-01"] == largest
        assert months["2026-03"] == 2 * largest
        per_customer = connection.execute(
            "SELECT revenue, paying_customers, revenue_per_customer FROM partners.customers_monthly WHERE revenue > 0"
        ).fetchall()
        assert per_customer
        for revenue, customers, each in per_customer:
            assert abs(each * customers - revenue) <= customers * Decimal("0.005") + abs(revenue) * Decimal("1e-14")
