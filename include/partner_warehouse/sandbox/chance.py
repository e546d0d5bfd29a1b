"""Seeded chance. Each topic draws from a stream of its own, so that a change in one does not move the others."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """A stream of pseudo-random draws for one topic of one seed; not for secrets."""

    def __init__(self, seed: int, topic: str) -> None:
        self._random = random.Random(f"{seed}:{topic}")  # noqa: S311

    def happens(self, probability: float) -> bool:
        """True with a probability."""
        return self._random.random() < probability

    def number(self, low: int, high: int) -> int:
        """A whole number in `[low, high]`."""
        return self._random.randint(low, high)

    def between(self, low: float, high: float) -> float:
        """A number in `[low, high)`."""
        return low + (high - low) * self._random.random()

    def spread(self, middle: float, sigma: float) -> float:
        """A positive number around a median, log-normal."""
        return middle * self._random.lognormvariate(0.0, sigma)

    def one(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[self._random.randrange(len(options))]

    def weighted(self, options: Sequence[T], weights: Sequence[float]) -> T:
        """One of the options by weight."""
        return self._random.choices(options, weights)[0]

    def some(self, options: Sequence[T], count: int) -> list[T]:
        """Up to `count` different options."""
        return self._random.sample(options, min(count, len(options)))

    def instant(self, first: datetime, last: datetime) -> datetime:
        """An instant in `[first, last)`, to the second."""
        seconds = max(1, int((last - first).total_seconds()))
        return first + timedelta(seconds=self._random.randrange(seconds))

    def working_instant(self, month: datetime, last: datetime) -> datetime:
        """An instant of a month, between 7 and 19 o'clock UTC and mostly on a weekday."""
        instant = self.instant(month, last)
        if instant.weekday() >= 5 and self.happens(0.8) and instant - timedelta(days=2) >= month:
            instant -= timedelta(days=2)
        return datetime(
            instant.year, instant.month, instant.day, 7 + self.number(0, 11), instant.minute, instant.second, tzinfo=UTC
        )

    def round_robin(self, number: int, options: Sequence[T]) -> T:
        """The option whose turn it is; not chance at all, but it reads alike."""
        return options[number % len(options)]
