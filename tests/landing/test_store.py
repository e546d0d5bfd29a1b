"""Nothing that was received is lost, doubled or changed on its way into the landing."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from landed_records import land_records, rows, schema_of

from partner_warehouse.errors import BadInputError, TransientError
from partner_warehouse.landing import layout, store
from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.landing.layout import data_files, ensure_schema, object_dir
from partner_warehouse.landing.manifest import load_ids, manifests
from partner_warehouse.landing.store import ReceivedFile
from partner_warehouse.settings import Settings, load_settings

Landed = Callable[..., list[dict[str, Any]]]

THING = schema_of(("amount", "decimal"), ("at", "instant"), ("properties.size", "integer"), required=["at"])
FINE = {"id": "a", "amount": "1.50", "at": "2026-01-01T00:00:00Z", "properties": {"size": "3"}}


def test_a_record_is_typed_and_kept_as_received(settings: Settings, landed: Landed) -> None:
    raw = (
        '{ "id":"a", "amount": 1.50,\t"at":"2026-01-01T00:00:00.000+0000", "properties": {"size": 3}, "new": {"x":[1]}}'
    )
    outcome = land_records(settings, THING, [raw])
    assert (outcome.received, outcome.landed, outcome.quarantined, outcome.duplicates) == (1, 1, 0, 0)
    assert outcome.undeclared == {"new": 1}
    (row,) = landed()
    assert row["amount"] == Decimal("1.5")
    assert row["at"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert row["size"] == 3
    assert row["_raw"] == raw
    assert (row["_row"], row["_file"], row["_load_id"]) == (1, "0.ndjson", outcome.load_ids[0])
    (manifest,) = manifests(settings.landing_dir, "salesforce", "things")
    assert manifest.files[0].records == 1
    assert manifest.loaded_at == row["_loaded_at"].isoformat()


@pytest.mark.parametrize(
    "number",
    ["1234567890123.456789", "1000000000000.00001", "0.1000000000000000055", "9999999999999.123456789012345678"],
)
def test_a_number_is_never_read_as_binary(settings: Settings, landed: Landed, number: str) -> None:
    record = f'{{"id": "a", "note": "\\"amount\\": 5", "amount": {number}, "at": "2026-01-01T00:00:00Z"}}'
    outcome = land_records(settings, THING, [record])
    if len(number.partition(".")[2]) > 18:
        assert outcome.quarantined == 1
    else:
        assert landed()[0]["amount"] == Decimal(number)


def test_a_line_with_the_character_between_columns_is_set_aside_alone(settings: Settings, landed: Landed) -> None:
    odd = '{"id": "b", "note": "x\x01y"}'
    outcome = land_records(settings, THING, [FINE, odd, FINE | {"id": "c"}])
    assert (outcome.landed, outcome.quarantined) == (2, 1)
    assert [(row["row"], row["reason"], row["raw"]) for row in landed("quarantine")] == [(2, "not valid JSON", odd)]


def test_broken_fields_go_to_quarantine_with_their_reasons(settings: Settings, landed: Landed) -> None:
    broken = {"id": "b", "amount": "1,5", "properties": {"size": "x"}}
    outcome = land_records(settings, THING, [FINE, broken, "[1]", "{", FINE | {"id": ""}])
    assert (outcome.received, outcome.landed, outcome.quarantined) == (5, 1, 4)
    found = [(row["row"], row["record_key"], row["field"]) for row in landed("quarantine")]
    assert sorted(found, key=str) == sorted(
        [(2, "b", "amount"), (2, "b", "at"), (2, "b", "size"), (3, None, None), (4, None, None), (5, None, "id")],
        key=str,
    )
    reasons = {row["row"]: row["reason"] for row in landed("quarantine") if row["field"] is None}
    assert reasons == {3: "not a JSON object", 4: "not valid JSON"}
    assert {row["raw"] for row in landed("quarantine")} >= {"{", "[1]", json.dumps(broken)}


def test_no_reason_repeats_a_value(settings: Settings, landed: Landed) -> None:
    land_records(settings, THING, [{"id": "b", "amount": "marked-value", "at": "marked-value"}])
    assert all("marked-value" not in row["reason"] for row in landed("quarantine"))


def test_exact_duplicates_are_dropped_and_the_last_stays(settings: Settings, landed: Landed) -> None:
    first, second = FINE, FINE | {"amount": "2.00"}
    outcome = land_records(settings, THING, [first, second], [first, {"id": "x"}, {"id": "x"}])
    assert (outcome.received, outcome.landed, outcome.quarantined, outcome.duplicates) == (5, 2, 1, 2)
    assert [(row["amount"], row["_row"], row["_file"]) for row in landed()] == [
        (Decimal(2), 2, "0.ndjson"),
        (Decimal("1.5"), 3, "1.ndjson"),
    ]


@pytest.mark.parametrize("broken", [False, True])
def test_positions_are_those_of_the_lines_however_many_threads_read_them(settings: Settings, broken: bool) -> None:
    count = 250_000
    schema = schema_of(("at", "instant"), ("note", "text"))
    with store.exclusive(settings, schema.source, schema.name) as directory:
        path = directory / "0.ndjson"
        with path.open("w", encoding="utf-8") as file:
            for n in range(1, count + 1):
                at = "no instant" if broken and n == 7 else "2026-01-01T00:00:00.000Z"
                file.write(f'{{"id": "{n}", "at": "{at}", "note": "{"x" * 300}"}}\n')
        assert path.stat().st_size > 2 * 2 * layout.MAX_RECORD_BYTES, "several buffers, or one thread reads it all"
        received = ReceivedFile(path, path.name, "", path.stat().st_size, records=count)
        outcome = store.land(schema, [received], settings)
    assert outcome.landed == count - broken
    data = object_dir(settings.landing_dir, schema.source, schema.name) / outcome.load_ids[0] / "data.parquet"
    with duckdb.connect() as connection:
        query = f"SELECT count(*) FROM {data_files(data)} WHERE _row = CAST(id AS BIGINT)"
        assert connection.execute(query).fetchall() == [(count - broken,)]


def test_a_container_that_is_declared_keeps_its_parts(settings: Settings, landed: Landed) -> None:
    schema = schema_of(("properties", "json"), ("properties.size", "integer"))
    land_records(
        settings, schema, [{"id": "a", "properties": {"size": 3, "colour": "red"}}, {"id": "b", "properties": "text"}]
    )
    assert [(row["properties"], row["size"]) for row in landed()] == [
        ('{"size":3,"colour":"red"}', 3),
        ('"text"', None),
    ]


def test_what_lies_below_the_envelope_is_kept_and_not_reported(settings: Settings, landed: Landed) -> None:
    plain = schema_of(("properties.size", "integer"), ("labels.colour", "text"))
    schema = replace(plain, envelope=frozenset({("properties",), ("context",)}))
    labels = {"colour": "red", "new": 1}
    record = {"id": "a", "properties": {"size": 3, "new": 1}, "labels": labels, "context": {"x": 1}}
    outcome = land_records(settings, schema, [record])
    assert outcome.undeclared == {"labels.new": 1}
    assert [(row["size"], row["colour"], json.loads(row["_raw"])) for row in landed()] == [(3, "red", record)]


def test_nothing_received_makes_no_load(settings: Settings) -> None:
    outcome = land_records(settings, THING, [])
    assert not outcome.is_new
    assert load_ids(settings.landing_dir, "salesforce", "things") == ()


def test_loads_sort_by_time_even_when_the_clock_was_set_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = land_records(settings, THING, [FINE]).load_ids[0]

    class Earlier(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2001, 1, 1, tzinfo=tz)

    monkeypatch.setattr(store, "datetime", Earlier)
    second = land_records(settings, THING, [FINE]).load_ids[0]
    assert second > first


def test_an_object_is_held_by_one_run_at_a_time(settings: Settings) -> None:
    with (
        store.exclusive(settings, "files", "payments"),
        pytest.raises(TransientError, match="another run"),
        store.exclusive(settings, "files", "payments"),
    ):
        pass
    with store.exclusive(settings, "files", "payments"):
        pass


def test_the_landing_is_settled_once_what_is_being_written_is_visible(
    settings: Settings, landed: Landed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load has its instant before it is visible: up to which instant all is there, only who waits for it can say."""
    schema = schema_of()
    written, go_on = threading.Event(), threading.Event()
    make_visible = store._make_visible

    def slow(incoming: Path, target: Path) -> None:
        written.set()
        assert go_on.wait(10)
        make_visible(incoming, target)

    monkeypatch.setattr(store, "_make_visible", slow)
    with ThreadPoolExecutor(2) as pool:
        load = pool.submit(land_records, settings, schema, [{"id": "1"}])
        assert written.wait(10)
        settled = pool.submit(store.settled, settings.landing_dir)
        with pytest.raises(TimeoutError):
            settled.result(timeout=0.3)
        go_on.set()
        load.result()
        instant = settled.result()
    assert [row["_loaded_at"] <= instant for row in landed()] == [True]
    land_records(settings, schema, [{"id": "2"}])
    assert [row["_loaded_at"] <= instant for row in landed()] == [True, False]


