"""How long ago each object was looked at, whether or not anything was new. It reads the clock: no mart comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from partner_warehouse.extract.state import checked_at
from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.landing.manifest import load_ids
from partner_warehouse.settings import Settings

LIMIT = timedelta(hours=26)
"""How old the last look may be: an hourly run that fails for a day is told, one that fails for a night is not."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """When an object was last looked at.

    Attributes:
        checked_at: The last time that all that was new was asked for, UTC.
        newest_load: Its newest load's id, which sorts by time.
        status: `fresh`, `stale`, or `never` where nobody has looked yet.
    """

    source: str
    object: str
    checked_at: datetime | None
    newest_load: str | None
    status: str


def freshness(settings: Settings, *, now: datetime | None = None) -> list[Freshness]:
    """The objects of the sources in use.

    Args:
        settings: The installation.
        now: The instant to judge at; default now.
    """
    now = now or datetime.now(UTC)
    found = []
    for source in settings.sources:
        for name in load_catalog(source).objects:
            looked = checked_at(settings, source, name)
            loads = load_ids(settings.landing_dir, source, name)
            status = "never" if looked is None else "stale" if now - looked > LIMIT else "fresh"
            found.append(Freshness(source, name, looked, loads[-1] if loads else None, status))
    return found


def stale(settings: Settings, *, now: datetime | None = None) -> list[str]:
    """A sentence for each object that nobody has looked at for too long; none where all are fresh.

    An object that nobody has ever looked at is told only where its source was pulled before.
    """
    every = freshness(settings, now=now)
    used = {one.source for one in every if one.checked_at is not None}
    return [
        f"stale: {one.source} {one.object}, "
        + (f"last looked at {one.checked_at:%Y-%m-%d %H:%M} UTC" if one.checked_at else "never looked at")
        for one in every
        if one.status != "fresh" and one.source in used
    ]
