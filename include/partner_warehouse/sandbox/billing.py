"""How the company bills: invoices with lines and tax, payments whole and in part, credit, refunds, disputes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from partner_warehouse.sandbox.calendar import FIRST_DAY, HORIZON, add_months
from partner_warehouse.sandbox.chance import Chance
from partner_warehouse.sandbox.ids import Ids
from partner_warehouse.sandbox.model import (
    CreditNote,
    Customer,
    Deal,
    Dispute,
    Invoice,
    Line,
    Payment,
    Refund,
    World,
)
from partner_warehouse.sandbox.sales import local_price, recurring
from partner_warehouse.sandbox.vocabulary import COUNTRY_BY_CODE


def bill(world: World, ids: Ids, seed: int) -> None:
    """Fill the world with the invoices of all won deals and everything that happened to them."""
    chance = Chance(seed, "billing")
    due = sorted(
        ((instant, deal.number, first) for deal in world.deals if deal.won for instant, first in _due(deal, chance)),
    )
    for finalized_at, number, first in due:
        deal = world.deals[number]
        invoice = _invoice(world, deal, ids, chance, finalized_at, first)
        _settle(invoice, ids, chance)


def _due(deal: Deal, chance: Chance) -> list[tuple[datetime, bool]]:
    """When the deal's invoices are finalised, and which is the first: at the close, then every period to the horizon.

    A subscription now and then ends early.
    """
    first = deal.closed_at + timedelta(minutes=chance.number(20, 600))
    periods = 24 // deal.months_between_invoices
    if deal.months_between_invoices == 1:
        periods = chance.weighted((3, 6, 9, 24), (0.10, 0.18, 0.20, 0.52))
    found = []
    for index in range(periods):
        instant = add_months(first, index * deal.months_between_invoices)
        if not FIRST_DAY <= instant < HORIZON - timedelta(hours=2):
            break
        found.append((instant, index == 0))
    return found


def _tax(net: int, customer: Customer) -> int:
    """Tax on a net amount, half up to the minor unit."""
    return (net * COUNTRY_BY_CODE[customer.country].tax * 2 + 1000) // 2000


def _invoice(world: World, deal: Deal, ids: Ids, chance: Chance, finalized_at: datetime, first: bool) -> Invoice:
    customer = deal.customer
    if customer.stripe_id is None:
        customer.stripe_id = ids.stripe("cus")
    lines = []
    for product, price in deal.items:
        if recurring(product):
            net = price * deal.months_between_invoices
        elif first:
            net = price
        else:
            continue
        lines.append(Line(ids.stripe("il"), product, net, _tax(net, customer)))
    # Overage is charged without naming the deal.
    overage = not first and chance.happens(0.035)
    invoice = Invoice(
        id=ids.stripe("in"),
        number=f"PW-{len(world.invoices) + 1:06d}",
        customer=customer,
        deal=None if overage else deal,
        currency=customer.currency,
        created_at=finalized_at - timedelta(hours=1),
        finalized_at=finalized_at,
        lines=lines,
    )
    world.invoices.append(invoice)
    return invoice


def _settle(invoice: Invoice, ids: Ids, chance: Chance) -> None:
    """Decide how an invoice is paid, and what is given back."""
    fate = chance.between(0.0, 1.0)
    customer = invoice.customer
    if fate < 0.006:
        invoice.voided_at = invoice.finalized_at + timedelta(days=3)
        return
    if fate < 0.02:
        return  # never paid
    due = invoice.total
    if chance.happens(0.02):
        note = CreditNote(ids.stripe("cn"), due // 5, invoice.finalized_at + timedelta(hours=20), before_payment=True)
        invoice.credit_notes.append(note)
        due -= note.amount
    _goodwill(invoice, chance)
    credit = customer.credit(invoice.finalized_at)
    if credit > 0 and not invoice.credit_notes:
        invoice.credit_used = min(credit, due // 2)
        if invoice.credit_used:
            customer.credit_changes.append((invoice.finalized_at, -invoice.credit_used))
            due -= invoice.credit_used
    paid_at = _paid_at(invoice, chance)
    parts = [due]
    if due >= 100 and chance.happens(0.06):
        first = due * chance.number(20, 60) // 100
        parts = [first, due - first]
        if chance.happens(0.3):
            parts = [due // 3, due // 3, due - 2 * (due // 3)]
        elif chance.happens(0.15):
            parts = [first]  # the rest is never paid
    for index, amount in enumerate(parts):
        instant = paid_at + timedelta(days=index * chance.number(20, 35))
        if instant >= HORIZON:
            break
        invoice.payments.append(_payment(amount, instant, ids, chance))
    if invoice.payments and len(invoice.payments) == len(parts) and chance.happens(0.012):
        noted_at = invoice.payments[-1].paid_at + timedelta(days=chance.number(2, 40))
        if noted_at < HORIZON:
            note = CreditNote(ids.stripe("cn"), invoice.total // 10, noted_at, before_payment=False)
            invoice.credit_notes.append(note)
            customer.credit_changes.append((noted_at, note.amount))


def _goodwill(invoice: Invoice, chance: Chance) -> None:
    """Credit given to a customer shortly before an invoice, which that invoice then uses."""
    if not invoice.credit_notes and chance.happens(0.02):
        credit = local_price(150, invoice.currency)
        invoice.customer.credit_changes.append((invoice.finalized_at - timedelta(hours=3), credit))


def _paid_at(invoice: Invoice, chance: Chance) -> datetime:
    """Cards pay at once, invoices within their terms and sometimes after."""
    if invoice.customer.segment in ("self_service", "smb"):
        return invoice.finalized_at + timedelta(minutes=chance.number(1, 15))
    late = chance.number(10, 30) if chance.happens(0.1) else 0
    return invoice.finalized_at + timedelta(days=chance.number(3, 30) + late, minutes=chance.number(0, 500))


def _payment(amount: int, paid_at: datetime, ids: Ids, chance: Chance) -> Payment:
    payment = Payment(
        intent_id=ids.stripe("pi"),
        invoice_payment_id=ids.stripe("inpay"),
        charge_id=ids.stripe("ch"),
        transaction_id=ids.stripe("txn"),
        amount=amount,
        paid_at=paid_at,
        failed_charge_id=ids.stripe("ch") if chance.happens(0.03) else None,
    )
    fate = chance.between(0.0, 1.0)
    if fate < 0.03 and amount >= 40:
        _refund(payment, ids, chance)
    elif fate < 0.045:
        opened_at = paid_at + timedelta(days=chance.number(5, 60))
        if opened_at < HORIZON:
            outcome: Literal["won", "lost"] = chance.weighted(("won", "lost"), (0.45, 0.55))
            closed_at = opened_at + timedelta(days=chance.number(20, 60))
            payment.dispute = Dispute(
                ids.stripe("du"),
                amount,
                opened_at,
                closed_at if closed_at < HORIZON else None,
                outcome if closed_at < HORIZON else "needs_response",
                chance.one(("fraudulent", "product_not_received", "subscription_canceled")),
            )
    return payment


def _refund(payment: Payment, ids: Ids, chance: Chance) -> None:
    """The whole at once, a part, or a part in three parts; some months later in one case of four."""
    created_at = payment.paid_at + timedelta(days=chance.number(1, 25), hours=chance.number(0, 8))
    if chance.happens(0.25):
        created_at += timedelta(days=chance.number(40, 120))
    whole = payment.amount if chance.happens(0.3) else payment.amount * chance.number(10, 60) // 100
    parts = [whole // 3, whole // 3, whole - 2 * (whole // 3)] if whole >= 3 and chance.happens(0.15) else [whole]
    for index, amount in enumerate(parts):
        instant = created_at + timedelta(days=4 * index)
        if instant < HORIZON:
            reason = "requested_by_customer" if amount != payment.amount else "duplicate"
            payment.refunds.append(Refund(ids.stripe("re"), amount, instant, reason))
