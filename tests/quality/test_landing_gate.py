"""The landing gate names a load whose files are not what was landed."""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from partner_warehouse.errors import ExitStatus, GateFailedError
from partner_warehouse.extract.ingest import ingest
from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.landing.layout import received_files
from partner_warehouse.landing.store import ReceivedFile, exclusive, land
from partner_warehouse.quality import gates
from partner_warehouse.settings import Settings


@pytest.fixture
def load(settings: Settings) -> Path:
    """The directory of one landed load, beside another one that stays whole."""
    loads: list[str] = []
    for name, product in (("a", "P1"), ("b", "P2")):
        target = settings.inbox_dir / "products" / f"{name}.csv"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"product_id,name\n{product},x\n", encoding="utf-8")
        loads.extend(ingest("files", "products", settings).load_ids)
    assert len(loads) == 2
    return settings.landing_dir / "files" / "products" / loads[0]


@pytest.fixture
def events(settings: Settings) -> Path:
    """The directory of a load that keeps its two received files."""
    event = b'{"messageId": "%d", "type": "page", "timestamp": "%s", "receivedAt": "%s"}\n'
    lines = [event % (number, b"2026-01-01T00:00:00Z", b"2026-01-01T00:00:01Z") for number in range(2)]
    schema = load_catalog("events").objects["events"]
    with exclusive(settings, "events", "events") as directory:
        received = []
        for number, line in enumerate(lines):
            path = directory / f"{number}.ndjson.gz"
            path.write_bytes(gzip.compress(line))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            received.append(ReceivedFile(path, path.name, digest, path.stat().st_size, records=1))
        outcome = land(schema, received, settings)
    return settings.landing_dir / "events" / "events" / outcome.load_ids[0]


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:40])])
def test_a_received_file_that_was_lost_or_cut_is_named(
    settings: Settings, events: Path, damage: Callable[[Path], object]
) -> None:
    assert not gates.check("landing", settings).failed
    damage(received_files(events)[1])
    with pytest.raises(GateFailedError, match=rf"landing\.loads.*1 rows.*load_id={events.name}.*received file"):
        gates.check("landing", settings)


def test_whole_loads_pass(settings: Settings, load: Path) -> None:
    assert not gates.check("landing", settings).failed


@pytest.mark.parametrize(
    ("name", "damage", "about"),
    [
        ("data.parquet", Path.unlink, "damaged or removed"),
        ("data.parquet", lambda path: path.write_bytes(path.read_bytes()[:40]), "damaged or removed"),
        ("manifest.json", Path.unlink, "without a manifest"),
        ("manifest.json", lambda path: path.write_bytes(b"{"), "without a manifest"),
    ],
)
def test_a_load_that_lost_a_file_is_named(
    settings: Settings, load: Path, name: str, damage: Callable[[Path], object], about: str
) -> None:
    damage(load / name)
    with pytest.raises(GateFailedError, match=rf"landing\.loads.*1 rows.*load_id={load.name}.*{about}") as failed:
        gates.check("landing", settings)
    assert failed.value.exit_status == ExitStatus.GATE_FAILED


def test_of_two_that_hold_a_gate_at_once_the_second_waits(
    settings: Settings, load: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a gate looks at is made in one place: the second would take away what the first one checks."""
    validate, inside, most = gates._validate, [], []

    def validated(*given: Any) -> Any:
        inside.append(None)
        most.append(len(inside))
        time.sleep(0.2)
        found = validate(*given)
        inside.pop()
        return found

    monkeypatch.setattr(gates, "_validate", validated)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: gates.check("landing", settings), range(2)))
    assert [result.failed for result in results] == [(), ()]
    assert most == [1, 1]
