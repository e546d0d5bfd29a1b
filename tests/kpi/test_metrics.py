"""The metrics of the semantic layer say the same as the marts: each KPI is evaluated by its definition."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pytest
from landed_kpis import seed
from semantic_layer import SemanticLayer

from partner_warehouse.settings import Settings

KPIS = {row["kpi_code"]: row for row in seed("kpi_definitions")}
MONTH = "metric_time__month"
WHOLE = "{{ Dimension('cell__dimension') }} = 'all'"
SAVED = (
    "revenue_kpis",
    "reach_kpis",
    "partnership_kpis",
    "market_kpis",
    "quality_kpis",
    "kpis_by_partner_type",
    "partner_scorecard",
)


@pytest.fixture(scope="module")
def layer(company: duckdb.DuckDBPyConnection, company_settings: Settings) -> SemanticLayer:
    return SemanticLayer(company_settings.dbt_dir, company)


def agrees(value: Any, expected: Any, unit: str) -> bool:
    """Both are null, or as close as the marts' rounding allows."""
    if value is None or expected is None:
        return value is None and expected is None
    allowed = 0.0051 if unit == "currency" else 1e-6
    return abs(float(value) - float(expected)) <= max(allowed, 1e-9 * abs(float(value)))


@pytest.mark.parametrize("kpi", KPIS)
def test_a_metric_and_its_mart_agree_in_every_month(
    layer: SemanticLayer, company: duckdb.DuckDBPyConnection, kpi: str
) -> None:
    found = {
        month.date(): value
        for month, value in layer.query(metric_names=[kpi], group_by_names=[MONTH], where_constraints=[WHOLE])
    }
    expected: dict[date, Any] = dict(
        company.execute(
            "select month, value from kpi.monthly where dimension = 'all' and kpi_code = ?", [kpi]
        ).fetchall()
    )
    assert expected
    # A month in which a metric is nothing has no row where nothing fills it.
    wrong = {
        month: (found.get(month), value)
        for month, value in expected.items()
        if not agrees(found.get(month), value, KPIS[kpi]["unit"])
    }
    assert wrong == {}


@pytest.mark.parametrize("kpi", ["revenue_generated", "partner_roi", "partnership_quality", "training_completion"])
def test_a_metric_and_its_mart_agree_on_every_partner_type(
    layer: SemanticLayer, company: duckdb.DuckDBPyConnection, kpi: str
) -> None:
    rows = layer.query(
        metric_names=[kpi],
        group_by_names=[MONTH, "cell__dimension_value"],
        where_constraints=["{{ Dimension('cell__dimension') }} = 'partner_type'"],
    )
    found = {(month.date(), part): value for month, part, value in rows if month is not None and value is not None}
    expected = company.execute(
        "select month, dimension_value, value from kpi.monthly where dimension = 'partner_type' and kpi_code = ?", [kpi]
    ).fetchall()
    wrong = [
        (month, part, value)
        for month, part, value in expected
        if value and not agrees(found.get((month, part)), value, KPIS[kpi]["unit"])
    ]
    assert len(expected) > 3
    assert wrong == []


def test_every_kpi_is_a_metric_and_every_metric_is_described(layer: SemanticLayer) -> None:
    metrics = {metric.name: metric for metric in layer.manifest.metrics}
    assert KPIS.keys() <= metrics.keys()
    assert [name for name, metric in metrics.items() if not metric.description] == []


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_query_answers(layer: SemanticLayer, name: str) -> None:
    assert layer.query(saved_query_name=name)


def test_every_saved_query_is_tried(layer: SemanticLayer) -> None:
    """But the one over payouts, which the hand-made company has none of: it is only written as SQL."""
    assert {query.name for query in layer.manifest.saved_queries} == {*SAVED, "payouts_by_currency"}
    assert "payout_history" in layer.sql(saved_query_name="payouts_by_currency")
