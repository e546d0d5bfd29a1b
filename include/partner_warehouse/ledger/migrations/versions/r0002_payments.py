"""What was ordered from a bank: each file once, and each payout in one file at most."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from partner_warehouse.ledger.migrations.append_only import protect
from partner_warehouse.ledger.types import Day, Exact, Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and their triggers."""
    op.create_table(
        "payment_files",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("message_id", "period", "format", "file_name")),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("payments", sa.Integer, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("execution_on", Day, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("message_id"),
        sa.UniqueConstraint("period", "file_name", name="payment_files_name"),
        sa.CheckConstraint("run > 0 AND payments > 0", name="payment_files_counts"),
        sa.CheckConstraint("format IN ('pain.001', 'nacha')", name="payment_files_format"),
        sqlite_strict=True,
    )
    protect("payment_files", ("message_id",))
    op.create_table(
        "payments",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("payout_id", "message_id", "period", "partner_id")),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount", Exact(18, 3), nullable=False),
        sa.Column("end_to_end_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("payout_id"),
        sa.UniqueConstraint("end_to_end_id", name="payments_end_to_end"),
        sa.CheckConstraint("amount > 0", name="payments_amount"),
        sqlite_strict=True,
    )
    op.create_index("payments_period", "payments", ["period"])
    protect("payments", ("payout_id",))
