"""The two attribution models that SQL cannot solve: the Markov removal effect and the Shapley value.

Both work on counts that SQL has aggregated, never on touches, so their cost does not grow with the data. The dbt models
`int_journeys_channel_effects`, `int_journeys_removal_effects` and `int_journeys_shapley_values` call them.

The chain of order k. A state is the last k touches of a journey (fewer at its beginning), repeats kept. From a state
the journey goes on to its next touch, converts, or stays without conversion, with the observed frequencies. With Q the
transitions between states, r the conversions from a state and s the distribution of first touches: N = (I - Q)^-1
counts visits, h = N r is the probability of converting, s h the chain's conversion rate.

Removing a unit (a channel, a partner) means that a journey which reaches it never converts. With G the states whose
last touch is the unit, f = s N[:, G] N[G, G]^-1 is where a journey meets the unit first, and f h[G] the conversions
that meet it at all; the removal effect is that part of all: R = f h[G] / (s h). With a single state k in G this is
N[s, k] / N[k, k] * h[k] / h[s].

SciPy is imported by the functions that need it, a third of a second: where nobody converts, nothing is solved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

REMOVAL_EFFECTS = pa.schema(
    [("unit", pa.string()), ("model_order", pa.int32()), ("unit_id", pa.string()), ("removal_effect", pa.float64())]
)
SHAPLEY_VALUES = pa.schema(
    [("unit_id", pa.string()), ("shapley_value", pa.float64()), ("standard_error", pa.float64())]
)

CONVERTED = -1
"""What follows the last touch of a journey that converted."""

OPEN = -2
"""What follows the last touch of a journey that did not convert."""

NOTHING = -3
"""The place of a touch before the first one."""

DENSE_STATES = 1500
"""Up to so many states the chain is solved by its inverse: half a second and 50 MB."""

TOLERANCE = 1e-15
"""Beyond, the series is summed until no state adds more than this probability.

What is left out is then less than this times the touches of a mean journey, for s N is how often a state is visited.
"""

STEPS_BETWEEN_CHECKS = 8
STEPS_OF_THE_SERIES = 32
"""A series that has not ended by then has long journeys, or a loop that is hardly ever left; the rest is solved for.

With twenty touches a journey each term is a twentieth smaller than the one before: solving takes a tenth of the time.
"""

VALUES_AT_ONCE = 500_000
"""States times units in one iteration: 4 MB, which stay in a processor's cache."""

CHAINS_OF_CREDITS = (("channel", 1),)
"""The chains that credits per touch wait for, by unit and order."""

OTHER_CHAINS = (("channel", 2), ("channel", 3), ("partner", 1), ("partner", 2), ("partner", 3))


@dataclass(frozen=True, slots=True)
class Transitions:
    """How often each run of touches was followed by what, over all journeys.

    Units are numbered from 0. Row i says that journeys whose last three touches were `third[i]`, `second[i]`, `last[i]`
    (`NOTHING` where there were fewer) went on to `following[i]`: a unit, `CONVERTED` or `OPEN`, `count[i]` times.
    """

    third: Integers
    second: Integers
    last: Integers
    following: Integers
    count: Integers


@dataclass(frozen=True, slots=True)
class Chain:
    """The Markov chain of one order.

    Attributes:
        start: Probability that a journey begins in a state.
        moves: Transition probabilities between states, row to column.
        conversion: Probability of converting next, by state.
        last_unit: The unit of a state's last touch.
        units: How many units there are.
    """

    start: Floats
    moves: csr_array
    conversion: Floats
    last_unit: Integers
    units: int


