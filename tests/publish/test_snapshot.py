"""The publication is replaced whole or not at all, and nobody who reads is disturbed."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from partner_warehouse.errors import GateFailedError, PartnerWarehouseError
from partner_warehouse.extract.state import note_check
from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.publish import snapshot
from partner_warehouse.quality import gates, suites
from partner_warehouse.settings import Settings
from partner_warehouse.warehouse import completeness, runner


@pytest.fixture
def warehouse(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A warehouse with one mart, a private table, and a gate that refuses negative amounts."""
    suite = {
        "meta": {"key": ["line_id"]},
        "expectations": [
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "min_value": 0}, "meta": {}}
        ],
    }
    directory = tmp_path / "expectations"
    (directory / "publication").mkdir(parents=True)
    (directory / "publication" / "finance.lines.json").write_text(json.dumps(suite), encoding="utf-8")
    monkeypatch.setattr(gates, "load_suites", lambda stage: suites.load_suites(stage, directory))
    runner.prepare(settings)
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute("CREATE SCHEMA finance; CREATE SCHEMA staging")
        connection.execute("CREATE TABLE staging.contacts AS SELECT 'someone@example.org' AS email")
    _make_whole(settings)
    return settings


def _make_whole(settings: Settings) -> None:
    for step in completeness.STEPS:
        completeness.done(step, settings)


def _fill(settings: Settings, amount: int) -> None:
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute(
            "CREATE OR REPLACE TABLE finance.lines AS "
            "SELECT range AS line_id, CAST(? AS DECIMAL(18, 3)) AS amount FROM range(1000)",
            [amount],
        )


