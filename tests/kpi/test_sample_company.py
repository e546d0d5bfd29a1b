"""KPIs of the sample company, computed a second time in another way: row by row, from the canonical records."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import duckdb
import pytest
from kpi_company import MARTS

from partner_warehouse import pipeline
from partner_warehouse.sandbox.calendar import AS_OF
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.servers.run import connection_variables, serve
from partner_warehouse.settings import load_settings
from partner_warehouse.warehouse import runner

Warehouse = duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A twentieth of the sample company, from its servers to the KPI marts."""
    home = tmp_path_factory.mktemp("sample")
    settings = load_settings(home=home, inbox=home / "inbox")
    with pytest.MonkeyPatch.context() as patch:
        with serve(Company.generate(seed=2025, scale=0.05), now=AS_OF, inbox=home / "inbox") as endpoints:
            for name, value in connection_variables(endpoints.urls).items():
                patch.setitem(os.environ, name, value)
            pipeline.ingest(settings)
        runner.prepare(settings, as_of=AS_OF)
        runner.build("marts", settings, select=MARTS)
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def closed_months(sample: Warehouse) -> list[date]:
    rows = sample.execute("select distinct month from kpi.monthly where is_closed order by month").fetchall()
    return [month for (month,) in rows]


def monthly(sample: Warehouse, kpi: str) -> dict[date, Decimal | None]:
    rows = sample.execute(
        "select month, value from kpi.monthly where dimension = 'all' and kpi_code = ? and is_closed", [kpi]
    ).fetchall()
    return dict(rows)


def month_of(day: date) -> date:
    return day.replace(day=1)


def next_month(month: date) -> date:
    return month_of(month + timedelta(days=31))


def rounded(number: Fraction, digits: int = 6) -> Decimal:
    """Half away from zero."""
    scaled = abs(number) * 10**digits
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return (Decimal(whole) if number >= 0 else -Decimal(whole)).scaleb(-digits)


def revenue_rows(sample: Warehouse) -> list[tuple[str, date, str, str, Fraction]]:
    """Movement, day, partner, role, and the partner's claim in dollars."""
    rates = {
        (day, currency): Fraction(rate)
        for day, currency, rate in sample.execute(
            "select rate_date, from_currency, rate from intermediate.int_fx_rates_daily where to_currency = 'USD'"
        ).fetchall()
    }
    found = sample.execute(
        "select movement_kind || movement_id, cast(occurred_at as date), currency, net_collected, "
        "partner_id, role, share from intermediate.int_billing_movements inner join intermediate.int_movement_partners "
        "using (movement_kind, movement_id) where net_collected <> 0"
    ).fetchall()
    return [
        (key, day, partner, role, Fraction(net) * rates[day, currency] * Fraction(share))
        for key, day, currency, net, partner, role, share in found
    ]


def test_revenue(sample: Warehouse) -> None:
    expected: dict[date, Fraction] = defaultdict(Fraction)
    for _, day, _, _, amount in revenue_rows(sample):
        expected[month_of(day)] += amount
    found = monthly(sample, "revenue_generated")
    assert sum(expected.values()) > 0
    # The sample's roles never claim more than the whole. The warehouse keeps ten decimals of each part.
    assert {month: abs(Fraction(value) - expected[month]) < Fraction(6, 1000) for month, value in found.items()} == (
        dict.fromkeys(found, True)
    )


