"""Where landed data lies, and the empty load that gives every declared object its columns.

    HOME/landing/<source>/<object>/<load_id>/
        data.parquet         declared columns, then the meta columns of `catalog.META_COLUMNS`
        quarantine.parquet   records that could not be typed, one row per broken field
        lines.parquet        where records do not lie on the line of their number (`LINE_COLUMNS`); mostly absent
        received-<n>.…       of objects that keep them: the files as received, in the order of the manifest's `files`
        manifest.json        counts, cursor, undeclared fields, input files and their hashes

A load becomes visible by one rename of its directory; readers glob `<object>/*/data.parquet`, through `data_files`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import duckdb

from partner_warehouse.landing.catalog import ObjectSchema, catalogued_sources, load_catalog

SCHEMA_LOAD = "0-schema"
"""The load that holds no record, only columns: with it, a model over an object that never arrived builds."""

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""The longest record that is accepted, in bytes."""

QUARANTINE_COLUMNS: dict[str, str] = {
    "source": "VARCHAR",
    "object": "VARCHAR",
    "load_id": "VARCHAR",
    "loaded_at": "TIMESTAMPTZ",
    "file": "VARCHAR",
    "row": "BIGINT",  # its line in the file, a CSV header's not counted; for what has no lines, its number
    "record_key": "VARCHAR",
    "field": "VARCHAR",
    "reason": "VARCHAR",
    "raw": "VARCHAR",
}

LINE_COLUMNS: dict[str, str] = {
    "source": "VARCHAR",
    "object": "VARCHAR",
    "load_id": "VARCHAR",
    "file": "VARCHAR",
    "record": "BIGINT",  # the first record of its file, from 1, that lies so
    "moved": "BIGINT",  # how many lines further down than its number, a CSV header's not counted
}


def object_dir(landing: Path, source: str, object_name: str) -> Path:
    """The directory that holds an object's loads."""
    return landing / source / object_name


def data_files(pattern: Path | str, *, union_by_name: bool = False) -> str:
    """SQL of the landed records of one load or of many, each with its position `_row` in its load, from 1.

    A load that holds all that was received does not store positions: they are the places in the file.

    Args:
        pattern: A `data.parquet`, or a pattern of several; or `?`, to be bound.
        union_by_name: Loads may differ in their columns.
    """
    files = "?" if pattern == "?" else "'" + str(pattern).replace("'", "''") + "'"
    options = ", union_by_name = true" if union_by_name else ""
    row = "coalesce(_row, file_row_number + 1) AS _row"
    records = f"read_parquet({files}, file_row_number = true{options})"
    return f"(SELECT * EXCLUDE (file_row_number) REPLACE ({row}) FROM {records})"  # noqa: S608


def received_name(index: int, path: Path) -> str:
    """The name under which a load keeps a received file.

    Args:
        index: Its place in the manifest's `files`, from 0.
        path: The spooled file; its suffixes tell how it is read.
    """
    return f"received-{index:06d}{''.join(path.suffixes)}"


def lines(paths: Sequence[Path]) -> str:
    """SQL of files of newline JSON as lines, `raw`, each with its file's path, `filename`; empty lines are none.

    No character of a valid JSON text is the delimiter, and so a line is one column. In one that is no JSON text it may
    stand; the columns behind the second are lost then, and what is left is still no JSON text.

    Args:
        paths: The files, gzipped where the name ends in `.gz`.
    """
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return (
        "SELECT CASE WHEN rest IS NULL THEN raw ELSE raw || chr(1) || rest END AS raw, filename "  # noqa: S608
        f"FROM read_csv([{listed}], delim = '\x01', quote = '', escape = '', header = false, "
        "columns = {'raw': 'VARCHAR', 'rest': 'VARCHAR'}, null_padding = true, strict_mode = false, "
        "auto_detect = false, filename = true, "
        f"max_line_size = {MAX_RECORD_BYTES}, buffer_size = {2 * MAX_RECORD_BYTES}) WHERE raw IS NOT NULL"
    )


def received_files(load: Path) -> list[Path]:
    """The received files that a load keeps, in the order of its manifest's `files`; empty where it keeps none."""
    return sorted(load.glob("received-*"))


def received_records(load: Path) -> str:
    """SQL of the records of one load as received, `raw`, quarantined ones and duplicates too, where it keeps its files.

    Raises:
        FileNotFoundError: The load keeps none: its records are in the column `_raw`.
    """
    kept = received_files(load)
    if not kept:
        raise FileNotFoundError(f"{load}: it keeps no received files; read the column _raw of its data.parquet")
    return f"(SELECT raw FROM ({lines(kept)}))"  # noqa: S608


def ensure_schema(landing: Path) -> None:
    """Give every declared object its empty load, so that a glob over it always finds the declared columns.

    Args:
        landing: `Settings.landing_dir`.
    """
    with duckdb.connect() as connection:
        for source in catalogued_sources():
            for schema in load_catalog(source).objects.values():
                _write_empty(connection, schema, object_dir(landing, source, schema.name) / SCHEMA_LOAD)


def _write_empty(connection: duckdb.DuckDBPyConnection, schema: ObjectSchema, directory: Path) -> None:
    files = {"data": schema.columns, "quarantine": QUARANTINE_COLUMNS, "lines": LINE_COLUMNS}
    targets = {name: directory / f"{name}.parquet" for name in files}
    manifest = directory / "manifest.json"
    described = json.dumps({"load_id": SCHEMA_LOAD, "source": schema.source, "object": schema.name, "columns": files})
    if all(path.exists() for path in (manifest, *targets.values())) and manifest.read_text("utf-8") == described:
        return
    directory.mkdir(parents=True, exist_ok=True)
    # Without a manifest, which is written last, nothing says that the files have these columns.
    manifest.unlink(missing_ok=True)
    for name, columns in files.items():
        nulls = ", ".join(f'CAST(NULL AS {sql_type}) AS "{column}"' for column, sql_type in columns.items())
        temporary = targets[name].with_suffix(".tmp")
        connection.execute(f"COPY (SELECT {nulls} LIMIT 0) TO '{temporary}' (FORMAT parquet)")
        temporary.replace(targets[name])
    manifest.write_text(described, encoding="utf-8")
