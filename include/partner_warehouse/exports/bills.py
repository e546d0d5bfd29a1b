"""The bill file of a period: one bill per payout, for an ERP to import, with control totals beside it.

`HOME/exports/<period>/bills.csv` has a row for each payout with something to pay; `control.json` says how many rows it
has, what they sum to per currency, and its SHA-256.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from partner_warehouse.exports.cells import write_csv

COLUMNS = ("bill_number", "vendor", "period", "currency", "amount", "memo")


def write_bills(exports: Path, period: str, payouts: Sequence[Mapping[str, Any]]) -> Path:
    """Write the bill file and its control totals; the same payouts give the same bytes.

    Args:
        exports: `HOME/exports`.
        period: `YYYY-MM`.
        payouts: Rows of posted payouts: payout_id, partner_id, currency, payable (major units).

    Returns:
        The directory written to.
    """
    directory = exports / period
    directory.mkdir(parents=True, exist_ok=True)
    bills = [_bill(period, payout) for payout in payouts if payout["payable"] > 0]
    text = io.StringIO(newline="")
    write_csv(text, COLUMNS, bills)
    content = text.getvalue().encode("utf-8")
    totals: dict[str, Decimal] = {}
    for bill in bills:
        totals[bill["currency"]] = totals.get(bill["currency"], Decimal(0)) + bill["amount"]
    control = {
        "period": period,
        "file": "bills.csv",
        "rows": len(bills),
        "totals": {currency: str(total) for currency, total in sorted(totals.items())},
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    # The control file last: where it is, the bills are whole.
    _replace(directory / "bills.csv", content)
    _replace(directory / "control.json", (json.dumps(control, indent=2, sort_keys=True) + "\n").encode())
    return directory


def _bill(period: str, payout: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "bill_number": payout["payout_id"],
        "vendor": payout["partner_id"],
        "period": period,
        "currency": payout["currency"],
        "amount": payout["payable"],
        "memo": f"Partner commission {period}",
    }


def _replace(target: Path, content: bytes) -> None:
    temporary = target.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target)