def _read(path: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute("SELECT DISTINCT amount FROM finance.lines").fetchall()


def test_marts_are_published_with_their_types_and_nothing_private(warehouse: Settings) -> None:
    _fill(warehouse, 1)
    path = snapshot.publish(warehouse)
    assert path == warehouse.published_path
    with duckdb.connect(str(path), read_only=True) as connection:
        schemas = {
            row[0]
            for row in connection.execute("SELECT DISTINCT table_schema FROM information_schema.tables").fetchall()
        }
        types = dict(
            connection.execute(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'lines'"
            ).fetchall()
        )
        checked = connection.execute("SELECT stage, success FROM ops.gate_results").fetchall()
    assert schemas == {"finance", "ops"}
    assert types["amount"] == "DECIMAL(18,3)"
    assert ("publication", True) in checked


def test_the_freshness_of_every_object_is_published_as_it_is_then(warehouse: Settings) -> None:
    _fill(warehouse, 1)
    note_check(warehouse, "stripe", "charge")
    with duckdb.connect(str(snapshot.publish(warehouse)), read_only=True) as connection:
        rows = connection.execute(
            "SELECT status, looked_limit_hours, looked_at <= judged_at FROM ops.freshness "
            "WHERE source = 'stripe' AND object = 'charge'"
        ).fetchall()
        every = connection.execute("SELECT count(*), count(DISTINCT (source, object)) FROM ops.freshness").fetchall()
    assert rows == [("fresh", 26, True)]
    objects = sum(len(load_catalog(source).objects) for source in warehouse.sources)
    assert every == [(objects, objects)]


# Readers are other processes, as BI is.
PATIENT_READER = """
import sys, duckdb
with duckdb.connect(sys.argv[1], read_only=True) as reader:
    print(reader.execute("SELECT sum(amount)::INTEGER FROM finance.lines").fetchone()[0], flush=True)
    sys.stdin.readline()
    print(reader.execute("SELECT sum(amount)::INTEGER FROM finance.lines").fetchone()[0], flush=True)
"""
BUSY_READER = """
import sys, duckdb
reads = 0
while True:
    with duckdb.connect(sys.argv[1], read_only=True) as reader:
        amounts = reader.execute("SELECT DISTINCT amount::INTEGER FROM finance.lines").fetchall()
    assert len(amounts) == 1 and amounts[0][0] in (1, 2, 3), amounts
    reads += 1
    print(reads, flush=True)
"""


def _reader(script: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_an_open_reader_keeps_its_numbers_and_the_next_sees_the_new(warehouse: Settings) -> None:
    _fill(warehouse, 1)
    path = snapshot.publish(warehouse)
    with _reader(PATIENT_READER, path) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline() == "1000\n"
        _fill(warehouse, 2)
        snapshot.publish(warehouse)
        reader.stdin.write("go on\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "1000\n"
    assert _read(path) == [(Decimal(2),)]


def test_readers_throughout_see_one_publication_or_the_other(warehouse: Settings) -> None:
    _fill(warehouse, 1)
    path = snapshot.publish(warehouse)
    with _reader(BUSY_READER, path) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "1\n"
        for amount in (2, 3):
            _fill(warehouse, amount)
            snapshot.publish(warehouse)
        assert reader.poll() is None, "the reader met an error or a mixture"
        reader.kill()


def test_a_failing_candidate_leaves_the_former_publication(warehouse: Settings) -> None:
    _fill(warehouse, 1)
    path = snapshot.publish(warehouse)
    _fill(warehouse, -1)
    with pytest.raises(GateFailedError, match=r"finance\.lines\.amount.*1000 rows"):
        snapshot.publish(warehouse)
    assert _read(path) == [(Decimal(1),)]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_killed_before_the_rename_nothing_changed_and_the_next_run_sweeps(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(warehouse, 1)
    path = snapshot.publish(warehouse)
    leftover = path.with_name(f".{path.stem}.dead.candidate")
    leftover.write_bytes(b"half a file")
    with monkeypatch.context() as patched:
        patched.setattr(snapshot.os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        _fill(warehouse, 2)
        with pytest.raises(KeyboardInterrupt):
            snapshot.publish(warehouse)
    assert _read(path) == [(Decimal(1),)]
    assert not leftover.exists()
    snapshot.publish(warehouse)
    assert _read(path) == [(Decimal(2),)]


def test_an_empty_warehouse_is_not_published(settings: Settings) -> None:
    runner.prepare(settings)
    duckdb.connect(str(settings.warehouse_path)).close()
    _make_whole(settings)
    with pytest.raises(PartnerWarehouseError, match="nothing to publish: the warehouse holds no mart"):
        snapshot.publish(settings)


def test_a_warehouse_that_is_not_whole_is_not_published(warehouse: Settings) -> None:
    _fill(warehouse, 1)
    path = snapshot.publish(warehouse)
    _fill(warehouse, 2)
    runner.prepare(warehouse)
    for step in completeness.STEPS:
        with pytest.raises(PartnerWarehouseError, match="the warehouse is not whole"):
            snapshot.publish(warehouse)
        completeness.done(step, warehouse)
    assert _read(path) == [(Decimal(1),)]
    snapshot.publish(warehouse)
    assert _read(path) == [(Decimal(2),)]


PUBLISHER = """
import sys
from partner_warehouse.publish import snapshot
from partner_warehouse.quality import gates
from partner_warehouse.settings import load_settings

def check(*_, **__):
    print("at the gate", flush=True)
    sys.stdin.readline()

gates.check = check
snapshot._add_gate_results = lambda *_: None
snapshot.publish(load_settings(home=sys.argv[1]))
"""


def test_of_two_that_publish_at_once_the_second_waits(warehouse: Settings) -> None:
    _fill(warehouse, 1)
    first, second = (
        subprocess.Popen(
            [sys.executable, "-c", PUBLISHER, str(warehouse.home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    )
    with first, second:
        # Whichever comes first is at the gate with its candidate while the other one would sweep it away.
        ready, _, _ = select.select([first.stdout, second.stdout], [], [], 60)
        ahead, behind = (first, second) if first.stdout in ready else (second, first)
        assert select.select([behind.stdout], [], [], 2)[0] == []
        assert ahead.communicate("go on\n") == ("at the gate\n", None)
        assert behind.communicate("go on\n") == ("at the gate\n", None)
    assert (first.returncode, second.returncode) == (0, 0)
    assert _read(warehouse.published_path) == [(Decimal(1),)]
