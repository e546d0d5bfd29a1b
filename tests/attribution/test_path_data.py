"""Path data through the file drop: heuristics and Markov chains of every order, against what is known exactly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from attribution_paths import (
    CHANNELS,
    NULL_ONLY,
    ORDERS,
    CountedPath,
    heuristic,
    markov,
    random_path_data,
    write_journeys,
)
from attribution_warehouse import build_attribution

from partner_warehouse.settings import load_settings
from partner_warehouse.warehouse.runner import build

INTERVALS = "SELECT * FROM attribution.markov_intervals ORDER BY unit, model_order, unit_id"


@pytest.fixture(scope="module")
def data() -> list[CountedPath]:
    """About twenty thousand conversions, and more states at order 3 than are solved by an inverse."""
    return random_path_data(seed=20251231, paths=2_600)


@pytest.fixture(scope="module")
def home(data: list[CountedPath], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with these journeys: only what the credits and the chains need."""
    settings = load_settings(home=tmp_path_factory.mktemp("paths"), sources=("files",))
    write_journeys(data, settings.inbox_dir)
    build_attribution(settings, with_tests=False, select="+credits +markov_intervals").close()
    return settings.home


@pytest.fixture(scope="module")
def built(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Its warehouse, open for reading."""
    with duckdb.connect(str(load_settings(home=home).warehouse_path), read_only=True) as connection:
        yield connection


def test_every_journey_arrives(built: duckdb.DuckDBPyConnection, data: list[CountedPath]) -> None:
    conversions = sum(path.conversions for path in data)
    assert 15_000 < conversions < 25_000
    found = built.execute(
        "SELECT count(*), count(conversion_key), sum(touches) FROM ("
        "SELECT journey_key, max(conversion_key) AS conversion_key, count(*) AS touches "
        "FROM intermediate.int_journeys_steps GROUP BY journey_key)"
    ).fetchone()
    journeys = sum(path.conversions + path.nulls for path in data)
    touches = sum(len(path.channels) * (path.conversions + path.nulls) for path in data)
    assert found == (journeys, conversions, touches)


@pytest.mark.parametrize("model", ["first_touch", "last_touch", "linear"])
def test_heuristics_agree(built: duckdb.DuckDBPyConnection, data: list[CountedPath], model: str) -> None:
    found = {
        channel: (float(conversions), float(amount) * 100)
        for channel, conversions, amount in built.execute(
            "SELECT channel, sum(credit), sum(amount) FROM attribution.credits WHERE model = ? GROUP BY channel",
            [model],
        ).fetchall()
    }
    expected = heuristic(data, model)
    assert set(found) == set(expected)
    for channel, (conversions, cents) in expected.items():
        assert found[channel][0] == pytest.approx(conversions, abs=1e-6)
        # Each conversion's cents are whole, so the parts of a value may be a cent off for every conversion.
        assert found[channel][1] == pytest.approx(cents, rel=1e-3)


@pytest.mark.parametrize("order", ORDERS)
def test_markov_agrees(built: duckdb.DuckDBPyConnection, data: list[CountedPath], order: int) -> None:
    found = {
        channel: (float(effect), float(conversions), float(revenue) * 100)
        for channel, effect, conversions, revenue in built.execute(
            "SELECT unit_id, removal_effect, conversions, revenue FROM attribution.markov "
            "WHERE unit = 'channel' AND model_order = ?",
            [order],
        ).fetchall()
    }
    expected = markov(data, order)
    value_of_a_conversion = sum(path.cents for path in data) / sum(path.conversions for path in data)
    assert set(found) == {*CHANNELS, NULL_ONLY}
    for channel, (effect, conversions) in expected.items():
        assert found[channel][0] == pytest.approx(effect, abs=1e-10)
        assert found[channel][1] == pytest.approx(conversions, abs=1e-6)
        assert found[channel][2] == pytest.approx(conversions * value_of_a_conversion, abs=1.01)


def test_a_channel_that_only_nulls_meet_earns_nothing(built: duckdb.DuckDBPyConnection) -> None:
    rows = built.execute(
        "SELECT DISTINCT removal_effect, conversions, revenue, journeys, small_sample FROM attribution.markov "
        "WHERE unit_id = ?",
        [NULL_ONLY],
    ).fetchall()
    assert rows == [(Decimal(0), Decimal(0), Decimal(0), 22, True)]


def test_the_same_journeys_have_the_same_intervals(
    built: duckdb.DuckDBPyConnection, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever numbers the touches are given when they are gathered again."""
    first = built.execute(INTERVALS).fetchall()
    assert len(first) == len(CHANNELS) + 2
    again = load_settings(home=shutil.copytree(home, tmp_path / "again"), sources=("files",))
    monkeypatch.setenv("DBT_INDIRECT_SELECTION", "empty")
    models = "int_touches int_journeys_units int_journeys_steps int_journeys_group_transitions+"
    build("marts", again, select=models)
    with duckdb.connect(str(again.warehouse_path), read_only=True) as connection:
        assert connection.execute(INTERVALS).fetchall() == first


def test_what_is_known_lies_within_its_interval(built: duckdb.DuckDBPyConnection, data: list[CountedPath]) -> None:
    found = {
        channel: rest
        for channel, *rest in built.execute(
            "SELECT unit_id, removal_effect_lower, removal_effect_upper, conversions_lower, conversions_upper, "
            "replicates FROM attribution.markov_intervals WHERE unit = 'channel'"
        ).fetchall()
    }
    for channel, (effect, conversions) in markov(data, 1).items():
        effect_lower, effect_upper, lower, upper, replicates = found[channel]
        assert effect_lower <= round(effect, 12) <= effect_upper
        assert lower <= round(conversions, 6) <= upper
        assert replicates == 200
