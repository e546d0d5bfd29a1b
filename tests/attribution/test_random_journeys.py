"""The known truths over drawn journeys, by the warehouse's own SQL: touches and conversions of one instant among them.

The models from touches to credits are run as dbt compiled them, over a company that Hypothesis draws and shrinks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from attribution_companies import (
    CHANNELS,
    LOOKBACK,
    MILESTONES,
    PARTS,
    Company,
    Conversion,
    Touch,
    in_whole_parts,
    journey_of,
    open_journeys,
    rule_weights,
)
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from partner_warehouse.settings import Settings
from partner_warehouse.warehouse.attribution import (
    CHAINS_OF_CREDITS,
    build_chain,
    conversion_probability,
    number_transitions,
    removal_effect_table,
    removal_effects,
    shapley_table,
    transitions_of,
    without_self_loops,
)

EMPTY = (
    *("activities", "activity_responses", "contacts", "deal_crm_roles", "deal_partners", "deals", "enrolments"),
    "leads",
)
DRAWN = ("intermediate.int_touchpoints", "intermediate.int_conversions")
KEPT = (
    "staging.stg_run__parameters",
    *(
        f"seeds.attribution_{name}"
        for name in ("channels", "lookbacks", "models", "settings", "touch_sources", "weights")
    ),
)
BY_CHANNEL = ("int_journeys_channel_effects", "int_journeys_shapley_values")
MODELS = (
    *("int_touches", "int_journeys_units", "int_journeys_lookbacks", "int_journeys_programme_lookbacks"),
    *("int_journeys_steps", "int_journeys_conversions", "int_journeys_transitions", "int_journeys_channel_sets"),
    *(*BY_CHANNEL, "int_journeys_channel_worth", "int_journeys_milestone_credits", "int_journeys_credits"),
    *("int_journeys_touch_credits", "credits", "shapley"),
)
"""In the order in which they read each other."""

WEEK, DAY, SECOND, INSTANT = timedelta(days=7), timedelta(days=1), timedelta(seconds=1), timedelta(microseconds=1)
BASE = datetime(2025, 6, 1, tzinfo=UTC)
CLOSES = (BASE, BASE + INSTANT, BASE + SECOND, BASE - WEEK)
INSTANTS = (
    *CLOSES,
    *(
        BASE - age
        for age in (INSTANT, SECOND, DAY, WEEK + DAY, 4 * WEEK, LOOKBACK - INSTANT, LOOKBACK, LOOKBACK + INSTANT)
    ),
    BASE + DAY,
)
"""Few, so that touches tie with each other, with conversions, with milestones and with the end of the lookback."""

AMOUNTS = ((100_010, 10), (-7, 1), (0, 10), (1_001_000, 1000))
"""In thousandths, with the smallest part of each."""

touches = st.tuples(
    st.sampled_from(("", "a", "z")),
    st.sampled_from(INSTANTS),
    st.sampled_from(CHANNELS),
    st.sampled_from((None, "P1", "P2")),
)
milestones = st.none() | st.sampled_from(INSTANTS)
conversions = st.tuples(st.sampled_from(CLOSES), milestones, milestones, st.none() | st.sampled_from(AMOUNTS))
accounts = st.tuples(st.lists(touches, max_size=7), st.lists(conversions, max_size=2))


def company_of(
    drawn: Sequence[tuple[list[tuple[str, datetime, str, str | None]], list[tuple[object, ...]]]],
) -> Company:
    """What was drawn, with ids. A touch's begins with what was drawn, so that ids sort otherwise than touches came."""
    company, number = Company(), count()
    for place, (drawn_touches, drawn_conversions) in enumerate(drawn):
        account = f"C{place}"
        for prefix, occurred_at, channel, partner_id in drawn_touches:
            company.touches.append(Touch(f"{prefix}T{next(number)}", account, occurred_at, channel, partner_id))
        for converted_at, lead_at, opportunity_at, amount in drawn_conversions:
            known = ("deal", amount) if amount else ("lead", (0, 10))
            company.conversions.append(
                Conversion(known[0], f"V{next(number)}", account, converted_at, lead_at, opportunity_at, *known[1])
            )
    return company


