"""Records that a source deletes or shows without a trace are found by their ids, over HTTP from the sample company."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from partner_warehouse.extract.ingest import ingest
from partner_warehouse.extract.state import read_state, state_path
from partner_warehouse.landing.layout import data_files
from partner_warehouse.sandbox.calendar import AS_OF
from partner_warehouse.sandbox.company import Company, Snapshot
from partner_warehouse.sandbox.servers.run import Endpoints, connection_variables, serve
from partner_warehouse.sandbox.timeline import Record
from partner_warehouse.settings import Settings, load_settings

pytestmark = pytest.mark.server

OBJECTS = {("salesforce", "Lead"): "IsDeleted", ("hubspot", "contacts"): "archived"}
SHOWN = {**OBJECTS, ("stripe", "product"): "deleted"}
KEYS = {"salesforce": "Id", "hubspot": "id", "stripe": "id"}
STAMPS = {"salesforce": "SystemModstamp", "hubspot": "lastmodifieddate", "stripe": "NULL"}


@pytest.fixture(scope="module")
def company() -> Company:
    return Company.generate(seed=5, scale=0.03, profile_name="clean")


@pytest.fixture
def endpoints(company: Company) -> Iterator[Endpoints]:
    with serve(company, now=AS_OF) as served:
        yield served


@pytest.fixture
def sources(endpoints: Endpoints, home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in connection_variables(endpoints.urls).items():
        monkeypatch.setenv(name, value)
    return load_settings()


def long_ago(settings: Settings, source: str, name: str) -> None:
    """Let the last comparison be eight days old."""
    path = state_path(settings, source, name)
    state = json.loads(path.read_text(encoding="utf-8"))
    state["reconciled_at"] = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    path.write_text(json.dumps(state), encoding="utf-8")


def alive(settings: Settings, source: str, name: str) -> list[str]:
    """Keys whose newest version is not deleted, in order."""
    files = settings.landing_dir / source / name / "*" / "data.parquet"
    key, deleted, stamp = KEYS[source], SHOWN[source, name], STAMPS[source]
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT {key} FROM {data_files('?')} QUALIFY row_number() OVER (PARTITION BY {key} "
            f"ORDER BY {stamp} DESC NULLS LAST, _load_id DESC, _row DESC) = 1 AND NOT coalesce({deleted}, false) "
            "ORDER BY ALL",
            [str(files)],
        ).fetchall()
    return [row[0] for row in rows]


def versions_share_a_stamp(settings: Settings, source: str, name: str, keys: set[str]) -> bool:
    """Whether a tombstone is no newer than what it buries, so that any later version of the record counts more."""
    files = settings.landing_dir / source / name / "*" / "data.parquet"
    key, stamp = KEYS[source], STAMPS[source]
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT {key}, count(*), count(DISTINCT {stamp}) FROM read_parquet(?) GROUP BY ALL", [str(files)]
        ).fetchall()
    return {(row[1], row[2]) for row in rows if row[0] in keys} == {(2, 1)}


def without(monkeypatch: pytest.MonkeyPatch, source: str, gone: set[str] | None) -> None:
    """Let a source no longer have some records; None: any at all."""
    shown = getattr(Snapshot, source)

    def filtered(self: Snapshot, name: str) -> list[Record]:
        return [record for record in shown(self, name) if gone is not None and record[KEYS[source]] not in gone]

    monkeypatch.setattr(Snapshot, source, filtered)


@pytest.mark.parametrize(("source", "name"), OBJECTS)
def test_a_hard_deleted_record_goes(sources: Settings, monkeypatch: pytest.MonkeyPatch, source: str, name: str) -> None:
    ingest(source, name, sources)
    before = alive(sources, source, name)
    gone = set(before[3:5])
    without(monkeypatch, source, gone)
    assert not ingest(source, name, sources).is_new, "it was compared within the week"
    long_ago(sources, source, name)
    outcome = ingest(source, name, sources)
    assert (outcome.landed, outcome.quarantined) == (2, 0)
    assert alive(sources, source, name) == [key for key in before if key not in gone]
    long_ago(sources, source, name)
    assert not ingest(source, name, sources).is_new
    assert versions_share_a_stamp(sources, source, name, gone)


@pytest.mark.parametrize(("source", "name"), OBJECTS)
def test_a_source_that_shows_nothing_deletes_nothing(
    sources: Settings, monkeypatch: pytest.MonkeyPatch, source: str, name: str
) -> None:
    ingest(source, name, sources)
    before = alive(sources, source, name)
    without(monkeypatch, source, None)
    long_ago(sources, source, name)
    outcome = ingest(source, name, sources)
    assert not outcome.is_new
    assert any("rights" in warning for warning in outcome.warnings)
    assert alive(sources, source, name) == before


def test_a_crash_before_the_note_compares_again_and_finds_nothing(
    sources: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest("salesforce", "Lead", sources)
    without(monkeypatch, "salesforce", set(alive(sources, "salesforce", "Lead")[:1]))
    long_ago(sources, "salesforce", "Lead")
    kept = state_path(sources, "salesforce", "Lead").read_bytes()
    assert ingest("salesforce", "Lead", sources).landed == 1
    state_path(sources, "salesforce", "Lead").write_bytes(kept)
    assert not ingest("salesforce", "Lead", sources).is_new
    assert read_state(sources, "salesforce", "Lead")["reconciled_at"]


@pytest.mark.parametrize(("source", "name"), SHOWN)
def test_a_record_that_shows_again_or_only_now_is_fetched_and_told(
    endpoints: Endpoints, sources: Settings, monkeypatch: pytest.MonkeyPatch, source: str, name: str
) -> None:
    """As when a right is taken away for a while: the records have not changed, so no cursor finds them."""
    snapshot = endpoints.clock.snapshot
    everything = [str(record[KEYS[source]]) for record in getattr(snapshot, source)(name)]
    late, lost = set(everything[:2]), set(everything[2:3])
    with monkeypatch.context() as patch:
        without(patch, source, late)
        ingest(source, name, sources)
    assert set(alive(sources, source, name)) == set(everything) - late
    with monkeypatch.context() as patch:
        without(patch, source, late | lost)
        endpoints.clock.move(AS_OF + timedelta(seconds=1))
        long_ago(sources, source, name)
        assert ingest(source, name, sources).landed == 1, "a tombstone"
    endpoints.clock.move(AS_OF)
    assert not ingest(source, name, sources).is_new, "it was compared within the week"
    long_ago(sources, source, name)
    outcome = ingest(source, name, sources)
    assert (outcome.landed, outcome.quarantined) == (3, 0)
    (warning,) = outcome.warnings
    assert "1 records that were taken for deleted and 2 that had never landed" in warning
    assert set(alive(sources, source, name)) == set(everything)
    long_ago(sources, source, name)
    again = ingest(source, name, sources)
    assert (again.is_new, again.warnings) == (False, ())
