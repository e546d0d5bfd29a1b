"""All objects of all sources over HTTP, from the sample company: whole, then again, then three days later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from partner_warehouse.extract.ingest import ingest_source, objects
from partner_warehouse.landing.layout import data_files
from partner_warehouse.landing.store import LoadOutcome
from partner_warehouse.sandbox.calendar import AS_OF
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.servers.common import SECRET
from partner_warehouse.sandbox.servers.run import Endpoints, connection_variables, serve
from partner_warehouse.settings import SOURCES, Settings, load_settings

pytestmark = pytest.mark.server

EARLIER = AS_OF - timedelta(days=3)
SCALE = 0.02

STAMPS = ("SystemModstamp", "lastmodifieddate", "hs_lastmodifieddate", "updated_at")
"""The columns that tell which version of a record is the newest, where a source has one."""


@contextmanager
def sandbox(profile: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoints]:
    company = Company.generate(seed=11, scale=SCALE, profile_name=profile)
    with serve(company, now=EARLIER, inbox=home / "inbox") as endpoints, monkeypatch.context() as patched:
        for name, value in connection_variables(endpoints.urls).items():
            patched.setenv(name, value)
        yield endpoints


def ingest_all(settings: Settings) -> dict[str, LoadOutcome]:
    """Every object of every source."""
    outcomes = [outcome for source in SOURCES for outcome in ingest_source(source, settings, workers=2)]
    return {f"{outcome.source}.{outcome.object}": outcome for outcome in outcomes}


def newest_versions(settings: Settings) -> dict[str, list[Any]]:
    """Of each object, every key's valid version as staging chooses it: as received, else as typed."""
    found: dict[str, list[Any]] = {}
    with duckdb.connect() as connection:
        for source in SOURCES:
            for name in objects(source):
                path = settings.landing_dir / source / name
                if not list(path.glob("*/data.parquet")):
                    continue
                columns = connection.sql(f"SELECT * FROM read_parquet('{path}/*/data.parquet') LIMIT 0").columns
                key = columns[0]
                stamp = next((column for column in STAMPS if column in columns), None)
                order = f"{stamp} DESC NULLS LAST, _load_id DESC, _row DESC" if stamp else "_load_id DESC, _row DESC"
                typed = ", ".join(f"'{column}': \"{column}\"" for column in columns if not column.startswith("_"))
                rows = connection.sql(
                    f"SELECT DISTINCT ON ({key}) coalesce(_raw, CAST({{{typed}}} AS VARCHAR)) "
                    f"FROM {data_files(path / '*' / 'data.parquet')} "
                    f"ORDER BY {key}, {order}"
                ).fetchall()
                found[f"{source}.{name}"] = sorted(row[0] for row in rows)
    return found


def keys_set_aside(settings: Settings, name: str) -> set[str]:
    """Keys of an object's records in quarantine."""
    source, _, object_name = name.partition(".")
    files = settings.landing_dir / source / object_name / "*" / "quarantine.parquet"
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT DISTINCT record_key FROM read_parquet(?)", [str(files)]).fetchall()
    return {row[0] for row in rows}


@pytest.mark.parametrize("profile", ["default", "chaos"])
def test_three_runs_end_where_one_run_ends(
    profile: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("partner_warehouse.extract.http.pause", lambda _: None)
    steps, whole = load_settings(home=home), load_settings(home=tmp_path / "whole")
    with sandbox(profile, home, monkeypatch) as endpoints:
        first = ingest_all(steps)
        again = ingest_all(steps)
        endpoints.clock.move(AS_OF)
        later = ingest_all(steps)
        assert not any(outcome.is_new for outcome in ingest_all(steps).values())
        monkeypatch.setenv("PARTNER_WAREHOUSE_INBOX", str(home / "inbox"))
        ingest_all(load_settings(home=whole.home))
        assert all(sum(plan.injected.values()) >= 3 for plan in endpoints.plans.values())

    for name, outcome in (first | again | later).items():
        assert outcome.received == outcome.landed + outcome.quarantined + outcome.duplicates, name
    empty = {name for name, outcome in first.items() if not outcome.landed and not name.startswith("files.")}
    # So small a company may have no dispute, and a collector delivers one shape alone.
    assert empty <= {"stripe.dispute", "events.snowplow_events"}
    # Only Stripe delivers something again: versions told by events, which the first load took from lists.
    assert {name.partition(".")[0] for name, outcome in again.items() if outcome.is_new} <= {"stripe"}
    assert sum(outcome.landed for outcome in later.values()) < sum(outcome.landed for outcome in first.values()) / 3

    stepwise, at_once = newest_versions(steps), newest_versions(whole)
    assert stepwise.keys() == at_once.keys()
    for name, records in at_once.items():
        more = [record for record in stepwise[name] if record not in records]
        # A deleted customer is told by an event alone; a run that comes after all of it never sees the customer. And of
        # a record whose newest version cannot be typed, a run in steps still has the version before.
        aside = keys_set_aside(whole, name)
        assert all(
            (name == "stripe.customer" and json.loads(record).get("deleted")) or json.loads(record)["id"] in aside
            for record in more
        ), name
        assert [record for record in stepwise[name] if record not in more] == records, name
    assert SECRET not in caplog.text