def test_the_landing_is_settled_after_its_newest_load_even_when_the_clock_was_set_back(settings: Settings) -> None:
    newest = object_dir(settings.landing_dir, "files", "deals") / "29990101T000000.000000Z-00000000"
    newest.mkdir(parents=True)
    assert store.settled(settings.landing_dir) == datetime(2999, 1, 1, tzinfo=UTC)


def test_landed_columns_are_those_of_the_empty_load(settings: Settings) -> None:
    ensure_schema(settings.landing_dir)
    schema = load_catalog("files").objects["payments"]
    land_records(
        settings,
        schema,
        [{"payment_id": "p", "invoice_id": "i", "amount": 5, "currency": "USD", "paid_at": "2026-01-01T00:00:00Z"}],
    )
    assert [list(row) for row in rows(settings, name="files/payments")] == [list(schema.columns)]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_record_that_is_too_long_is_refused_without_quoting_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    for module in (layout, store):
        monkeypatch.setattr(module, "MAX_RECORD_BYTES", 1 << 20)
    records = [FINE, FINE | {"id": "b"}]
    records.insert(place, FINE | {"id": "marked" * (1 << 20)})
    with pytest.raises(BadInputError, match="longer than 1 MiB") as refused:
        land_records(settings, THING, records)
    assert "marked" not in str(refused.value)
    assert load_ids(settings.landing_dir, "salesforce", "things") == ()