@dataclass
class Compiled:
    """The models as dbt compiled them, over tables in memory."""

    sql: dict[str, str] = field(repr=False)
    connection: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)

    def build(self, company: Company) -> None:
        """Build everything over a company."""
        for table in DRAWN:
            self.connection.execute(f"DELETE FROM {table}")
        for touch in company.touches:
            self._insert(
                DRAWN[0],
                touchpoint_id=touch.touchpoint_id,
                occurred_at=touch.occurred_at,
                customer_id=touch.account_id,
                partner_id=touch.partner_id,
                channel=touch.channel,
            )
        for key, conversion in enumerate(company.conversions, start=1):
            self._insert(
                DRAWN[1],
                conversion_key=key,
                conversion_kind=conversion.kind,
                conversion_id=conversion.conversion_id,
                account_id=conversion.account_id,
                amount=Decimal(conversion.mills) / 1000,
                mills_per_part=conversion.mills_per_part,
                converted_at=conversion.converted_at,
                lead_at=conversion.lead_at,
                opportunity_at=conversion.opportunity_at,
            )
        solved: dict[str, Callable[[], pa.Table]] = {
            BY_CHANNEL[0]: lambda: removal_effect_table(
                self.table("int_journeys_transitions"), self.table("int_journeys_units"), CHAINS_OF_CREDITS
            ),
            BY_CHANNEL[1]: lambda: shapley_table(
                self.table("int_journeys_channel_sets"), exact_units=20, sampled_orders=2
            ),
        }
        for model in MODELS:
            if model in solved:
                self._create(f"intermediate.{model}", solved[model]())
            else:
                schema = "intermediate" if model.startswith("int_") else "attribution"
                self.connection.execute(f"CREATE OR REPLACE TABLE {schema}.{model} AS {self.sql[model]}")

    def table(self, model: str) -> pa.Table:
        """The rows of a model between touches and credits."""
        return self.connection.sql(f"FROM intermediate.{model}").to_arrow_table()

    def give(self, table: str, rows: pa.Table) -> None:
        """A table of the warehouse that holds other records than journeys."""
        self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.partition('.')[0]}")
        self._create(table, rows)

    def _create(self, table: str, rows: pa.Table) -> None:
        self.connection.register("rows_given", rows)
        self.connection.execute(f"CREATE OR REPLACE TABLE {table} AS FROM rows_given")

    def _insert(self, table: str, **record: object) -> None:
        marks = ", ".join("?" * len(record))
        self.connection.execute(f"INSERT INTO {table} ({', '.join(record)}) VALUES ({marks})", list(record.values()))


@pytest.fixture(scope="module")
def compiled(warehouse: duckdb.DuckDBPyConnection, settings_of_company: Settings) -> Iterator[Compiled]:
    """The models, with the seeds, the run's instant and no record of any other kind."""
    paths = {path.stem: path for path in (settings_of_company.dbt_dir / "compiled").rglob("*.sql")}
    with duckdb.connect() as connection:
        connection.execute("ATTACH ':memory:' AS warehouse; USE warehouse; SET TimeZone = 'UTC'; SET threads = 1")
        built = Compiled(
            {model: paths[model].read_text("utf-8") for model in MODELS if model not in BY_CHANNEL}, connection
        )
        for table in KEPT:
            built.give(table, warehouse.sql(f"FROM {table}").to_arrow_table())
        for table in (*(f"intermediate.int_{name}" for name in EMPTY), *DRAWN):
            built.give(table, warehouse.sql(f"FROM {table} LIMIT 0").to_arrow_table())
        connection.execute("CREATE SCHEMA attribution")
        yield built


