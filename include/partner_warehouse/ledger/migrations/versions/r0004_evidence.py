"""The hash of what an event rests on besides its content: a draft's basis, an export's bank files and payments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the events that are there have none, and their own hashes stay as they are."""
    op.add_column("events", sa.Column("evidence_hash", sa.Text))
