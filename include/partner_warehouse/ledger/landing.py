"""Brings what the ledger posted back into the landing, as the source `ledger`.

A period is posted in one transaction and landed in one load, so what is missing is told by period, and for the log by
event. A landing that was cut off is taken up where it stopped.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import Connection, Select, Table, select

from partner_warehouse.errors import PartnerWarehouseError
from partner_warehouse.landing.catalog import ObjectSchema, load_catalog
from partner_warehouse.landing.layout import ensure_schema, object_dir
from partner_warehouse.landing.store import ReceivedFile, exclusive, land
from partner_warehouse.ledger import bulk, schema, store
from partner_warehouse.settings import Settings

SOURCE = "ledger"

_WAIT_SECONDS = 60.0

# The log before the payouts, those before their lines: at every moment each landed row finds what it points to.
_OBJECTS: tuple[tuple[str, Table, str], ...] = (
    ("payout_events", schema.events, "event_id"),
    ("payouts", schema.payouts, "period"),
    ("payout_lines", schema.payout_lines, "period"),
)


def land_ledger(settings: Settings) -> dict[str, int]:
    """Land every posted row and event that is not landed yet.

    Returns:
        Landed rows per object.

    Raises:
        PartnerWarehouseError: Another landing of the ledger did not end within a minute.
    """
    ensure_schema(settings.landing_dir)
    landed: dict[str, int] = {}
    # One view for all of them: what is posted meanwhile is in none, instead of in those that are read after it.
    with duckdb.connect() as duck, store.Store(settings).reading() as connection:
        duck.execute("SET TimeZone = 'UTC'")
        for name, table, part in _OBJECTS:
            declared = load_catalog(SOURCE).objects[name]
            with _turn(settings, name) as spool:
                landed[name] = _land(connection, duck, declared, table, part, settings, spool)
    return landed


@contextmanager
def _turn(settings: Settings, name: str) -> Iterator[Path]:
    """Wait for another landing of the same object to end."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        turn = exclusive(settings, SOURCE, name)
        try:
            spool = turn.__enter__()
        except PartnerWarehouseError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
            continue
        break
    try:
        yield spool
    finally:
        turn.__exit__(None, None, None)


def _land(
    connection: Connection,
    duck: duckdb.DuckDBPyConnection,
    declared: ObjectSchema,
    table: Table,
    part: str,
    settings: Settings,
    spool: Path,
) -> int:
    directory = object_dir(settings.landing_dir, SOURCE, declared.name)
    there = duck.execute(
        f'SELECT DISTINCT "{part}" FROM read_parquet(?, union_by_name = true)',  # noqa: S608
        [str(directory / "*" / "data.parquet")],
    ).fetchall()
    bulk.load(connection, _missing(table, part, [row[0] for row in there]), duck, "posted")
    count = int(duck.sql("SELECT count(*) FROM posted").fetchall()[0][0])
    if count == 0:
        return 0
    fields = ", ".join(_as_received(field.name, field.type) for field in declared.fields)
    target = spool / f"{declared.name}.json"
    escaped = str(target).replace("'", "''")
    duck.execute(
        f"COPY (SELECT {fields} FROM posted ORDER BY \"{declared.key}\") TO '{escaped}' (FORMAT json)"  # noqa: S608
    )
    with target.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    received = ReceivedFile(target, declared.name, digest, target.stat().st_size)
    outcome = land(declared, [received], settings)
    if outcome.landed < count:
        raise PartnerWarehouseError(
            f"ledger {declared.name}: {count - outcome.landed} of {count} posted rows could not be landed; "
            f"{directory / outcome.load_ids[0] / 'quarantine.parquet'} says why"
        )
    return outcome.landed


def _as_received(name: str, kind: str) -> str:
    """Amounts and instants travel as text, so that nothing on the way takes them for something less exact."""
    if kind == "instant":
        return f'strftime("{name}", \'%Y-%m-%dT%H:%M:%S.%fZ\') AS "{name}"'
    return f'CAST("{name}" AS VARCHAR) AS "{name}"'


def _missing(table: Table, part: str, there: list[Any]) -> Select[Any]:
    """What is not landed: events after the last one there, periods that are not there."""
    statement = select(table)
    if part == "event_id":
        return statement.where(table.c.event_id > max(there, default=0))
    return statement.where(table.c[part].not_in(there))
