"""Lands records from memory, and reads what was landed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from partner_warehouse.landing.catalog import Field, FieldType, ObjectSchema
from partner_warehouse.landing.layout import data_files
from partner_warehouse.landing.store import LoadOutcome, ReceivedFile, exclusive, land
from partner_warehouse.settings import Settings


def schema_of(*fields: tuple[str, FieldType], source: str = "salesforce", required: Sequence[str] = ()) -> ObjectSchema:
    """An object `things` with the key `id` and further fields; a name with dots is a path."""
    declared = [Field("id", "text", True, ("id",))]
    declared += [Field(path.split(".")[-1], kind, path in required, tuple(path.split("."))) for path, kind in fields]
    return ObjectSchema(source, "things", tuple(declared))


def spooled(path: Path, records: Sequence[object]) -> ReceivedFile:
    """Records as a spool file: text as it is, anything else as JSON."""
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    content = path.read_bytes()
    return ReceivedFile(path, path.name, hashlib.sha256(content).hexdigest(), len(content), records=len(lines))


def land_records(settings: Settings, schema: ObjectSchema, *batches: Sequence[object]) -> LoadOutcome:
    """Land batches of records, a file each, as one load."""
    with exclusive(settings, schema.source, schema.name) as directory:
        files = [spooled(directory / f"{n}.ndjson", batch) for n, batch in enumerate(batches)]
        return land(schema, files, settings)


def rows(settings: Settings, kind: str = "data", columns: str = "*", name: str = "*/*") -> list[dict[str, Any]]:
    """The landed (or quarantined) rows, in the order of loads and rows."""
    paths = sorted(str(path) for path in settings.landing_dir.glob(f"{name}/*/{kind}.parquet"))
    if not paths:
        return []
    order = "_load_id, _row" if kind == "data" else "load_id, row, field"
    files = data_files("?") if kind == "data" else "read_parquet(?)"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(f"SELECT {columns} FROM {files} ORDER BY {order}", [paths])
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
