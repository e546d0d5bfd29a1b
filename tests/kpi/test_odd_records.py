"""The largest amounts that are taken, and slips of the pen: the marts build, sums are exact, ratios are numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
from kpi_company import COMPANY, build_company

from partner_warehouse.settings import load_settings

LARGEST = "9999999999999.99"
"""Thirteen digits before the point: `landing/typing.py`."""

AMOUNTS = {"deals": "amount", "invoice_lines": "net", "payments": "amount", "costs": "amount"}

AT = "2026-02-25T12:00:00Z"
ODD: dict[str, list[dict[str, str]]] = {
    "partners": [{"partner_id": "  ", "name": "Nobody"}],
    # The day zero of a spreadsheet, and a year with two digits, are set aside; its day one is in 1899 in New York.
    "leads": [
        {"lead_id": "L1900", "partner_id": "P1", "created_at": "1900-01-01T00:00:00Z"},
        {"lead_id": "L1899", "partner_id": "P1", "created_at": "1899-12-30T00:00:00Z"},
        {"lead_id": "L26", "partner_id": "P1", "created_at": "0026-03-01T00:00:00Z"},
    ],
    "tickets": [
        {"ticket_id": "TK1900", "partner_id": "P1", "opened_at": "1900-01-01T00:00:00Z", "score": "9"},
        {"ticket_id": "TK1899", "partner_id": "P1", "opened_at": "1899-12-30T00:00:00Z", "score": "9"},
    ],
    # Shares that were rounded one by one, and come to a hair more than the whole.
    "deals": [
        {"deal_id": "DH", "customer_id": "C1", "currency": "USD", "closed_at": AT, "is_won": "true"},
        {"deal_id": "DR", "customer_id": "C1", "amount": LARGEST, "currency": "CHF", "closed_at": AT, "is_won": "true"},
    ],
    "deal_partners": [
        {"deal_partner_id": "DPH1", "deal_id": "DH", "partner_id": "P1", "role": "sourced", "share": "0.666666666667"},
        {
            "deal_partner_id": "DPH2",
            "deal_id": "DH",
            "partner_id": "P2",
            "role": "influenced",
            "share": "0.166666666667",
        },
        {
            "deal_partner_id": "DPH3",
            "deal_id": "DH",
            "partner_id": "P3",
            "role": "influenced",
            "share": "0.166666666667",
        },
        {"deal_partner_id": "DPR", "deal_id": "DR", "partner_id": "P1", "role": "sourced"},
    ],
    "invoices": [
        {"invoice_id": "IH", "customer_id": "C1", "deal_id": "DH", "currency": "EURO", "issued_at": AT},
        {"invoice_id": "IR", "customer_id": "C1", "deal_id": "DR", "currency": "CHF", "issued_at": AT},
    ],
    # Two of the largest amounts and their tax on one invoice, at a rate by which no money is left.
    "invoice_lines": [
        {"line_id": "ILH", "invoice_id": "IH", "product_id": "PLATFORM", "net": "100", "tax": "0"},
        {"line_id": "ILR1", "invoice_id": "IR", "product_id": "PLATFORM", "net": LARGEST, "tax": LARGEST},
        {"line_id": "ILR2", "invoice_id": "IR", "product_id": "PLATFORM", "net": LARGEST, "tax": LARGEST},
    ],
    "payments": [
        {"payment_id": "PMH", "invoice_id": "IH", "amount": "100", "currency": "EURO", "paid_at": AT},
        {"payment_id": "PMR1", "invoice_id": "IR", "amount": LARGEST, "currency": "CHF", "paid_at": AT},
        {"payment_id": "PMR2", "invoice_id": "IR", "amount": LARGEST, "currency": "CHF", "paid_at": AT},
        {"payment_id": "PMX", "invoice_id": "IR", "amount": "10000000000000", "currency": "CHF", "paid_at": AT},
    ],
    "costs": [
        {"cost_id": "KR", "month": "2026-02-25", "partner_id": "P1", "amount": LARGEST, "currency": "CHF"},
    ],
    "market_sizes": [{"market_size_id": "MR", "month": "2026-02-25", "amount": LARGEST, "currency": "CHF"}],
    "fx_rates": [
        {
            "fx_rate_id": "FR",
            "rate_date": "2026-02-25",
            "from_currency": "CHF",
            "to_currency": "USD",
            "rate": "100000000",
        },
        {
            "fx_rate_id": "FH",
            "rate_date": "2026-02-25",
            "from_currency": "EUR",
            "to_currency": "USD",
            "rate": "1105000000000",
        },
    ],
}
"""Each of them is somebody's slip; none has an amount in a month that is asked for below."""


def test_the_largest_amounts_and_odd_records_do_not_stop_the_build(tmp_path: Path) -> None:
    company = {name: [dict(row) for row in rows] for name, rows in COMPANY.items()}
    for name, column in AMOUNTS.items():
        for row in company.get(name, ()):
            row[column] = LARGEST
            if name == "invoice_lines":
                row["tax"] = "0"
    company.pop("refunds")
    for name, rows in ODD.items():
        company.setdefault(name, []).extend(rows)
    settings = load_settings(home=tmp_path, inbox=tmp_path / "inbox", sources=("files",), timezone="America/New_York")
    build_company(settings, company, datetime(2026, 4, 15, 12, tzinfo=UTC))
    with duckdb.connect(str(settings.warehouse_path), read_only=True, config=settings.search_path) as connection:
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
        set_aside = f"{settings.landing_dir}/files/payments/*/quarantine.parquet"
        told = connection.execute("SELECT reason FROM read_parquet(?) WHERE record_key = 'PMX'", [set_aside]).fetchall()
        assert [reason for (reason,) in told] == ["more digits than fit: at most 13 before and 18 after the point"]
        set_aside = f"{settings.landing_dir}/files/*/*/quarantine.parquet"
        told = connection.execute("SELECT record_key FROM read_parquet(?) WHERE reason LIKE 'earlier%'", [set_aside])
        assert sorted(told.fetchall()) == [("L1899",), ("L26",), ("TK1899",)]
        without_rate = connection.execute(
            "SELECT movement_id, amount, fx_rate, fx_date FROM intermediate.int_commission_entitlement "
            "WHERE movement_id IN ('PMR1', 'PMR2') ORDER BY 1"
        ).fetchall()
        assert without_rate == [(payment, None, None, None) for payment in ("PMR1", "PMR2")]
