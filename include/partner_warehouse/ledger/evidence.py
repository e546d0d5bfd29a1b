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


def of_orders(connection: Connection, period: str) -> str:
    """SHA-256 of the bank files of a period, with the hash of each, and of the payments in them."""
    return _digest(connection, (schema.payment_files, schema.payments), {"period": period})


def broken(connection: Connection, log: Sequence[Event]) -> list[str]:
    """What is no longer as the log has it, one line each.

    Drafts and exports that were logged before the log had such a hash are not held against anything.
    """
    faults = [
        f"{entry.period}: what draft {entry.version} was computed from is not what was logged"
        for entry in log
        if entry.action == "draft"
        and entry.evidence_hash not in {None, of_draft(connection, entry.period, entry.version)}
    ]
    # Each export counts what was ordered before it, so the newest of a period is held against all.
    exports = {entry.period: entry for entry in log if entry.action == "export"}
    return faults + [
        f"{period}: what was ordered from banks is not what was logged"
        for period, entry in exports.items()
        if entry.evidence_hash not in {None, of_orders(connection, period)}
    ]


def _digest(connection: Connection, tables: Sequence[Table], given: dict[str, Any]) -> str:
    rows = {}
    for table in tables:
        wanted = select(table).where(*(table.c[name] == value for name, value in given.items()))
        found = connection.execute(wanted.order_by(*table.primary_key)).mappings()
        rows[table.name] = [{name: _text(value) for name, value in row.items()} for row in found]
    text = json.dumps(rows, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _text(value: Any) -> Any:
    """A value as it is on both databases, whatever digits and offset they give it back with."""
    if isinstance(value, datetime):
        return iso_instant(value)
    if isinstance(value, date):
        return value.isoformat()
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value
