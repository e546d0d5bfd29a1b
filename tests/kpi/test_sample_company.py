"""KPIs of the sample company against a second computation, in pandas, from what its sources delivered."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from kpi_company import MARTS
from landed_commissions import Earned, LandedCommissions, in_dollars
from landed_kpis import Kpis, Landed, month_after, seed

from partner_warehouse import pipeline
from partner_warehouse.sandbox.calendar import AS_OF
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.servers.run import connection_variables, serve
from partner_warehouse.settings import load_settings
from partner_warehouse.warehouse import runner

Warehouse = duckdb.DuckDBPyConnection
KPIS = [row["kpi_code"] for row in seed("kpi_definitions")]
UNITS = {row["kpi_code"]: row["unit"] for row in seed("kpi_definitions")}


@dataclass(frozen=True)
class Sample:
    """The marts, and the other computation of what is in them."""

    warehouse: Warehouse
    kpis: Kpis
    earned: list[Earned]

    def monthly(self, kpi: str) -> dict[date, Decimal | None]:
        """A KPI of the whole company in every month, the begun one too."""
        rows = self.warehouse.execute(
            "select month, value from kpi.monthly where dimension = 'all' and kpi_code = ? order by month", [kpi]
        ).fetchall()
        return dict(rows)

    def parts(self, kpi: str, dimension: str) -> dict[tuple[date, str], Decimal]:
        """A KPI of the parts of the company in every month."""
        rows = self.warehouse.execute(
            "select month, dimension_value, value from kpi.monthly where kpi_code = ? and dimension = ?",
            [kpi, dimension],
        ).fetchall()
        return {(month, part): value for month, part, value in rows}


def build_sample(home: Path, scale: float) -> None:
    """The sample company, from its servers to the KPI marts."""
    settings = load_settings(home=home, inbox=home / "inbox")
    with pytest.MonkeyPatch.context() as patch:
        with serve(Company.generate(seed=2025, scale=scale), now=AS_OF, inbox=home / "inbox") as endpoints:
            for name, value in connection_variables(endpoints.urls).items():
                patch.setitem(os.environ, name, value)
            pipeline.ingest(settings)
        runner.prepare(settings, as_of=AS_OF)
        runner.build("marts", settings, select=MARTS)


def open_sample(home: Path) -> Sample:
    """Both computations over one home."""
    warehouse = duckdb.connect(str(home / "warehouse" / "warehouse.duckdb"), read_only=True)
    warehouse.execute("set timezone = 'UTC'")
    landed = Landed(home, AS_OF)
    earned = list(LandedCommissions(landed).earned())
    months = [month for (month,) in warehouse.execute("select distinct month from kpi.monthly order by 1").fetchall()]
    return Sample(warehouse, Kpis(landed, months, in_dollars(landed, earned)), earned)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """A twentieth of the sample company."""
    home = tmp_path_factory.mktemp("sample")
    build_sample(home, scale=0.05)
    opened = open_sample(home)
    yield opened
    opened.warehouse.close()


def differences(sample: Sample, kpi: str) -> dict[date, tuple[Decimal | None, float | None]]:
    """The months in which the two computations disagree: the marts' value and the other."""
    # Money is rounded to cents, everything else to six decimals, after ten decimals of each part of a payment.
    allowed = 0.0051 if UNITS[kpi] == "currency" else 1e-6
    found, expected = sample.monthly(kpi), getattr(sample.kpis, kpi)()
    assert found.keys() == expected.keys()
    return {
        month: (value, expected[month])
        for month, value in found.items()
        if (value is None) != (expected[month] is None)
        or (value is not None and abs(float(value) - expected[month]) > max(allowed, 1e-7 * abs(expected[month])))
    }


@pytest.mark.parametrize("kpi", KPIS)
def test_both_computations_agree_in_every_month(sample: Sample, kpi: str) -> None:
    assert differences(sample, kpi) == {}


def commission_differences(sample: Sample) -> dict[tuple[str, str, date], tuple[Decimal, Decimal]]:
    """The partners and days whose commissions the two computations disagree on: the engine's and the other."""
    both: dict[tuple[str, str, date], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    entitled = sample.warehouse.execute(
        "select partner_id, currency, earned_on, amount from intermediate.int_commission_entitlement "
        "where amount is not null"
    ).fetchall()
    for partner, currency, day, amount in entitled:
        both[partner, currency, day][0] += amount
    for one in sample.earned:
        both[one.partner, one.currency, one.day][1] += one.amount
    return {key: (engine, other) for key, (engine, other) in both.items() if engine != other}


def test_both_computations_agree_on_every_commission(sample: Sample) -> None:
    assert len({(one.partner, one.currency) for one in sample.earned}) > 1
    assert commission_differences(sample) == {}


def test_the_months_are_all_that_have_facts(sample: Sample) -> None:
    months = sample.kpis.months
    first = min(days for partner in sample.kpis.active.values() for days in partner)
    assert months[0] == min(first.replace(day=1), min(sample.kpis.landed.movements["month"]))
    assert all(month_after(earlier) == later for earlier, later in pairwise(months))
    assert months[-1] == AS_OF.date().replace(day=1)


@pytest.mark.parametrize("dimension", ["partner", "partner_type", "influence"])
def test_both_computations_agree_on_the_parts_of_revenue(sample: Sample, dimension: str) -> None:
    expected = sample.kpis.revenue_by(dimension)
    found = sample.parts("revenue_generated", dimension)
    assert len(expected) > len(sample.kpis.months) / 2
    assert {key for key, value in found.items() if value} <= expected.keys()
    wrong = {key: value for key, value in expected.items() if abs(float(found.get(key, 0)) - value) > 0.0051}
    assert wrong == {}


def test_there_is_data_for_every_kpi(sample: Sample) -> None:
    assert [kpi for kpi in KPIS if not any(value is not None for value in sample.monthly(kpi).values())] == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_both_computations_agree_on_the_whole_company(tmp_path: Path) -> None:
    """Sixty partners, eighteen closed months and the begun one: disputes, merges, splits, missing rates."""
    build_sample(tmp_path, scale=1)
    opened = open_sample(tmp_path)
    assert {kpi: found for kpi in KPIS if (found := differences(opened, kpi))} == {}
    assert commission_differences(opened) == {}
    assert len(opened.kpis.months) == 19
