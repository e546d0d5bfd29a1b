"""What an event rests on besides the content that it names, as one hash that the log's chain protects.

Of a draft, what it was computed from; of an export, every bank file and payment that was ordered for the period until
then. Both are rows of other tables: without their hash in the log, they could be changed or taken away unnoticed, and a
payment that is gone would be ordered again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Table, select

from partner_warehouse.ledger import schema
from partner_warehouse.ledger.events import Event
from partner_warehouse.ledger.types import iso_instant


def of_draft(connection: Connection, period: str, version: int) -> str:
    """SHA-256 of who drafted when, for which instant and knowledge, and of what else decided it."""
    given = {"period": period, "version": version}
    return _digest(connection, (schema.drafts, schema.draft_pins), given)


def of_orders(connection: Connection, period: str, *, has_bank_files: bool) -> str:
    """SHA-256 of the bank files of a period, with the hash of each, and of the payments in them.

    Args:
        connection: The ledger.
        period: `YYYY-MM`.
        has_bank_files: Whether bank files are made at all. It is part of the hash: that nothing could be ordered is
            another thing than that nothing was to be.
    """
    tables = (schema.payment_files, schema.payments)
    return _digest(connection, tables, {"period": period}, has_bank_files=has_bank_files)


def makes_bank_files(connection: Connection, period: str) -> bool:
    """Whether the log has the bank files of a period as they are; perhaps no payout could be ordered."""
    return _newest_export(connection, period) == of_orders(connection, period, has_bank_files=True)


def is_changed(connection: Connection, period: str) -> bool:
    """Whether what was ordered is not what was logged: a payment that is gone would be ordered again."""
    logged = _newest_export(connection, period)
    return logged is not None and all(
        logged != of_orders(connection, period, has_bank_files=either) for either in (True, False)
    )


def broken(connection: Connection, log: Sequence[Event]) -> list[str]:
    """What is no longer as the log has it, one line each.

    Drafts and exports that were logged before the log had such a hash are not held against anything. Each export counts
    what was ordered before it, so the newest of a period is held against all.
    """
    faults = [
        f"{entry.period}: what draft {entry.version} was computed from is not what was logged"
        for entry in log
        if entry.action == "draft"
        and entry.evidence_hash not in {None, of_draft(connection, entry.period, entry.version)}
    ]
    exported = dict.fromkeys(entry.period for entry in log if entry.action == "export")
    return faults + [
        f"{period}: what was ordered from banks is not what was logged"
        for period in exported
        if is_changed(connection, period)
    ]


def _newest_export(connection: Connection, period: str) -> str | None:
    events = schema.events.c
    newest = (
        select(events.evidence_hash)
        .where((events.period == period) & (events.action == "export"))
        .order_by(events.event_id.desc())
        .limit(1)
    )
    found: str | None = connection.execute(newest).scalar()
    return found


def _digest(connection: Connection, tables: Sequence[Table], given: dict[str, Any], **said: Any) -> str:
    rows: dict[str, Any] = dict(said)
    for table in tables:
        wanted = select(table).where(*(table.c[name] == value for name, value in given.items()))
        found = connection.execute(wanted).mappings()
        # Not in the database's order: that of texts is another one after a move to another locale.
        key = [column.name for column in table.primary_key]
        ordered = sorted(found, key=lambda row: tuple(row[name] for name in key))
        rows[table.name] = [{name: _text(value) for name, value in row.items()} for row in ordered]
    text = json.dumps(rows, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _text(value: Any) -> Any:
    """A value as it is on both databases, whatever digits and offset they give it back with."""
    if isinstance(value, datetime):
        return iso_instant(value)
    if isinstance(value, date):
        return value.isoformat()
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value
