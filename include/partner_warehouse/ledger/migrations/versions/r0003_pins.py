"""What decided a draft besides the landed data: the plan files in force, the time zone, the currency, the look-back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from partner_warehouse.ledger.migrations.append_only import protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and their triggers."""
    op.create_table(
        "plan_sets",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("plans_hash", "content")),
        sa.PrimaryKeyConstraint("plans_hash"),
        sqlite_strict=True,
    )
    protect("plan_sets", ("plans_hash",))
    op.create_table(
        "draft_pins",
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("plans_hash", "timezone", "reporting_currency")),
        sa.Column("fx_lookback_days", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("period", "version"),
        sqlite_strict=True,
    )
    protect("draft_pins", ("period", "version"))
