"""An object that keeps its received files is landed as one that keeps its records, and loses no byte of them."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from landed_records import land_records, rows, schema_of, spooled

from partner_warehouse.landing.layout import object_dir, received_records
from partner_warehouse.landing.store import LoadOutcome, exclusive, land
from partner_warehouse.settings import Settings, load_settings

RECORDS_KEPT = schema_of(
    ("name", "text"),
    ("at", "instant"),
    ("count", "integer"),
    ("flag", "boolean"),
    ("properties.size", "integer"),
    ("properties.deep.kind", "text"),
    ("whole", "json"),
    ("whole.part", "text"),
    required=["at"],
)
FILES_KEPT = replace(RECORDS_KEPT, keeps_files=True)
FINE = {"id": "a", "at": "2026-01-01T00:00:00Z"}

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats()
    | st.sampled_from(["", "a", " ", "7", "true", "2026-01-01T00:00:00.000Z", "1e3", 'q"\\', "é🙂", "\x00", "a\nb"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["size", "deep", "kind", "part"]), inner)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(["id", "name", "at", "count", "flag", "properties", "whole", "Id", "new"])
LINES = st.one_of(
    st.dictionaries(NAMES, VALUES, max_size=6).map(json.dumps),
    st.dictionaries(NAMES, VALUES, max_size=6).map(lambda record: json.dumps({**record, **FINE})),
    st.sampled_from(
        ["{", "null", "5", "[]", "{} {}", '{"id":"b","id":"c","at":"2026-01-01T00:00:00Z"}', "{,}", " ", "\t{}"]
    ),
)


def _land(
    settings: Settings, schema: Any, batches: Sequence[Sequence[str]]
) -> tuple[LoadOutcome, list[Any], list[Any]]:
    outcome = land_records(settings, schema, *batches)
    # By place: lines with the same key keep the order in which they came.
    kept = rows(settings, columns="* EXCLUDE (_raw, _load_id, _loaded_at)")
    aside = rows(settings, "quarantine", columns="* EXCLUDE (load_id, loaded_at)")
    return replace(outcome, load_ids=(), bytes=0), kept, aside


@hypothesis_settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(LINES, max_size=6), min_size=1, max_size=3))
@example([[json.dumps(FINE | {"id": key}) for key in "abab"], [json.dumps(FINE)]])
@example([[json.dumps(FINE)], [], [json.dumps(FINE | {"name": "x"}), "{", json.dumps(FINE)]])
@example([[json.dumps(FINE | {"properties": [1], "whole": "x", "count": 1.0})]])
@example([[json.dumps(FINE), " ", json.dumps(FINE | {"id": "b"})]])
@example([[json.dumps(FINE | {"id": key}) for key in (0.0, "1.0", 2.5, "2e1", [3], "[3]")], ['{"id": 0.0}']])
def test_both_ways_land_the_same(batches: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        by_record = _land(load_settings(home=first), RECORDS_KEPT, batches)
        by_file = _land(load_settings(home=second), FILES_KEPT, batches)
    assert by_file == by_record


def test_the_files_are_kept_to_the_byte(settings: Settings) -> None:
    batches = [[json.dumps(FINE), "{", json.dumps(FINE)], [json.dumps(FINE | {"id": "b", "unknown": {"deep": [1]}})]]
    received = []
    with exclusive(settings, "salesforce", "things") as directory:
        for number, batch in enumerate(batches):
            plain = spooled(directory / f"{number}.ndjson", batch)
            packed = plain.path.with_suffix(".ndjson.gz")
            packed.write_bytes(gzip.compress(plain.path.read_bytes()))
            received.append(replace(plain, path=packed))
        content = [entry.path.read_bytes() for entry in received]
        outcome = land(FILES_KEPT, received, settings)
    load = object_dir(settings.landing_dir, "salesforce", "things") / outcome.load_ids[0]
    assert [path.read_bytes() for path in sorted(load.glob("received-*"))] == content
    assert (outcome.landed, outcome.quarantined, outcome.duplicates) == (2, 1, 1)
    assert outcome.undeclared == {"unknown": 1}
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT raw FROM {received_records(load)}").fetchall()
    assert [line for (line,) in found] == [line for batch in batches for line in batch]


def test_a_load_without_files_says_where_its_records_are(settings: Settings) -> None:
    outcome = land_records(settings, RECORDS_KEPT, [FINE])
    load = object_dir(settings.landing_dir, "salesforce", "things") / outcome.load_ids[0]
    with pytest.raises(FileNotFoundError, match="column _raw"):
        received_records(load)


def test_positions_are_those_of_the_lines_in_the_order_of_the_files(settings: Settings) -> None:
    """With enough lines for several threads, and duplicates far apart, whose last one stays."""
    batches = [[json.dumps(FINE | {"id": f"{batch}-{n % 60_000}"}) for n in range(70_000)] for batch in range(3)]
    outcome = land_records(settings, FILES_KEPT, *batches)
    assert (outcome.received, outcome.landed, outcome.duplicates) == (210_000, 180_000, 30_000)
    for row in rows(settings, columns="id, _file, _row"):
        batch, number = (int(part) for part in row["id"].split("-"))
        last = number + 60_000 if number < 10_000 else number
        assert (row["_file"], row["_row"]) == (f"{batch}.ndjson", batch * 70_000 + last + 1)
