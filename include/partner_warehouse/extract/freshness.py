"""How long ago each object was looked at, and brought anything new, against its limits. It reads the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from partner_warehouse.extract.state import checked_at
from partner_warehouse.landing.catalog import Freshness as Limits
from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.landing.layout import object_dir
from partner_warehouse.landing.manifest import MANIFEST, Manifest, load_ids
from partner_warehouse.settings import Settings

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Freshness:
    """When an object was last looked at, and last brought anything new.

    Attributes:
        looked_at: The last time that all that was new was asked for, UTC.
        loaded_at: When its newest load became visible, UTC.
        limits: How old these may be.
        status: `fresh`; `stale`, not looked at for too long; `silent`, looked at, and nothing new for too long;
            `never`, nobody has looked yet.
    """

    source: str
    object: str
    looked_at: datetime | None
    loaded_at: datetime | None
    limits: Limits
    status: str

    @property
    def warning(self) -> str | None:
        """What to tell a person; None where it is fresh."""
        name = f"{self.source} {self.object}"
        if self.status == "never":
            return f"stale: {name}, never looked at"
        if self.status == "stale":
            return f"stale: {name}, last looked at {self.looked_at:%Y-%m-%d %H:%M} UTC, {_limit(self.limits.looked)}"
        if self.status == "silent" and self.limits.loaded is not None:
            last = f"{self.loaded_at:%Y-%m-%d %H:%M} UTC" if self.loaded_at else "never"
            return f"silent: {name}, last brought anything new {last}, {_limit(self.limits.loaded)}"
        return None


def _limit(span: timedelta) -> str:
    return f"the limit is {span // HOUR} h"


def freshness(settings: Settings, *, now: datetime | None = None) -> list[Freshness]:
    """The objects of the sources in use.

    Args:
        settings: The installation.
        now: The instant to judge at; default now.
    """
    now = now or datetime.now(UTC)
    found = []
    for source in settings.sources:
        for name, schema in load_catalog(source).pulled.items():
            looked = checked_at(settings, source, name)
            loaded = _loaded_at(settings, source, name)
            limits = schema.freshness
            status = "fresh"
            if looked is None:
                status = "never"
            elif now - looked > limits.looked:
                status = "stale"
            elif limits.loaded is not None and (loaded is None or now - loaded > limits.loaded):
                status = "silent"
            found.append(Freshness(source, name, looked, loaded, limits, status))
    return found


def stale(settings: Settings, *, now: datetime | None = None) -> list[str]:
    """A sentence for each object that is not fresh; none where all are.

    An object that nobody has ever looked at is told only where its source was pulled before.
    """
    every = freshness(settings, now=now)
    used = {one.source for one in every if one.looked_at is not None}
    return [one.warning for one in every if one.warning is not None and one.source in used]


def write_table(settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table `ops.freshness`, one row per object, as things stand now; the schema `ops` exists."""
    connection.execute(
        "CREATE TABLE ops.freshness (source VARCHAR, object VARCHAR, status VARCHAR, looked_at TIMESTAMPTZ, "
        "loaded_at TIMESTAMPTZ, looked_limit_hours INTEGER, loaded_limit_hours INTEGER, judged_at TIMESTAMPTZ)"
    )
    now = datetime.now(UTC)
    rows = [
        (
            one.source,
            one.object,
            one.status,
            one.looked_at,
            one.loaded_at,
            one.limits.looked // HOUR,
            one.limits.loaded // HOUR if one.limits.loaded is not None else None,
            now,
        )
        for one in freshness(settings, now=now)
    ]
    if rows:
        connection.executemany("INSERT INTO ops.freshness VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _loaded_at(settings: Settings, source: str, name: str) -> datetime | None:
    loads = load_ids(settings.landing_dir, source, name)
    if not loads:
        return None
    manifest = Manifest.read(object_dir(settings.landing_dir, source, name) / loads[-1] / MANIFEST)
    return datetime.fromisoformat(manifest.loaded_at).astimezone(UTC)
