"""What must be true of the intervals of removal effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from attribution_journeys import Journey
from scipy.sparse import csr_array

from partner_warehouse.warehouse.attribution import Chain, removal_effects
from partner_warehouse.warehouse.attribution_intervals import interval_table

GROUPS = 500
OPTIONS: dict[str, int] = {"groups": GROUPS, "replicates": 120, "orders": 1, "percent": 95, "most_states": 300}
CHANNELS = ("ads", "email", "events", "partners")


def _transitions(accounts: Iterable[Iterable[Journey]]) -> pa.Table:
    """The moves of each account's journeys, as the warehouse counts them; the accounts take the groups in turn."""
    counts: Counter[tuple[int, int, int, int, int, str]] = Counter()
    for number, journeys in enumerate(accounts):
        for touches, converted in journeys:
            keys = (0, 0, *(unit + 1 for unit in touches), 0)
            for place in range(len(touches)):
                outcome = "touch" if keys[place + 3] else "converted" if converted else "open"
                counts[(number % GROUPS, *keys[place : place + 4], outcome)] += 1
    names = ("account_group", "third_last_key", "second_last_key", "last_key", "following_key", "outcome")
    columns: dict[str, list[Any]] = {
        name: list(column) for name, column in zip(names, zip(*counts, strict=True), strict=True)
    }
    return pa.table({"unit": ["channel"] * len(counts), **columns, "journeys": list(counts.values())})


def _units(channels: Iterable[str]) -> pa.Table:
    names = list(channels)
    return pa.table({"unit": ["channel"] * len(names), "unit_id": names, "unit_key": range(1, len(names) + 1)})


def _intervals(accounts: Iterable[Iterable[Journey]], **options: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = interval_table(
        _transitions(accounts), _units(CHANNELS), **{**OPTIONS, **options}
    ).to_pylist()
    return rows


START = np.array([0.4, 0.3, 0.2, 0.1])
MOVES = np.array(
    [[0.1, 0.3, 0.1, 0.1], [0.2, 0.1, 0.1, 0.2], [0.1, 0.1, 0.2, 0.2], [0.1, 0.2, 0.0, 0.1]],
)
CONVERSION = np.array([0.05, 0.1, 0.2, 0.4])


def _walk(generator: np.random.Generator) -> Journey:
    """A journey of the chain with these probabilities."""
    touches = [int(generator.choice(4, p=START))]
    while True:
        onward = np.append(MOVES[touches[-1]], CONVERSION[touches[-1]])
        step = int(generator.choice(6, p=np.append(onward, 1 - onward.sum())))
        if step >= 4:
            return tuple(touches), step == 4
        touches.append(step)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Thirty samples from a chain whose removal effects are known, four channels each."""
    effects = removal_effects(Chain(START, csr_array(MOVES), CONVERSION, np.arange(4), 4))
    shares = effects / effects.sum()
    generator = np.random.default_rng(5)
    held = []
    for _ in range(30):
        for channel, row in enumerate(_intervals([_walk(generator)] for _ in range(250))):
            held.append(row["removal_effect_lower"] <= effects[channel] <= row["removal_effect_upper"])
            held.append(row["share_lower"] <= shares[channel] <= row["share_upper"])
    assert 0.90 <= np.mean(held) <= 0.98


def test_what_few_accounts_met_is_less_certain_than_what_many_did() -> None:
    generator = np.random.default_rng(6)
    accounts: list[list[Journey]] = [[_walk(generator)] for _ in range(2000)]
    widths = {}
    for few in (accounts[:100], accounts):
        rows = _intervals(few)
        widths[len(few)] = np.mean([row["share_upper"] - row["share_lower"] for row in rows])
    # Of twenty times as many the spread is less by the root of twenty.
    assert widths[100] / widths[2000] == pytest.approx(20**0.5, rel=0.25)


def test_ten_journeys_of_one_account_say_no_more_than_one() -> None:
    generator = np.random.default_rng(7)
    accounts: list[list[Journey]] = [[_walk(generator)] for _ in range(300)]
    assert _intervals([journeys * 10 for journeys in accounts]) == _intervals(accounts)


@pytest.mark.parametrize("orders", [1, 3])
def test_the_order_of_the_rows_changes_nothing(orders: int) -> None:
    generator = np.random.default_rng(8)
    transitions = _transitions([_walk(generator)] for _ in range(150))
    options = {**OPTIONS, "replicates": 20, "orders": orders}
    table = interval_table(transitions, _units(CHANNELS), **options)
    shuffled = transitions.take(generator.permutation(transitions.num_rows))
    assert interval_table(shuffled, _units(CHANNELS), **options).equals(table)
    assert table["model_order"].to_pylist() == [order for order in range(1, orders + 1) for _ in CHANNELS]
    assert all(row["replicates"] == 20 for row in table.to_pylist())


def test_a_chain_that_is_too_large_has_no_bounds_and_says_so() -> None:
    rows = _intervals([[((0, 1, 2, 3), True)], [((3,), False)]], most_states=3)
    assert {row["replicates"] for row in rows} == {0}
    assert {row["share_lower"] for row in rows} == {row["removal_effect_upper"] for row in rows} == {None}


def test_nothing_can_be_said_where_nothing_converts() -> None:
    assert {row["replicates"] for row in _intervals([[((0, 1, 2, 3), False)]])} == {0}


def test_without_a_journey_there_is_no_row() -> None:
    empty = _transitions([[((0,), True)]]).slice(0, 0)
    assert interval_table(empty, _units(CHANNELS), **OPTIONS).num_rows == 0