class Killed(BaseException):
    """The process ends here."""


def _steps_of_a_load(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> int:
    """How many times a load touches the disk in a way that can be cut off."""
    return _kill_at(monkeypatch, settings, at=10**9)


def _kill_at(monkeypatch: pytest.MonkeyPatch, settings: Settings, *, at: int) -> int:
    steps = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == at:
                raise Killed
            return real(*args, **kwargs)

        return step

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", counted(os.fsync))
        patched.setattr(os, "replace", counted(os.replace))
        patched.setattr(Path, "write_text", counted(Path.write_text))
        patched.setattr(store._Load, "_copy", counted(store._Load._copy))
        land_records(settings, THING, [FINE, FINE, {"id": "broken"}])
    return steps


def test_a_killed_load_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    steps = _steps_of_a_load(monkeypatch, load_settings(home=tmp_path / "whole"))
    assert steps >= 8
    for at in range(1, steps + 1):
        settings = load_settings(home=tmp_path / f"killed-{at}")
        with pytest.raises(Killed):
            _kill_at(monkeypatch, settings, at=at)
        visible = load_ids(settings.landing_dir, "salesforce", "things")
        assert len(rows(settings)) == len(visible)  # a load that is visible is whole
        assert len(rows(settings, "quarantine")) == len(visible)
        if not visible:
            land_records(settings, THING, [FINE, FINE, {"id": "broken"}])
        assert len(rows(settings)) == 1
        assert not any(store.incoming_dir(settings, "salesforce", "things").glob("*"))


def test_what_a_killed_run_left_is_removed(settings: Settings) -> None:
    leftover = store.incoming_dir(settings, "salesforce", "things") / "20260101T000000.000000Z-deadbeef"
    leftover.mkdir(parents=True)
    (leftover / "data.parquet").write_text("half")
    land_records(settings, THING, [FINE])
    assert not leftover.exists()


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["1.5", "1,5", "2026-01-01T00:00:00Z", "2026-01-01", ""]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["size", "x"]), st.integers(), max_size=2),
)  # fmt: skip
RECORDS = st.one_of(
    st.dictionaries(st.sampled_from(["id", "amount", "at", "properties", "other"]), VALUES, max_size=5),
    st.fixed_dictionaries({"id": st.sampled_from("abc"), "at": st.just("2026-01-01T00:00:00Z")}),
    st.sampled_from(['{"id"', "null", "5", '"x"', "[]", "{} {}"]),
)


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(RECORDS, max_size=6), min_size=1, max_size=3))
def test_received_is_landed_quarantined_or_duplicate(batches: list[list[object]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        settings = load_settings(home=directory)
        outcome = land_records(settings, THING, *batches)
        received = [r if isinstance(r, str) else json.dumps(r) for batch in batches for r in batch]
        assert outcome.received == len(received)
        assert outcome.received == outcome.landed + outcome.quarantined + outcome.duplicates
        kept = [row["_raw"] for row in rows(settings)]
        aside = {row["row"]: row["raw"] for row in rows(settings, "quarantine")}
        assert (len(kept), len(aside)) == (outcome.landed, outcome.quarantined)
        assert sorted({*kept, *aside.values()}) == sorted(set(received))
        assert sorted([*kept, *aside.values()]) == sorted(set(received))
