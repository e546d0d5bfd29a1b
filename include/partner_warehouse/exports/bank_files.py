"""Which payouts go into which bank file, and which into none.

A payout is ordered from a bank once: the ledger keeps what was ordered, with the hash of the file, never an account.
What was ordered before is not ordered again; the file is only written again where it is gone, and then it has the same
bytes or is not written. What could not be paid then (no or wrong details in the vault) goes into a file of a further
run, with a message id of its own; so does what the first file has no room for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, insert, select

from partner_warehouse.errors import PartnerWarehouseError
from partner_warehouse.exports import nacha, pain001, vault
from partner_warehouse.exports.currencies import in_minor_units
from partner_warehouse.exports.files import digest, read_if_there, stage, staged
from partner_warehouse.exports.payments import Order, Payment, banking_day_after, in_files
from partner_warehouse.exports.texts import reference
from partner_warehouse.exports.vault import ACH, REASONS, Vault
from partner_warehouse.ledger import evidence, schema
from partner_warehouse.settings import Settings

_FORMATS: dict[str, tuple[ModuleType, str, str, str]] = {
    "pain.001": (pain001, "I", "pain.001", "xml"),
    "nacha": (nacha, "A", "nacha", "txt"),
}
"""Of each format: who writes it, its letter in a message id, its file's name and ending."""


@dataclass(frozen=True, slots=True)
class Approval:
    """What was approved, as far as a bank file depends on it.

    Attributes:
        payable: Posted payouts with something to pay, in the order of partner and currency.
    """

    period: str
    approved_at: datetime
    content_hash: str
    payable: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Ordered:
    """The bank files of a period, and what is in none of them.

    Attributes:
        files: As the ledger has them: message_id, format, file_name, run, payments, execution_on, sha256.
        sums: Control sum of each file by currency, by message_id.
        exceptions: payout_id, partner_id, currency, amount, reason, remedy.
        staged: Files that are written aside and wait for their names.
        has_vault: Whether bank files are asked for at all.
    """

    files: Sequence[Mapping[str, Any]]
    sums: Mapping[str, Mapping[str, Decimal]]
    exceptions: Sequence[Mapping[str, Any]]
    staged: Sequence[Path]
    has_vault: bool


def order(
    connection: Connection, approval: Approval, directory: Path, settings: Settings, now: datetime, *, is_paid: bool
) -> Ordered:
    """Order from the banks what can be paid and was not ordered yet; stage its files.

    Args:
        connection: From `Store.writing`: what is ordered stands when it commits.
        approval: What was approved.
        directory: Where the files go.
        settings: The installation.
        now: The instant of the export.
        is_paid: Whether the period is paid: then nothing more is ordered.

    Raises:
        BadInputError: The vault cannot be read.
        PartnerWarehouseError: A file does not validate; a file is gone, and cannot be made again as it was.
    """
    ordered = _ordered(connection, approval.period)
    # What is paid needs no account any more, nor a file that is gone: the bank has executed it.
    found = None if is_paid else _read_vault(approval)
    waiting = [row for row in approval.payable if row["payout_id"] not in ordered]
    exceptions: list[dict[str, Any]] = []
    new: list[Payment] = []
    has_vault = found is not None or bool(ordered) or evidence.makes_bank_files(connection, approval.period)
    for row in waiting if has_vault else ():
        payment = "paid_by_hand" if is_paid else _payment(row, found)
        if isinstance(payment, Payment):
            new.append(payment)
        else:
            exceptions.append(_exception(row, payment))
    staged_files = [] if is_paid else _keep_whole(connection, approval, directory)
    if new:
        staged_files += _place(connection, approval, directory, settings, new, now)
    return Ordered(
        files=_files(connection, approval.period),
        sums=_sums(connection, approval.period),
        exceptions=exceptions,
        staged=staged_files,
        has_vault=has_vault,
    )


def count_unordered(connection: Connection, period: str) -> int:
    """How many payouts with something to pay are in no bank file of a period, where bank files are made; else 0.

    Bank files are made where there is a vault, or was one when the period was exported.
    """
    ordered = _ordered(connection, period)
    if not vault.is_configured() and not ordered and not evidence.makes_bank_files(connection, period):
        return 0
    table = schema.payouts
    payable = select(table.c.payout_id).where((table.c.period == period) & (table.c.payable > Decimal(0)))
    ids: set[str] = set(connection.execute(payable).scalars())
    return len(ids - ordered)


def unreleased(connection: Connection, period: str, directory: Path) -> list[str]:
    """Names of bank files that were never given out: the export was cut off after it had ordered them."""
    targets = [directory / row["file_name"] for row in _files(connection, period)]
    return [target.name for target in targets if staged(target).exists() and not target.exists()]


def _read_vault(approval: Approval) -> Vault | None:
    return vault.read((row["partner_id"], row["currency"]) for row in approval.payable)


def _payment(row: Mapping[str, Any], found: Vault | None) -> Payment | str:
    """The payment of a payout, or why there is none."""
    route = found.route(row["partner_id"], row["currency"]) if found is not None else "no_bank_details"
    if isinstance(route, str):
        return route
    own, to = route
    amount = in_minor_units(row["payable"], row["currency"])
    end_to_end_id = reference(row["payout_id"])
    payment = Payment(row["payout_id"], row["partner_id"], row["currency"], amount, end_to_end_id, own, to)
    return payment if _FORMATS[_format(to.method)][0].fits(payment) else "amount_too_large"


def _format(method: str) -> str:
    return "nacha" if method == ACH else "pain.001"


