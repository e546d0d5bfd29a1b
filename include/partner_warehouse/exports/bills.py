"""The bill file of a period: one bill per payout with something to pay, for an ERP to import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from partner_warehouse.exports.cells import csv_bytes
from partner_warehouse.exports.currencies import in_minor_units

COLUMNS = ("bill_number", "vendor", "period", "currency", "amount", "memo")


def write(period: str, payable: Iterable[Mapping[str, Any]]) -> bytes:
    """The bill file.

    Args:
        period: `YYYY-MM`.
        payable: Posted payouts with something to pay: payout_id, partner_id, currency, payable (major units).
    """
    return csv_bytes(COLUMNS, [_bill(period, payout) for payout in payable])


def _bill(period: str, payout: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "bill_number": payout["payout_id"],
        "vendor": payout["partner_id"],
        "period": period,
        "currency": payout["currency"],
        "amount": in_minor_units(payout["payable"], payout["currency"]),
        "memo": f"Partner commission {period}",
    }
