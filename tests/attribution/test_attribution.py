"""Random companies through the file drop: every credit as worked out by hand, and totals that reconcile."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import duckdb
import pytest
from attribution_companies import (
    CHANNELS,
    LOOKBACK,
    MILESTONES,
    MOST_MILLS,
    PARTS,
    Company,
    in_whole_parts,
    journey_of,
    open_journeys,
    rule_weights,
)
from attribution_journeys import Journey, coalitions, conversion_rate_without
from attribution_warehouse import build_attribution

from partner_warehouse.settings import Settings
from partner_warehouse.warehouse.attribution import shapley_values

MODELS = (*MILESTONES, "time_decay", "markov", "shapley")
PARTNERS = ("P1", "P2", "P3", "no_partner")


def _credits(warehouse: duckdb.DuckDBPyConnection, model: str) -> dict[str, dict[str, tuple[Decimal, Decimal]]]:
    rows = warehouse.execute(
        "SELECT conversion_id, touchpoint_id, credit, amount FROM attribution.credits WHERE model = ?", [model]
    ).fetchall()
    found: dict[str, dict[str, tuple[Decimal, Decimal]]] = defaultdict(dict)
    for conversion_id, touchpoint_id, credit, amount in rows:
        found[conversion_id][touchpoint_id] = (credit, amount)
    return found


def _journeys(company: Company, unit: str) -> list[Journey]:
    """All journeys, converting and open, as numbers of channels or of partners."""
    names = CHANNELS if unit == "channel" else PARTNERS
    converting = [(journey_of(conversion, company.touches), True) for conversion in company.conversions]
    journeys = [*converting, *((journey, False) for journey in open_journeys(company))]
    return [
        (
            tuple(
                names.index(touch.channel if unit == "channel" else touch.partner_id or "no_partner")
                for touch in touches
            ),
            converted,
        )
        for touches, converted in journeys
        if touches
    ]


@pytest.mark.parametrize("model", MILESTONES)
def test_rules_credit_exactly_what_they_say(warehouse: duckdb.DuckDBPyConnection, company: Company, model: str) -> None:
    found = _credits(warehouse, model)
    assert len(found) == len(company.conversions)
    for conversion in company.conversions:
        journey = journey_of(conversion, company.touches)
        amount_parts = conversion.mills // conversion.mills_per_part
        if not journey:
            expected = {"unattributed": (Decimal(1), Decimal(conversion.mills) / 1000)}
        else:
            parts = in_whole_parts(rule_weights(model, conversion, journey), PARTS)
            amounts = in_whole_parts([Fraction(part, PARTS) for part in parts], amount_parts)
            expected = {
                touch.touchpoint_id: (Decimal(part) / PARTS, Decimal(amount * conversion.mills_per_part) / 1000)
                for touch, part, amount in zip(journey, parts, amounts, strict=True)
                if part
            }
        assert found[conversion.conversion_id] == expected, conversion


def test_time_decay_halves_every_week(warehouse: duckdb.DuckDBPyConnection, company: Company) -> None:
    found = _credits(warehouse, "time_decay")
    for conversion in company.conversions:
        journey = journey_of(conversion, company.touches)
        for touch, weight in zip(journey, rule_weights("time_decay", conversion, journey), strict=True):
            credit, _ = found[conversion.conversion_id].get(touch.touchpoint_id, (Decimal(0), Decimal(0)))
            assert float(credit) == pytest.approx(float(weight), abs=1e-11)


def test_direct_earns_only_where_the_whole_journey_is_direct(
    warehouse: duckdb.DuckDBPyConnection, company: Company
) -> None:
    found = _credits(warehouse, "last_non_direct")
    for conversion in company.conversions:
        channel_of = {touch.touchpoint_id: touch.channel for touch in journey_of(conversion, company.touches)}
        earning = {channel_of.get(touchpoint_id) for touchpoint_id in found[conversion.conversion_id]}
        assert ("direct" in earning) == (set(channel_of.values()) == {"direct"})


def test_the_company_meets_its_edges(company: Company) -> None:
    """Ties, touches at and after the conversion, at the end of the lookback, and none at all; every kind of amount."""
    journeys = [journey_of(conversion, company.touches) for conversion in company.conversions]
    pairs = [(earlier, later) for journey in journeys for earlier, later in pairwise(journey)]
    assert any(earlier.occurred_at == later.occurred_at for earlier, later in pairs)
    ages = {
        conversion.converted_at - touch.occurred_at
        for conversion in company.conversions
        for touch in company.touches
        if touch.account_id == conversion.account_id
    }
    instant = timedelta(0)
    assert {instant, -timedelta(microseconds=1), LOOKBACK, LOOKBACK - timedelta(microseconds=1)} <= ages
    assert any(not journey for journey in journeys)
    assert any(len({touch.channel for touch in journey}) == 1 < len(journey) for journey in journeys)
    amounts = {conversion.mills for conversion in company.conversions if conversion.kind == "deal"}
    assert {0, -1, MOST_MILLS, -MOST_MILLS} <= amounts


def test_touches_are_numbered_in_the_order_of_journeys(warehouse: duckdb.DuckDBPyConnection, company: Company) -> None:
    """So the numbers are the same whenever a model that has them is built again."""
    rows = warehouse.execute("SELECT touchpoint_id, touch_key FROM intermediate.int_touches").fetchall()
    ordered = sorted(company.touches, key=lambda touch: (touch.occurred_at, touch.touchpoint_id))
    assert dict(rows) == {touch.touchpoint_id: number for number, touch in enumerate(ordered, start=1)}


@pytest.mark.parametrize("model", MODELS)
def test_credits_and_amounts_sum_to_the_conversion(
    warehouse: duckdb.DuckDBPyConnection, company: Company, model: str
) -> None:
    found = _credits(warehouse, model)
    for conversion in company.conversions:
        earned = found[conversion.conversion_id].values()
        assert sum(credit for credit, _ in earned) == 1
        assert sum(amount for _, amount in earned) == Decimal(conversion.mills) / 1000
        assert all(credit > 0 for credit, _ in earned)


@pytest.mark.parametrize("unit", ["channel", "partner"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_markov_allocates_by_removal(
    warehouse: duckdb.DuckDBPyConnection, company: Company, order: int, unit: str
) -> None:
    journeys = _journeys(company, unit)
    names = CHANNELS if unit == "channel" else PARTNERS
    whole = conversion_rate_without(journeys, order, None)
    lost = [1 - conversion_rate_without(journeys, order, number) / whole for number in range(len(names))]
    conversions = sum(converted for _, converted in journeys)
    found = {
        unit_id: (effect, allocated, reached)
        for unit_id, effect, allocated, reached in warehouse.execute(
            "SELECT unit_id, removal_effect, conversions, journeys FROM attribution.markov "
            "WHERE model_order = ? AND unit = ?",
            [order, unit],
        ).fetchall()
    }
    untouched = found.pop("unattributed")
    assert set(found) == set(names)
    for number, name in enumerate(names):
        effect, allocated, reached = found[name]
        assert float(effect) == pytest.approx(float(lost[number]), abs=1e-10)
        assert float(allocated) == pytest.approx(float(lost[number] / sum(lost) * conversions), abs=1e-8)
        assert reached == sum(number in touches for touches, _ in journeys)
    assert sum(allocated for _, allocated, _ in found.values()) == conversions
    assert untouched[1] == len(company.conversions) - conversions


def test_markov_credits_share_by_removal_effects_within_the_journey(
    warehouse: duckdb.DuckDBPyConnection, company: Company
) -> None:
    journeys = _journeys(company, "channel")
    whole = conversion_rate_without(journeys, 1, None)
    worth = [float(1 - conversion_rate_without(journeys, 1, number) / whole) for number in range(len(CHANNELS))]
    _assert_shared_by_worth(_credits(warehouse, "markov"), company, worth)


def test_shapley_credits_share_by_values_within_the_journey(
    warehouse: duckdb.DuckDBPyConnection, company: Company
) -> None:
    values = shapley_values(coalitions(_journeys(company, "channel")), len(CHANNELS))
    _assert_shared_by_worth(_credits(warehouse, "shapley"), company, [max(float(value), 0.0) for value in values])


def _assert_shared_by_worth(
    found: dict[str, dict[str, tuple[Decimal, Decimal]]], company: Company, worth: list[float]
) -> None:
    for conversion in company.conversions:
        channels = [touch.channel for touch in journey_of(conversion, company.touches)]
        of_channel = {channel: worth[CHANNELS.index(channel)] for channel in channels}
        if not any(of_channel.values()):
            of_channel = dict.fromkeys(of_channel, 1.0)
        for touch in journey_of(conversion, company.touches):
            expected = of_channel[touch.channel] / sum(of_channel.values()) / channels.count(touch.channel)
            credit, _ = found[conversion.conversion_id].get(touch.touchpoint_id, (Decimal(0), Decimal(0)))
            assert float(credit) == pytest.approx(expected, abs=1e-9)


def test_shapley_by_participation_is_linear_over_distinct_channels(
    warehouse: duckdb.DuckDBPyConnection, company: Company
) -> None:
    expected = dict.fromkeys(CHANNELS, 0.0)
    for touches, converted in _journeys(company, "channel"):
        for number in set(touches) if converted else ():
            expected[CHANNELS[number]] += 1 / len(set(touches))
    found = dict(warehouse.execute("SELECT unit_id, conversions_by_participation FROM attribution.shapley").fetchall())
    assert {name: float(value) for name, value in found.items()} == pytest.approx(expected, abs=1e-8)


def test_totals_reconcile_by_month_and_model(warehouse: duckdb.DuckDBPyConnection, company: Company) -> None:
    rows = warehouse.execute(
        "SELECT model, sum(conversions), sum(amount), sum(abs(difference)), sum(abs(amount_difference)) "
        "FROM attribution.credit_reconciliation GROUP BY model"
    ).fetchall()
    assert {model for model, *_ in rows} == set(MODELS)
    for _, conversions, amount, difference, amount_difference in rows:
        assert conversions == len(company.conversions)
        assert amount == Decimal(sum(conversion.mills for conversion in company.conversions)) / 1000
        assert difference == 0
        assert amount_difference == 0


def test_partners_have_their_months(warehouse: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Linear credits of deals and leads, by hand; nothing but dollars has a rate here, and the others are counted."""
    partner_of = {touch.touchpoint_id: touch.partner_id for touch in company.touches}
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    converted_at = {conversion.conversion_id: conversion.converted_at for conversion in company.conversions}
    for conversion_id, earned in _credits(warehouse, "linear").items():
        for touchpoint_id, (credit, _) in earned.items():
            if partner_id := partner_of.get(touchpoint_id):
                expected[f"{converted_at[conversion_id]:%Y-%m}-01", partner_id] += credit
    found = warehouse.execute(
        "SELECT strftime(month, '%Y-%m-%d'), partner_id, conversions, deals + leads, conversions_without_rate "
        "FROM attribution.by_partner_monthly WHERE model = 'linear'"
    ).fetchall()
    assert {(month, partner_id): conversions for month, partner_id, conversions, *_ in found} == expected
    assert all(both == conversions for _, _, conversions, both, _ in found)
    assert sum(without_rate for *_, without_rate in found) > 0


