"""A real-shaped CRM export goes through the file drop, and nothing of it is lost on the way.

The export has traps: a product spelled two ways, deals without an account, a misspelt sector, agents without a deal.
Each comes out as a report in `ops.quarantine` or as a repair that the mapping below declares.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from partner_warehouse import pipeline
from partner_warehouse.settings import load_settings

EXPORT = Path(__file__).resolve().parents[3] / "shared" / "data" / "real_crm"
SECTORS = {"technolgy": "technology"}
"""The one repair: a misspelt sector."""

pytestmark = pytest.mark.skipif(
    not EXPORT.exists(),
    reason="no shared real_crm export beside the checkout: that a real CRM's export arrives whole is not shown",
)


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (EXPORT / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _drop(inbox: Path, name: str, rows: Iterable[dict[str, Any]]) -> None:
    rows = list(rows)
    (inbox / name).mkdir(parents=True)
    with (inbox / name / "export.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _midnight(day: str) -> str:
    return f"{day}T00:00:00Z" if day else ""


def _map(inbox: Path) -> None:
    """The export in the shapes of the file drop; sales agents are the partners, a won deal is invoiced and paid."""
    deals = list(_rows("sales_pipeline"))
    won = [deal for deal in deals if deal["deal_stage"] == "Won"]
    _drop(
        inbox,
        "customers",
        (
            {
                "customer_id": row["account"],
                "name": row["account"],
                "segment": SECTORS.get(row["sector"], row["sector"]),
            }
            for row in _rows("accounts")
        ),
    )
    _drop(
        inbox,
        "products",
        ({"product_id": row["product"], "name": row["product"], "family": row["series"]} for row in _rows("products")),
    )
    _drop(
        inbox,
        "partners",
        (
            {
                "partner_id": row["sales_agent"],
                "name": row["sales_agent"],
                "partner_type": "channel",
                "status": "active",
            }
            for row in _rows("sales_teams")
        ),
    )
    _drop(
        inbox,
        "deals",
        (
            {
                "deal_id": deal["opportunity_id"],
                "customer_id": deal["account"],
                "stage": deal["deal_stage"],
                "amount": deal["close_value"],
                "currency": "USD",
                "created_at": _midnight(deal["engage_date"]),
                "closed_at": _midnight(deal["close_date"]),
                "is_won": deal["deal_stage"] == "Won",
            }
            for deal in deals
        ),
    )
    _drop(
        inbox,
        "deal_partners",
        (
            {
                "deal_partner_id": f"dp {deal['opportunity_id']}",
                "deal_id": deal["opportunity_id"],
                "partner_id": deal["sales_agent"],
                "role": "sourced",
                "share": "1",
            }
            for deal in deals
        ),
    )
    _drop(
        inbox,
        "invoices",
        (
            {
                "invoice_id": f"in {deal['opportunity_id']}",
                "customer_id": deal["account"],
                "deal_id": deal["opportunity_id"],
                "currency": "USD",
                "issued_at": _midnight(deal["close_date"]),
            }
            for deal in won
        ),
    )
    _drop(
        inbox,
        "invoice_lines",
        (
            {
                "line_id": f"il {deal['opportunity_id']}",
                "invoice_id": f"in {deal['opportunity_id']}",
                "product_id": deal["product"],
                "net": deal["close_value"],
                "tax": "0",
            }
            for deal in won
        ),
    )
    _drop(
        inbox,
        "payments",
        (
            {
                "payment_id": f"pm {deal['opportunity_id']}",
                "invoice_id": f"in {deal['opportunity_id']}",
                "amount": deal["close_value"],
                "currency": "USD",
                "paid_at": _midnight(deal["close_date"]),
            }
            for deal in won
        ),
    )


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The publication that the export ends in."""
    home = tmp_path_factory.mktemp("real_crm")
    _map(home / "inbox")
    settings = load_settings(home=home, sources=("files",), inbox=home / "inbox")
    pipeline.run(settings, as_of=datetime(2018, 1, 15, tzinfo=UTC))
    with duckdb.connect(str(settings.published_path), read_only=True) as connection:
        yield connection


def test_every_won_deal_is_a_conversion_to_the_cent(published: duckdb.DuckDBPyConnection) -> None:
    rows = published.execute(
        "SELECT model, count(DISTINCT conversion_id), sum(amount) FROM attribution.credits "
        "WHERE conversion_kind = 'deal' GROUP BY model"
    ).fetchall()
    assert rows
    assert {(count, amount) for _, count, amount in rows} == {(4238, Decimal(10005534))}


def test_billing_ties_to_the_won_deals(published: duckdb.DuckDBPyConnection) -> None:
    billed, difference = published.execute(
        "SELECT sum(billed), sum(abs(difference)) FROM finance.reconciliation"
    ).fetchall()[0]
    assert billed == Decimal(10005534)
    assert difference == 0


def test_every_agent_is_a_partner_with_or_without_a_deal(published: duckdb.DuckDBPyConnection) -> None:
    assert published.execute("SELECT count(*) FROM partners.dim_partner").fetchall() == [(35,)]


def test_the_misspelt_product_is_reported_and_still_counts(published: duckdb.DuckDBPyConnection) -> None:
    expected = sum(row["product"] == "GTXPro" and row["deal_stage"] == "Won" for row in _rows("sales_pipeline"))
    reported = published.execute(
        "SELECT count(*), any_value(disposition), any_value(reason) FROM ops.quarantine "
        "WHERE object = 'invoice_lines' AND field = 'product_id'"
    ).fetchall()[0]
    assert reported[0] == expected
    assert reported[1] == "kept"


def test_deals_without_an_account_are_reported(published: duckdb.DuckDBPyConnection) -> None:
    reported = published.execute(
        "SELECT count(*) FROM ops.quarantine WHERE object = 'deals' AND field = 'customer_id'"
    ).fetchall()
    assert reported == [(1425,)]


def test_what_was_received_is_landed(published: duckdb.DuckDBPyConnection) -> None:
    received, landed, aside, doubled = published.execute(
        "SELECT sum(received), sum(landed), sum(quarantined), sum(duplicates) FROM ops.loads"
    ).fetchall()[0]
    assert received == landed + aside + doubled
    assert (aside, doubled) == (0, 0)
