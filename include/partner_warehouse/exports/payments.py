"""What the bank formats share: a payment, and what a file of them is made for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from partner_warehouse.exports.vault import Account

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Payment:
    """One payout on its way from an account of the company to the partner's.

    Attributes:
        amount: Major units, above 0, in the currency's minor units.
        end_to_end_id: At most 35 characters that banks hand on unchanged; no other payment has it.
    """

    payout_id: str
    partner_id: str
    currency: str
    amount: Decimal
    end_to_end_id: str
    own: Account = field(repr=False)
    to: Account = field(repr=False)


@dataclass(frozen=True, slots=True)
class Order:
    """One file for a bank.

    Attributes:
        message_id: By which a bank knows the file again, at most 35 characters.
        period: `YYYY-MM`.
        run: Counts a month's files of one format: 1, and more for what did not fit into one file or could not be paid
            at first.
        created_at: UTC.
        execution_on: The day that the bank is asked to pay on.
    """

    message_id: str
    period: str
    run: int
    created_at: datetime
    execution_on: date


def total(payments: Iterable[Payment]) -> Decimal:
    """The control sum of payments: their amounts, whatever the currency."""
    return sum((payment.amount for payment in payments), Decimal(0))


def in_files(payments: Iterable[Payment], holds: Callable[[int, Decimal], bool]) -> list[list[Payment]]:
    """Payments in as many files as they need, in their order.

    Args:
        payments: Each fits into a file of its own.
        holds: Whether one file takes a number of payments of a sum.
    """
    parts: list[list[Payment]] = []
    amount = Decimal(0)
    for payment in payments:
        amount += payment.amount
        if not parts or not holds(len(parts[-1]) + 1, amount):
            parts.append([])
            amount = payment.amount
        parts[-1].append(payment)
    return parts


def banking_day_after(day: date) -> date:
    """The next day that is neither Saturday nor Sunday. Banks move what falls on a holiday by themselves."""
    following = day + timedelta(days=1)
    while following.weekday() >= _SATURDAY:
        following += timedelta(days=1)
    return following
