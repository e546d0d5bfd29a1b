"""Event files in a directory and in an object store: late ones, damaged ones, and nothing secret in an error."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import duckdb
import fsspec
import pytest

from partner_warehouse.errors import BadInputError, PartnerWarehouseError, PermanentError, TransientError
from partner_warehouse.extract import event_files
from partner_warehouse.extract.connections import SourceConnection
from partner_warehouse.extract.events import Events
from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.landing.store import LoadOutcome
from partner_warehouse.settings import Settings


def content(*keys: str) -> bytes:
    at = "2026-01-01T00:00:00.000Z"
    lines = [json.dumps({"messageId": key, "type": "page", "timestamp": at, "receivedAt": at}) for key in keys]
    return gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)


def pull(settings: Settings, host: str, **extra: str) -> LoadOutcome:
    connection = SourceConnection("events_default", host, password="marked-secret", extra=extra)
    with Events(connection) as files:
        return files.ingest(load_catalog("events").objects["events"], settings)


def landed(settings: Settings) -> list[str]:
    with duckdb.connect() as connection:
        path = str(settings.landing_dir / "events" / "events" / "*" / "data.parquet")
        return [
            row[0] for row in connection.execute("SELECT messageId FROM read_parquet(?) ORDER BY 1", [path]).fetchall()
        ]


@pytest.fixture(params=["file", "memory"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return f"file://{tmp_path}/bucket"
    fsspec.filesystem("memory").store.clear()
    return "memory://bucket/segment-logs"


def put(address: str, name: str, raw: bytes) -> None:
    with fsspec.open(f"{address}/{name}", "wb", auto_mkdir=True) as target:
        target.write(raw)


def test_files_of_a_store_land_once_late_and_replaced_ones_too(settings: Settings, address: str) -> None:
    for hour in range(5):
        put(address, f"2026/01/01/{hour:02d}.ndjson.gz", content(f"m{hour}"))
    put(address, "2026/01/01/_temporary/05.ndjson.gz", b"half a file")
    put(address, "2026/01/01/.06.ndjson.gz", b"half a file")
    put(address, "2026/01/01/README.txt", b"no events")
    assert pull(settings, address).landed == 5
    assert not pull(settings, address).is_new
    put(address, "2025/12/31/23.ndjson.gz", content("late"))
    put(address, "2026/01/01/03.ndjson.gz", content("m3", "more"))
    assert pull(settings, address).landed == 3
    assert landed(settings) == ["late", "m0", "m1", "m2", "m3", "m3", "m4", "more"]


def test_a_listing_reads_no_directory_that_lies_before_it(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(1, 10):
        put(address, f"2026/01/{day:02d}/00.ndjson.gz", content("m"))
    store = event_files.Store(SourceConnection("events_default", address))
    read: list[str] = []
    below = store._below

    def noted(directory: str, after: str):  # type: ignore[no-untyped-def]
        read.append(directory)
        return below(directory, after)

    monkeypatch.setattr(store, "_below", noted)
    assert [file.name for file in store.list("2026/01/08/00.ndjson.gz")] == ["2026/01/09/00.ndjson.gz"]
    assert read == ["", "2026/", "2026/01/", "2026/01/08/", "2026/01/09/"]


def test_a_damaged_file_is_named_and_waits(settings: Settings, address: str) -> None:
    put(address, "2026/01/01/00.ndjson.gz", content("m0")[:-9])
    with pytest.raises(TransientError, match=r"2026/01/01/00\.ndjson\.gz arrived damaged"):
        pull(settings, address)
    put(address, "2026/01/01/00.ndjson.gz", content("m0"))
    assert pull(settings, address).landed == 1


@pytest.mark.parametrize(
    ("host", "kind", "message"),
    [
        ("file:///no/such/place", PermanentError, "there is no such address"),
        ("s3://bucket/events", BadInputError, "install s3fs"),
        ("gs://bucket/events", BadInputError, "install gcsfs"),
        ("nowhere://bucket", BadInputError, "no protocol nowhere://"),
    ],
)
def test_an_address_that_cannot_be_read_says_what_to_do(
    settings: Settings, host: str, kind: type[PartnerWarehouseError], message: str
) -> None:
    with pytest.raises(kind, match=message) as refused:
        pull(settings, host)
    assert "marked-secret" not in str(refused.value)


def test_a_store_that_fails_says_no_more_than_its_kind(
    settings: Settings, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(address, "2026/01/01/00.ndjson.gz", content("m0"))
    for fault, kind in ((OSError("key marked-secret"), TransientError), (PermissionError("marked"), PermanentError)):

        def fail(*_: object, fault: Exception = fault, **__: object) -> None:
            raise fault

        monkeypatch.setattr(type(fsspec.core.url_to_fs(address)[0]), "get_file", fail)
        with pytest.raises(kind) as refused:
            pull(settings, address)
        assert "marked" not in str(refused.value)
