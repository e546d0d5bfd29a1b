"""What is noted beside a load: when an object was looked at, what the source lacked, and who waits for whom."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from partner_warehouse.errors import BadInputError, BusyError
from partner_warehouse.extract.api import Window
from partner_warehouse.extract.freshness import freshness, stale
from partner_warehouse.extract.ingest import patiently
from partner_warehouse.extract.state import checked_at, note_check
from partner_warehouse.landing.manifest import Manifest
from partner_warehouse.landing.store import LoadOutcome
from partner_warehouse.settings import load_settings

OLD = {
    "load_id": "l",
    "source": "s",
    "object": "o",
    "loaded_at": "2026-01-01T00:00:00+00:00",
    "received": 0,
    "landed": 0,
    "quarantined": 0,
    "duplicates": 0,
    "cursor_from": None,
    "cursor_to": None,
    "files": [],
    "undeclared": {},
    "bytes": 0,
}


def test_a_manifest_of_before_is_read_and_a_new_one_keeps_what_was_missing(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(OLD), encoding="utf-8")
    assert Manifest.read(path).missing == ()
    path.write_text(json.dumps(OLD | {"missing": ["Region__c"], "warnings": ["look"]}), encoding="utf-8")
    read = Manifest.read(path)
    assert (read.missing, read.warnings) == (("Region__c",), ("look",))
    path.write_text(read.to_json(), encoding="utf-8")
    assert Manifest.read(path) == read


def test_an_object_is_fresh_stale_or_never_looked_at(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, sources=("stripe",))
    assert {one.status for one in freshness(settings)} == {"never"}
    assert stale(settings) == []
    note_check(settings, "stripe", "customer")
    looked = checked_at(settings, "stripe", "customer")
    assert looked is not None
    limit = timedelta(hours=26)
    status = {one.object: one.status for one in freshness(settings, now=looked + limit)}
    assert status["customer"] == "fresh"
    late = stale(settings, now=looked + limit + timedelta(seconds=1))
    assert f"stale: stripe customer, last looked at {looked:%Y-%m-%d %H:%M} UTC, the limit is 26 h" in late


def test_each_object_has_the_limits_that_its_catalog_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = home / "catalog"
    directory.mkdir()
    (directory / "stripe.yml").write_text("freshness:\n  charge: {looked: 3, loaded: 5}\n  refund: {loaded: 700}\n")
    monkeypatch.setenv("PARTNER_WAREHOUSE_CATALOG", str(directory))
    settings = load_settings(sources=("stripe",))
    looked = datetime.now(UTC)
    for name in ("charge", "refund", "customer"):
        note_check(settings, "stripe", name)
        load = settings.landing_dir / "stripe" / name / "20260101T000000.000000Z-00000000"
        load.mkdir(parents=True)
        loaded = looked - timedelta(hours=600)
        (load / "manifest.json").write_text(json.dumps(OLD | {"loaded_at": loaded.isoformat()}))
    now = looked + timedelta(hours=2)
    status = {one.object: one.status for one in freshness(settings, now=now)}
    assert (status["charge"], status["refund"], status["customer"]) == ("silent", "fresh", "fresh")
    silent = f"silent: stripe charge, last brought anything new {loaded:%Y-%m-%d %H:%M} UTC, the limit is 5 h"
    assert silent in stale(settings, now=now)
    later = {one.object: one.status for one in freshness(settings, now=looked + timedelta(hours=4))}
    assert (later["charge"], later["refund"], later["customer"]) == ("stale", "fresh", "fresh")


def test_a_window_waits_for_the_run_that_holds_its_object_and_not_for_ever() -> None:
    waits: list[float] = []

    def held() -> LoadOutcome:
        if len(waits) < 3:
            raise BusyError("held")
        return LoadOutcome("s", "o")

    assert patiently(held, 900.0, sleep=waits.append) == LoadOutcome("s", "o")
    assert waits == [0.5, 1.0, 2.0]
    waits.clear()
    with pytest.raises(BusyError):
        patiently(held, 1.0, sleep=waits.append)
    assert sum(waits) <= 1.0


def test_a_window_is_two_instants_with_an_offset() -> None:
    window = Window.parse("2026-03-01T01:00:00+01:00", "2026-04-01T00:00:00Z")
    assert window.since == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
    [
        ("2026-03-01T00:00:00Z", None),
        (None, "2026-03-01T00:00:00Z"),
        ("2026-03-01", "2026-04-01"),
        ("2026-04-01T00:00:00Z", "2026-03-01T00:00:00Z"),
    ],
)
def test_half_a_window_or_an_empty_one_is_refused(given: tuple[str | None, str | None]) -> None:
    with pytest.raises(BadInputError, match="give both, with an offset"):
        Window.parse(*given)
