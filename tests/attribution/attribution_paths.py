"""Path data as it is published (a path, its conversions, their value, its nulls), and what is known of it exactly.

The models are worked out from the paths themselves, by their published definitions and by other means than the
warehouse's: the heuristics by weights, the Markov chain as a graph with start, conversion and null whose equations are
solved once with every state and once without those that hold the removed channel.
"""

from __future__ import annotations

import csv
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

ORDERS = (1, 2, 3)
NULL_ONLY = "only in nulls"
CHANNELS = (
    *("alpha", "beta", "Gamma", "gamma", "delta"),
    *("paid search, brand", 'so-called "partner"', "l'e-mail ☕", "C++/C#; 100 %", "(direct)", "none", "null"),
)


@dataclass(frozen=True)
class CountedPath:
    """One row of the path data.

    Attributes:
        channels: What was touched, in order.
        conversions: How many journeys of this path converted.
        cents: The value of all of them together.
        nulls: How many did not.
    """

    channels: tuple[str, ...]
    conversions: int
    cents: int
    nulls: int


def random_path_data(seed: int, paths: int) -> list[CountedPath]:
    """Skewed counts, as such data have them, and the paths that are easily got wrong."""
    draw = random.Random(seed)  # noqa: S311
    odd = [
        *((channel,) for channel in CHANNELS),
        *((channel,) * repeats for channel in CHANNELS[:3] for repeats in (2, 3, 4, 150)),
        ("alpha", "beta") * 70,
        ("alpha", "alpha", "beta", "alpha", "alpha"),
    ]
    data = {channels: CountedPath(channels, 3, 33_01, 2) for channels in odd}
    data["alpha", NULL_ONLY] = CountedPath(("alpha", NULL_ONLY), 0, 0, 17)
    data[NULL_ONLY,] = CountedPath((NULL_ONLY,), 0, 0, 5)
    while len(data) < paths:
        length = min(1 + int(draw.expovariate(0.15)), 40)
        channels = tuple(draw.choice(CHANNELS) for _ in range(length))
        conversions = int(draw.paretovariate(0.85)) if draw.random() < 0.7 else 0
        conversions = min(conversions, 300)
        nulls = int(draw.paretovariate(0.9)) if draw.random() < 0.6 else 0
        cents = draw.randint(0, 100_000) * conversions + draw.randint(0, 99) if conversions else 0
        data.setdefault(channels, CountedPath(channels, conversions, cents, min(nulls, 200)))
    return list(data.values())


def write_journeys(data: Iterable[CountedPath], inbox: Path) -> None:
    """The file drop of the path data: one account for each journey that was counted.

    The touches of every seventh account are all at one instant, so that their ids alone order them.
    """
    begin = datetime(2025, 3, 1, tzinfo=UTC)
    touches: list[tuple[object, ...]] = []
    deals: list[tuple[object, ...]] = []
    account = 0
    for path in data:
        amounts = _spread(path.cents, path.conversions)
        for journey in range(path.conversions + path.nulls):
            account += 1
            customer = f"C{account:06d}"
            step = timedelta(0) if account % 7 == 0 else timedelta(minutes=1 + account % 50)
            touches += [
                (f"{customer}-{place:03d}", (begin + place * step).isoformat(), customer, channel)
                for place, channel in enumerate(path.channels)
            ]
            if journey < path.conversions:
                closed_at = begin + len(path.channels) * step
                amount = f"{amounts[journey] // 100}.{amounts[journey] % 100:02d}"
                deals.append((f"D{account:06d}", customer, amount, "USD", closed_at.isoformat(), "true"))
    _write(inbox / "touchpoints", ("touchpoint_id", "occurred_at", "customer_id", "channel"), touches)
    _write(inbox / "deals", ("deal_id", "customer_id", "amount", "currency", "closed_at", "is_won"), deals)


def _spread(cents: int, conversions: int) -> list[int]:
    return [cents * (place + 1) // conversions - cents * place // conversions for place in range(conversions)]


def _write(directory: Path, columns: Sequence[str], records: Iterable[Sequence[object]]) -> None:
    directory.mkdir(parents=True)
    with (directory / "paths.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(records)


def heuristic(data: Iterable[CountedPath], model: str) -> dict[str, tuple[float, float]]:
    """Conversions, and their value in cents, by channel."""
    found: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for path in data:
        for channel, weight in _weights(path.channels, model):
            conversions, cents = found[channel]
            found[channel] = (conversions + weight * path.conversions, cents + weight * path.cents)
    return {channel: both for channel, both in found.items() if both[0]}


def _weights(channels: Sequence[str], model: str) -> Iterator[tuple[str, float]]:
    if model == "first_touch":
        yield channels[0], 1.0
    elif model == "last_touch":
        yield channels[-1], 1.0
    elif model == "linear":
        for channel in channels:
            yield channel, 1 / len(channels)
    else:
        raise ValueError(model)


def markov(data: Sequence[CountedPath], order: int) -> dict[str, tuple[float, float]]:
    """By channel, the removal effect and the part of all conversions."""
    graph = _graph(data, order)
    whole = _conversion_rate(graph, None)
    channels = sorted({channel for path in data for channel in path.channels})
    effects = {channel: 1 - _conversion_rate(graph, channel) / whole for channel in channels}
    conversions = sum(path.conversions for path in data)
    shares = {channel: effect / sum(effects.values()) for channel, effect in effects.items()}
    return {channel: (effects[channel], share * conversions) for channel, share in shares.items()}


State = tuple[str, ...]
START: State = ("(start)",)
CONVERSION: State = ("(conversion)",)
NULL: State = ("(null)",)
Graph = Mapping[State, Counter[State]]


def _graph(data: Iterable[CountedPath], order: int) -> Graph:
    """A state is the last `order` channels, fewer at the beginning."""
    graph: dict[State, Counter[State]] = defaultdict(Counter)
    for path in data:
        states = [path.channels[max(0, end - order) : end] for end in range(1, len(path.channels) + 1)]
        for state, following in zip([START, *states], states, strict=False):
            graph[state][following] += path.conversions + path.nulls
        graph[states[-1]][CONVERSION] += path.conversions
        graph[states[-1]][NULL] += path.nulls
    return graph


def _conversion_rate(graph: Graph, removed: str | None) -> float:
    """How probable it is to come from start to conversion when the states that hold a channel are null."""
    states = [state for state in graph if removed not in state]
    number = {state: place for place, state in enumerate(states)}
    equations, converts = np.eye(len(states)), np.zeros(len(states))
    for state in states:
        leaving = sum(graph[state].values())
        for following, count in graph[state].items():
            if following == CONVERSION:
                converts[number[state]] += count / leaving
            elif following in number:
                equations[number[state], number[following]] -= count / leaving
    return float(np.linalg.solve(equations, converts)[number[START]])
