"""The export of a period: every file that leaves the house, staged inside the ledger's transaction, released after it.

| file | what |
|---|---|
| `bills.csv` | a bill for each payout with something to pay |
| `pain.001.xml`, `nacha.txt` | payment orders for the banks; `-run2` and on for what was mended in the vault later |
| `exceptions.csv` | payouts that are in no bank file, and why |
| `journal.csv`, `journal-payment.csv` | lines for the general ledger |
| `control.json` | counts, sums and hashes of all of them; written last |

The same approval gives the same bytes, whenever it is exported. Where the bank files and the exceptions do not sum to
what was approved, nothing is released.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from partner_warehouse.errors import PartnerWarehouseError
from partner_warehouse.exports import bank_files, bills, general_ledger
from partner_warehouse.exports.bank_files import Approval, Ordered
from partner_warehouse.exports.cells import csv_bytes
from partner_warehouse.exports.currencies import in_minor_units
from partner_warehouse.exports.files import digest, make_private, release, stage, sync_directory
from partner_warehouse.ledger import schema
from partner_warehouse.ledger.events import Event
from partner_warehouse.ledger.periods import Period
from partner_warehouse.ledger.types import iso_instant
from partner_warehouse.settings import Settings

CONTROL = "control.json"
EXCEPTIONS = "exceptions.csv"

_EXCEPTION_COLUMNS = ("payout_id", "partner_id", "currency", "amount", "reason", "remedy")

Sums = dict[str, Decimal]
"""By currency."""


@dataclass(frozen=True, slots=True)
class Export:
    """An export whose files are staged.

    Attributes:
        directory: `HOME/exports/<period>`.
        exceptions: How many payouts wait for a bank file, which they are not in although bank files are made.
        has_bank_files: Whether bank files are made: not without a vault.
    """

    directory: Path
    targets: tuple[Path, ...]
    exceptions: int
    has_bank_files: bool

    def release(self) -> None:
        """Give every file its name, the control file last: where it is, the others are whole."""
        for target in self.targets:
            release(target)
        sync_directory(self.directory)


def directory_of(settings: Settings, period: str) -> Path:
    """Where the files of a period go."""
    return settings.home / "exports" / period


def prepare(connection: Connection, settings: Settings, approved: Event, now: datetime) -> Export:
    """Order what can be paid, and stage every file of an approved period.

    Args:
        connection: From `Store.writing`.
        settings: The installation.
        approved: The period's newest event.
        now: The instant of the export.

    Raises:
        BadInputError: The vault or the file of account codes cannot be read.
        PartnerWarehouseError: The files do not tie, or do not validate. Nothing is released then.
    """
    period = Period.parse(approved.period)
    directory = directory_of(settings, approved.period)
    make_private(directory)
    payouts = _rows(connection, schema.payouts, approved.period, "partner_id", "currency")
    payable = [row for row in payouts if row["payable"] > 0]
    journal = _rows(connection, schema.journal, approved.period, "entry_id")
    approved_at = payouts[0]["approved_at"] if payouts else approved.at
    approval = Approval(approved.period, approved_at, approved.content_hash, payable)
    is_paid = approved.to_status == "paid"
    ordered = bank_files.order(connection, approval, directory, settings, now, is_paid=is_paid)
    _refuse_untied(approved.period, payable, ordered, journal)
    contents = {
        "bills.csv": bills.write(approved.period, payable),
        EXCEPTIONS: csv_bytes(
            _EXCEPTION_COLUMNS,
            [{**row, "amount": in_minor_units(row["amount"], row["currency"])} for row in ordered.exceptions],
        ),
        "journal.csv": general_ledger.write(
            [entry for entry in journal if not general_ledger.is_payment(entry)], period, settings
        ),
    }
    payments = [entry for entry in journal if general_ledger.is_payment(entry)]
    if payments:
        contents["journal-payment.csv"] = general_ledger.write(payments, period, settings)
    control = _control(approval, payouts, ordered, contents)
    contents[CONTROL] = (json.dumps(control, indent=2) + "\n").encode()
    for name, content in contents.items():
        stage(directory / name, content)
    targets = (*ordered.staged, *(directory / name for name in contents))
    waiting = 0 if is_paid else len(ordered.exceptions)
    return Export(directory, targets, waiting, ordered.has_vault)


def _rows(connection: Connection, table: Any, period: str, *order: str) -> list[dict[str, Any]]:
    statement = select(table).where(table.c.period == period).order_by(*(table.c[name] for name in order))
    return [dict(row) for row in connection.execute(statement).mappings()]


def _sums(rows: Iterable[Mapping[str, Any]], column: str) -> Sums:
    sums: Sums = {}
    for row in rows:
        sums[row["currency"]] = sums.get(row["currency"], Decimal(0)) + row[column]
    return dict(sorted(sums.items()))


def _bank_sums(ordered: Ordered) -> Sums:
    rows = [
        {"currency": currency, "amount": amount} for sums in ordered.sums.values() for currency, amount in sums.items()
    ]
    return _sums(rows, "amount")


def _refuse_untied(
    period: str, payable: Sequence[Mapping[str, Any]], ordered: Ordered, journal: Sequence[Mapping[str, Any]]
) -> None:
    """Approved = ordered from banks + exceptions = released in the journal, per currency."""
    approved = _sums(payable, "payable")
    released = _sums((entry for entry in journal if entry["entry_id"].endswith("/release")), "amount")
    if released != approved:
        raise PartnerWarehouseError(f"{period}: the journal releases {released}, approved is {approved}; look into it")
    if not ordered.has_vault:
        return
    both, left_out = _bank_sums(ordered), _sums(ordered.exceptions, "amount")
    for currency, amount in left_out.items():
        both[currency] = both.get(currency, Decimal(0)) + amount
    count = sum(file["payments"] for file in ordered.files) + len(ordered.exceptions)
    if dict(sorted(both.items())) != approved or count != len(payable):
        raise PartnerWarehouseError(
            f"{period}: bank files and exceptions come to {both} in {count} payouts, approved is {approved} in "
            f"{len(payable)}; nothing is released"
        )


def _row_count(content: bytes) -> int:
    return sum(1 for _ in csv.reader(io.StringIO(content.decode("utf-8"), newline=""))) - 1


def _texts(sums: Mapping[str, Decimal]) -> dict[str, str]:
    return {currency: f"{in_minor_units(amount, currency):f}" for currency, amount in sums.items()}


def _control(
    approval: Approval, payouts: Sequence[Mapping[str, Any]], ordered: Ordered, contents: Mapping[str, bytes]
) -> dict[str, Any]:
    """Counts, sums and hashes. No account of anybody, not even in part."""
    payable = approval.payable
    bank = None
    if ordered.has_vault:
        bank = {
            "payments": sum(file["payments"] for file in ordered.files),
            "totals": _texts(_bank_sums(ordered)),
            "files": [
                {
                    "file": file["file_name"],
                    "format": file["format"],
                    "message_id": file["message_id"],
                    "run": file["run"],
                    "execution_on": file["execution_on"].isoformat(),
                    "payments": file["payments"],
                    "totals": _texts(ordered.sums[file["message_id"]]),
                    "sha256": file["sha256"],
                }
                for file in ordered.files
            ],
            "exceptions": len(ordered.exceptions),
            "exception_totals": _texts(_sums(ordered.exceptions, "amount")),
        }
    return {
        "period": approval.period,
        "content_hash": approval.content_hash,
        "approved_at": iso_instant(approval.approved_at),
        "payouts": len(payouts),
        "lines": sum(row["line_count"] for row in payouts),
        "file": "bills.csv",
        "rows": len(payable),
        "totals": _texts(_sums(payable, "payable")),
        "sha256": digest(contents["bills.csv"]),
        "bank": bank,
        "files": {name: {"rows": _row_count(content), "sha256": digest(content)} for name, content in contents.items()},
    }
