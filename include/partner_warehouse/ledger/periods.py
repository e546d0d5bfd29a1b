"""A payout period: one calendar month, written `YYYY-MM`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from partner_warehouse.errors import BadInputError

_WRITTEN = re.compile(r"(?P<year>20[0-9]{2})-(?P<month>0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A month. Orders by time; its text sorts the same way."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read `YYYY-MM`.

        Raises:
            BadInputError: Not a month.
        """
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise BadInputError(f"period {text!r}: expected a month as YYYY-MM, such as 2026-03")
        return cls(int(match["year"]), int(match["month"]))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def following(self) -> Period:
        """The month after."""
        return Period(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def first_day(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    @property
    def last_day(self) -> date:
        """Its last day: what is earned or payable later is not in it."""
        return self.following.first_day - timedelta(days=1)

    def ended_by(self, instant: datetime, timezone: str) -> bool:
        """Whether the month is over at an instant.

        Args:
            instant: Any offset.
            timezone: IANA name of the zone whose midnight ends the month.
        """
        end = self.following.first_day
        return instant >= datetime(end.year, end.month, end.day, tzinfo=ZoneInfo(timezone)).astimezone(UTC)
