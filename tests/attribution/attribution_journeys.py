"""Random journeys, and the attribution models worked out the plain way: one journey at a time, in exact fractions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from partner_warehouse.warehouse.attribution import CONVERTED, NOTHING, OPEN, Coalitions, Transitions

Journey = tuple[tuple[int, ...], bool]
"""The units touched, in order, and whether it converted."""


def transitions(journeys: Iterable[Journey]) -> Transitions:
    """Count what followed what, as the warehouse does in SQL."""
    counts: Counter[tuple[int, int, int, int]] = Counter()
    for touches, converted in journeys:
        padded = (NOTHING, NOTHING, *touches, CONVERTED if converted else OPEN)
        for place in range(len(touches)):
            counts[padded[place], padded[place + 1], padded[place + 2], padded[place + 3]] += 1
    rows = sorted(counts)
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return Transitions(*columns, count=np.array([counts[row] for row in rows], dtype=np.int64))


def coalitions(journeys: Iterable[Journey]) -> Coalitions:
    """Conversions and journeys by the set of units."""
    counts: dict[frozenset[int], tuple[int, int]] = {}
    for touches, converted in journeys:
        conversions, seen = counts.get(frozenset(touches), (0, 0))
        counts[frozenset(touches)] = (conversions + converted, seen + 1)
    return counts


Moves = Mapping[tuple[int, ...], Counter[tuple[int, ...] | bool]]
"""How often each state was followed by which; the empty state is the beginning, true and false are the ends."""


def moves_between_states(journeys: Iterable[Journey], order: int) -> Moves:
    """Count the moves of the chain of an order."""
    moves: dict[tuple[int, ...], Counter[tuple[int, ...] | bool]] = defaultdict(Counter)
    for touches, converted in journeys:
        states = [touches[max(0, place - order + 1) : place + 1] for place in range(len(touches))]
        for state, following in zip([(), *states], [*states, converted], strict=True):
            moves[state][following] += 1
    return moves


def conversion_rate_without(journeys: Sequence[Journey], order: int, removed: int | None) -> Fraction:
    """The chain's conversion rate when journeys that reach a unit never convert, by elimination in fractions."""
    return rate_without(moves_between_states(journeys, order), removed)


def rate_without(moves: Moves, removed: int | None) -> Fraction:
    """The same, from the moves."""
    kept = [state for state in moves if not state or state[-1] != removed]
    index = {state: place for place, state in enumerate(kept)}
    system = []
    for state in kept:
        row = [Fraction(0)] * (len(kept) + 1)
        row[index[state]] += 1
        visits = sum(moves[state].values())
        for following, count in moves[state].items():
            if following is True:
                row[-1] += Fraction(count, visits)
            elif following in index:
                row[index[following]] -= Fraction(count, visits)
        system.append(row)
    return _solve(system)[index[()]]


def _solve(system: list[list[Fraction]]) -> list[Fraction]:
    size = len(system)
    for pivot in range(size):
        source = next(row for row in range(pivot, size) if system[row][pivot])
        system[pivot], system[source] = system[source], system[pivot]
        scale = system[pivot][pivot]
        system[pivot] = [value / scale for value in system[pivot]]
        for row in range(size):
            factor = system[row][pivot]
            if row != pivot and factor:
                system[row] = [value - factor * base for value, base in zip(system[row], system[pivot], strict=True)]
    return [row[-1] for row in system]
