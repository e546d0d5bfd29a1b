"""What the partners of the sample company earn, from what its sources delivered: no line or model shared with dbt.

The plans are read from their files and priced by the reference model of the commissions, which the tests of the
commissions hold against the engine for random programmes. Here it is given the landed deals, invoices and movements.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

import pandas as pd
from commission_reference import (
    Band,
    Bonus,
    Deal,
    Facts,
    Invoice,
    Movement,
    Partner,
    Plan,
    Version,
    entitlement,
)
from landed_kpis import Landed, seed

Row = dict[str, str]
Shares = tuple[tuple[str, Fraction], ...]
ROLES = ("sourced", "influenced", "assisted")
"""In the order in which they are paid."""
ROUNDING = Fraction(5, 10_000)
"""By how much shares may miss the whole that they are meant to be."""


@dataclass(frozen=True, slots=True)
class Earned:
    """A line with an amount: in the plan's currency, on its own day."""

    partner: str
    day: date
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Order:
    """What was ordered, and who has which share of it."""

    deal: Deal
    invoice: Invoice | None


def plans() -> dict[str, Plan]:
    """The plans of the seeds."""
    minor_units = {row["currency"]: 10 ** int(row["minor_unit"]) for row in seed("currencies")}
    versions = defaultdict(list)
    for row in seed("commission_plans"):
        assert row["crediting_model"] == "deal_partners"
        assert not row["effective_to"]
        versions[row["plan_id"]].append(row)
    found = {}
    for plan_id, rows in versions.items():
        last = rows[-1]
        found[plan_id] = Plan(
            tuple(_version(row) for row in rows),
            last["tier_basis"],
            last["tier_mode"],
            last["rounding"],
            last["currency"],
            minor_units[last["currency"]],
            last["timezone"],
            last["volume_period"],
        )
    return found


def _version(row: Row) -> Version:
    key = (row["plan_id"], row["version"])
    bonuses = [one for one in seed("commission_bonuses") if (one["plan_id"], one["version"]) == key]
    excluded = [one for one in seed("commission_exclusions") if (one["plan_id"], one["version"]) == key]
    window = row["earn_window"]
    return Version(
        number=int(row["version"]),
        starts=date.fromisoformat(row["effective_from"]),
        rates=_bands(key, "percentage", "rate"),
        fees=_bands(key, "fixed_fee", "fee"),
        volumes=_bands(key, "volume", "rate"),
        bonuses=tuple(
            Bonus(one["metric"], Fraction(one["threshold"]), one["kind"], Fraction(one["value"])) for one in bonuses
        ),
        excluded=frozenset(one["product_id"] for one in excluded),
        months={"lifetime": None, "first_year": 12}[window] if ":" not in window else int(window.split(":")[1]),
        clawback_months=int(row["clawback_months"]) if row["clawback_months"] else None,
        terms_days=int(row["payment_terms_days"]),
        cap=Fraction(row["cap_per_period"]) if row["cap_per_period"] else None,
    )


def _bands(key: tuple[str, str], component: str, column: str) -> tuple[Band, ...]:
    rows = [row for row in seed("commission_rates") if (row["plan_id"], row["version"]) == key]
    return tuple(
        Band(Fraction(row["from_value"]), Fraction(row[column])) for row in rows if row["component"] == component
    )


def shares_of(parts: pd.DataFrame) -> Shares:
    """What each partner of an order is paid for: the first roles that together are not more than the whole."""
    paid: dict[str, Fraction] = defaultdict(Fraction)
    total = Fraction(0)
    for role in ROLES:
        of_role = [
            (part.partner, Fraction(round(Decimal(str(part.share)), 9)))
            for part in parts.itertuples()
            if part.role == role
        ]
        total += sum((share for _, share in of_role), Fraction(0))
        if total > 1 + ROUNDING:
            break
        for partner, share in of_role:
            paid[partner] += share
    whole = sum(paid.values(), Fraction(0))
    divisor = whole if abs(whole - 1) <= ROUNDING else Fraction(1)
    return tuple((partner, share / divisor) for partner, share in sorted(paid.items()) if share)