@pytest.mark.parametrize("partners", [0, 301])
def test_an_installation_where_no_journey_converts_builds(settings: Settings, partners: int) -> None:
    """A deal that nobody touched, and touches that no conversion follows, of more partners than have intervals."""
    company = Company()
    company.add("deals", deal_id="D1", amount="12.34", currency="USD", closed_at="2025-05-05T00:00:00Z", is_won="true")
    for number in range(partners):
        brought = {"occurred_at": "2025-05-01T00:00:00Z", "partner_id": f"P{number}", "channel": "partner_link"}
        company.add("partners", partner_id=f"P{number}", name=f"Partner {number}")
        company.add("touchpoints", touchpoint_id=f"T{number}", customer_id="C1" if number else "", **brought)
    company.write(settings.inbox_dir)
    with build_attribution(settings) as connection:
        rows = connection.execute("SELECT DISTINCT touchpoint_id, credit, amount FROM attribution.credits").fetchall()
        assert rows == [("unattributed", Decimal(1), Decimal("12.34"))]
        chains = "SELECT DISTINCT {} FROM attribution.markov WHERE (unit_id = 'unattributed') = ?"
        totals = connection.execute(chains.format("unit_id, conversions, revenue"), [True]).fetchall()
        assert totals == [("unattributed", Decimal(1), Decimal("12.34"))]
        units = connection.execute(chains.format("removal_effect, conversions, revenue"), [False]).fetchall()
        assert units == [(0, 0, 0)][:partners]
        assert connection.execute("SELECT count(*) FROM attribution.by_partner_monthly").fetchone() == (0,)