@given(st.lists(accounts, min_size=1, max_size=3))
@examples(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_known_truths_hold_over_any_journeys(compiled: Compiled, drawn: list[tuple[list, list]]) -> None:  # type: ignore[type-arg]
    company = company_of(drawn)
    compiled.build(company)
    _rules_are_the_plain_reckoning(compiled.connection, company)
    _every_conversion_is_whole(compiled.connection, company)
    _chains_convert_as_often_as_the_journeys_did(compiled, company)
    _participation_is_linear_over_distinct_channels(compiled.connection, company)


def _rules_are_the_plain_reckoning(connection: duckdb.DuckDBPyConnection, company: Company) -> None:
    """To the last part, where shares are fractions; who is first of two touches of one instant, by their ids."""
    rows = connection.execute(
        "SELECT model, conversion_id, touchpoint_id, credit, amount FROM attribution.credits"
    ).fetchall()
    found = {(model, conversion, touch): (credit, amount) for model, conversion, touch, credit, amount in rows}
    assert len(found) == len(rows)
    for model in (*MILESTONES, "time_decay"):
        for conversion in company.conversions:
            journey = journey_of(conversion, company.touches)
            earned = {
                touch: both for (of, to, touch), both in found.items() if (of, to) == (model, conversion.conversion_id)
            }
            if not journey:
                assert earned == {"unattributed": (Decimal(1), Decimal(conversion.mills) / 1000)}
                continue
            weights = rule_weights(model, conversion, journey)
            if model == "time_decay":
                expected = {touch.touchpoint_id: float(weight) for touch, weight in zip(journey, weights, strict=True)}
                decayed = {touch: float(earned.get(touch, (0, 0))[0]) for touch in expected}
                assert decayed == pytest.approx(expected, abs=1e-11)
                assert earned.keys() <= expected.keys()
                continue
            parts = in_whole_parts(weights, PARTS)
            amounts = in_whole_parts([Fraction(part, PARTS) for part in parts], _parts_of(conversion))
            assert earned == {
                touch.touchpoint_id: (Decimal(part) / PARTS, Decimal(amount * conversion.mills_per_part) / 1000)
                for touch, part, amount in zip(journey, parts, amounts, strict=True)
                if part
            }


def _parts_of(conversion: Conversion) -> int:
    return int(Fraction(conversion.mills, conversion.mills_per_part))


def _every_conversion_is_whole(connection: duckdb.DuckDBPyConnection, company: Company) -> None:
    rows = connection.execute(
        "SELECT conversion_id, model, sum(credit), sum(amount) FROM attribution.credits GROUP BY ALL"
    ).fetchall()
    mills = {conversion.conversion_id: conversion.mills for conversion in company.conversions}
    assert len(rows) == 10 * len(mills)
    for conversion_id, _, credit, amount in rows:
        assert (credit, amount) == (1, Decimal(mills[conversion_id]) / 1000)


def _journeys(company: Company) -> list[tuple[list[Touch], bool]]:
    converting = [(journey_of(conversion, company.touches), True) for conversion in company.conversions]
    everyone = [*converting, *((journey, False) for journey in open_journeys(company))]
    return [(journey, converted) for journey, converted in everyone if journey]


def _chains_convert_as_often_as_the_journeys_did(compiled: Compiled, company: Company) -> None:
    """For every order and unit; without the loops of a state to itself, the chain is the same."""
    journeys = _journeys(company)
    if not journeys:
        return
    transitions, units = compiled.table("int_journeys_transitions"), compiled.table("int_journeys_units")
    rate = sum(converted for _, converted in journeys) / len(journeys)
    for unit in ("channel", "partner"):
        observed, names = number_transitions(transitions_of(unit, transitions), units, unit)
        for order in (1, 2, 3):
            chain = build_chain(observed, order, len(names))
            assert conversion_probability(chain) == pytest.approx(rate, abs=1e-12)
            without = without_self_loops(chain)
            assert conversion_probability(without) == pytest.approx(rate, abs=1e-12)
            assert removal_effects(without) == pytest.approx(removal_effects(chain), abs=1e-11)


def _participation_is_linear_over_distinct_channels(connection: duckdb.DuckDBPyConnection, company: Company) -> None:
    expected: dict[str, float] = {}
    for journey, converted in _journeys(company):
        channels = {touch.channel for touch in journey}
        for channel in channels:
            expected[channel] = expected.get(channel, 0.0) + converted / len(channels)
    found = connection.execute("SELECT unit_id, conversions_by_participation FROM attribution.shapley").fetchall()
    assert {channel: float(value) for channel, value in found} == pytest.approx(expected, abs=1e-9)
