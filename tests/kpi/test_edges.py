"""What a reader would take for a success and is none, and who is active, or has revenue, by little."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from kpi_company import build_company, table
from landed_kpis import Landed

from partner_warehouse.settings import load_settings

COMPANY = {
    "partners": table(
        "partner_id, name, partner_type, country, currency, status, signed_at, terminated_at",
        "PA, Host of a webinar, channel, us, USD, active, 2025-01-10T12:00:00Z,",
        "PB, On an open deal, channel, US, USD, active, 2025-01-10T12:00:00Z,",
        "PF, Refunded, technology, DE, USD, active, 2025-01-10T12:00:00Z,",
        "PZ, Beside the whole, channel, US, USD, active, 2025-01-10T12:00:00Z,",
        *(f"P{n}, Sharing, channel, US, USD, active, 2025-01-10T12:00:00Z," for n in range(1, 4)),
        "PL, To leave, channel, US, USD, terminated, 2025-01-10T12:00:00Z, 2026-02-16T12:00:00Z",
        "PG, Gone, channel, US, USD, active, 2025-01-10T12:00:00Z, 2026-02-14T12:00:00Z",
        "PS, To sign, channel, US, USD, active, 2026-03-01T12:00:00Z,",
        "PN, Paid in another currency, integration, US, USD, active, 2025-01-10T12:00:00Z,",
        "PE, Early, channel, US, USD, active, 2025-07-01T12:00:00Z,",
        "PR, Early and again, channel, US, USD, active, 2025-07-01T12:00:00Z,",
    ),
    "enrolments": table(
        "enrolment_id, partner_id, programme, plan_id, starts_on, ends_on",
        "E1, PF, Co-Marketing, co-marketing-standard, 2025-01-10,",
        "E2, P1, reseller, reseller-standard, 2025-01-10,",
        "E3, PG, reseller, reseller-standard, 2025-01-10, 2026-02-15",
        "E4, P2, REFERRAL, referral-standard, 2025-01-10,",
        "E5, P2, referral, referral-standard, 2025-06-10,",
        "E6, P3, Referral, referral-standard, 2025-01-10,",
        "E7, P3, Co-Marketing, co-marketing-standard, 2025-01-10,",
        "E8, PN, None, referral-standard, 2025-01-10,",
    ),
    "customers": table("customer_id, name, country, segment", "C1, One, US, mid_market", "C2, Two, us, Mid-Market"),
    "contacts": table("contact_id, customer_id, email", "K1, C1, a@one.example"),
    "activities": table(
        "activity_id, kind, name, partner_id, starts_at", "A1, webinar, Ours, PA, 2026-01-15T12:00:00Z"
    ),
    "activity_responses": table(
        "response_id, activity_id, contact_id, kind, occurred_at", "R1, A1, K1, attended, 2026-01-15T12:00:00Z"
    ),
    # Who writes what the reports call nobody means nobody.
    "leads": table(
        "lead_id, partner_id, source, created_at",
        "LD1, none, web, 2026-01-03T12:00:00Z",
        "LD2, , web, 2026-01-03T12:00:00Z",
        "LD3, No_Partner, web, 2026-01-03T12:00:00Z",
    ),
    "costs": table(
        "cost_id, month, partner_id, activity_id, category, amount, currency",
        "CO1, 2026-01-01, unassigned, , programme, 100, USD",
        "CO2, 2026-01-01, , , programme, 50, USD",
        "CO3, 2025-12-01, PN, , programme, 10, GBP",
        "CO4, 2026-02-01, , A1, content, 10, GBP",
        # Nothing is nothing without a rate too.
        "CO5, 2025-12-01, PN, , programme, 0, GBP",
        "CO6, 2026-02-01, , A1, content, 0, GBP",
    ),
    "deals": table(
        "deal_id, customer_id, stage, amount, currency, created_at, closed_at, is_won",
        "DB, C1, open, 900, USD, 2026-01-20T12:00:00Z, , false",
        "D1, C1, won, 1000, USD, 2025-04-01T12:00:00Z, 2025-05-01T12:00:00Z, true",
        *(f"D{n}, C1, won, 1000, USD, 2025-09-01T12:00:00Z, 2025-10-01T12:00:00Z, true" for n in range(2, 6)),
        "D6, C1, won, 1000, USD, 2025-04-01T12:00:00Z, 2025-05-01T12:00:00Z, true",
        "D7, C2, won, 1000, USD, 2025-12-01T12:00:00Z, 2025-12-01T12:00:00Z, true",
        "D8, C1, won, 1000, GBP, 2025-11-01T12:00:00Z, 2025-11-01T12:00:00Z, true",
        "D9, C1, open, 700, GBP, 2026-01-21T12:00:00Z, , false",
        "D10, C1, open, , GBP, 2026-01-21T12:00:00Z, , false",
    ),
    "deal_partners": table(
        "deal_partner_id, deal_id, partner_id, role, share",
        "X1, DB, PB, sourced, 1",
        "X2, D1, PF, sourced, 1",
        "X3, D1, PZ, influenced, 0.5",
        # Influencing partners claim more than the whole, beside a sourcing one and beside none.
        "X4, D2, P1, sourced, 0.4",
        "X5, D2, P2, influenced, 0.8",
        "X6, D2, P3, influenced, 0.4",
        "X7, D3, P2, influenced, 0.9",
        "X8, D3, P3, influenced, 0.6",
        # Sourcing partners share more than the whole: nobody knows whose it is.
        "X9, D4, P1, sourced, 0.7",
        "X10, D4, P2, sourced, 0.7",
        "X11, D4, P3, influenced, 0.5",
        "X12, D5, P1, sourced, 0.3333333",
        "X13, D6, PE, sourced, 0.5",
        "X14, D6, PR, sourced, 0.5",
        "X15, D7, PR, sourced, 1",
        "X16, D8, PN, sourced, 1",
    ),
    "products": table("product_id, name, family", "subscription, Subscription, software"),
    "invoices": table(
        "invoice_id, customer_id, deal_id, currency, issued_at",
        "I1, C1, D1, USD, 2025-05-01T12:00:00Z",
        *(f"I{n}, C1, D{n}, USD, 2025-10-01T12:00:00Z" for n in range(2, 6)),
        "I6, C1, D6, USD, 2025-05-01T12:00:00Z",
        "I7, C2, D7, USD, 2025-12-01T12:00:00Z",
        "I8, C1, D8, GBP, 2025-11-01T12:00:00Z",
        "I9, C1, D9, GBP, 2026-02-01T12:00:00Z",
    ),
    "invoice_lines": table(
        "line_id, invoice_id, product_id, net, tax", *(f"L{n}, I{n}, subscription, 1000, 0" for n in range(1, 10))
    ),
    "payments": table(
        "payment_id, invoice_id, amount, currency, paid_at",
        "PM1, I1, 1000.00, USD, 2025-05-02T12:00:00Z",
        *(f"PM{n}, I{n}, 1000.00, USD, 2025-10-02T12:00:00Z" for n in range(2, 6)),
        "PM6, I6, 1000.00, USD, 2025-05-02T12:00:00Z",
        "PM7, I7, 1000.00, USD, 2025-12-28T12:00:00Z",
        "PM8, I8, 1000.00, GBP, 2025-11-05T12:00:00Z",
        "PM9, I9, 1000.00, GBP, 2026-02-05T12:00:00Z",
    ),
    "refunds": table(
        "refund_id, payment_id, amount, kind, refunded_at", "RF1, PM1, 1000.00, refund, 2025-08-05T12:00:00Z"
    ),
    # PE was through before it signed; what PR did last is a step of its own.
    "onboarding_steps": table(
        "step_id, partner_id, step, completed_at",
        *(
            f"S{n}{partner}, {partner}, {step}, 2025-06-0{n}T12:00:00Z"
            for partner, last in (("PE", "First-Project"), ("PR", "coffee"))
            for n, step in enumerate(("Welcome call", "overview", "training", "resources", last), start=1)
        ),
    ),
    "market_sizes": table(
        "market_size_id, month, country, segment, amount, currency",
        "M1, 2025-12-01, Us, MID MARKET, 4000, USD",
        "M2, 2025-12-01, US, mid_market, 1000, USD",
        "M3, 2025-12-01, US, , 9000, GBP",
    ),
    "tickets": table(
        "ticket_id, partner_id, opened_at, closed_at, score",
        "T1, PA, 2026-01-05T12:00:00Z, , 3",
        "T2, PA, 2026-01-06T12:00:00Z, 2026-02-02T12:00:00Z, 8",
    ),
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    home: Path = tmp_path_factory.mktemp("edges")
    settings = load_settings(home=home, inbox=home / "inbox", sources=("files",))
    build_company(settings, COMPANY, datetime(2026, 2, 15, 12, tzinfo=UTC))
    with duckdb.connect(str(settings.warehouse_path), read_only=True, config=settings.search_path) as connection:
        yield connection


def test_a_month_of_net_refunds_has_no_return_and_no_share(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Less than nothing over less than nothing is no excellent month: revenue -1000 on an investment of -50."""
    found = warehouse.execute(
        "SELECT DISTINCT kpi_code, value, status FROM kpi.monthly WHERE month = DATE '2025-08-01' "
        "AND kpi_code IN ('partner_roi', 'revenue_attribution') AND dimension IN ('all', 'partner_type') ORDER BY 1"
    ).fetchall()
    assert found == [("partner_roi", None, "no_data"), ("revenue_attribution", None, "no_data")]
    month = "FROM partners.roi_monthly WHERE partner_id = 'PF' AND month = DATE '2025-08-01'"
    assert warehouse.execute(f"SELECT revenue, investment, roi {month}").fetchall() == [(-1000, -50, None)]


