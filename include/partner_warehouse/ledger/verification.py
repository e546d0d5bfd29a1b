"""Whether the ledger is whole: its log, what is posted and what is drafted, each held against the others."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
from sqlalchemy import Connection, select

from partner_warehouse.ledger import events, evidence, journal, schema, stored
from partner_warehouse.ledger.events import Event
from partner_warehouse.plans.files import digest_of_copy


def faults(connection: Connection, duck: duckdb.DuckDBPyConnection) -> list[str]:
    """Everything that is wrong, one line each; empty when the ledger is whole. See `PayoutService.verify`."""
    log = events.read_events(connection)
    found = events.broken_links(log)
    approved = {entry.period: entry for entry in log if entry.action == "approve"}
    posted = select(schema.payouts.c.period).union(select(schema.payout_lines.c.period))
    periods: set[str] = set(connection.execute(posted).scalars())
    found += [f"{period}: posted, but the log has no approval" for period in sorted(periods - set(approved))]
    for period, entry in approved.items():
        if stored.posted_content(connection, duck, entry).content_hash != entry.content_hash:
            found.append(f"{period}: what is posted is not what was approved")
    found += _misstamped(connection, log) + _without_plan_files(connection, log) + _unlogged_orders(connection, log)
    found += evidence.broken(connection, log)
    paid_at = {entry.period: entry.at for entry in log if entry.action == "pay"}
    found += journal.misposted(connection, {one: entry.at for one, entry in approved.items()}, paid_at)
    # Also those of approved months, and those that a further version replaced: an approver was shown them.
    found += [
        f"{entry.period}: the stored draft {entry.version} is not what was drafted"
        for entry in log
        if entry.action == "draft"
        and stored.drafted_content(connection, duck, entry).content_hash != entry.content_hash
    ]
    found += _changed_plan_files(connection)
    found += journal.reconciled_lines(connection) + journal.broken_balances(connection)
    return found + journal.misordered(connection)


def _misstamped(connection: Connection, log: Sequence[Event]) -> list[str]:
    """Periods whose posted payouts say otherwise than the log, one line each."""
    found, table = [], schema.payouts
    names = ("submitted_by", "submitted_at", "approved_by", "approved_at", "content_hash")
    for approval in (entry for entry in log if entry.action == "approve"):
        before = [one for one in log if one.period == approval.period and one.event_id <= approval.event_id]
        start = max((index for index, one in enumerate(before) if one.to_status == "draft"), default=0)
        submission = next((one for one in reversed(before[start:]) if one.action == "submit"), None)
        if submission is None:
            continue  # The chain of the log is broken, and said to be.
        names_of = [one.actor for one in before[start:] if one.action in {"first_approval", "approve"}]
        # Where the limit was raised after a first approval, the second person approved alone.
        said = [
            (submission.actor, submission.at, by, approval.at, approval.content_hash)
            for by in (" + ".join(names_of), approval.actor)
        ]
        stamps = connection.execute(
            select(*(table.c[name] for name in names)).where(table.c.period == approval.period).distinct()
        )
        if any(tuple(row) not in said for row in stamps):
            found.append(f"{approval.period}: who approved it and when is not what the log says")
    return found


def _without_plan_files(connection: Connection, log: Sequence[Event]) -> list[str]:
    """Approved periods that cannot be computed again, one line each."""
    kept = select(schema.plan_sets.c.plans_hash)
    pinned = select(schema.draft_pins.c.plans_hash).where(schema.draft_pins.c.plans_hash.in_(kept))
    return [
        f"{approval.period}: the plan files that it was approved by are gone"
        for approval in log
        if approval.action == "approve"
        and connection.execute(pinned.where(stored.of_version(schema.draft_pins, approval))).first() is None
    ]


def _unlogged_orders(connection: Connection, log: Sequence[Event]) -> list[str]:
    """Periods with payments for the bank that no export accounts for, one line each."""
    exported = {entry.period for entry in log if entry.action == "export"}
    ordered: set[str] = set(connection.execute(select(schema.payments.c.period).distinct()).scalars())
    return [f"{period}: ordered from banks, but the log has no export" for period in sorted(ordered - exported)]


def _changed_plan_files(connection: Connection) -> list[str]:
    """Plan files that are not what their hash says, one line each."""
    kept = connection.execute(select(schema.plan_sets).order_by(schema.plan_sets.c.plans_hash))
    return [
        f"plan files {row.plans_hash}: not what they were when they were kept"
        for row in kept
        if digest_of_copy(row.content) != row.plans_hash
    ]