def build_chain(transitions: Transitions, order: int, units: int) -> Chain:
    """The chain whose states are the last `order` touches.

    Args:
        transitions: The observed transitions, at order 3.
        order: 1, 2 or 3.
        units: How many units are numbered.

    Raises:
        ValueError: The order is not 1, 2 or 3, or there is no transition.
    """
    from scipy.sparse import csr_array

    if order not in (1, 2, 3):
        raise ValueError(f"the order of a chain is 1, 2 or 3, not {order}")
    if not transitions.count.size:
        raise ValueError("a chain needs at least one journey")
    base = units + 1
    first, second, last = transitions.third, transitions.second, transitions.last
    second = second if order >= 2 else np.full_like(second, NOTHING)
    first = first if order >= 3 else np.full_like(first, NOTHING)
    # A place without a touch is digit 0, a unit its number + 1; a state is a number of three such digits.
    digits = [np.where(column == NOTHING, 0, column + 1) for column in (first, second, last)]
    codes = (digits[0] * base + digits[1]) * base + digits[2]
    states, state_of = np.unique(codes, return_inverse=True)
    visits = np.bincount(state_of, weights=transitions.count, minlength=states.size)

    begins = transitions.second == NOTHING
    start = np.bincount(state_of[begins], weights=transitions.count[begins], minlength=states.size)
    converts = transitions.following == CONVERTED
    conversion = np.bincount(state_of[converts], weights=transitions.count[converts], minlength=states.size)

    goes_on = transitions.following >= 0
    kept_first = digits[1] if order >= 3 else np.zeros_like(codes)
    kept_second = digits[2] if order >= 2 else np.zeros_like(codes)
    next_codes = (kept_first * base + kept_second) * base + transitions.following + 1
    next_of = np.searchsorted(states, next_codes[goes_on])
    moves = csr_array(
        (transitions.count[goes_on] / visits[state_of[goes_on]], (state_of[goes_on], next_of)),
        shape=(states.size, states.size),
    )
    return Chain(start / start.sum(), moves, conversion / visits, (states % base - 1).astype(np.int64), units)


def conversion_probability(chain: Chain) -> float:
    """The probability that a journey of the chain converts. It is the observed conversion rate, for every order."""
    return float(_conversions_without(chain, np.array([NOTHING]))[0])


def without_self_loops(chain: Chain) -> Chain:
    """The chain that never stays in a state: where it leaves to, and so what it reaches, does not change.

    A long run of the same touches would else make the series below converge slowly.
    """
    from scipy.sparse import csr_array, diags_array

    staying = chain.moves.diagonal()
    leaving = 1.0 / (1.0 - staying)
    moves = diags_array(leaving) @ (chain.moves - diags_array(staying))
    return replace(chain, moves=csr_array(moves), conversion=chain.conversion * leaving)


def removal_effects(chain: Chain) -> Floats:
    """By unit, the part of all conversions that is lost when no journey which reaches the unit converts.

    Returns:
        One number from 0 to 1 for each unit; zeros where nothing converts.
    """
    if not chain.conversion.any():
        return np.zeros(chain.units)
    solve = _effects_closed if chain.start.size <= DENSE_STATES else _effects_iterated
    return np.clip(solve(chain), 0.0, 1.0)


def _effects_closed(chain: Chain) -> Floats:
    visits = np.linalg.inv(np.eye(chain.start.size) - chain.moves.toarray())
    converting = visits @ chain.conversion
    from_start = chain.start @ visits
    effects = np.zeros(chain.units)
    for unit in range(chain.units):
        states = np.flatnonzero(chain.last_unit == unit)
        if states.size:
            first_met = np.linalg.solve(visits[np.ix_(states, states)].T, from_start[states])
            effects[unit] = first_met @ converting[states]
    effects /= chain.start @ converting
    return effects


