"""What must be true of removal effects and Shapley values over any journeys."""

from __future__ import annotations

from itertools import groupby, permutations

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from attribution_journeys import (
    Journey,
    coalitions,
    conversion_rate_without,
    moves_between_states,
    rate_without,
    transitions,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from partner_warehouse.warehouse import attribution
from partner_warehouse.warehouse.attribution import (
    build_chain,
    conversion_probability,
    removal_effects,
    sampled_shapley_values,
    shapley_table,
    shapley_values,
    solve_game,
    within_coalitions,
    without_self_loops,
)

UNITS = 4
ORDERS = (1, 2, 3)

journeys_of_any_kind = st.lists(
    st.tuples(st.lists(st.integers(0, UNITS - 1), min_size=1, max_size=7).map(tuple), st.booleans()),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(journeys_of_any_kind, st.sampled_from(ORDERS))
def test_the_chain_converts_as_often_as_the_journeys_did(journeys: list[Journey], order: int) -> None:
    observed = sum(converted for _, converted in journeys) / len(journeys)
    assert conversion_probability(build_chain(transitions(journeys), order, UNITS)) == pytest.approx(
        observed, abs=1e-12
    )


@settings(max_examples=60, deadline=None)
@given(journeys_of_any_kind, st.sampled_from(ORDERS))
def test_removal_effects_agree_with_elimination_in_fractions(journeys: list[Journey], order: int) -> None:
    effects = removal_effects(build_chain(transitions(journeys), order, UNITS))
    whole = conversion_rate_without(journeys, order, None)
    for unit in range(UNITS):
        lost = 1 - conversion_rate_without(journeys, order, unit) / whole if whole else 0
        assert effects[unit] == pytest.approx(float(lost), abs=1e-11)


@settings(max_examples=60, deadline=None)
@given(journeys_of_any_kind, st.sampled_from(ORDERS))
def test_large_chains_are_solved_to_the_same_numbers(journeys: list[Journey], order: int) -> None:
    chain = build_chain(transitions(journeys), order, UNITS)
    closed = removal_effects(chain)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attribution, "DENSE_STATES", 0)
        patch.setattr(attribution, "VALUES_AT_ONCE", 2 * chain.start.size)
        assert removal_effects(chain) == pytest.approx(closed, abs=1e-11)


@settings(max_examples=60, deadline=None)
@given(journeys_of_any_kind)
def test_repeated_touches_change_nothing_in_a_chain_of_order_one(journeys: list[Journey]) -> None:
    collapsed = [(tuple(unit for unit, _ in groupby(touches)), converted) for touches, converted in journeys]
    assert removal_effects(build_chain(transitions(journeys), 1, UNITS)) == pytest.approx(
        removal_effects(build_chain(transitions(collapsed), 1, UNITS)), abs=1e-11
    )


@settings(max_examples=60, deadline=None)
@given(journeys_of_any_kind, st.sampled_from(ORDERS))
def test_a_chain_without_self_loops_is_the_same_chain(journeys: list[Journey], order: int) -> None:
    chain = build_chain(transitions(journeys), order, UNITS)
    without = without_self_loops(chain)
    assert not without.moves.diagonal().any()
    assert conversion_probability(without) == pytest.approx(conversion_probability(chain), abs=1e-12)
    assert removal_effects(without) == pytest.approx(removal_effects(chain), abs=1e-11)


@settings(max_examples=60, deadline=None)
@given(journeys_of_any_kind.filter(lambda journeys: any(converted for _, converted in journeys)))
def test_of_order_one_the_removal_effect_is_the_known_formula(journeys: list[Journey]) -> None:
    """R_k = N[s,k] / N[k,k] * h[k] / h[s], with N = (I - Q)^-1 and h = N r."""
    chain = build_chain(transitions(journeys), 1, UNITS)
    visits = np.linalg.inv(np.eye(chain.start.size) - chain.moves.toarray())
    converting = visits @ chain.conversion
    expected = np.zeros(UNITS)
    for state, unit in enumerate(chain.last_unit):
        reached = (chain.start @ visits)[state] / visits[state, state]
        expected[unit] = reached * converting[state] / (chain.start @ converting)
    assert removal_effects(chain) == pytest.approx(expected, abs=1e-11)


def test_a_very_long_run_of_one_channel_does_not_slow_a_large_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "DENSE_STATES", 0)
    journeys: list[Journey] = [((0,) * 200_000, True), ((0, 1), False), ((1,), True)]
    effects = removal_effects(build_chain(transitions(journeys), 3, UNITS))
    # One of two conversions never meets channel 0, so half is lost without it.
    assert effects[0] == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("order", ORDERS)
