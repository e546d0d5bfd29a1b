"""The sandbox's time: which months it covers, what "today" is, and how each source writes an instant.

No clock is read: everything is counted from these constants, so the same seed gives the same bytes on any day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

FIRST_DAY = datetime(2025, 4, 1, tzinfo=UTC)
"""Start of the first closed month."""

OPEN_MONTH = datetime(2026, 10, 1, tzinfo=UTC)
"""Start of the month that is still open; eighteen closed months lie before it."""

AS_OF = datetime(2026, 10, 12, 6, tzinfo=UTC)
""""Today" in the sandbox."""

HORIZON = datetime(2026, 11, 1, tzinfo=UTC)
"""How far the company's future is known, so that the clock can be moved past `AS_OF`."""


def months(first: datetime = FIRST_DAY, last: datetime = HORIZON) -> list[datetime]:
    """First instants of the months in `[first, last)`, UTC."""
    found = []
    month = first
    while month < last:
        found.append(month)
        month = next_month(month)
    return found


def next_month(month: datetime) -> datetime:
    """The first instant of the following month, UTC."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def add_months(instant: datetime, count: int) -> datetime:
    """The same day `count` months later, or the 28th where a shorter month would lose it."""
    index = instant.year * 12 + instant.month - 1 + count
    return instant.replace(year=index // 12, month=index % 12 + 1, day=min(instant.day, 28))


def days(first: date, last: date) -> list[date]:
    """All days in `[first, last)`."""
    return [first + timedelta(days=offset) for offset in range((last - first).days)]


def salesforce_instant(instant: datetime | None) -> str | None:
    """As Salesforce's REST API writes it: `2026-04-01T12:00:00.000+0000`."""
    return None if instant is None else f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}+0000"


def iso_instant(instant: datetime | None) -> str | None:
    """As HubSpot and Segment write it: `2026-04-01T12:00:00.000Z`."""
    return None if instant is None else f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"


def epoch(instant: datetime | None) -> int | None:
    """Unix seconds, as Stripe writes it."""
    return None if instant is None else int(instant.timestamp())