def test_active_partners_and_their_growth(sample: Warehouse) -> None:
    days: dict[str, set[date]] = defaultdict(set)
    for _, day, partner, _, amount in revenue_rows(sample):
        if amount > 0:
            days[partner].add(day)
    for query in (
        "select partner_id, cast(created_at as date) from intermediate.int_leads where partner_id is not null",
        "select partner_id, cast(registered_at as date) from intermediate.int_deal_partners",
        "select partner_id, cast(occurred_at as date) from intermediate.int_touchpoints where partner_id is not null",
    ):
        for partner, day in sample.execute(query).fetchall():
            if day is not None:
                days[partner].add(day)

    def active(month: date) -> int:
        end = next_month(month)
        return sum(any(end - timedelta(days=90) <= day < end for day in found) for found in days.values())

    months = closed_months(sample)
    counts = {month: active(month) for month in months}
    assert monthly(sample, "active_partners") == counts
    growth = {
        later: rounded(Fraction(100 * (counts[later] - counts[earlier]), counts[earlier])) if counts[earlier] else None
        for earlier, later in pairwise(months)
    }
    assert monthly(sample, "partner_growth") == {months[0]: None} | growth


def test_leads_by_partner(sample: Warehouse) -> None:
    expected: dict[tuple[date, str], int] = defaultdict(int)
    for partner, day in sample.execute(
        "select partner_id, cast(created_at as date) from intermediate.int_leads where partner_id is not null"
    ).fetchall():
        expected[month_of(day), partner] += 1
    found = sample.execute(
        "select month, dimension_value, value from kpi.monthly "
        "where kpi_code = 'leads_generated' and dimension = 'partner'"
    ).fetchall()
    assert {(month, partner): int(value) for month, partner, value in found} == expected


@pytest.mark.parametrize(
    ("kpi", "table", "instant"),
    [("partner_satisfaction", "int_surveys", "answered_at"), ("support_satisfaction", "int_tickets", "closed_at")],
)
def test_mean_scores(sample: Warehouse, kpi: str, table: str, instant: str) -> None:
    scores: dict[date, list[Fraction]] = defaultdict(list)
    for score, day in sample.execute(
        f"select score, cast({instant} as date) from intermediate.{table} where score is not null"
    ).fetchall():
        scores[month_of(day)].append(Fraction(score))
    expected = {
        month: rounded(sum(scores[month], Fraction()) / len(scores[month])) if scores[month] else None
        for month in closed_months(sample)
    }
    assert monthly(sample, kpi) == expected


def test_training_completion(sample: Warehouse) -> None:
    training = sample.execute(
        "select cast(assigned_at as date), cast(completed_at as date) from intermediate.int_training"
    ).fetchall()
    expected = {}
    for month in closed_months(sample):
        end = next_month(month)
        assigned = [completed for day, completed in training if day < end]
        done = [completed for completed in assigned if completed is not None and completed < end]
        expected[month] = rounded(Fraction(100 * len(done), len(assigned))) if assigned else None
    assert monthly(sample, "training_completion") == expected


def test_retention(sample: Warehouse) -> None:
    spans = sample.execute(
        "select partner_id, active_from, active_until from intermediate.int_partner_activity_spans"
    ).fetchall()

    def active(day: date) -> set[str]:
        return {partner for partner, start, end in spans if start < day <= end}

    expected = {}
    for month in closed_months(sample):
        end = next_month(month)
        before = active(end.replace(year=end.year - 1))
        expected[month] = rounded(Fraction(100 * len(before & active(end)), len(before))) if before else None
    assert monthly(sample, "partner_retention") == expected


def test_there_is_data_for_every_kpi(sample: Warehouse) -> None:
    known = sample.execute(
        "select kpi_code from kpi.monthly where dimension = 'all' and is_closed group by 1 having count(value) > 0"
    ).fetchall()
    assert len(known) == 20


def test_partners_sum_to_the_whole(sample: Warehouse) -> None:
    rows = sample.execute(
        "select month, sum(value) filter (dimension = 'partner'), sum(value) filter (dimension = 'partner_type'), "
        "sum(value) filter (dimension = 'influence'), max(value) filter (dimension = 'all') "
        "from kpi.monthly where kpi_code = 'revenue_generated' group by month"
    ).fetchall()
    for _, partners, types, influence, whole in rows:
        for parts in (partners, types, influence):
            assert abs((parts or 0) - whole) <= Decimal("0.5")