def test_a_loop_that_is_hardly_ever_left_does_not_slow_a_large_chain(
    monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    """A machine that clicks two channels in turn a million times, among people: its series has no end."""
    monkeypatch.setattr(attribution, "DENSE_STATES", 0)
    generator = np.random.default_rng(11)
    journeys: list[Journey] = [
        (tuple(generator.integers(0, UNITS, generator.integers(1, 6)).tolist()), bool(generator.random() < 0.3))
        for _ in range(25)
    ]
    journeys += [((4, 5) * 4, True), ((0, 4, 5, 4, 5, 4, 1), False), ((2, 5, 4, 5, 4, 0), True)]
    turns, loop = 1_000_000, (4, 5, 4, 5)
    observed = transitions(journeys)
    moves = moves_between_states(journeys, order)
    for third, second, last, following in (loop, loop[1:] + loop[:1]):
        states = np.stack([observed.third, observed.second, observed.last, observed.following])
        observed.count[([third, second, last, following] == states.T).all(axis=1)] += turns
        moves[(third, second, last)[-order:]][(third, second, last, following)[-order:]] += turns
    effects = removal_effects(build_chain(observed, order, UNITS + 2))
    whole = rate_without(moves, None)
    for unit in range(UNITS + 2):
        lost = 1 - rate_without(moves, unit) / whole
        assert effects[unit] == pytest.approx(float(lost), abs=5e-11)


def test_a_unit_that_begins_every_converting_journey_takes_all_conversions_with_it() -> None:
    journeys: list[Journey] = [((0, 1), True), ((0, 2, 2), True), ((3, 3), False)]
    for order in ORDERS:
        effects = removal_effects(build_chain(transitions(journeys), order, UNITS))
        assert effects[0] == pytest.approx(1.0)
        assert effects[3] == 0.0


def test_nothing_is_lost_where_nothing_converts() -> None:
    assert not removal_effects(build_chain(transitions([((0, 1), False)]), 2, UNITS)).any()


def test_a_chain_says_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match="1, 2 or 3"):
        build_chain(transitions([((0,), True)]), 4, UNITS)
    with pytest.raises(ValueError, match="at least one journey"):
        build_chain(transitions([]), 1, UNITS)


