"""Each of the twenty KPIs against a company that was computed by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import duckdb
import pytest

from partner_warehouse.settings import Settings

JANUARY, FEBRUARY, MARCH = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)
Warehouse = duckdb.DuckDBPyConnection

# What each KPI is in January, February and March 2026.
EXPECTED: dict[str, tuple[str | None, str | None, str | None]] = {
    # Jan: 1,200 with 200 of tax. Feb: EUR 2,000 at 1.10. Mar: 4,000 + 500, and 300 of the 1,200 given back, 250 net.
    "revenue_generated": ("1000", "2200", "4250"),
    # Active: P1; then P2 and P3 too.
    "active_partners": ("1", "3", "3"),
    "revenue_per_partner": ("1000", "733.33", "1416.67"),
    "revenue_growth": (None, "120", "93.181818"),
    # 1,800 of February came without a partner.
    "revenue_attribution": ("100", "55", "100"),
    "partner_satisfaction": ("9.5", None, "8"),
    # A year before the end of March, P1 and P4 were active; P1 still is. At the end of February 2025 nobody was.
    "partner_retention": (None, None, "50"),
    "partner_growth": (None, "200", "0"),
    "leads_generated": ("2", "2", "0"),
    # US and smb; then DE and enterprise; then FR, whose segment is not new.
    "market_expansion": ("2", "4", "5"),
    # Jan: K1 on two devices, and a3. Feb: a3, a4, K1. Mar: nobody.
    "brand_awareness": (None, "50", "-100"),
    "customer_acquisition": ("1", "1", "1"),
    # 1,000 of 100,000; 2,200 of 50,000 + 60,000; 4,250 of 100,000.
    "market_share": (None, "100", "112.5"),
    "onboarding_time": (None, "20", None),
    "training_completion": ("50", "33.333333", "66.666667"),
    "support_satisfaction": ("10", "7", None),
    # P1 and P4 had no revenue within 180 days; P2's 180 days ended on 28 February, its revenue came on the 10th.
    "success_rate": ("0", "33.333333", "33.333333"),
    # 387 days; 415, 181 and 28; 446, 212 and 59.
    "longevity": ("12.714579", "6.833676", "7.852156"),
    # Mar: P1 (0.3 x 3.75 + 0.2 x 8 + 0.1 x 10) / 0.6; P2 0.3 x 0.5 / 0.4; P3 0.
    # Feb: P1 0.3 x 0.88 / 0.4; P2 (0.3 x 1.32 + 0.4 x 10) / 0.7; P3 0.
    # Jan: P1 (0.3 x 1 + 0.2 x 10 x 50/60 + 0.2 x 10 + 0.2 x 9) / 0.9: L1 became a customer.
    "partnership_quality": ("6.407407", "2.313333", "2.194444"),
}


def value(warehouse: Warehouse, kpi: str, month: date, dimension: str = "all", part: str = "all") -> Decimal | None:
    row = warehouse.execute(
        "select value from kpi.monthly where kpi_code = ? and month = ? and dimension = ? and dimension_value = ?",
        [kpi, month, dimension, part],
    ).fetchone()
    return row[0] if row else None


@pytest.mark.parametrize("kpi", EXPECTED)
def test_kpi(company: Warehouse, kpi: str) -> None:
    found = tuple(value(company, kpi, month) for month in (JANUARY, FEBRUARY, MARCH))
    assert found == tuple(None if text is None else Decimal(text) for text in EXPECTED[kpi])


def test_return_counts_commissions_and_our_share_of_costs(company: Warehouse) -> None:
    revenue = {JANUARY: Decimal(1000), FEBRUARY: Decimal(2200), MARCH: Decimal(4250)}
    costs = {JANUARY: Decimal(100), FEBRUARY: Decimal("200.25"), MARCH: Decimal(250)}
    for month in (JANUARY, FEBRUARY, MARCH):
        invested = costs[month] + _commissions(company, month)
        expected = ((revenue[month] - invested) * 100 / invested).quantize(Decimal("0.000001"))
        assert value(company, "partner_roi", month) == expected


def _commissions(company: Warehouse, month: date) -> Decimal:
    row = company.execute(
        "select coalesce(sum(reporting_amount), 0) from intermediate.int_kpi_investments "
        "where kind = 'commission' and date_trunc('month', spent_on) = ?",
        [month],
    ).fetchone()
    assert row is not None
    return Decimal(row[0])


def test_direct_and_indirect_make_the_whole(company: Warehouse) -> None:
    for month, direct, indirect in ((FEBRUARY, "1320", "880"), (MARCH, "4250", None)):
        assert value(company, "revenue_generated", month, "influence", "direct") == Decimal(direct)
        found = value(company, "revenue_generated", month, "influence", "indirect")
        # A row of a part stands while it or the month before has a fact: of March's indirect revenue there is none.
        assert found == (Decimal(indirect) if indirect else Decimal(0))


def test_parts_of_the_company(company: Warehouse) -> None:
    assert value(company, "revenue_generated", FEBRUARY, "partner", "P1") == Decimal(880)
    assert value(company, "revenue_generated", FEBRUARY, "partner_type", "technology") == Decimal(1320)
    assert value(company, "revenue_generated", MARCH, "country", "US") == Decimal(3750)
    assert value(company, "revenue_attribution", FEBRUARY, "partner", "P2") == Decimal(33)
    # On 10 February P1 is in two programmes and counts in both; of the reseller programme March knows nothing.
    assert value(company, "revenue_generated", FEBRUARY, "programme", "reseller") == Decimal(880)
    assert value(company, "revenue_generated", FEBRUARY, "programme", "referral") == Decimal(2200)
    assert value(company, "active_partners", MARCH, "programme", "none") == 1


def test_every_month_has_all_twenty(company: Warehouse) -> None:
    counts = company.execute(
        "select month, count(distinct kpi_code), bool_and(is_closed) from kpi.monthly "
        "where dimension = 'all' group by month order by month"
    ).fetchall()
    assert counts[0][0] == date(2025, 3, 1)
    assert len(counts) == 14
    assert {found for _, found, _ in counts} == {20}
    assert [month for month, _, is_closed in counts if not is_closed] == [date(2026, 4, 1)]


def test_an_empty_month_counts_nothing_and_divides_nothing(company: Warehouse) -> None:
    empty = date(2025, 10, 1)
    rows = company.execute(
        "select kpi_code, value, status, basis_count from kpi.monthly where dimension = 'all' and month = ?", [empty]
    ).fetchall()
    found = {kpi: (number, status) for kpi, number, status, _ in rows}
    levels = {
        "revenue_generated",
        "active_partners",
        "leads_generated",
        "market_expansion",
        "customer_acquisition",
    }
    # Whether the partners of a year ago succeeded is known in any month.
    assert {kpi for kpi, (number, _) in found.items() if number is not None} == {*levels, "success_rate"}
    assert {found[kpi] for kpi in levels} == {(Decimal(0), "off_target")}
    assert {status for kpi, (number, status) in found.items() if number is None} == {"no_data"}


def test_targets(company: Warehouse) -> None:
    rows = company.execute(
        "select kpi_code, operator, target, status from kpi.monthly where dimension = 'all' and month = ?", [MARCH]
    ).fetchall()
    found = {kpi: (operator, target, status) for kpi, operator, target, status in rows}
    assert found["revenue_growth"] == (">=", Decimal(50), "on_target")
    assert found["market_expansion"] == (">=", Decimal(5), "on_target")
    assert found["partner_satisfaction"] == (">", Decimal(9), "off_target")
    assert found["onboarding_time"] == ("<", Decimal(30), "no_data")
    band = company.execute(
        "select target, target_to from kpi.monthly "
        "where kpi_code = 'partner_roi' and month = ? and dimension_value = 'technology'",
        [FEBRUARY],
    ).fetchone()
    assert band == (Decimal(300), Decimal(500))


def test_longer_reports_are_of_the_same_facts(company: Warehouse) -> None:
    quarter = dict(
        company.execute(
            "select kpi_code, value from kpi.quarterly where dimension = 'all' and quarter = ?", [JANUARY]
        ).fetchall()
    )
    assert quarter["revenue_generated"] == Decimal(7450)
    assert quarter["partner_satisfaction"] == Decimal(9)
    assert quarter["customer_acquisition"] == 3
    target = company.execute(
        "select target from kpi.quarterly where kpi_code = 'revenue_generated' and dimension = 'all' and quarter = ?",
        [JANUARY],
    ).fetchone()
    assert target == (Decimal(300000),)
    day = company.execute(
        "select value from kpi.daily where kpi_code = 'revenue_generated' and dimension = 'all' and day = '2026-03-31'"
    ).fetchone()
    assert day == (Decimal(500),)


def test_scorecard(company: Warehouse) -> None:
    row = company.execute(
        "select revenue, direct_revenue, influenced_revenue, growth, leads, satisfaction, quality_score "
        "from partners.scorecard_monthly where partner_id = 'P1' and month = ?",
        [MARCH],
    ).fetchone()
    assert row == (
        Decimal(3750),
        Decimal(3750),
        Decimal(0),
        Decimal("326.136364"),
        0,
        Decimal(8),
        Decimal("6.208333"),
    )
    claimed = company.execute(
        "select revenue, influenced_revenue from partners.scorecard_monthly where partner_id = 'P3' and month = ?",
        [MARCH],
    ).fetchone()
    assert claimed == (Decimal(0), Decimal(4000))


def test_recruitment_and_activities(company: Warehouse) -> None:
    prospect = company.execute(
        "select weighted_score, actual_days, planned_days, is_late from partners.recruitment"
    ).fetchone()
    # (0.30 x 8 + 0.20 x 6 + 0.15 x 4 + 0.15 x 10) / 0.80
    assert prospect == (Decimal("7.125"), 40, 30, True)
    activity = company.execute(
        "select registered, attended, follow_up_rate, total_cost, own_cost, partner_cost, deals, revenue, roi "
        "from partners.activities"
    ).fetchone()
    # K1 of C1 came on 1 February; C1's deal D5 was created on 1 March and brought 500.
    cents = (Decimal("400.50"), Decimal("200.25"), Decimal("200.25"))
    assert activity == (1, 1, 0, *cents, 1, Decimal(500), Decimal("149.68789"))


def test_no_personal_data(company: Warehouse) -> None:
    columns = company.execute(
        "select column_name from information_schema.columns where table_schema in ('kpi', 'partners')"
    ).fetchall()
    assert not [name for (name,) in columns if "email" in name or "contact" in name]


def test_one_partner_and_one_payment(smallest: Settings) -> None:
    """The smallest company builds, with all its tests and contracts; what it cannot know is null."""
    with duckdb.connect(str(smallest.warehouse_path), read_only=True) as warehouse:
        # Without invoice lines the whole payment is net.
        assert value(warehouse, "revenue_generated", JANUARY) == Decimal(1200)
        assert value(warehouse, "partner_roi", JANUARY) is None
