"""The log: who did what to a period, when and why, each entry holding the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from partner_warehouse.ledger import schema
from partner_warehouse.ledger.types import iso_instant

GENESIS = "0" * 64
"""What the first event has for `previous_hash`."""

CLOSED = frozenset({"approved", "exported", "paid"})
"""Statuses of a period that is posted: nothing of it changes any more."""


@dataclass(frozen=True, slots=True)
class Event:
    """One action on a period.

    Attributes:
        event_id: Position in the log, from 1, without gaps.
        follows_event_id: The period's event before, 0 for its first.
        version: The draft that it is about.
        content_hash: That draft's content.
        at: UTC.
        evidence_hash: What it rests on besides (`evidence`); None where there is nothing more.
    """

    event_id: int
    period: str
    follows_event_id: int
    action: str
    from_status: str | None
    to_status: str
    version: int
    actor: str
    reason: str
    at: datetime
    content_hash: str
    previous_hash: str
    hash: str
    evidence_hash: str | None = None

    def computed_hash(self) -> str:
        """SHA-256 over everything but itself, as JSON with sorted keys."""
        return _hash({key: value for key, value in asdict(self).items() if key != "hash"})


def _hash(fields: dict[str, Any]) -> str:
    plain = fields | {"at": iso_instant(fields["at"])}
    # Events that were logged before there was any evidence keep the hash that they have.
    if plain["evidence_hash"] is None:
        del plain["evidence_hash"]
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def append_event(
    connection: Connection,
    *,
    period: str,
    follows: Event | None,
    action: str,
    to_status: str,
    version: int,
    actor: str,
    reason: str,
    at: datetime,
    content_hash: str,
    evidence_hash: str | None = None,
) -> Event:
    """Add an action to the log.

    Args:
        connection: From `Store.writing`: the log has one writer at a time.
        period: `YYYY-MM`.
        follows: The period's newest event; the database refuses a second event that follows the same one.
        action: One of `schema.ACTIONS`.
        to_status: Where the period stands from now on.
        version: The draft that it is about.
        actor: Who.
        reason: Why, in their words.
        at: When, any offset.
        content_hash: The draft's content.
        evidence_hash: What it rests on besides.
    """
    last = connection.execute(
        select(schema.events.c.event_id, schema.events.c.hash).order_by(schema.events.c.event_id.desc()).limit(1)
    ).one_or_none()
    fields: dict[str, Any] = {
        "event_id": (last.event_id if last else 0) + 1,
        "period": period,
        "follows_event_id": follows.event_id if follows else 0,
        "action": action,
        "from_status": follows.to_status if follows else None,
        "to_status": to_status,
        "version": version,
        "actor": actor,
        "reason": reason,
        "at": at,
        "content_hash": content_hash,
        "previous_hash": last.hash if last else GENESIS,
        "evidence_hash": evidence_hash,
    }
    added = Event(**fields, hash=_hash(fields))
    connection.execute(insert(schema.events), asdict(added))
    return added


def read_events(connection: Connection, period: str | None = None) -> list[Event]:
    """The log in its order, of one period or of all."""
    statement = select(schema.events).order_by(schema.events.c.event_id)
    if period is not None:
        statement = statement.where(schema.events.c.period == period)
    return [Event(**row) for row in connection.execute(statement).mappings()]


def newest_events(connection: Connection) -> dict[str, Event]:
    """Where each period stands: its newest event."""
    newest = select(func.max(schema.events.c.event_id)).group_by(schema.events.c.period)
    statement = select(schema.events).where(schema.events.c.event_id.in_(newest)).order_by(schema.events.c.period)
    return {row["period"]: Event(**row) for row in connection.execute(statement).mappings()}


def broken_links(log: Sequence[Event]) -> list[str]:
    """What is wrong with the chain, one line each; empty when it is whole."""
    faults: list[str] = []
    previous = GENESIS
    for position, entry in enumerate(log, start=1):
        if entry.event_id != position:
            faults.append(f"event {position} is missing")
            break
        if entry.previous_hash != previous:
            faults.append(f"event {position}: does not follow event {position - 1}")
        if entry.computed_hash() != entry.hash:
            faults.append(f"event {position}: its content was changed")
        previous = entry.hash
    return faults
