"""The ledger: drafts, postings, journal and the log of events."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from partner_warehouse.ledger.migrations.append_only import protect
from partner_warehouse.ledger.types import Day, Exact, Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATUSES = "('draft', 'submitted', 'approved', 'exported', 'paid')"
_ACTIONS = "('draft', 'submit', 'first_approval', 'approve', 'reject', 'content_changed', 'export', 'pay')"
_ACCOUNTS = "('commission_expense', 'accrued', 'payable', 'paid', 'clawback_receivable')"


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _count(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=nullable, autoincrement=False)


def _money(name: str) -> sa.Column[Any]:
    return sa.Column(name, Exact(18, 3), nullable=False)


def _line_columns() -> list[sa.Column[Any]]:
    fraction, exact = Exact(18, 12), Exact(28, 10)
    columns: list[sa.Column[Any]] = [
        *(_text(name) for name in ("commission_line_id", "payout_id", "partner_id")),
        _text("programme", nullable=True),
        _text("plan_id"),
        _count("plan_version", nullable=True),
        *(_text(name, nullable=True) for name in ("component", "movement_kind", "movement_id", "corrects_line_id")),
        sa.Column("base_amount", exact),
        _text("base_currency", nullable=True),
        sa.Column("rate", fraction),
        _text("tier", nullable=True),
        sa.Column("split_share", fraction),
        sa.Column("fx_rate", exact),
        sa.Column("fx_date", Day),
        _money("amount"),
        _text("currency"),
        sa.Column("earned_on", Day, nullable=False),
        sa.Column("payable_on", Day, nullable=False),
    ]
    return columns


def _payout_columns() -> list[sa.Column[Any]]:
    amounts = ("opening_balance", "earned", "adjustments", "payable", "closing_balance", "min_payout")
    columns: list[sa.Column[Any]] = [_text("partner_id"), _text("currency")]
    return [*columns, *(_money(name) for name in amounts), _count("line_count")]


def _payout_checks(table: str) -> list[sa.CheckConstraint]:
    return [
        sa.CheckConstraint(
            "closing_balance = opening_balance + earned + adjustments - payable", name=f"{table}_balance_carried"
        ),
        sa.CheckConstraint("payable >= 0", name=f"{table}_nothing_negative_paid"),
        sa.CheckConstraint("line_count >= 0", name=f"{table}_line_count"),
    ]


def _create(table: str, key: tuple[str, ...], *items: sa.Column[Any] | sa.Constraint) -> None:
    op.create_table(table, *items, sa.PrimaryKeyConstraint(*key), sqlite_strict=True)
    protect(table, key)


def upgrade() -> None:
    """Create the tables and their triggers."""
    _create(
        "events",
        ("event_id",),
        _count("event_id"),
        _text("period"),
        _count("follows_event_id"),
        _text("action"),
        _text("from_status", nullable=True),
        _text("to_status"),
        _count("version"),
        _text("actor"),
        _text("reason"),
        sa.Column("at", Instant, nullable=False),
        _text("content_hash"),
        _text("previous_hash"),
        _text("hash"),
        sa.UniqueConstraint("period", "follows_event_id", name="events_one_successor"),
        sa.UniqueConstraint("previous_hash", name="events_one_chain"),
        sa.UniqueConstraint("hash", name="events_hash"),
        sa.CheckConstraint(f"action IN {_ACTIONS}", name="events_action"),
        sa.CheckConstraint(f"to_status IN {_STATUSES}", name="events_to_status"),
        sa.CheckConstraint("event_id > follows_event_id", name="events_in_order"),
    )
    approvals = sa.text("action = 'approve'")
    op.create_index(
        "events_approved_once", "events", ["period"], unique=True, sqlite_where=approvals, postgresql_where=approvals
    )
    _create(
        "drafts",
        ("period", "version"),
        _text("period"),
        _count("version"),
        _text("drafted_by"),
        sa.Column("drafted_at", Instant, nullable=False),
        sa.Column("as_of", Instant),
        sa.Column("known_at", Instant, nullable=False),
        _count("line_count"),
        _count("payout_count"),
        _text("content_hash"),
    )
    _create(
        "draft_payouts",
        ("period", "version", "payout_id"),
        _text("period"),
        _count("version"),
        _text("payout_id"),
        *_payout_columns(),
        *_payout_checks("draft_payouts"),
    )
    _create(
        "draft_lines",
        ("period", "version", "line_id"),
        _text("period"),
        _count("version"),
        _text("line_id"),
        *_line_columns(),
    )
    _create(
        "payouts",
        ("payout_id",),
        _text("payout_id"),
        _text("period"),
        *_payout_columns(),
        _text("submitted_by"),
        sa.Column("submitted_at", Instant, nullable=False),
        _text("approved_by"),
        sa.Column("approved_at", Instant, nullable=False),
        _text("content_hash"),
        sa.UniqueConstraint("period", "partner_id", "currency", name="payouts_once"),
        *_payout_checks("payouts"),
    )
    _create(
        "payout_lines",
        ("line_id",),
        _text("line_id"),
        _text("period"),
        *_line_columns(),
        sa.UniqueConstraint("commission_line_id", "partner_id", "currency", "period", name="payout_lines_once"),
    )
    op.create_index("payout_lines_period", "payout_lines", ["period"])
    _create(
        "journal",
        ("entry_id",),
        *(_text(name) for name in ("entry_id", "payout_id", "period", "partner_id", "currency")),
        *(_text(name) for name in ("debit_account", "credit_account")),
        _money("amount"),
        sa.Column("posted_at", Instant, nullable=False),
        sa.CheckConstraint("amount > 0", name="journal_amount"),
        sa.CheckConstraint("debit_account <> credit_account", name="journal_two_accounts"),
        sa.CheckConstraint(f"debit_account IN {_ACCOUNTS}", name="journal_debit_account"),
        sa.CheckConstraint(f"credit_account IN {_ACCOUNTS}", name="journal_credit_account"),
    )
