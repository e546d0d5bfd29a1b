"""Which reports there are, what they are about, and when they are due.

Imported by a DAG file: nothing heavy at the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

Grain = Literal["daily", "weekly", "monthly", "quarterly", "yearly"]
GRAINS: tuple[Grain, ...] = get_args(Grain)


@dataclass(frozen=True, slots=True)
class Calendar:
    """One report: its subject, and when it comes out.

    Attributes:
        subject: What the report is about.
        column: The period's column in `kpi.<grain>`.
        days_after: Days from the first day after the period to the report; late facts get that long.
        cron: When a run asks whether it is due, in the time zone of the reports.
        parts: The dimensions by which it splits the company.
    """

    subject: str
    column: str
    days_after: int
    cron: str
    parts: tuple[str, ...]


CALENDARS: dict[Grain, Calendar] = {
    "daily": Calendar("Performance", "day", 0, "0 7 * * *", ("partner_type",)),
    "weekly": Calendar("Partners", "week", 0, "0 7 * * 1", ("partner", "partner_type")),
    "monthly": Calendar("Revenue", "month", 2, "0 7 3 * *", ("partner_type", "programme", "tier", "influence")),
    "quarterly": Calendar("Strategy", "quarter", 4, "0 7 5 1,4,7,10 *", ("partner_type", "country", "programme")),
    "yearly": Calendar("Evaluation", "year", 9, "0 7 10 1 *", ("partner_type", "programme", "tier", "country")),
}


def period_end(grain: Grain, first: date) -> date:
    """The first day after the period that begins on `first`."""
    if grain == "daily":
        return first + timedelta(days=1)
    if grain == "weekly":
        return first + timedelta(days=7)
    months = {"monthly": 1, "quarterly": 3, "yearly": 12}[grain]
    years, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(years, month + 1, 1)


def period_name(grain: Grain, first: date) -> str:
    """The period as a file is named: 2026-09-30, 2026-W40, 2026-09, 2026-Q3, 2026."""
    if grain == "daily":
        return first.isoformat()
    if grain == "weekly":
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02d}"
    if grain == "quarterly":
        return f"{first.year}-Q{(first.month + 2) // 3}"
    return f"{first:%Y-%m}" if grain == "monthly" else f"{first.year}"


def is_due(grain: Grain, first: date, day: date) -> bool:
    """Whether the report of a period may come out on a day."""
    return day >= period_end(grain, first) + timedelta(days=CALENDARS[grain].days_after)
