"""The ledger's tables, as the newest migration leaves them.

Nothing here is ever updated or deleted; triggers refuse it in both databases (`migrations/`). What changes a period's
state is a further row of `events`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint, text

from partner_warehouse.ledger.types import Day, Instant, exact, fraction, money

metadata = MetaData()

STATUSES = ("draft", "submitted", "approved", "exported", "paid")
ACTIONS = ("draft", "submit", "first_approval", "approve", "reject", "content_changed", "export", "pay")
BANK_FORMATS = ("pain.001", "nacha")
ACCOUNTS = ("commission_expense", "accrued", "payable", "paid", "clawback_receivable")


def _one_of(column: str, values: tuple[str, ...], name: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name)


def _line_columns() -> list[Column[Any]]:
    """What a line freezes: the columns of `finance.approved_payout_lines`."""
    return [
        Column("commission_line_id", Text, nullable=False),
        Column("payout_id", Text, nullable=False),
        Column("partner_id", Text, nullable=False),
        Column("programme", Text),
        Column("plan_id", Text, nullable=False),
        Column("plan_version", Integer),
        Column("component", Text),
        Column("movement_kind", Text),
        Column("movement_id", Text),
        Column("corrects_line_id", Text),
        Column("base_amount", exact()),
        Column("base_currency", Text),
        Column("rate", fraction()),
        Column("tier", Text),
        Column("split_share", fraction()),
        Column("fx_rate", exact()),
        Column("fx_date", Day),
        Column("amount", money(), nullable=False),
        Column("currency", Text, nullable=False),
        Column("earned_on", Day, nullable=False),
        Column("payable_on", Day, nullable=False),
        # The fee of a fixed fee's band; null for every other component, and of what was drafted before there was one.
        Column("fee", money()),
    ]


def _payout_columns() -> list[Column[Any]]:
    """A balance carried in, what changed it, what is paid of it, and what is carried out."""
    return [
        Column("partner_id", Text, nullable=False),
        Column("currency", Text, nullable=False),
        Column("opening_balance", money(), nullable=False),
        Column("earned", money(), nullable=False),
        Column("adjustments", money(), nullable=False),
        Column("payable", money(), nullable=False),
        Column("closing_balance", money(), nullable=False),
        Column("min_payout", money(), nullable=False),
        Column("line_count", Integer, nullable=False),
    ]


def _payout_checks(table: str) -> list[CheckConstraint]:
    return [
        CheckConstraint(
            "closing_balance = opening_balance + earned + adjustments - payable", name=f"{table}_balance_carried"
        ),
        CheckConstraint("payable >= 0", name=f"{table}_nothing_negative_paid"),
        CheckConstraint("line_count >= 0", name=f"{table}_line_count"),
    ]


events = Table(
    "events",
    metadata,
    Column("event_id", Integer, primary_key=True, autoincrement=False),
    Column("period", Text, nullable=False),
    Column("follows_event_id", Integer, nullable=False),
    Column("action", Text, nullable=False),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    # What it rests on besides the content (`evidence.py`); none of an event that was logged before there was one.
    Column("evidence_hash", Text),
    # Two actions on the same state cannot both happen: the second has no predecessor left to follow.
    UniqueConstraint("period", "follows_event_id", name="events_one_successor"),
    UniqueConstraint("previous_hash", name="events_one_chain"),
    UniqueConstraint("hash", name="events_hash"),
    _one_of("action", ACTIONS, "events_action"),
    _one_of("to_status", STATUSES, "events_to_status"),
    CheckConstraint("event_id > follows_event_id", name="events_in_order"),
    sqlite_strict=True,
)
Index(
    "events_approved_once",
    events.c.period,
    unique=True,
    sqlite_where=text("action = 'approve'"),
    postgresql_where=text("action = 'approve'"),
)

drafts = Table(
    "drafts",
    metadata,
    Column("period", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("drafted_by", Text, nullable=False),
    Column("drafted_at", Instant, nullable=False),
    # What the entitlement was computed for, and what it had seen, all that was landed up to then: with both, it can be
    # computed again.
    Column("as_of", Instant),
    Column("known_at", Instant, nullable=False),
    Column("line_count", Integer, nullable=False),
    Column("payout_count", Integer, nullable=False),
    Column("content_hash", Text, nullable=False),
    sqlite_strict=True,
)

plan_sets = Table(
    "plan_sets",
    metadata,
    # The plan files in force, whole, under the SHA-256 of them: an approved month is computed again by its own.
    Column("plans_hash", Text, primary_key=True),
    Column("content", Text, nullable=False),
    sqlite_strict=True,
)

draft_pins = Table(
    "draft_pins",
    metadata,
    Column("period", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("plans_hash", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("reporting_currency", Text, nullable=False),
    Column("fx_lookback_days", Integer, nullable=False),
    sqlite_strict=True,
)

draft_payouts = Table(
    "draft_payouts",
    metadata,
    Column("period", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("payout_id", Text, primary_key=True),
    *_payout_columns(),
    *_payout_checks("draft_payouts"),
    sqlite_strict=True,
)

draft_lines = Table(
    "draft_lines",
    metadata,
    Column("period", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("line_id", Text, primary_key=True),
    *_line_columns(),
    sqlite_strict=True,
)

payouts = Table(
    "payouts",
    metadata,
    Column("payout_id", Text, primary_key=True),
    Column("period", Text, nullable=False),
    *_payout_columns(),
    Column("submitted_by", Text, nullable=False),
    Column("submitted_at", Instant, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("approved_at", Instant, nullable=False),
    Column("content_hash", Text, nullable=False),
    UniqueConstraint("period", "partner_id", "currency", name="payouts_once"),
    *_payout_checks("payouts"),
    sqlite_strict=True,
)

payout_lines = Table(
    "payout_lines",
    metadata,
    Column("line_id", Text, primary_key=True),
    Column("period", Text, nullable=False),
    *_line_columns(),
    UniqueConstraint("commission_line_id", "partner_id", "currency", "period", name="payout_lines_once"),
    sqlite_strict=True,
)
Index("payout_lines_period", payout_lines.c.period)

journal = Table(
    "journal",
    metadata,
    Column("entry_id", Text, primary_key=True),
    Column("payout_id", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("partner_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    # One entry debits one account and credits another with the same amount: it balances by its form.
    Column("debit_account", Text, nullable=False),
    Column("credit_account", Text, nullable=False),
    Column("amount", money(), nullable=False),
    Column("posted_at", Instant, nullable=False),
    CheckConstraint("amount > 0", name="journal_amount"),
    CheckConstraint("debit_account <> credit_account", name="journal_two_accounts"),
    _one_of("debit_account", ACCOUNTS, "journal_debit_account"),
    _one_of("credit_account", ACCOUNTS, "journal_credit_account"),
    sqlite_strict=True,
)

payment_files = Table(
    "payment_files",
    metadata,
    Column("message_id", Text, primary_key=True),
    Column("period", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("run", Integer, nullable=False),
    Column("payments", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("execution_on", Day, nullable=False),
    Column("sha256", Text, nullable=False),
    UniqueConstraint("period", "file_name", name="payment_files_name"),
    CheckConstraint("run > 0 AND payments > 0", name="payment_files_counts"),
    _one_of("format", BANK_FORMATS, "payment_files_format"),
    sqlite_strict=True,
)

# A payout is ordered from a bank once: its id is the key. No account of anybody is kept here.
payments = Table(
    "payments",
    metadata,
    Column("payout_id", Text, primary_key=True),
    Column("message_id", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("partner_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", money(), nullable=False),
    Column("end_to_end_id", Text, nullable=False),
    UniqueConstraint("end_to_end_id", name="payments_end_to_end"),
    CheckConstraint("amount > 0", name="payments_amount"),
    sqlite_strict=True,
)
Index("payments_period", payments.c.period)

APPEND_ONLY = (
    events,
    drafts,
    plan_sets,
    draft_pins,
    draft_payouts,
    draft_lines,
    payouts,
    payout_lines,
    journal,
    payment_files,
    payments,
)
"""Every table of the ledger."""