def _effects_iterated(chain: Chain) -> Floats:
    """The same without the inverse, whose size is the square of the states: many units in one sparse iteration."""
    chain = without_self_loops(chain)
    block = max(1, VALUES_AT_ONCE // chain.start.size)
    without = [
        _conversions_without(chain, np.arange(first, min(first + block, chain.units)))
        for first in range(0, chain.units, block)
    ]
    return 1.0 - np.concatenate(without) / conversion_probability(chain)


def _conversions_without(chain: Chain, removed: Integers) -> Floats:
    """For each of these units: the probability that a journey converts and never meets it.

    The sum of s Q^t r over t, with Q and r cut at the unit's states.
    """
    cut_states = np.flatnonzero(np.isin(chain.last_unit, removed))
    cut_columns = np.searchsorted(removed, chain.last_unit[cut_states])
    begins = np.flatnonzero(chain.start)
    term = np.repeat(chain.conversion[:, None], removed.size, axis=1)
    term[cut_states, cut_columns] = 0.0
    total = chain.start[begins] @ term[begins]
    steps = 0
    while np.abs(term).max(initial=0.0) > TOLERANCE:
        for _ in range(STEPS_BETWEEN_CHECKS):
            term = chain.moves @ term
            term[cut_states, cut_columns] = 0.0
            total += chain.start[begins] @ term[begins]
        steps += STEPS_BETWEEN_CHECKS
        if steps % STEPS_OF_THE_SERIES == 0:
            rest = _rest_of_the_series(chain, removed, term)
            onward = chain.moves @ rest
            onward[cut_states, cut_columns] = 0.0
            # What the rest leaves unexplained is next to nothing, and the series goes on from it.
            term = term - rest + onward
            total += chain.start[begins] @ onward[begins]
    return np.asarray(total, dtype=np.float64)


def _rest_of_the_series(chain: Chain, removed: Integers, term: Floats) -> Floats:
    """Nearly all that the series still has, from `term` on: (I - Q)^-1 term, for each of the removed units.

    A loop that is left once in a million touches makes a million terms that are all alike. They span a small space,
    in which an iterative solver finds their sum at once.
    """
    from scipy.sparse.linalg import LinearOperator, gmres  # type: ignore[import-untyped]

    rest = np.zeros_like(term)
    for column, unit in enumerate(removed):
        kept = (chain.last_unit != unit).astype(np.float64)

        def leave(values: Floats, kept: Floats = kept) -> Floats:
            return np.asarray(values - kept * (chain.moves @ values), dtype=np.float64)

        equations = LinearOperator((kept.size, kept.size), matvec=leave, dtype=np.float64)
        rest[:, column], _ = gmres(equations, term[:, column], rtol=1e-12, restart=40, maxiter=5)
    return rest


Coalitions = Mapping[frozenset[int], tuple[int, int]]
"""For each set of units that a journey had: (conversions, journeys)."""


def shapley_values(coalitions: Coalitions, units: int) -> Floats:
    """Shapley values of the game in which a coalition is worth the conversion rate of the journeys it could have made.

    v(S) = conversions / journeys over the journeys whose units all lie in S; a coalition with no such journey is worth
    0. The values sum to the conversion rate over all journeys; a unit that lowers the rate has a negative one. Exact;
    time and memory grow with units * 2^units.
    """
    conversions, journeys = within_coalitions(coalitions, units)
    worth = np.divide(conversions, journeys, out=np.zeros(conversions.size), where=journeys > 0)
    return solve_game(worth, units)


def within_coalitions(coalitions: Coalitions, units: int) -> tuple[Floats, Floats]:
    """Conversions and journeys whose units all lie in a coalition, by coalition: bit u of the index is unit u."""
    size = 1 << units
    conversions, journeys = np.zeros(size), np.zeros(size)
    for members, (converted, all_journeys) in coalitions.items():
        mask = sum(1 << unit for unit in members)
        conversions[mask] += converted
        journeys[mask] += all_journeys
    for unit in range(units):
        for totals in (conversions, journeys):
            with_and_without = totals.reshape(-1, 2, 1 << unit)
            with_and_without[:, 1] += with_and_without[:, 0]
    return conversions, journeys


def solve_game(worth: Floats, units: int) -> Floats:
    """The Shapley values of any game, from the worth of all its 2^units coalitions."""
    sizes = np.zeros(1, dtype=np.int64)
    for _ in range(units):
        sizes = np.concatenate([sizes, sizes + 1])
    # How likely a coalition of size s is to be there when a unit joins: s! (n - s - 1)! / n!.
    likelihood = np.ones(max(units, 1)) / max(units, 1)
    for size in range(1, units):
        likelihood[size] = likelihood[size - 1] * size / (units - size)
    values = np.zeros(units)
    for unit in range(units):
        without_unit = sizes.reshape(-1, 2, 1 << unit)[:, 0]
        with_and_without = worth.reshape(-1, 2, 1 << unit)
        gains = with_and_without[:, 1] - with_and_without[:, 0]
        values[unit] = float(np.sum(likelihood[without_unit] * gains))
    return values


def sampled_shapley_values(coalitions: Coalitions, names: Sequence[str], orders: int) -> tuple[Floats, Floats]:
    """Shapley values of the same game, by the marginal worth of each unit over sampled orders of arrival.

    In each draw a unit arrives by a random number of its own, which its name and the draw decide; each order is there
    with its reverse. So the result is repeatable, and units keep their order among themselves when others come or go:
    what a new unit does not change in the game, it changes in the estimates next to nothing.

    Args:
        coalitions: For each set of units that a journey had, none of them empty: (conversions, journeys).
        names: The units' names, by their numbers.
        orders: How many orders to draw; at least 4.

    Returns:
        The values and their standard errors.
    """
    sets: Sequence[frozenset[int]] = sorted(coalitions, key=sorted)
    counts = np.array([coalitions[members] for members in sets], dtype=np.float64).reshape(-1, 2)
    sizes = np.array([len(members) for members in sets], dtype=np.int64)
    members = np.fromiter((unit for units in sets for unit in sorted(units)), np.int64, sizes.sum())
    pairs = max(orders // 2, 2)
    arrivals = np.array([_arrivals(name, pairs) for name in names])
    marginals = np.zeros(arrivals.shape)
    at_once = max(1, VALUES_AT_ONCE // members.size)
    for first in range(0, pairs, at_once):
        drawn = slice(first, first + at_once)
        ranks = arrivals[:, drawn].argsort(axis=0).argsort(axis=0)
        for rank in (ranks, len(names) - 1 - ranks):
            complete_at = np.maximum.reduceat(rank[members], sizes.cumsum() - sizes, axis=0)
            marginals[:, drawn] += _marginal_worth(counts, rank, complete_at) / 2
    return marginals.mean(axis=1), marginals.std(axis=1, ddof=1) / np.sqrt(pairs)


def _arrivals(name: str, draws: int) -> NDArray[np.uint64]:
    """When a unit arrives in each draw: numbers that its name alone decides, and the same in every release of NumPy."""
    seed = int.from_bytes(sha256(name.encode()).digest())
    return np.random.PCG64(seed).random_raw(draws)


def _marginal_worth(counts: Floats, rank: Integers, complete_at: Integers) -> Floats:
    """What each arriving unit adds, unit by draw. A journey's set is complete when the last of its units has arrived.

    Args:
        counts: Conversions and journeys, by set.
        rank: Each unit's place in the order, by unit and draw.
        complete_at: The place at which a set is complete, by set and draw.
    """
    units, draws = rank.shape
    places = (complete_at + units * np.arange(draws)).ravel()
    conversions, journeys = (
        np.bincount(places, np.repeat(added, draws), units * draws).reshape(draws, units).cumsum(axis=1)
        for added in counts.T
    )
    worth = np.divide(conversions, journeys, out=np.zeros(journeys.shape), where=journeys > 0)
    return np.take_along_axis(np.diff(worth, prepend=0.0), rank.T, axis=1).T


def removal_effect_table(transitions: pa.Table, units: pa.Table, chains: Iterable[tuple[str, int]]) -> pa.Table:
    """The removal effect of every unit, for some chains.

    Args:
        transitions: The rows of `int_journeys_transitions`, in any order.
        units: The rows of `int_journeys_units`, which name the keys.
        chains: Which ones, by unit and order.

    Returns:
        unit, model_order, unit_id, removal_effect: one row for each unit of each chain; none without journeys.
    """
    rows: list[dict[str, object]] = []
    for unit, of_unit in groupby(chains, key=itemgetter(0)):
        observed, names = number_transitions(transitions_of(unit, transitions), units, unit)
        for _, order in of_unit if names else ():
            effects = removal_effects(build_chain(observed, order, len(names)))
            rows += [
                {"unit": unit, "model_order": order, "unit_id": name, "removal_effect": round(float(effect), 12)}
                for name, effect in zip(names, effects, strict=True)
            ]
    return as_table(rows, REMOVAL_EFFECTS)


def as_table(rows: Sequence[Mapping[str, object]], schema: pa.Schema) -> pa.Table:
    """Rows as an Arrow table. Arrow imports pandas before its first array, a third of a second: not for none."""
    return pa.Table.from_pylist(rows, schema=schema) if rows else schema.empty_table()


def transitions_of(unit: str, transitions: pa.Table) -> pa.Table:
    """The transitions of one kind of unit, in one order whatever the table's; of one move, the groups in theirs."""
    columns = ("third_last_key", "second_last_key", "last_key", "following_key", "outcome", "account_group")
    order = [(column, "ascending") for column in columns if column in transitions.column_names]
    return transitions.filter(pc.equal(transitions["unit"], unit)).sort_by(order)


def number_transitions(observed: pa.Table, units: pa.Table, unit: str) -> tuple[Transitions, list[str]]:
    """The transitions of one kind of unit, row by row, and the names of its numbers.

    Units that are in no journey have no number.
    """
    columns = ("third_last_key", "second_last_key", "last_key", "following_key")
    third, second, last, following = (observed[column].to_numpy().astype(np.int64) for column in columns)
    converted = np.asarray(pc.equal(observed["outcome"], "converted").to_numpy(), dtype=np.bool_)
    named = units.filter(pc.equal(units["unit"], unit))
    name_of = dict(zip(named["unit_key"].to_pylist(), named["unit_id"].to_pylist(), strict=True))
    keys = np.unique(last)

    def number(column: Integers, absent: Integers) -> Integers:
        return np.where(column > 0, np.searchsorted(keys, column), absent)

    nothing = np.full_like(last, NOTHING)
    return (
        Transitions(
            third=number(third, nothing),
            second=number(second, nothing),
            last=number(last, nothing),
            following=number(following, np.where(converted, CONVERTED, OPEN)),
            count=observed["journeys"].to_numpy().astype(np.int64),
        ),
        [str(name_of[key]) for key in keys.tolist()],
    )


def shapley_table(channel_sets: pa.Table, *, exact_units: int, sampled_orders: int) -> pa.Table:
    """The Shapley value of every channel.

    Args:
        channel_sets: The rows of `int_journeys_channel_sets`, in any order.
        exact_units: Up to so many channels the values are exact.
        sampled_orders: Beyond, how many orders of arrival are sampled.

    Returns:
        unit_id, shapley_value, standard_error (0 where exact): one row for each channel; none without journeys.
    """
    names = sorted(set(channel_sets["channel"].to_pylist()))
    number = {name: index for index, name in enumerate(names)}
    members: dict[int, set[int]] = {}
    counts: dict[int, tuple[int, int]] = {}
    for row in channel_sets.to_pylist():
        members.setdefault(row["set_key"], set()).add(number[row["channel"]])
        counts[row["set_key"]] = (int(row["conversions"]), int(row["journeys"]))
    coalitions = {frozenset(units): counts[key] for key, units in members.items()}
    if len(names) <= exact_units:
        values, errors = shapley_values(coalitions, len(names)), np.zeros(len(names))
    else:
        values, errors = sampled_shapley_values(coalitions, names, sampled_orders)
    rows = [
        {"unit_id": name, "shapley_value": round(float(value), 12), "standard_error": round(float(error), 12)}
        for name, value, error in zip(names, values, errors, strict=True)
    ]
    return as_table(rows, SHAPLEY_VALUES)