@pytest.mark.parametrize("partner", ["PA", "PB"])
def test_every_touch_makes_its_partner_active(warehouse: duckdb.DuckDBPyConnection, partner: str) -> None:
    """A response to its webinar, and its role on an open deal, are touches like a click."""
    days = warehouse.execute(
        "SELECT min(active_from) FROM intermediate.int_partner_activity_spans WHERE partner_id = ?", [partner]
    ).fetchone()
    assert days is not None
    assert days[0] in {date(2026, 1, 15), date(2026, 1, 20)}


def test_a_share_of_nothing_is_no_revenue(warehouse: duckdb.DuckDBPyConnection) -> None:
    found = warehouse.execute(
        "SELECT partner_id, first_revenue_on FROM partners.dim_partner WHERE partner_id IN ('PF', 'PZ') ORDER BY 1"
    ).fetchall()
    assert found == [("PF", date(2025, 5, 2)), ("PZ", None)]


SHARED = [
    ("PM2", {"P1": "400", "P2": "400", "P3": "200"}),
    ("PM3", {"P2": "600", "P3": "400"}),
    ("PM4", {}),
]


@pytest.mark.parametrize(("payment", "expected"), SHARED)
def test_influencing_partners_share_what_is_left_in_proportion(
    warehouse: duckdb.DuckDBPyConnection, payment: str, expected: dict[str, str]
) -> None:
    """Beside sourcing partners and alone, whatever they claim; of what is sourced more than once, nobody has a part."""
    found = warehouse.execute(
        "SELECT partner_id, round(reporting_amount, 2) FROM intermediate.int_kpi_revenue WHERE movement_key = ?",
        [f"payment:{payment}"],
    ).fetchall()
    assert dict(found) == {partner: Decimal(amount) for partner, amount in expected.items()}


