"""Bootstrap intervals of Markov removal effects: how far they might have been others with other accounts of the kind.

The unit that is drawn is the account, because its journeys are not independent of each other: each is in a resample as
often as a Poisson number of mean 1 says, which is drawing with replacement without a fixed total. Accounts are put into
a fixed number of groups by a hash of their id, and drawn by group: cost and memory do not grow with the data, and the
spread of a sum over groups is, in the mean, that of the sum over accounts. The numbers are drawn from a fixed seed, in
one order whatever the table's, so the same journeys have the same intervals.

The interval is the percentile interval: with 95 %, from the 2.5th to the 97.5th percentile of the resamples.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray
from scipy.sparse import csr_array  # type: ignore[import-untyped]

from partner_warehouse.warehouse.attribution import (
    Floats,
    Integers,
    Transitions,
    as_table,
    build_chain,
    number_transitions,
    removal_effects,
    transitions_of,
)

INTERVALS = pa.schema(
    [
        ("unit", pa.string()),
        ("model_order", pa.int32()),
        ("unit_id", pa.string()),
        ("replicates", pa.int32()),
        ("removal_effect_lower", pa.float64()),
        ("removal_effect_upper", pa.float64()),
        ("share_lower", pa.float64()),
        ("share_upper", pa.float64()),
    ]
)

SEED = 20260101


def interval_table(
    transitions: pa.Table,
    units: pa.Table,
    *,
    groups: int,
    replicates: int,
    orders: int,
    percent: int,
    most_states: int,
) -> pa.Table:
    """The bounds of every unit's removal effect, and of its part of all.

    Args:
        transitions: The rows of `int_journeys_group_transitions`, in any order.
        units: The rows of `int_journeys_units`, which name the keys.
        groups: How many groups there are.
        replicates: How many resamples to draw.
        orders: The greatest order of a chain that has intervals.
        percent: What part of the resamples lies within the bounds.
        most_states: A chain with more states has no intervals, for each resample solves it again.

    Returns:
        The rows of `int_journeys_removal_intervals`; the bounds are null without resamples.
    """
    drawn = np.random.default_rng(SEED).poisson(1.0, size=(replicates, groups))
    rows: list[dict[str, object]] = []
    for unit in ("channel", "partner"):
        observed = transitions_of(unit, transitions)
        moves, names = number_transitions(observed, units, unit)
        if not names:
            continue
        moves, by_group = _gathered(moves, observed["account_group"].to_numpy(), groups)
        for order in range(1, orders + 1):
            is_small = build_chain(moves, order, len(names)).start.size <= most_states
            effects = _resampled_effects(moves, drawn if is_small else drawn[:0], by_group, order, len(names))
            rows += [
                {"unit": unit, "model_order": order, "unit_id": name, **bounds}
                for name, bounds in zip(names, _bounds(effects, percent), strict=True)
            ]
    return as_table(rows, INTERVALS)


def _gathered(moves: Transitions, groups_of_rows: Integers, groups: int) -> tuple[Transitions, csr_array]:
    """The distinct moves, and how often each group (row) made each of them (column); equal moves are neighbours."""
    columns = np.stack([moves.third, moves.second, moves.last, moves.following])
    begins = np.concatenate([[True], (columns[:, 1:] != columns[:, :-1]).any(axis=0)])
    move_of_row = np.cumsum(begins) - 1
    by_group = csr_array((moves.count, (groups_of_rows, move_of_row)), shape=(groups, int(begins.sum())))
    return replace(_chosen(moves, begins), count=np.asarray(by_group.sum(axis=0))), by_group


def _chosen(moves: Transitions, rows: NDArray[np.bool_]) -> Transitions:
    return Transitions(
        third=moves.third[rows],
        second=moves.second[rows],
        last=moves.last[rows],
        following=moves.following[rows],
        count=moves.count[rows],
    )


def _resampled_effects(moves: Transitions, drawn: Integers, by_group: csr_array, order: int, units: int) -> Floats:
    """The removal effects by resample (row) and unit (column); resamples in which nothing converts say nothing."""
    effects = np.zeros((len(drawn), units))
    for number, times in enumerate(drawn):
        counts = times @ by_group
        kept = counts > 0
        if kept.any():
            resample = _chosen(replace(moves, count=counts), kept)
            effects[number] = removal_effects(build_chain(resample, order, units))
    return effects[effects.any(axis=1)]


def _bounds(effects: Floats, percent: int) -> list[dict[str, object]]:
    """The bounds of each unit; none without resamples."""
    if not len(effects):
        return [{"replicates": 0}] * effects.shape[1]
    shares = effects / effects.sum(axis=1, keepdims=True)
    outside = (1 - percent / 100) / 2
    bounds = np.concatenate([np.quantile(values, (outside, 1 - outside), axis=0) for values in (effects, shares)])
    names = ("removal_effect_lower", "removal_effect_upper", "share_lower", "share_upper")
    return [
        {"replicates": len(effects), **{name: round(float(bound), 12) for name, bound in zip(names, unit, strict=True)}}
        for unit in bounds.T
    ]
