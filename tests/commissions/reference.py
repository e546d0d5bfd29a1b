"""A second, independent reading of the commission rules, in plain Decimal and one movement at a time.

It is written from the rules and shares nothing with the warehouse: state after a movement minus state before it, tier
by tier. It covers percentage plans with marginal or whole tiers over a calendar year, equal splits, currencies of any
minor unit, and the months' payouts: what is entitled as far as it is known, less what was posted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Tier:
    """Revenue from `start` on (up to the next tier) earns `rate`."""

    start: int
    rate: Fraction


@dataclass(frozen=True, slots=True)
class Plan:
    """What decides an amount."""

    tiers: tuple[Tier, ...]
    mode: str
    rounding: str
    currency: str = "USD"
    minor: int = 100
    """How many of the smallest unit are one of the currency; all amounts here are in the smallest unit."""
    min_payout: int = 0


@dataclass(frozen=True, slots=True)
class Invoice:
    """Net and tax, and the partners who share it equally, sorted."""

    net: int
    tax: int
    partners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """In the order of time. `cents` is positive; `payment` is the original of a refund, the invoice a credit note's."""

    kind: str
    ident: str
    invoice: str
    payment: str
    cents: int
    year: int
    """Year of the original payment."""
    at: datetime
    late: bool = False
    """It arrives only after the first month was approved."""


def entitlement(
    plan: Plan, invoices: dict[str, Invoice], movements: Sequence[Movement]
) -> dict[tuple[str, str], Decimal]:
    """Commission of every (movement, partner), to the smallest unit."""
    cash: dict[str, int] = {}
    owner: dict[str, str] = {}
    years: dict[str, int] = {}
    noted: dict[str, int] = defaultdict(int)
    collected: dict[str, int] = defaultdict(int)
    revenue: dict[tuple[str, int], Fraction] = defaultdict(Fraction)
    exact: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    paid_out: dict[tuple[str, str], int] = defaultdict(int)
    result: dict[tuple[str, str], Decimal] = {}
    for movement in movements:
        invoice = invoices[movement.invoice]
        if movement.kind == "payment":
            cash[movement.ident] = movement.cents
            owner[movement.ident], years[movement.ident] = movement.invoice, movement.year
        elif movement.kind == "refund":
            cash[movement.payment] = max(0, cash[movement.payment] - movement.cents)
        else:
            noted[movement.invoice] += movement.cents
        open_amount = max(0, invoice.net + invoice.tax - noted[movement.invoice])
        touched = False
        for payment in [name for name, of in owner.items() if of == movement.invoice]:
            now = min(cash[payment], open_amount)
            open_amount -= now
            change, collected[payment] = now - collected[payment], now
            if change == 0:
                continue
            touched = True
            base = Fraction(change * invoice.net, plan.minor * (invoice.net + invoice.tax) * len(invoice.partners))
            for partner in invoice.partners:
                before = revenue[partner, years[payment]]
                revenue[partner, years[payment]] = before + base
                exact[movement.invoice, partner] += _worth(plan, before + base) - _worth(plan, before)
        if touched:
            for partner, cents in _shared(plan, [(name, exact[movement.invoice, name]) for name in invoice.partners]):
                result[movement.ident, partner] = Decimal(cents - paid_out[movement.invoice, partner]) / plan.minor
                paid_out[movement.invoice, partner] = cents
    return result


@dataclass(frozen=True, slots=True)
class Account:
    """Where a partner stands after a month, and what the month changed and paid."""

    posted: Decimal = Decimal(0)
    changed: Decimal = Decimal(0)
    payable: Decimal = Decimal(0)
    closing: Decimal = Decimal(0)


def pay(plan: Plan, entitled: Decimal, before: Account) -> Account:
    """Close a month: what is entitled by now less what was posted, paid when the balance reaches the minimum."""
    changed = entitled - before.posted
    balance = before.closing + changed
    payable = balance if balance > 0 and balance >= plan.min_payout else Decimal(0)
    return Account(entitled, changed, payable, balance - payable)


def _worth(plan: Plan, revenue: Fraction) -> Fraction:
    """What a year's revenue earns."""
    if plan.mode == "whole":
        return revenue * max((tier for tier in plan.tiers if tier.start <= revenue), key=lambda tier: tier.start).rate
    ends = [Fraction(tier.start) for tier in plan.tiers[1:]] + [revenue]
    return sum(
        (
            max(Fraction(0), min(revenue, end) - tier.start) * tier.rate
            for tier, end in zip(plan.tiers, ends, strict=True)
        ),
        Fraction(0),
    )


def _shared(plan: Plan, parts: list[tuple[str, Fraction]]) -> list[tuple[str, int]]:
    """The rounded whole in the smallest unit, by largest remainder, ties by name."""
    # The same statement of ten decimals as the product declares for a commission before it is rounded.
    stated = [(name, Fraction(round(part * 10**10), 10**10)) for name, part in parts]
    whole = _rounded(plan, sum((part for _, part in stated), Fraction(0)) * plan.minor)
    floors = {name: (part * plan.minor).__floor__() for name, part in stated}
    by_remainder = sorted(stated, key=lambda entry: (-(entry[1] * plan.minor - floors[entry[0]]), entry[0]))
    for name, _ in by_remainder[: whole - sum(floors.values())]:
        floors[name] += 1
    return list(floors.items())


def _rounded(plan: Plan, cents: Fraction) -> int:
    mode = ROUND_HALF_EVEN if plan.rounding == "half_even" else ROUND_HALF_UP
    return int((Decimal(cents.numerator) / Decimal(cents.denominator)).quantize(Decimal(1), rounding=mode))
