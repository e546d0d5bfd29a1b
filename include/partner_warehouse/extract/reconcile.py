"""Finds what a cursor cannot see, by comparing ids, and lands it.

Records that a source deleted without a trace (an emptied recycle bin, a purged archive, a person erased on request)
get a tombstone each. Records that it lists and that were never landed, or are taken for deleted (rights that were
given, or given back, without a change of the record), are fetched by their ids.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from partner_warehouse.extract.api import OVERLAP, Client, Spool, parse_instant
from partner_warehouse.extract.state import read_cursor, read_state, write_state
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


@dataclass(frozen=True, slots=True)
class _Compared:
    """What the landing has of an object, against what its source lists.

    Attributes:
        live: How many keys are alive in the landing.
        gone: Those that the source does not list, with their newest stamps.
        buried: Keys that it lists and that are deleted in the landing.
        unknown: Keys that it lists and that neither landed nor were set aside.
    """

    live: int
    gone: list[tuple[str, datetime | None]]
    buried: list[str]
    unknown: list[str]


def reconcile(
    schema: ObjectSchema,
    settings: Settings,
    client: Client,
    directory: Path,
    *,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> LoadOutcome:
    """Compare, when `settings.reconcile_days` have passed since the last time; call it while the object is held.

    The first run only notes the time: it has just fetched everything. A crash after something was landed compares again
    and finds nothing.

    Args:
        schema: The declared object.
        settings: The installation.
        client: Of its source.
        directory: Where to spool.
        connection: A loading connection to reuse.

    Returns:
        The load of tombstones and that of the records found; without a load id where there was neither. A warning says
            what was found, and where too much was to be deleted.
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
                compared = _compare(session, schema, settings, listing)
                outcome += _bury(schema, settings, client, directory, compared, now, session)
                outcome += _find(schema, settings, client, directory, compared, session)
    elif last is not None:
        return outcome
    write_state(settings, schema.source, schema.name, state | {"reconciled_at": now.isoformat()})
    return outcome


def _compare(session: duckdb.DuckDBPyConnection, schema: ObjectSchema, settings: Settings, listing: Path) -> _Compared:
    names = [field.name for field in schema.fields]
    deleted = next((identifier(name) for name in _DELETED if name in names), "false")
    stamp = next((identifier(name) for name in _STAMPS if name in names), "CAST(NULL AS TIMESTAMPTZ)")
    loads = object_dir(settings.landing_dir, schema.source, schema.name)
    # The names come from the catalog and the paths are our own.
    session.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE known AS
        SELECT record_key, stamp, is_deleted FROM (
            SELECT
                {identifier(schema.key)} AS record_key,
                {stamp} AS stamp,
                coalesce({deleted}, false) AS is_deleted,
                row_number() OVER (
                    PARTITION BY {identifier(schema.key)} ORDER BY {stamp} DESC NULLS LAST, _load_id DESC, _row DESC
                ) AS version
            FROM {data_files(loads / "*" / "data.parquet", union_by_name=True)}
        )
        WHERE version = 1
        """  # noqa: S608
    )
    session.execute(
        "CREATE OR REPLACE TEMP TABLE listed AS SELECT DISTINCT record_key "  # noqa: S608
        f"FROM read_csv({quote(str(listing))}, columns = {{'record_key': 'VARCHAR'}}, header = false)"
    )
    aside = f"(SELECT record_key FROM read_parquet({quote(str(loads / '*' / 'quarantine.parquet'))}))"  # noqa: S608
    (live,) = session.execute("SELECT count(*) FROM known WHERE NOT is_deleted").fetchone() or (0,)
    gone = session.execute(
        "SELECT record_key, stamp FROM known ANTI JOIN listed USING (record_key) WHERE NOT is_deleted ORDER BY 1"
    ).fetchall()
    buried = session.execute(
        "SELECT record_key FROM listed JOIN known USING (record_key) WHERE is_deleted ORDER BY 1"
    ).fetchall()
    unknown = session.execute(
        "SELECT record_key FROM listed ANTI JOIN known USING (record_key) "  # noqa: S608
        f"ANTI JOIN {aside} AS aside USING (record_key) ORDER BY 1"
    ).fetchall()
    session.execute("DROP TABLE known")
    session.execute("DROP TABLE listed")
    return _Compared(live, gone, [key for (key,) in buried], [key for (key,) in unknown])


def _bury(
    schema: ObjectSchema,
    settings: Settings,
    client: Client,
    directory: Path,
    compared: _Compared,
    now: datetime,
    session: duckdb.DuckDBPyConnection,
) -> LoadOutcome:
    outcome = LoadOutcome(schema.source, schema.name)
    live, gone = compared.live, compared.gone
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


def _find(
    schema: ObjectSchema,
    settings: Settings,
    client: Client,
    directory: Path,
    compared: _Compared,
    session: duckdb.DuckDBPyConnection,
) -> LoadOutcome:
    """Fetch by their ids what the source lists and the landing does not have alive."""
    cursor = parse_instant(read_cursor(settings, schema.source, schema.name))
    spool = Spool(directory / "found.ndjson", frozenset())
    for raw, _ in client.records(schema, compared.buried) if compared.buried else ():
        spool.write(raw)
    buried = spool.records
    for raw, stamp in client.records(schema, compared.unknown) if compared.unknown else ():
        # What was made since the extraction is not missing: the next one brings it.
        if stamp is None or cursor is None or stamp < cursor - OVERLAP:
            spool.write(raw)
    received = spool.close(f"{schema.name}-found")
    if not spool.records:
        return LoadOutcome(schema.source, schema.name)
    warning = (
        f"{schema.source}.{schema.name}: the source lists {buried} records that were taken for deleted and "
        f"{spool.records - buried} that had never landed; they were fetched now. Perhaps the user's rights were changed"
    )
    told = LoadOutcome(schema.source, schema.name, warnings=(warning,))
    return told + land(schema, [received], settings, connection=session, warnings=(warning,))
