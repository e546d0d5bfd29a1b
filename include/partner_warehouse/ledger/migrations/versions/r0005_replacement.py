"""SQLite's guards against `INSERT OR REPLACE` hold for every key: it removes the row of whichever one is there already.

Until then a row of another primary key took the place of one that has its unique columns, or its rowid, on a connection
without `recursive_triggers`, which fires no delete trigger for it.
"""

from __future__ import annotations

from alembic import op

from partner_warehouse.ledger.migrations.append_only import refuse_replacement, same

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_APPROVED_ONCE = f"{same('period')} AND action = 'approve' AND NEW.action = 'approve'"

_REPLACED_BY = {
    "events": (same("period", "follows_event_id"), same("previous_hash"), same("hash"), _APPROVED_ONCE),
    "drafts": (same("period", "version"),),
    "plan_sets": (same("plans_hash"),),
    "draft_pins": (same("period", "version"),),
    "draft_payouts": (same("period", "version", "payout_id"),),
    "draft_lines": (same("period", "version", "line_id"),),
    "payouts": (same("payout_id"), same("period", "partner_id", "currency")),
    "payout_lines": (same("line_id"), same("commission_line_id", "partner_id", "currency", "period")),
    "journal": (same("entry_id"),),
    "payment_files": (same("message_id"), same("period", "file_name")),
    "payments": (same("payout_id"), same("end_to_end_id")),
}


def upgrade() -> None:
    """Make the guards anew. Where an insert names no rowid, SQLite has -1 for it here, which no row has."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for table, conditions in _REPLACED_BY.items():
        op.execute(f"DROP TRIGGER {table}_no_replace")
        refuse_replacement(table, same("rowid"), *conditions)
