"""What each gate looks at, as one DuckDB file: the warehouse, the candidate, or tables made for the gate alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb

from partner_warehouse.errors import BadInputError
from partner_warehouse.landing.layout import SCHEMA_LOAD, received_files
from partner_warehouse.quality.suites import Stage
from partner_warehouse.settings import Settings


def prepare(stage: Stage, settings: Settings) -> Path:
    """The database of a stage, made first where it is made for the gate.

    Raises:
        BadInputError: The stage's database is not there yet, or has to be given.
    """
    subject = _SUBJECTS.get(stage)
    if subject is None:
        raise BadInputError(f"gate {stage}: name the database to check")
    path = subject(settings)
    if not path.exists():
        raise BadInputError(f"gate {stage}: {path.name} does not exist yet; build it first")
    return path


def _warehouse(settings: Settings) -> Path:
    return settings.warehouse_path


def _landing(settings: Settings) -> Path:
    """Loads as their manifests say, beside the records that their files hold.

    The row counts come from the Parquet footers, and of received files that are kept only the sizes are asked for: the
    cost is per load, not per record. What cannot be read counts as missing, so that the gate names the load.
    """
    target = fresh_database(settings, "landing")
    with duckdb.connect(str(target)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA landing")
        connection.execute(
            "CREATE TABLE landing.files (load_id VARCHAR, object VARCHAR, source VARCHAR, records BIGINT)"
        )
        _insert(
            connection,
            "INSERT INTO landing.files "
            "SELECT parts[-2] AS load_id, parts[-3] AS object, parts[-4] AS source, num_rows AS records "
            "FROM (SELECT string_split(file_name, '/') AS parts, num_rows FROM parquet_file_metadata(?))",
            _of_loads(settings, "data.parquet"),
        )
        connection.execute(
            "CREATE TABLE landing.manifests (load_id VARCHAR, source VARCHAR, object VARCHAR, loaded_at TIMESTAMPTZ, "
            "received BIGINT, landed BIGINT, quarantined BIGINT, duplicates BIGINT, "
            "files STRUCT(bytes BIGINT)[], keeps_files BOOLEAN)"
        )
        columns = (
            "{load_id: 'VARCHAR', source: 'VARCHAR', object: 'VARCHAR', loaded_at: 'TIMESTAMPTZ', received: 'BIGINT', "
            "landed: 'BIGINT', quarantined: 'BIGINT', duplicates: 'BIGINT', files: 'STRUCT(bytes BIGINT)[]', "
            "keeps_files: 'BOOLEAN'}"
        )
        _insert(
            connection,
            f"INSERT INTO landing.manifests SELECT * FROM read_json(?, columns = {columns})",  # noqa: S608
            _of_loads(settings, "manifest.json"),
        )
        connection.execute(
            "CREATE TABLE landing.directories (load_id VARCHAR, source VARCHAR, object VARCHAR, bytes_kept BIGINT[])"
        )
        directories = [
            (path.name, path.parts[-3], path.parts[-2], [file.stat().st_size for file in received_files(path)])
            for path in _loads(settings)
        ]
        if directories:
            connection.executemany("INSERT INTO landing.directories VALUES (?, ?, ?, ?)", directories)
        connection.execute(
            "CREATE TABLE landing.loads AS "
            "SELECT load_id, source, object, manifests.loaded_at, manifests.received, "
            "manifests.landed, manifests.quarantined, manifests.duplicates, files.records, directories.bytes_kept, "
            "CASE WHEN manifests.keeps_files THEN list_transform(manifests.files, lambda file: file.bytes) END "
            "AS bytes_received "
            "FROM landing.directories LEFT JOIN landing.files USING (load_id, source, object) "
            "LEFT JOIN landing.manifests USING (load_id, source, object)"
        )
    return target


def _loads(settings: Settings) -> list[Path]:
    """The directories of visible loads, without the empty ones."""
    return [
        path
        for path in sorted(settings.landing_dir.glob("*/*/*"))
        if path.is_dir() and path.name != SCHEMA_LOAD and not any(part.startswith(".") for part in path.parts[-3:])
    ]


def _of_loads(settings: Settings, name: str) -> list[str]:
    """The files of that name that loads have."""
    return [str(path / name) for path in _loads(settings) if (path / name).exists()]


def _insert(connection: duckdb.DuckDBPyConnection, statement: str, paths: list[str]) -> None:
    """Read all files at once; where one of them is damaged, each by itself, and leave out those that are."""
    if not paths:
        return
    try:
        connection.execute(statement, [paths])
    except duckdb.Error:
        for path in paths:
            with suppress(duckdb.Error):
                connection.execute(statement, [[path]])


def _payouts(settings: Settings) -> Path:
    """The drafts that are not approved yet, as the ledger holds them."""
    from partner_warehouse.ledger.payouts import PayoutService

    target = fresh_database(settings, "payouts")
    PayoutService(settings).write_drafts(target)
    return target


def fresh_database(settings: Settings, name: str) -> Path:
    """An empty place for a gate's own tables: `HOME/gates/<name>_gate.duckdb`, what was there before removed.

    The file is not called `<name>`: its catalog would have the name of its schema, and every reference be ambiguous.
    """
    target = settings.home / "gates" / f"{name}_gate.duckdb"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.with_suffix(".duckdb.wal").unlink(missing_ok=True)
    return target


_SUBJECTS: dict[Stage, Callable[[Settings], Path]] = {
    "landing": _landing,
    "staging": _warehouse,
    "marts": _warehouse,
    "payouts": _payouts,
}