@settings(max_examples=60, deadline=None)
@given(journeys_of_any_kind)
def test_shapley_values_are_the_mean_over_all_orders_of_arrival(journeys: list[Journey]) -> None:
    def worth(members: frozenset[int]) -> float:
        reached = [converted for touches, converted in journeys if set(touches) <= members]
        return sum(reached) / len(reached) if reached else 0.0

    expected = np.zeros(UNITS)
    arrivals = list(permutations(range(UNITS)))
    for arrival in arrivals:
        for place, unit in enumerate(arrival):
            expected[unit] += worth(frozenset(arrival[: place + 1])) - worth(frozenset(arrival[:place]))
    values = shapley_values(coalitions(journeys), UNITS)
    assert values == pytest.approx(expected / len(arrivals), abs=1e-12)
    assert values.sum() == pytest.approx(sum(converted for _, converted in journeys) / len(journeys), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(journeys_of_any_kind)
def test_counting_conversions_only_shapley_is_linear_over_distinct_channels(journeys: list[Journey]) -> None:
    conversions, _ = within_coalitions(coalitions(journeys), UNITS)
    linear = np.zeros(UNITS)
    for touches, converted in journeys:
        if converted:
            linear[list(set(touches))] += 1 / len(set(touches))
    assert solve_game(conversions, UNITS) == pytest.approx(linear, abs=1e-10)


def _random_journeys(units: int, how_many: int) -> list[Journey]:
    generator = np.random.default_rng(7)
    return [
        (
            tuple(int(unit) for unit in generator.integers(0, units, generator.integers(1, 5))),
            bool(generator.random() < 0.4),
        )
        for _ in range(how_many)
    ]


def _names(units: int) -> list[str]:
    return [f"channel {unit:02d}" for unit in range(units)]


def test_sampled_shapley_values_lie_within_their_error_and_repeat() -> None:
    units = 8
    journeys = _random_journeys(units, 400)
    exact = shapley_values(coalitions(journeys), units)
    sampled, errors = sampled_shapley_values(coalitions(journeys), _names(units), 2000)
    assert (np.abs(sampled - exact) <= 5 * errors + 1e-12).all()
    assert errors.max() < 0.01
    assert sampled.sum() == pytest.approx(exact.sum(), abs=1e-12)
    assert (sampled_shapley_values(coalitions(journeys), _names(units), 2000)[0] == sampled).all()


def test_a_sampled_order_is_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each draw's order gone through unit by unit, and its reverse; however many draws are solved at once."""
    units, orders = 5, 12
    journeys = _random_journeys(units, 60)
    expected = np.zeros(units)
    for order in np.array([attribution._arrivals(name, orders // 2) for name in _names(units)]).argsort(axis=0).T:
        for arrival in (order, order[::-1]):
            rates = [0.0]
            for place in range(units):
                there = {int(unit) for unit in arrival[: place + 1]}
                reached = [converted for touches, converted in journeys if set(touches) <= there]
                rates.append(sum(reached) / len(reached) if reached else 0.0)
            expected[arrival] += np.diff(rates) / orders
    for at_once in (1, attribution.VALUES_AT_ONCE):
        monkeypatch.setattr(attribution, "VALUES_AT_ONCE", at_once)
        assert sampled_shapley_values(coalitions(journeys), _names(units), orders)[0] == pytest.approx(expected)


def test_a_new_channel_changes_sampled_values_as_it_changes_exact_ones() -> None:
    """A twenty-first channel with one open touch moves the estimates as the exact values, to a tenth of their error."""
    units = 20
    journeys = _random_journeys(units, 1000)
    later: list[Journey] = [*journeys, ((units,), False)]
    names = [*_names(units), "a new one"]
    exact = shapley_values(coalitions(later), units + 1)[:units] - shapley_values(coalitions(journeys), units)
    before, _ = sampled_shapley_values(coalitions(journeys), names[:units], 2000)
    after, errors = sampled_shapley_values(coalitions(later), names, 2000)
    assert (np.abs(after[:units] - before - exact) <= errors[:units] / 10).all()


def test_beyond_the_exact_channels_a_table_of_values_has_errors() -> None:
    units = 7
    counts = coalitions(_random_journeys(units, 300))
    rows = [
        {"set_key": key, "channel": _names(units)[unit], "conversions": conversions, "journeys": journeys}
        for key, (members, (conversions, journeys)) in enumerate(counts.items())
        for unit in members
    ]
    exact, sampled, turned = (
        shapley_table(pa.Table.from_pylist(given), exact_units=limit, sampled_orders=2000).to_pylist()
        for given, limit in ((rows, units), (rows, units - 1), (rows[::-1], units - 1))
    )
    assert [row["unit_id"] for row in exact] == _names(units)
    assert not any(row["standard_error"] for row in exact)
    assert all(row["standard_error"] > 0 for row in sampled)
    for real, estimate in zip(exact, sampled, strict=True):
        assert estimate["shapley_value"] == pytest.approx(real["shapley_value"], abs=5 * estimate["standard_error"])
    assert turned == sampled
