"""What a line of a fixed fee rests on: the fee of the deal's band, before scale and share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from partner_warehouse.ledger.types import Exact

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the lines that are there have none, and the content that they are of keeps its hash."""
    for table in ("draft_lines", "payout_lines"):
        op.add_column(table, sa.Column("fee", Exact(18, 3)))
