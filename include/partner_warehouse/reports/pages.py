"""Writes and announces the pages: HOME/reports/<grain>/<period>.html, without script or anything to be fetched."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from partner_warehouse.errors import BadInputError
from partner_warehouse.notifications import notify
from partner_warehouse.reports.calendars import CALENDARS, GRAINS, Grain, is_due, period_end, period_name
from partner_warehouse.reports.figures import Figures, read
from partner_warehouse.settings import Settings


@dataclass(frozen=True, slots=True)
class Page:
    """A written report."""

    grain: Grain
    period: str
    path: Path
    on_target: int
    off_target: int

    @property
    def headline(self) -> str:
        """What it is announced by; it names no partner."""
        return f"{CALENDARS[self.grain].subject} report {self.period}: {self.on_target} KPIs on target"


def due(settings: Settings, day: date) -> list[Grain]:
    """The reports that are due on a day and have no page yet: the newest closed period of each.

    Args:
        settings: The installation.
        day: A day in the time zone of the reports.
    """
    found: list[Grain] = []
    for grain in GRAINS:
        first = newest_period(settings, grain)
        if first is not None and is_due(grain, first, day) and not page_path(settings, grain, first).exists():
            found.append(grain)
    return found


def newest_period(settings: Settings, grain: Grain) -> date | None:
    """First day of the newest period of a grain that has ended; None where none has."""
    column = CALENDARS[grain].column
    with _published(settings) as connection:
        row = connection.execute(f"SELECT max({column}) FROM kpi.{grain} WHERE is_closed").fetchone()  # noqa: S608
    return row[0] if row else None


def page_path(settings: Settings, grain: Grain, first: date) -> Path:
    """Where the page of a period lies."""
    return settings.home / "reports" / grain / f"{period_name(grain, first)}.html"


def write(settings: Settings, grain: Grain, period: str | None = None) -> Page:
    """Write the page of a period; a page that is there is replaced.

    Args:
        settings: The installation.
        grain: The report.
        period: As `period_name` writes it; default: the newest that has ended.

    Raises:
        BadInputError: Nothing is published, no period has ended, or the period is unknown.
    """
    column = CALENDARS[grain].column
    with _published(settings) as connection:
        rows = connection.execute(f"SELECT DISTINCT {column} FROM kpi.{grain} ORDER BY 1").fetchall()  # noqa: S608
        known = {period_name(grain, first): first for (first,) in rows}
        first = known.get(period) if period else newest_period(settings, grain)
        if first is None:
            expected = f"expected one of {min(known)} to {max(known)}" if known else "nothing is published of it"
            raise BadInputError(f"no {grain} report of {period or 'a closed period'}: {expected}")
        figures = read(connection, grain, first)
    path = page_path(settings, grain, first)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    temporary.write_bytes(render(grain, first, figures, settings))
    os.replace(temporary, path)
    name = period_name(grain, first)
    return Page(grain, name, path, figures.count("on_target"), figures.count("off_target"))


def announce(page: Page) -> list[str]:
    """Tell the channels that are configured that a report is there.

    Returns:
        The channels that were told.
    """
    return notify(page.headline, f"{page.off_target} are off target.\n{page.path}")


def render(grain: Grain, first: date, figures: Figures, settings: Settings) -> bytes:
    """The page, UTF-8."""
    return (
        _template()
        .render(
            subject=CALENDARS[grain].subject,
            grain=grain,
            period=period_name(grain, first),
            first=first.isoformat(),
            last=date.fromordinal(period_end(grain, first).toordinal() - 1).isoformat(),
            company=settings.company_name,
            figures=figures,
        )
        .encode("utf-8")
    )


@cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).with_name("templates"))
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("report.html.j2")


def _published(settings: Settings) -> duckdb.DuckDBPyConnection:
    if not settings.published_path.exists():
        raise BadInputError(f"nothing is published at {settings.published_path}: run partner-warehouse run first")
    return duckdb.connect(str(settings.published_path), read_only=True)
