"""Finds records that a source deleted without a trace, by comparing ids, and lands a tombstone for each.

A cursor cannot see what is no longer there: an emptied recycle bin, a purged archive, a person erased on request.
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from partner_warehouse.extract.api import Client, Spool, parse_instant
from partner_warehouse.extract.state import read_state, write_state
from partner_warehouse.landing.catalog import ObjectSchema
from partner_warehouse.landing.layout import data_files, object_dir
from partner_warehouse.landing.store import LoadOutcome, connect, land
from partner_warehouse.landing.typing import identifier, quote
from partner_warehouse.settings import Settings

FEW, SHARE = 50, 0.2
"""More than so many, and more than this share of all, are not taken for deletions: a right that was lost looks so. Nor
is more than half of a small object."""

_STAMPS = ("SystemModstamp", "lastmodifieddate", "hs_lastmodifieddate")
_DELETED = ("IsDeleted", "archived", "deleted")


def reconcile(
    schema: ObjectSchema,
    settings: Settings,
    client: Client,
    directory: Path,
    *,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> LoadOutcome:
    """Compare, when `settings.reconcile_days` have passed since the last time; call it while the object is held.

    The first run only notes the time: it has just fetched everything. A crash after the tombstones were landed compares
    again and finds nothing.

    Args:
        schema: The declared object.
        settings: The installation.
        client: Of its source.
        directory: Where to spool.
        connection: A loading connection to reuse.

    Returns:
        The load of tombstones; without a load id where there was nothing to delete, with a warning where too much was.
    """
    outcome = LoadOutcome(schema.source, schema.name)
    state = read_state(settings, schema.source, schema.name)
    now = datetime.now(UTC)
    last = parse_instant(state.get("reconciled_at"))
    if not settings.reconcile_days or not state:
        return outcome
    if last is not None and now - last >= timedelta(days=settings.reconcile_days):
        present = client.ids(schema)
        if present is not None:
            listing = directory / "ids.txt"
            with listing.open("w", encoding="utf-8") as lines:
                lines.writelines(f"{key}\n" for key in present)
            with nullcontext(connection) if connection is not None else connect(settings) as session:
                live, gone = _missing(session, schema, settings, listing)
                outcome += _bury(schema, settings, client, directory, live, gone, now, session)
    elif last is not None:
        return outcome
    write_state(settings, schema.source, schema.name, state | {"reconciled_at": now.isoformat()})
    return outcome


def _missing(
    session: duckdb.DuckDBPyConnection, schema: ObjectSchema, settings: Settings, listing: Path
) -> tuple[int, list[tuple[str, datetime | None]]]:
    """How many keys are alive in the landing; and those that the source does not list, with their newest stamps."""
    names = [field.name for field in schema.fields]
    deleted = next((identifier(name) for name in _DELETED if name in names), "false")
    stamp = next((identifier(name) for name in _STAMPS if name in names), "CAST(NULL AS TIMESTAMPTZ)")
    files = object_dir(settings.landing_dir, schema.source, schema.name) / "*" / "data.parquet"
    # The names come from the catalog and the paths are our own.
    session.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE live AS
        SELECT record_key, stamp FROM (
            SELECT
                {identifier(schema.key)} AS record_key,
                {stamp} AS stamp,
                coalesce({deleted}, false) AS is_deleted,
                row_number() OVER (
                    PARTITION BY {identifier(schema.key)} ORDER BY {stamp} DESC NULLS LAST, _load_id DESC, _row DESC
                ) AS version
            FROM {data_files(files, union_by_name=True)}
        )
        WHERE version = 1 AND NOT is_deleted
        """  # noqa: S608
    )
    listed = f"SELECT id FROM read_csv({quote(str(listing))}, columns = {{'id': 'VARCHAR'}}, header = false)"  # noqa: S608
    gone = session.execute(f"SELECT * FROM live ANTI JOIN ({listed}) ON record_key = id ORDER BY 1").fetchall()  # noqa: S608
    counted = session.execute("SELECT count(*) FROM live").fetchone()
    session.execute("DROP TABLE live")
    return counted[0] if counted else 0, gone


def _bury(
    schema: ObjectSchema,
    settings: Settings,
    client: Client,
    directory: Path,
    live: int,
    gone: list[tuple[str, datetime | None]],
    now: datetime,
    session: duckdb.DuckDBPyConnection,
) -> LoadOutcome:
    outcome = LoadOutcome(schema.source, schema.name)
    if not gone:
        return outcome
    if len(gone) > max(FEW, live * SHARE) or (len(gone) > 2 and len(gone) > live / 2):
        warning = (
            f"{schema.source}.{schema.name}: the source no longer lists {len(gone)} of {live} records; nothing was "
            "deleted, because lost rights look the same. Check what the user may read"
        )
        return LoadOutcome(schema.source, schema.name, warnings=(warning,))
    spool = Spool(directory / "tombstones.ndjson", frozenset())
    for key, stamp in gone:
        # It is as old as the version that it buries, and comes after it: a later version, such as a merge that is seen
        # only now, or the record restored and changed, counts more.
        spool.write(client.tombstone(schema, key, stamp or now))
    return outcome + land(schema, [spool.close(f"{schema.name}-deleted")], settings, connection=session)
