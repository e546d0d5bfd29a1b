"""The double-entry journal behind the payouts, per partner and currency.

Accounts, all seen from the company: `commission_expense`; `accrued` (owed, not yet due or below the minimum); `payable`
(approved for payment); `paid` (left the bank); `clawback_receivable` (the partner owes us). An entry debits one account
and credits another with one positive amount, so the journal balances by its form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, case, func, insert, select, union_all

from partner_warehouse.ledger import schema
from partner_warehouse.ledger.types import money

_ZERO = Decimal(0)


def post_approval(connection: Connection, payouts: Iterable[RowMapping], at: datetime) -> None:
    """Accrue what the lines come to, make the payable due, and keep a negative balance as a receivable."""
    entries = _approval_entries(payouts, at)
    if entries:
        connection.execute(insert(schema.journal), entries)


def misposted(
    connection: Connection, approved_at: Mapping[str, datetime], paid_at: Mapping[str, datetime]
) -> list[str]:
    """Entries that are not exactly what the posted payouts and the log say, one line each.

    Args:
        connection: The ledger.
        approved_at: When each period was approved, by the log.
        paid_at: When each period was paid, by the log.
    """
    payouts = connection.execute(select(schema.payouts)).mappings().all()
    expected = {
        entry["entry_id"]: entry
        for payout in payouts
        for moments, entries in ((approved_at, _approval_entries), (paid_at, _payment_entries))
        if payout["period"] in moments
        for entry in entries([payout], moments[payout["period"]])
    }
    stored = {row["entry_id"]: dict(row) for row in connection.execute(select(schema.journal)).mappings()}
    differing = sorted(key for key in expected.keys() | stored.keys() if expected.get(key) != stored.get(key))
    return [f"journal entry {key}: not what was approved or paid" for key in differing]


def _approval_entries(payouts: Iterable[RowMapping], at: datetime) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for payout in payouts:
        owed_before = max(_ZERO, -payout["opening_balance"])
        owed_after = max(_ZERO, -payout["closing_balance"])
        changed = payout["earned"] + payout["adjustments"]
        entries += _entry(payout, "accrue", "commission_expense", "accrued", changed, at)
        entries += _entry(payout, "release", "accrued", "payable", payout["payable"], at)
        entries += _entry(payout, "claw", "clawback_receivable", "accrued", owed_after - owed_before, at)
    return entries


def post_payment(connection: Connection, payouts: Iterable[RowMapping], at: datetime) -> None:
    """What was payable has left the bank."""
    entries = _payment_entries(payouts, at)
    if entries:
        connection.execute(insert(schema.journal), entries)


def _payment_entries(payouts: Iterable[RowMapping], at: datetime) -> list[dict[str, Any]]:
    return [entry for payout in payouts for entry in _entry(payout, "pay", "payable", "paid", payout["payable"], at)]


def _entry(
    payout: RowMapping, kind: str, debit: str, credit: str, amount: Decimal, at: datetime
) -> list[dict[str, Any]]:
    """One entry, the other way round for a negative amount, none for 0. Its id can be posted once only."""
    if amount == 0:
        return []
    if amount < 0:
        debit, credit, amount = credit, debit, -amount
    return [
        {
            "entry_id": f"{payout['payout_id']}/{kind}",
            "payout_id": payout["payout_id"],
            "period": payout["period"],
            "partner_id": payout["partner_id"],
            "currency": payout["currency"],
            "debit_account": debit,
            "credit_account": credit,
            "amount": amount,
            "posted_at": at,
        }
    ]


def balances(connection: Connection) -> dict[tuple[str, str, str], Decimal]:
    """Debits less credits of each partner, currency and account."""
    journal = schema.journal.c
    sides = union_all(
        select(journal.partner_id, journal.currency, journal.debit_account.label("account"), journal.amount),
        select(journal.partner_id, journal.currency, journal.credit_account, -journal.amount),
    ).subquery()
    total = func.sum(sides.c.amount, type_=money())
    rows = connection.execute(
        select(sides.c.partner_id, sides.c.currency, sides.c.account, total).group_by(
            sides.c.partner_id, sides.c.currency, sides.c.account
        )
    )
    return {(row[0], row[1], row[2]): row[3] for row in rows}


def broken_balances(connection: Connection) -> list[str]:
    """Where the journal and the payouts disagree, one line each.

    Accrued less receivable is the balance carried out of the newest payout; payable and paid together are all that was
    ever payable; expense is all that was ever posted.
    """
    faults: list[str] = []
    held = balances(connection)
    payouts = schema.payouts
    sums = connection.execute(
        select(
            payouts.c.partner_id,
            payouts.c.currency,
            func.sum(payouts.c.earned + payouts.c.adjustments, type_=money()).label("posted"),
            func.sum(payouts.c.payable, type_=money()).label("paid"),
        ).group_by(payouts.c.partner_id, payouts.c.currency)
    ).all()
    for row in sums:
        account = {name: held.get((row.partner_id, row.currency, name), _ZERO) for name in schema.ACCOUNTS}
        where = f"journal of partner {row.partner_id} in {row.currency}"
        if account["commission_expense"] != row.posted:
            faults.append(f"{where}: expense {account['commission_expense']}, posted {row.posted}")
        if -(account["payable"] + account["paid"]) != row.paid:
            faults.append(f"{where}: payable and paid {-(account['payable'] + account['paid'])}, approved {row.paid}")
        if -(account["accrued"] + account["clawback_receivable"]) != row.posted - row.paid:
            faults.append(f"{where}: accrued less receivable differs from the carried balance {row.posted - row.paid}")
        if account["accrued"] > 0 or account["clawback_receivable"] < 0:
            faults.append(f"{where}: a negative balance is not kept as a receivable")
    return faults


def reconciled_lines(connection: Connection) -> list[str]:
    """Payouts whose lines do not sum to what they say, one line each."""
    lines, payouts = schema.payout_lines, schema.payouts
    amount = lines.c.amount
    sums = (
        select(
            lines.c.payout_id,
            func.sum(case((lines.c.corrects_line_id.is_(None), amount), else_=0), type_=money()).label("earned"),
            func.sum(case((lines.c.corrects_line_id.is_not(None), amount), else_=0), type_=money()).label("adjusted"),
            func.count().label("line_count"),
        )
        .group_by(lines.c.payout_id)
        .subquery()
    )
    differing = (
        select(payouts.c.payout_id)
        .join_from(payouts, sums, payouts.c.payout_id == sums.c.payout_id, isouter=True)
        .where(
            (payouts.c.earned != func.coalesce(sums.c.earned, 0))
            | (payouts.c.adjustments != func.coalesce(sums.c.adjusted, 0))
            | (payouts.c.line_count != func.coalesce(sums.c.line_count, 0))
        )
        .order_by(payouts.c.payout_id)
    )
    return [f"payout {row.payout_id}: its lines do not sum to it" for row in connection.execute(differing)]


def misordered(connection: Connection) -> list[str]:
    """Payments that were ordered from a bank and are not what was approved, one line each."""
    payments, payouts, files = schema.payments, schema.payouts, schema.payment_files
    differing = (
        select(payments.c.payout_id)
        .join_from(payments, payouts, payments.c.payout_id == payouts.c.payout_id, isouter=True)
        .where(
            payouts.c.payout_id.is_(None)
            | (payments.c.amount != payouts.c.payable)
            | (payments.c.currency != payouts.c.currency)
            | (payments.c.partner_id != payouts.c.partner_id)
            | (payments.c.period != payouts.c.period)
        )
        .order_by(payments.c.payout_id)
    )
    faults = [f"payment of {row.payout_id}: not what was approved" for row in connection.execute(differing)]
    counts = select(payments.c.message_id, func.count().label("payments")).group_by(payments.c.message_id).subquery()
    short = (
        select(files.c.period, files.c.file_name)
        .join_from(files, counts, files.c.message_id == counts.c.message_id, isouter=True)
        .where(files.c.payments != func.coalesce(counts.c.payments, 0))
        .order_by(files.c.period, files.c.file_name)
    )
    unknown = (
        select(payments.c.payout_id)
        .join_from(payments, files, payments.c.message_id == files.c.message_id, isouter=True)
        .where(files.c.message_id.is_(None) | (files.c.period != payments.c.period))
        .order_by(payments.c.payout_id)
    )
    faults += [f"payment of {row.payout_id}: its file is not known" for row in connection.execute(unknown)]
    return faults + [
        f"{row.period}: {row.file_name} has not the payments that were ordered" for row in connection.execute(short)
    ]
