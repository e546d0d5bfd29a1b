"""Journal lines for the general ledger, from the double entries of the payout ledger.

`journal.csv` has what the approval posted: the accrual of the period's lines (and what a clawback makes a receivable)
on the period's last day, and the release to payable on the day of the approval. `journal-payment.csv` has the payment,
once the bank has paid. Each entry is two lines, so every file balances per period and currency by its form.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from partner_warehouse.errors import BadInputError
from partner_warehouse.exports.cells import csv_bytes
from partner_warehouse.exports.currencies import in_minor_units
from partner_warehouse.ledger.periods import Period
from partner_warehouse.ledger.schema import ACCOUNTS
from partner_warehouse.settings import Settings

COLUMNS = (
    "entry_id",
    "line",
    "period",
    "posting_date",
    "account_code",
    "account_name",
    "currency",
    "debit",
    "credit",
    "partner_id",
    "payout_id",
    "kind",
    "description",
)

DEFAULT_ACCOUNTS = Path(__file__).with_name("gl_accounts.csv")

_KINDS = {
    "accrue": ("accrual", "Commissions of the period"),
    "claw": ("clawback", "Balance that the partner owes"),
    "release": ("release", "Approved for payment"),
    "pay": ("payment", "Paid"),
}


def accounts(settings: Settings) -> dict[str, tuple[str, str]]:
    """Code and name of each account of the ledger.

    Raises:
        BadInputError: The file of `PARTNER_WAREHOUSE_GL_ACCOUNTS` cannot be read or does not give each account a code.
    """
    path = settings.gl_accounts or DEFAULT_ACCOUNTS
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        found = {row["account"].strip(): (row["code"].strip(), row["name"].strip()) for row in rows}
    except (OSError, UnicodeDecodeError, KeyError, AttributeError):
        raise BadInputError(
            f"PARTNER_WAREHOUSE_GL_ACCOUNTS: {path}: expected a CSV file with the columns account, code and name"
        ) from None
    missing = [name for name in ACCOUNTS if not found.get(name, ("", ""))[0]]
    if missing:
        raise BadInputError(f"{path.name}: no code for {', '.join(missing)}; each account of the ledger needs one")
    return found


def write(entries: Iterable[Mapping[str, Any]], period: Period, settings: Settings) -> bytes:
    """Journal lines, two for each entry.

    Args:
        entries: Rows of the ledger's `journal`, of the period.
        period: The period.
        settings: Whose account codes and time zone.
    """
    codes = accounts(settings)
    rows: list[dict[str, Any]] = []
    for entry in entries:
        kind, description = _KINDS[entry["entry_id"].rpartition("/")[2]]
        day = period.last_day if kind in {"accrual", "clawback"} else _day(entry, settings)
        sides = (("debit", entry["debit_account"]), ("credit", entry["credit_account"]))
        amount = in_minor_units(entry["amount"], entry["currency"])
        for number, (side, account) in enumerate(sides, start=1):
            code, name = codes[account]
            rows.append(
                {
                    "entry_id": entry["entry_id"],
                    "line": number,
                    "period": entry["period"],
                    "posting_date": day.isoformat(),
                    "account_code": code,
                    "account_name": name,
                    "currency": entry["currency"],
                    "debit": amount if side == "debit" else None,
                    "credit": amount if side == "credit" else None,
                    "partner_id": entry["partner_id"],
                    "payout_id": entry["payout_id"],
                    "kind": kind,
                    "description": f"{description} {period}",
                }
            )
    return csv_bytes(COLUMNS, rows)


def is_payment(entry: Mapping[str, Any]) -> bool:
    """Whether an entry says that the bank has paid."""
    return str(entry["entry_id"]).endswith("/pay")


def _day(entry: Mapping[str, Any], settings: Settings) -> date:
    posted: date = entry["posted_at"].astimezone(ZoneInfo(settings.timezone)).date()
    return posted
