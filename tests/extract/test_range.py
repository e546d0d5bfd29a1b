"""A range fetched once more, over HTTP from the sample company: its records land again, and nothing else moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from partner_warehouse.extract.api import OVERLAP, Window
from partner_warehouse.extract.ingest import ingest
from partner_warehouse.extract.state import read_state
from partner_warehouse.landing.manifest import manifests
from partner_warehouse.sandbox.calendar import AS_OF
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.servers.run import connection_variables, serve
from partner_warehouse.settings import Settings, load_settings

pytestmark = pytest.mark.server

WINDOW = Window(AS_OF - timedelta(days=20), AS_OF - timedelta(days=6))
OBJECTS = {
    ("salesforce", "Opportunity"): "SystemModstamp",
    ("salesforce", "Lead"): "SystemModstamp",
    ("hubspot", "contacts"): "lastmodifieddate",
    ("hubspot", "tickets"): "hs_lastmodifieddate",
    ("stripe", "balance_transaction"): "created",
    ("stripe", "charge"): "created",
    ("events", "events"): "receivedAt",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    company = Company.generate(seed=5, scale=0.03, profile_name="clean")
    with serve(company, now=AS_OF) as endpoints, pytest.MonkeyPatch.context() as patched:
        for name, value in connection_variables(endpoints.urls).items():
            patched.setenv(name, value)
        yield load_settings(home=tmp_path_factory.mktemp("range") / "home")


def keys(paths: list[Path], stamp: str, condition: str) -> set[str]:
    """Keys of the landed records that a condition on their stamp holds for."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        relation = connection.read_parquet([str(path) for path in paths])
        key = relation.columns[0]
        rows = relation.filter(condition.format(stamp=stamp)).project(f'"{key}"').fetchall()
    return {row[0] for row in rows}


@pytest.mark.parametrize(("source", "name"), OBJECTS, ids=lambda value: str(value))
def test_a_range_lands_what_lies_in_it_and_leaves_the_cursor(settings: Settings, source: str, name: str) -> None:
    stamp = OBJECTS[source, name]
    first = ingest(source, name, settings)
    before = read_state(settings, source, name)
    again = ingest(source, name, settings, window=WINDOW)
    assert read_state(settings, source, name) == before
    directory = settings.landing_dir / source / name
    wanted = f"{{stamp}} >= '{WINDOW.since}' AND {{stamp}} < '{WINDOW.until}'"
    loads = [directory / load / "data.parquet" for load in again.load_ids]
    known = [directory / load / "data.parquet" for load in first.load_ids]
    assert keys(known, stamp, wanted), "the sample has records in the range"
    assert keys(known, stamp, wanted) <= keys(loads, stamp, "true")
    # A source may begin earlier by the overlap, or by the hour that a file holds; never end later.
    slack = timedelta(hours=2) if source == "events" else OVERLAP
    outside = f"{{stamp}} < '{WINDOW.since - slack}' OR {{stamp}} >= '{WINDOW.until + slack}'"
    assert not keys(loads, stamp, outside)
    assert all(
        manifest.cursor_to is None
        for manifest in manifests(settings.landing_dir, source, name)
        if manifest.load_id in again.load_ids
    )
    assert not ingest(source, name, settings).is_new