@pytest.mark.parametrize(("payment", "expected"), SHARED)
def test_the_second_computation_shares_alike(payment: str, expected: dict[str, str]) -> None:
    """No deal of the sample company is sourced more than once."""
    claims = pd.DataFrame(COMPANY["deal_partners"]).rename(columns={"deal_id": "deal", "partner_id": "partner"})
    landed = Landed.__new__(Landed)
    landed.deal_parts = dict(iter(claims.astype({"share": float}).groupby("deal")))
    landed.deals_by_id = pd.DataFrame({"is_won": True, "closed": None}, index=list(landed.deal_parts))
    move = {"day": None, "month": None, "customer": "C1", "issued": None, "is_first": False}
    landed.movements = pd.DataFrame(
        [move | {"key": f"PM{n}", "deal": f"D{n}", "net": 1000, "usd": 1000.0} for n in range(2, 5)]
    )
    found = landed.revenue[landed.revenue["key"] == payment]
    parts = {part.partner: round(part.usd, 2) for part in found.itertuples()}
    assert parts == {partner: float(amount) for partner, amount in expected.items()}


def test_a_tier_is_held_in_whole_cents_of_its_plans_currency(warehouse: duckdb.DuckDBPyConnection) -> None:
    """0.4 and 0.3333333 of 1,000 are 733.3333, and Gold begins at 50,000."""
    month = "WHERE partner_id = 'P1' AND month = DATE '2025-10-01'"
    held = warehouse.execute(
        f"SELECT tier, tier_revenue, next_tier_gap, currency FROM partners.tier_history {month}"
    ).fetchall()
    assert held == [("Silver", Decimal("733.330"), Decimal("49266.670"), "USD")]
    card = warehouse.execute(f"SELECT next_tier_gap, tier_currency FROM partners.scorecard_monthly {month}").fetchall()
    assert card == [(Decimal("49266.670"), "USD")]