def _instant(value: Any) -> datetime:
    instant: datetime = pd.Timestamp(value).to_pydatetime()
    return instant


class LandedCommissions:
    """The commissions of one home.

    Args:
        landed: Its landed records.
    """

    def __init__(self, landed: Landed) -> None:
        self.landed = landed
        self.plans = plans()

    def earned(self) -> Iterator[Earned]:
        """Every line of every plan that has an amount; one without waits for its rate of exchange."""
        for plan_id, plan in self.plans.items():
            for (_, partner), line in entitlement(plan, self._facts(plan_id)).items():
                if line.amount is not None:
                    yield Earned(partner, line.earned_on, line.amount, plan.currency)

    # What was ordered

    @cached_property
    def orders(self) -> tuple[Order, ...]:
        """Every billed invoice, for its cash, and every won deal, for its fee."""
        return (*self._billed(), *self._won())

    def _billed(self) -> Iterator[Order]:
        for invoice in self.landed.invoices.itertuples():
            issued = invoice.finalized_at if not pd.isna(invoice.finalized_at) else invoice.created
            ordered = self.landed.ordered_at(invoice.deal_id, issued)
            customer, currency = self.landed.payer[invoice.customer], invoice.currency.upper()
            parts = self.landed.bound(invoice.deal_id, customer, ordered)
            shares = () if parts is None else shares_of(parts)
            ident = f"invoice:{invoice.id}"
            deal = Deal(ident, customer, _instant(ordered), Fraction(0), currency, shares, won=False)
            lines = [
                (product, Fraction(amount) if product else Fraction(0), Fraction(0) if product else Fraction(amount))
                for product, amount in self.landed.lines_of(invoice)
            ]
            yield Order(deal, Invoice(invoice.id, ident, currency, tuple(lines)))

    def _won(self) -> Iterator[Order]:
        for deal in self.landed.deals[self.landed.deals["is_won"]].itertuples():
            parts = self.landed.bound(deal.deal, deal.customer, deal.closed)
            shares = () if parts is None else shares_of(parts)
            amount, currency = Fraction(deal.amount), deal.currency.upper()
            yield Order(Deal(deal.deal, deal.customer, _instant(deal.closed), amount, currency, shares), None)

    # Who is paid by which plan

    @cached_property
    def partners(self) -> dict[str, Partner]:
        return {
            str(partner): Partner(str(partner), None if pd.isna(ended) else _instant(ended))
            for partner, ended in self.landed.partners["Terminated_At__c"].items()
        }

    @cached_property
    def enrolments(self) -> dict[str, list[Any]]:
        """A partner's enrolments, the one that began last first."""
        table = self.landed.read("salesforce", "Partner_Enrolment__c", "Id", "SystemModstamp")
        found: dict[str, list[Any]] = defaultdict(list)
        for enrolment in table.sort_values("Id").itertuples():
            found[str(self.landed.salesforce_id(enrolment.Partner_Account__c))].append(enrolment)
        for own in found.values():
            own.sort(key=lambda one: one.Starts_On__c, reverse=True)
        return found

    def plan_of(self, partner: str, deal: Deal) -> str | None:
        """The one plan that pays a partner for an order: in the order's currency first, then the newest enrolment."""
        running = []
        for enrolment in self.enrolments.get(partner, []):
            day = self.plans[enrolment.Plan_Id__c].day(deal.closed)
            if enrolment.Starts_On__c <= day and (pd.isna(enrolment.Ends_On__c) or day < enrolment.Ends_On__c):
                running.append(enrolment.Plan_Id__c)
        own = [plan_id for plan_id in running if self.plans[plan_id].currency == deal.currency]
        return next(iter([*own, *running]), None)

    @cached_property
    def orders_by_plan(self) -> dict[str, list[Order]]:
        """Each plan's orders, with the shares of the partners that it pays."""
        found: dict[str, list[Order]] = defaultdict(list)
        for order in self.orders:
            paying: dict[str, list[tuple[str, Fraction]]] = defaultdict(list)
            for partner, share in order.deal.shares:
                plan_id = self.plan_of(partner, order.deal) if partner in self.partners else None
                if plan_id is not None:
                    paying[plan_id].append((partner, share))
            for plan_id, shares in paying.items():
                found[plan_id].append(Order(_with_shares(order.deal, tuple(shares)), order.invoice))
        return found

    # What was paid

    @cached_property
    def movements(self) -> dict[str, list[Movement]]:
        """The movements of an invoice."""
        return {
            invoice: [
                Movement(kind, key, invoice, payment, Fraction(abs(amount)), _instant(at), Fraction(credit))
                for at, _, key, kind, amount, credit, payment in events
            ]
            for invoice, events in self.landed.money_events.items()
        }

    @cached_property
    def first_payments(self) -> list[tuple[Order, Movement]]:
        """Each customer's first payment, from which its windows run, whoever is paid for it."""
        first: dict[str, tuple[Order, Movement]] = {}
        for order in self.orders:
            for movement in self.movements.get(order.invoice.ident, []) if order.invoice else ():
                known = first.get(order.deal.customer)
                if movement.kind == "payment" and movement.amount and (known is None or movement.at < known[1].at):
                    first[order.deal.customer] = (order, movement)
        return list(first.values())

    @cached_property
    def rates(self) -> dict[tuple[str, str], dict[date, Fraction]]:
        """The quotes of each pair; of several on a day the last one counts."""
        quotes = self.landed.read("files", "fx_rates", "fx_rate_id", "updated_at")
        found: dict[tuple[str, str], dict[date, Fraction]] = defaultdict(dict)
        for quote in quotes.sort_values("_load_id", kind="stable").itertuples():
            found[quote.from_currency.upper(), quote.to_currency.upper()][quote.rate_date] = Fraction(quote.rate)
        return found

    @cached_property
    def shipping(self) -> frozenset[str]:
        """Stripe's products that only bring the others to the customer."""
        products = self.landed.read("salesforce", "Product2", "Id", "SystemModstamp")
        family = dict(zip(products["Id"], products["Family"].str.lower(), strict=True))
        return frozenset(
            product.id
            for product in self.landed.versions("stripe", "product").itertuples()
            if family.get(product.salesforce_product_id) == "shipping"
        )

    def _facts(self, plan_id: str) -> Facts:
        """What is known of the plan's orders, and of the first payments of all customers."""
        facts = Facts(_instant(self.landed.as_of), partners=self.partners, rates=self.rates, shipping=self.shipping)
        for order in self.orders_by_plan[plan_id]:
            facts.deals[order.deal.ident] = order.deal
            if order.invoice is not None:
                facts.invoices[order.invoice.ident] = order.invoice
                facts.movements += self.movements.get(order.invoice.ident, [])
        for order, payment in self.first_payments:
            assert order.invoice is not None
            if order.invoice.ident not in facts.invoices:
                facts.deals[order.deal.ident] = _with_shares(order.deal, ())
                facts.invoices[order.invoice.ident] = order.invoice
                facts.movements.append(payment)
        return facts


def _with_shares(deal: Deal, shares: Shares) -> Deal:
    return Deal(deal.ident, deal.customer, deal.closed, deal.amount, deal.currency, shares, deal.won)


def in_dollars(landed: Landed, earned: Iterable[Earned]) -> list[tuple[date, float]]:
    """What was earned on which day, at the rate of that day."""
    return [(one.day, landed.dollars(one.amount, one.currency, one.day) or 0.0) for one in earned]
