"""Amounts with the decimals of their currency, from the seed that the warehouse uses too."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

from partner_warehouse.settings import seed_rows


@cache
def _minor_units() -> dict[str, int]:
    return {row["currency"]: int(row["minor_unit"]) for row in seed_rows("currencies")}


def decimals(currency: str) -> int:
    """Decimals of a currency's minor unit; 2 for one that is not listed."""
    return _minor_units().get(currency, 2)


def in_minor_units(amount: Decimal, currency: str) -> Decimal:
    """The amount with exactly its currency's decimals.

    Raises:
        ValueError: It has more: no payout is rounded on its way to the bank.
    """
    places = decimals(currency)
    exact = amount.quantize(Decimal(1).scaleb(-places))
    if exact != amount:
        raise ValueError(f"an amount in {currency} has more than {places} decimals")
    return exact


def money(amount: Decimal, currency: str) -> str:
    """An amount as people read it: with its currency's decimals, in groups of three."""
    return f"{amount:,.{decimals(currency)}f}"