def _exception(row: Mapping[str, Any], reason: str) -> dict[str, Any]:
    return {
        "payout_id": row["payout_id"],
        "partner_id": row["partner_id"],
        "currency": row["currency"],
        "amount": row["payable"],
        "reason": reason,
        "remedy": REASONS[reason],
    }


def _place(
    connection: Connection,
    approval: Approval,
    directory: Path,
    settings: Settings,
    payments: Sequence[Payment],
    now: datetime,
) -> list[Path]:
    """Further runs: of each format as many files as it needs, staged, and their payments in the ledger."""
    highest = select(func.max(schema.payment_files.c.run)).where(schema.payment_files.c.period == approval.period)
    before: int = connection.execute(highest).scalar_one() or 0
    created_at, execution_on = _dates(approval, now, settings, is_first=before == 0)
    staged_files = []
    for name, (writer, letter, stem, ending) in _FORMATS.items():
        of_format = [payment for payment in payments if _format(payment.to.method) == name]
        for run, chosen in enumerate(in_files(of_format, writer.holds), start=before + 1):
            message_id = f"P{approval.period.replace('-', '')}-{run}{letter}-{approval.content_hash[:16].upper()}"
            placed = Order(message_id, approval.period, run, created_at, execution_on)
            content = writer.write(placed, chosen)
            target = directory / (f"{stem}.{ending}" if run == 1 else f"{stem}-run{run}.{ending}")
            stage(target, content)
            staged_files.append(target)
            connection.execute(
                insert(schema.payment_files),
                {
                    "message_id": message_id,
                    "period": approval.period,
                    "format": name,
                    "file_name": target.name,
                    "run": run,
                    "payments": len(chosen),
                    "created_at": created_at,
                    "execution_on": execution_on,
                    "sha256": digest(content),
                },
            )
            connection.execute(insert(schema.payments), [_kept(payment, placed) for payment in chosen])
    return staged_files


def _kept(payment: Payment, placed: Order) -> dict[str, Any]:
    return {
        "payout_id": payment.payout_id,
        "message_id": placed.message_id,
        "period": placed.period,
        "partner_id": payment.partner_id,
        "currency": payment.currency,
        "amount": payment.amount,
        "end_to_end_id": payment.end_to_end_id,
    }


def _dates(approval: Approval, now: datetime, settings: Settings, *, is_first: bool) -> tuple[datetime, date]:
    """When a file says that it was made, and the day that the bank is asked to pay on.

    Both follow from the approval, unless that day has passed when the file is first made: banks refuse it then, and
    both follow from the export. The ledger keeps them, so the file never changes again.
    """
    zone = ZoneInfo(settings.timezone)
    from_approval = banking_day_after(approval.approved_at.astimezone(zone).date())
    today = now.astimezone(zone).date()
    if is_first and from_approval >= today:
        return approval.approved_at, from_approval
    return now, banking_day_after(today)


def _keep_whole(connection: Connection, approval: Approval, directory: Path) -> list[Path]:
    """Stage again what the ledger has ordered and the directory has not, or not as it was."""
    missing = []
    for row in _files(connection, approval.period):
        target = directory / row["file_name"]
        if _has(target, row["sha256"]):
            continue
        if not _has(staged(target), row["sha256"]):
            content = _again(connection, approval, row, _read_vault(approval))
            if content is None or digest(content) != row["sha256"]:
                why = "the bank vault has changed since" if vault.is_configured() else "no bank vault is configured"
                raise PartnerWarehouseError(
                    f"{approval.period}: {target.name} is gone or was changed, and cannot be made again as it was: "
                    f"{why}\nrestore the file from a backup, or the vault as it was then"
                )
            stage(target, content)
        missing.append(target)
    return missing


def _has(path: Path, sha256: str) -> bool:
    content = read_if_there(path)
    return content is not None and digest(content) == sha256


def _again(connection: Connection, approval: Approval, file: Mapping[str, Any], found: Vault | None) -> bytes | None:
    """A file's content, made from what the ledger has of it; None where an account is no longer in the vault."""
    table = schema.payments
    chosen = select(table.c.payout_id).where(table.c.message_id == file["message_id"])
    wanted: set[str] = set(connection.execute(chosen).scalars())
    payments = [_payment(row, found) for row in approval.payable if row["payout_id"] in wanted]
    whole = [payment for payment in payments if isinstance(payment, Payment)]
    if len(whole) != len(wanted):
        return None
    placed = Order(file["message_id"], approval.period, file["run"], file["created_at"], file["execution_on"])
    content: bytes = _FORMATS[file["format"]][0].write(placed, whole)
    return content


def _files(connection: Connection, period: str) -> list[dict[str, Any]]:
    table = schema.payment_files
    rows = connection.execute(select(table).where(table.c.period == period).order_by(table.c.run, table.c.file_name))
    return [dict(row) for row in rows.mappings()]


def _ordered(connection: Connection, period: str) -> set[str]:
    table = schema.payments
    return set(connection.execute(select(table.c.payout_id).where(table.c.period == period)).scalars())


def _sums(connection: Connection, period: str) -> dict[str, dict[str, Decimal]]:
    table = schema.payments
    rows: Any = connection.execute(
        select(table.c.message_id, table.c.currency, func.sum(table.c.amount, type_=table.c.amount.type))
        .where(table.c.period == period)
        .group_by(table.c.message_id, table.c.currency)
        .order_by(table.c.message_id, table.c.currency)
    )
    sums: dict[str, dict[str, Decimal]] = {}
    for message_id, currency, amount in rows:
        sums.setdefault(message_id, {})[currency] = amount
    return sums