def test_a_partner_is_what_it_is_on_the_day_of_the_run(warehouse: duckdb.DuckDBPyConnection) -> None:
    """A signature and a termination of the future are known, and have not happened; nor has what ended gone on."""
    found = warehouse.execute(
        "SELECT partner_id, status, signed_on, terminated_on, programmes, tier FROM partners.dim_partner "
        "WHERE partner_id IN ('P1', 'PG', 'PL', 'PS') ORDER BY partner_id"
    ).fetchall()
    signed = date(2025, 1, 10)
    assert found == [
        ("P1", "active", signed, None, "reseller", "Silver"),
        ("PG", "terminated", signed, date(2026, 2, 14), None, None),
        ("PL", "active", signed, None, None, None),
        ("PS", "prospect", date(2026, 3, 1), None, None, None),
    ]
    apart = warehouse.execute(
        "SELECT partner_id FROM partners.dim_partner AS now LEFT JOIN partners.dim_partner_history AS history "
        "USING (partner_id) WHERE history.is_current AND (now.status, now.programmes, now.tier) "
        "IS DISTINCT FROM (history.status, history.programmes, history.tier)"
    ).fetchall()
    assert apart == []


def test_success_is_of_the_days_after_the_signature(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Both had revenue before they signed; PR had some again, on the last of its days."""
    found = warehouse.execute(
        "SELECT measure, list(partner_id ORDER BY partner_id) FROM intermediate.int_kpi_snapshots "
        "WHERE grain = 'month' AND period_start = DATE '2026-01-01' AND partner_id IN ('PE', 'PR') "
        "AND measure IN ('matured_partner', 'succeeded_partner') GROUP BY measure"
    ).fetchall()
    assert dict(found) == {"matured_partner": ["PE", "PR"], "succeeded_partner": ["PR"]}


def test_onboarding_has_five_steps_and_no_days_of_less_than_nothing(warehouse: duckdb.DuckDBPyConnection) -> None:
    found = warehouse.execute(
        "SELECT partner_id, steps_completed, completed_on, days_to_complete, days_open, status "
        "FROM partners.onboarding WHERE partner_id IN ('PE', 'PR', 'PS') ORDER BY partner_id"
    ).fetchall()
    assert found == [
        ("PE", 5, date(2025, 6, 5), 0, None, "completed"),
        ("PR", 4, None, None, 229, "in_progress"),
        ("PS", 0, None, None, None, "not_started"),
    ]


def test_a_tickets_score_counts_when_it_is_closed(warehouse: duckdb.DuckDBPyConnection) -> None:
    found = warehouse.execute(
        "SELECT month, value, basis_count FROM kpi.monthly WHERE kpi_code = 'support_satisfaction' "
        "AND dimension = 'all' AND month >= DATE '2026-01-01' ORDER BY month"
    ).fetchall()
    assert found == [(date(2026, 1, 1), None, 0), (date(2026, 2, 1), Decimal(8), 1)]


def test_a_market_is_one_however_it_is_spelt(warehouse: duckdb.DuckDBPyConnection) -> None:
    markets = warehouse.execute(
        "SELECT DISTINCT market_kind, market FROM partners.market_expansion ORDER BY market_kind"
    ).fetchall()
    assert markets == [("country", "US"), ("segment", "mid_market")]
    shares = warehouse.execute(
        "SELECT market, market_size, market_share, is_new FROM partners.market_expansion "
        "WHERE month = DATE '2025-12-01' ORDER BY market_kind"
    ).fetchall()
    assert shares == [("US", 5000, 20, False), ("mid_market", 5000, 20, False)]
    opened = warehouse.execute(
        "SELECT value FROM kpi.monthly WHERE kpi_code = 'market_expansion' AND dimension = 'all' "
        "AND month = DATE '2025-12-01'"
    ).fetchone()
    assert opened == (2,)
    countries = warehouse.execute("SELECT DISTINCT dimension_value FROM kpi.monthly WHERE dimension = 'country'")
    assert {country for (country,) in countries.fetchall()} == {"US", "DE"}


def test_what_the_reports_call_nobody_is_nobodys(warehouse: duckdb.DuckDBPyConnection) -> None:
    january = "month = DATE '2026-01-01'"
    leads = warehouse.execute(f"SELECT partner_id, leads FROM partners.leads_monthly WHERE {january}").fetchall()
    assert leads == [("none", 3)]
    generated = warehouse.execute(
        f"SELECT value FROM kpi.monthly WHERE kpi_code = 'leads_generated' AND dimension = 'all' AND {january}"
    ).fetchone()
    assert generated == (0,)
    costs = warehouse.execute(f"SELECT partner_id, programme_costs FROM partners.roi_monthly WHERE {january}")
    assert costs.fetchall() == [("unassigned", 150)]
    parts = warehouse.execute("SELECT dimension_value FROM kpi.monthly WHERE dimension = 'partner'").fetchall()
    assert {("none",), ("unassigned",)}.isdisjoint(parts)


def test_what_has_no_rate_is_counted_where_it_is_left_out(warehouse: duckdb.DuckDBPyConnection) -> None:
    """PN was paid in pounds in November, and cost pounds in December: there is no rate for them."""
    november, december = date(2025, 11, 1), date(2025, 12, 1)
    returns = "SELECT month, revenue, investment, roi, unconverted_count FROM partners"
    rows = [(november, 0, 0, None, 1), (december, 0, 0, None, 1)]
    found = warehouse.execute(f"{returns}.roi_monthly WHERE partner_id = 'PN' ORDER BY month").fetchall()
    assert found == rows
    by_type = warehouse.execute(
        f"{returns}.roi_by_type_monthly WHERE partner_type = 'integration' ORDER BY month"
    ).fetchall()
    assert by_type == rows
    cards = warehouse.execute(
        "SELECT month, revenue, unconverted_count FROM partners.scorecard_monthly WHERE partner_id = 'PN' "
        "AND month BETWEEN DATE '2025-11-01' AND DATE '2025-12-01' ORDER BY month"
    ).fetchall()
    assert cards == [(november, 0, 1), (december, 0, 0)]
    customers = warehouse.execute(
        "SELECT month, paying_customers, revenue, unconverted_count FROM partners.customers_monthly "
        "WHERE partner_id = 'PN' OR unconverted_count > 0"
    ).fetchall()
    assert customers == [(november, 1, 0, 1)]
    # The size of the market in December has no rate, and the payments of November and February have none.
    markets = warehouse.execute(
        "SELECT month, market, revenue, market_size, unconverted_count FROM partners.market_expansion "
        "WHERE unconverted_count > 0 ORDER BY month, market_kind"
    ).fetchall()
    assert markets == [
        (november, "US", 0, None, 1),
        (november, "mid_market", 0, None, 1),
        (december, "US", 1000, 5000, 1),
        (date(2026, 2, 1), "US", 0, None, 1),
        (date(2026, 2, 1), "mid_market", 0, None, 1),
    ]
    # A deal, what was paid on it, and a cost; the deal without an amount leaves nothing out.
    activities = warehouse.execute(
        "SELECT deals, pipeline, revenue, own_cost, unconverted_count FROM partners.activities"
    ).fetchall()
    assert activities == [(3, 900, 0, 0, 3)]


def test_a_programme_is_one_however_it_is_spelt(warehouse: duckdb.DuckDBPyConnection) -> None:
    """P2 is in it twice at once, and counts once."""
    october = "FROM kpi.monthly WHERE dimension = 'programme' AND month = DATE '2025-10-01'"
    revenue = warehouse.execute(
        f"SELECT dimension_value, value {october} AND kpi_code = 'revenue_generated' AND value > 0 ORDER BY 1"
    ).fetchall()
    assert revenue == [("co_marketing", 600), ("referral", 1600), ("reseller", Decimal("733.33"))]
    named = warehouse.execute(f"SELECT DISTINCT dimension_value {october} ORDER BY 1").fetchall()
    assert [name for (name,) in named] == ["co_marketing", "none", "referral", "reseller"]
    held = warehouse.execute(
        "SELECT partner_id, programmes FROM partners.dim_partner WHERE partner_id IN ('P2', 'P3', 'PN') ORDER BY 1"
    ).fetchall()
    assert held == [("P2", "referral"), ("P3", "co_marketing, referral"), ("PN", None)]
    earned = warehouse.execute(
        "SELECT DISTINCT programme FROM intermediate.int_commission_entitlement WHERE partner_id = 'PF'"
    ).fetchall()
    assert earned == [("Co-Marketing",)]
