"""The company as its Stripe account holds it, in the shapes of API version 2025-11-17.clover.

Amounts are integers in minor units; instants are Unix seconds. Stripe keeps no modification stamp: each change of an
object is announced by an event, which holds the object as it then was.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from partner_warehouse.sandbox.calendar import HORIZON, epoch
from partner_warehouse.sandbox.chance import Chance
from partner_warehouse.sandbox.ids import Ids
from partner_warehouse.sandbox.model import CreditNote, Customer, Deal, Invoice, Line, Payment, World
from partner_warehouse.sandbox.profiles import Defects, every
from partner_warehouse.sandbox.sales import local_price, recurring
from partner_warehouse.sandbox.timeline import Record, Timeline
from partner_warehouse.sandbox.vocabulary import DECIMALS, STRIPE_OBJECTS

API_VERSION = "2025-11-17.clover"
_FOUNDED = datetime.fromisoformat("2024-12-02T09:00:00+00:00")
_SECOND = timedelta(seconds=1)


class StripeAccount:
    """Builds the account's timelines; `events` announces every change, oldest first."""

    def __init__(self, world: World, ids: Ids, seed: int, defects: Defects) -> None:
        self._world = world
        self._ids = ids
        self._chance = Chance(seed, "stripe")
        self._defects = defects
        self._prices: dict[tuple[str, str], str] = {}
        self._subscriptions: dict[int, str] = {}
        self.objects: dict[str, Timeline] = {name: Timeline() for name in STRIPE_OBJECTS}
        self.events: list[tuple[datetime, Record]] = []

    def build(self) -> dict[str, Timeline]:
        """All objects of the account; the events are in `events` afterwards."""
        self._catalogue()
        first_invoice: dict[int, Invoice] = {}
        invoices_of: dict[int, list[Invoice]] = {}
        for invoice in self._world.invoices:
            first_invoice.setdefault(invoice.customer.number, invoice)
            if invoice.deal:
                invoices_of.setdefault(invoice.deal.number, []).append(invoice)
        for customer in self._world.customers:
            if customer.number in first_invoice:
                self._customer(customer, first_invoice[customer.number].created_at - timedelta(hours=3))
        for deal in self._world.deals:
            if deal.number in invoices_of:
                self._subscription(deal, invoices_of[deal.number])
        for invoice in self._world.invoices:
            self._invoice(invoice)
        self._trials()
        self._announce()
        return self.objects

    def _put(self, kind: str, at: datetime, record: Record, event: str | None) -> None:
        if at < HORIZON:
            self.objects[kind].put(record["id"], at, record, event)

    def _change(self, kind: str, key: str, at: datetime, changed: dict[str, Any], event: str | None) -> None:
        if at < HORIZON:
            self._put(kind, at, self.objects[kind].latest(key) | changed, event)

    def _catalogue(self) -> None:
        for product in self._world.products:
            metadata = {"salesforce_product_id": product.salesforce_id, "product_code": product.code}
            record = {
                "id": product.stripe_id,
                "object": "product",
                "active": True,
                "created": epoch(_FOUNDED),
                "livemode": False,
                "metadata": metadata,
                "name": product.name,
                "type": "service",
                "updated": epoch(_FOUNDED),
            }
            self._put("product", _FOUNDED, record, "product.created")
            for currency in DECIMALS:
                price_id = self._ids.stripe("price")
                self._prices[product.code, currency] = price_id
                price = {
                    "id": price_id,
                    "object": "price",
                    "active": True,
                    "billing_scheme": "per_unit",
                    "created": epoch(_FOUNDED),
                    "currency": currency.lower(),
                    "livemode": False,
                    "metadata": {},
                    "product": product.stripe_id,
                    "recurring": {"interval": "month", "interval_count": 1} if recurring(product) else None,
                    "type": "recurring" if recurring(product) else "one_time",
                    "unit_amount": local_price(product.price, currency),
                }
                self._put("price", _FOUNDED, price, "price.created")

    def _customer(self, customer: Customer, created_at: datetime) -> None:
        """A customer names the CRM record that it belongs to; a few are found by their e-mail domain only."""
        metadata: dict[str, str] = {}
        if not self._chance.happens(self._defects.unlinked):
            if customer.salesforce_id:
                metadata["salesforce_account_id"] = customer.salesforce_id
            elif customer.hubspot_id:
                metadata["hubspot_company_id"] = customer.hubspot_id
        record = self._customer_record(customer.stripe_id or "", customer.name, created_at, metadata)
        record |= {"email": f"billing@{customer.domain}", "currency": customer.currency.lower()}
        self._put("customer", created_at, record, "customer.created")
        balance = 0
        for changed_at, change in sorted(customer.credit_changes):
            balance -= change
            at = max(changed_at, created_at)
            self._change("customer", record["id"], at, {"balance": balance}, "customer.updated")

    def _customer_record(self, key: str, name: str, created_at: datetime, metadata: dict[str, str]) -> Record:
        return {
            "id": key,
            "object": "customer",
            "balance": 0,
            "created": epoch(created_at),
            "currency": None,
            "delinquent": False,
            "email": None,
            "livemode": False,
            "metadata": metadata,
            "name": name,
        }

    def _trials(self) -> None:
        """Second Stripe customers of companies that tried something and did not buy it.

        Some were deleted: gone from the list, told by an event only.
        """
        lost = [deal for deal in self._world.deals if not deal.won and deal.hubspot_id][::7]
        deleted = {deal.number for deal in every(lost, 0, self._defects.delete_every // 50)}
        for deal in lost:
            key = self._ids.stripe("cus")
            metadata = {"hubspot_company_id": deal.customer.hubspot_id or "", "trial": "true"}
            record = self._customer_record(key, deal.customer.name, deal.created_at, metadata)
            self._put("customer", deal.created_at, record, "customer.created")
            deleted_at = deal.created_at + timedelta(days=14)
            if deal.number in deleted and deleted_at < HORIZON:
                self.objects["customer"].put(key, deleted_at, None, "customer.deleted")

    def _subscription(self, deal: Deal, invoices: list[Invoice]) -> None:
        """One subscription for what recurs in a deal; it ended when its last invoice's period did."""
        items = [(product, price) for product, price in deal.items if recurring(product)]
        key = self._ids.stripe("sub")
        self._subscriptions[deal.number] = key
        start = invoices[0].created_at
        end = invoices[-1].finalized_at + timedelta(days=30 * deal.months_between_invoices)
        record = {
            "id": key,
            "object": "subscription",
            "canceled_at": None,
            "collection_method": "send_invoice",
            "created": epoch(start),
            "currency": deal.currency.lower(),
            "customer": deal.customer.stripe_id,
            "ended_at": None,
            "items": {
                "object": "list",
                "data": [
                    {
                        "id": self._ids.stripe("si"),
                        "object": "subscription_item",
                        "price": {
                            "id": self._prices[product.code, deal.currency],
                            "object": "price",
                            "currency": deal.currency.lower(),
                            "product": product.stripe_id,
                            "recurring": {"interval": "month", "interval_count": deal.months_between_invoices},
                            "unit_amount": price,
                        },
                        "quantity": 1,
                    }
                    for product, price in items
                ],
                "has_more": False,
                "url": f"/v1/subscription_items?subscription={key}",
            },
            "livemode": False,
            "metadata": {"deal_id": deal.source_id},
            "start_date": epoch(start),
            "status": "active",
        }
        self._put("subscription", start, record, "customer.subscription.created")
        if end < HORIZON:
            ended = {"status": "canceled", "canceled_at": epoch(end), "ended_at": epoch(end)}
            self._change("subscription", key, end, ended, "customer.subscription.deleted")

    def _line(self, invoice: Invoice, line: Line) -> Record:
        taxes = []
        if line.tax:
            taxes.append(_tax(line.tax, line.net))
        return {
            "id": line.id,
            "object": "line_item",
            "amount": line.net,
            "currency": invoice.currency.lower(),
            "description": line.product.name,
            "discount_amounts": [],
            "discountable": True,
            "invoice": invoice.id,
            "livemode": False,
            "metadata": {},
            "period": {"start": epoch(invoice.finalized_at), "end": epoch(invoice.finalized_at)},
            "pricing": {
                "price_details": {
                    "price": self._prices[line.product.code, invoice.currency],
                    "product": line.product.stripe_id,
                },
                "type": "price_details",
                "unit_amount_decimal": str(line.net),
            },
            "quantity": 1,
            "subtotal": line.net,
            "taxes": taxes,
        }

    def _invoice(self, invoice: Invoice) -> None:
        subscription = self._subscriptions.get(invoice.deal.number) if invoice.deal else None
        parent = None
        if subscription:
            details = {"metadata": {}, "subscription": subscription}
            parent = {"type": "subscription_details", "quote_details": None, "subscription_details": details}
        credit_before = invoice.customer.credit(invoice.finalized_at) + invoice.credit_used
        due = invoice.total - invoice.credit_used
        transitions: dict[str, int | None] = {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        }
        record = {
            "id": invoice.id,
            "object": "invoice",
            "amount_due": due,
            "amount_paid": 0,
            "amount_remaining": due,
            "amount_shipping": 0,
            "billing_reason": "subscription_cycle",
            "collection_method": "send_invoice",
            "created": epoch(invoice.created_at),
            "currency": invoice.currency.lower(),
            "customer": invoice.customer.stripe_id,
            "customer_email": f"billing@{invoice.customer.domain}",
            "due_date": epoch(invoice.finalized_at + timedelta(days=30)),
            "ending_balance": None,
            "lines": {
                "object": "list",
                "data": [self._line(invoice, line) for line in invoice.lines],
                "has_more": False,
                "total_count": len(invoice.lines),
                "url": f"/v1/invoices/{invoice.id}/lines",
            },
            "livemode": False,
            "metadata": {"deal_id": invoice.deal.source_id} if invoice.deal else {},
            "number": None,
            "parent": parent,
            "post_payment_credit_notes_amount": 0,
            "pre_payment_credit_notes_amount": 0,
            "starting_balance": 0,
            "status": "draft",
            "status_transitions": transitions,
            "subtotal": invoice.subtotal,
            "subtotal_excluding_tax": invoice.subtotal,
            "total": invoice.total,
            "total_excluding_tax": invoice.subtotal,
            "total_taxes": [_tax(invoice.tax, invoice.subtotal)] if invoice.tax else [],
        }
        self._put("invoice", invoice.created_at, record, "invoice.created")
        transitions = transitions | {"finalized_at": epoch(invoice.finalized_at)}
        finalized = {
            "status": "open",
            "number": invoice.number,
            "starting_balance": -credit_before,
            "ending_balance": -(credit_before - invoice.credit_used),
            "status_transitions": transitions,
        }
        self._change("invoice", invoice.id, invoice.finalized_at, finalized, "invoice.finalized")
        if invoice.voided_at:
            voided = {"status": "void", "status_transitions": transitions | {"voided_at": epoch(invoice.voided_at)}}
            self._change("invoice", invoice.id, invoice.voided_at, voided, "invoice.voided")
        self._follow(invoice, due, transitions)
        for index, payment in enumerate(invoice.payments):
            self._payment(invoice, payment, index == 0)
        for note in invoice.credit_notes:
            self._credit_note(invoice, note)

    def _follow(self, invoice: Invoice, due: int, transitions: dict[str, int | None]) -> None:
        """The invoice as payments and credit notes come in, in the order of their instants."""
        steps = [(payment.paid_at, payment.amount, 0, 0) for payment in invoice.payments]
        for note in invoice.credit_notes:
            before, after = (note.amount, 0) if note.before_payment else (0, note.amount)
            steps.append((note.created_at, 0, before, after))
        paid = before_payment = after_payment = 0
        status = "open"
        for at, amount, before, after in sorted(steps):
            paid += amount
            before_payment += before
            after_payment += after
            changed: dict[str, Any] = {
                "amount_paid": paid,
                "amount_remaining": due - paid - before_payment,
                "pre_payment_credit_notes_amount": before_payment,
                "post_payment_credit_notes_amount": after_payment,
            }
            event = "invoice.updated"
            if status == "open" and paid + before_payment >= due:
                status, event = "paid", "invoice.paid"
                changed |= {"status": "paid", "status_transitions": transitions | {"paid_at": epoch(at)}}
            self._change("invoice", invoice.id, at, changed, event)

    def _payment(self, invoice: Invoice, payment: Payment, is_default: bool) -> None:
        """The first payment waits from the finalisation on; further ones exist a minute before they are made."""
        created_at = invoice.finalized_at if is_default else payment.paid_at - timedelta(minutes=1)
        currency = invoice.currency.lower()
        part: Record = {
            "id": payment.invoice_payment_id,
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": payment.amount,
            "created": epoch(created_at),
            "currency": currency,
            "invoice": invoice.id,
            "is_default": is_default,
            "livemode": False,
            "payment": {"payment_intent": payment.intent_id, "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
        self._put("invoice_payment", created_at, part, None)
        done = {
            "amount_paid": payment.amount,
            "status": "paid",
            "status_transitions": {"canceled_at": None, "paid_at": epoch(payment.paid_at)},
        }
        self._change("invoice_payment", part["id"], payment.paid_at, done, "invoice_payment.paid")
        intent = {
            "id": payment.intent_id,
            "object": "payment_intent",
            "amount": payment.amount,
            "amount_received": 0,
            "created": epoch(created_at),
            "currency": currency,
            "customer": invoice.customer.stripe_id,
            "latest_charge": None,
            "livemode": False,
            "metadata": {},
            "status": "requires_payment_method",
        }
        self._put("payment_intent", created_at, intent, "payment_intent.created")
        if payment.failed_charge_id:
            failed_at = payment.paid_at - timedelta(seconds=25)
            charge = self._charge(invoice, payment, payment.failed_charge_id, failed_at)
            charge |= {"paid": False, "status": "failed", "balance_transaction": None, "failure_code": "card_declined"}
            self._put("charge", failed_at, charge, "charge.failed")
        paid = {"amount_received": payment.amount, "latest_charge": payment.charge_id, "status": "succeeded"}
        self._change("payment_intent", payment.intent_id, payment.paid_at, paid, "payment_intent.succeeded")
        charge = self._charge(invoice, payment, payment.charge_id, payment.paid_at)
        self._put("charge", payment.paid_at, charge, "charge.succeeded")
        fee = payment.amount * 29 // 1000
        self._transaction(
            payment.transaction_id, payment.charge_id, "charge", payment.amount, fee, currency, payment.paid_at
        )
        self._refunds(invoice, payment)
        self._dispute(invoice, payment)

    def _charge(self, invoice: Invoice, payment: Payment, key: str, created_at: datetime) -> Record:
        return {
            "id": key,
            "object": "charge",
            "amount": payment.amount,
            "amount_captured": payment.amount,
            "amount_refunded": 0,
            "balance_transaction": payment.transaction_id,
            "captured": True,
            "created": epoch(created_at),
            "currency": invoice.currency.lower(),
            "customer": invoice.customer.stripe_id,
            "disputed": False,
            "failure_code": None,
            "livemode": False,
            "metadata": {},
            "paid": True,
            "payment_intent": payment.intent_id,
            "refunded": False,
            "status": "succeeded",
        }

    def _refunds(self, invoice: Invoice, payment: Payment) -> None:
        returned = 0
        for refund in payment.refunds:
            returned += refund.amount
            record: Record = {
                "id": refund.id,
                "object": "refund",
                "amount": refund.amount,
                "balance_transaction": self._ids.stripe("txn"),
                "charge": payment.charge_id,
                "created": epoch(refund.created_at),
                "currency": invoice.currency.lower(),
                "metadata": {},
                "payment_intent": payment.intent_id,
                "reason": refund.reason,
                "status": "succeeded",
            }
            self._put("refund", refund.created_at, record, "refund.created")
            changed = {"amount_refunded": returned, "refunded": returned == payment.amount}
            self._change("charge", payment.charge_id, refund.created_at, changed, "charge.refunded")
            self._transaction(
                record["balance_transaction"],
                refund.id,
                "refund",
                -refund.amount,
                0,
                invoice.currency.lower(),
                refund.created_at,
            )

    def _dispute(self, invoice: Invoice, payment: Payment) -> None:
        dispute = payment.dispute
        if dispute is None:
            return
        currency = invoice.currency.lower()
        fee = local_price(15, invoice.currency)
        taken = self._transaction(
            self._ids.stripe("txn"), dispute.id, "adjustment", -dispute.amount, fee, currency, dispute.opened_at
        )
        record: Record = {
            "id": dispute.id,
            "object": "dispute",
            "amount": dispute.amount,
            "balance_transactions": [taken],
            "charge": payment.charge_id,
            "created": epoch(dispute.opened_at),
            "currency": currency,
            "evidence_details": {
                "due_by": epoch(dispute.opened_at + timedelta(days=10)),
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": False,
            "livemode": False,
            "metadata": {},
            "payment_intent": payment.intent_id,
            "reason": dispute.reason,
            "status": "needs_response",
        }
        self._put("dispute", dispute.opened_at, record, "charge.dispute.created")
        self._change("charge", payment.charge_id, dispute.opened_at, {"disputed": True}, "charge.updated")
        reviewed = {
            "status": "under_review",
            "evidence_details": record["evidence_details"] | {"has_evidence": True, "submission_count": 1},
        }
        self._change("dispute", dispute.id, dispute.opened_at + timedelta(days=9), reviewed, "charge.dispute.updated")
        if dispute.closed_at is None:
            return
        transactions = [taken]
        if dispute.status == "won":
            transactions.append(
                self._transaction(
                    self._ids.stripe("txn"), dispute.id, "adjustment", dispute.amount, 0, currency, dispute.closed_at
                )
            )
        closed = {
            "status": dispute.status,
            "balance_transactions": transactions,
            "metadata": {"closed_at": str(epoch(dispute.closed_at))},
        }
        self._change("dispute", dispute.id, dispute.closed_at, closed, "charge.dispute.closed")

    def _credit_note(self, invoice: Invoice, note: CreditNote) -> None:
        net = note.amount * invoice.subtotal // invoice.total
        record = {
            "id": note.id,
            "object": "credit_note",
            "amount": note.amount,
            "created": epoch(note.created_at),
            "currency": invoice.currency.lower(),
            "customer": invoice.customer.stripe_id,
            "customer_balance_transaction": None if note.before_payment else self._ids.stripe("cbtxn"),
            "effective_at": epoch(note.created_at),
            "invoice": invoice.id,
            "livemode": False,
            "metadata": {},
            "number": f"{invoice.number}-CN-01",
            "out_of_band_amount": None,
            "post_payment_amount": 0 if note.before_payment else note.amount,
            "pre_payment_amount": note.amount if note.before_payment else 0,
            "reason": "order_change",
            "refunds": [],
            "status": "issued",
            "subtotal": net,
            "total": note.amount,
            "total_taxes": [_tax(note.amount - net, net)] if note.amount > net else [],
            "type": "pre_payment" if note.before_payment else "post_payment",
        }
        self._put("credit_note", note.created_at, record, "credit_note.created")

    def _transaction(
        self, key: str, source: str, kind: str, amount: int, fee: int, currency: str, created_at: datetime
    ) -> Record:
        record = {
            "id": key,
            "object": "balance_transaction",
            "amount": amount,
            "available_on": epoch(created_at + timedelta(days=2)),
            "created": epoch(created_at),
            "currency": currency,
            "exchange_rate": None,
            "fee": fee,
            "net": amount - fee,
            "source": source,
            "status": "available",
            "type": kind,
        }
        self._put("balance_transaction", created_at, record, None)
        return record

    def _announce(self) -> None:
        """One event for each change, in the order of time; ties in the order of the objects."""
        found = [
            (version.visible_at, key, version.event, version.record)
            for kind in STRIPE_OBJECTS
            for key, version in self.objects[kind].versions()
            if version.event
        ]
        found.sort(key=lambda change: change[0])
        for at, key, event, record in found:
            content = record or {"id": key, "object": "customer", "deleted": True}
            self.events.append(
                (
                    at,
                    {
                        "id": self._ids.stripe("evt"),
                        "object": "event",
                        "api_version": API_VERSION,
                        "created": epoch(at),
                        "data": {"object": content},
                        "livemode": False,
                        "pending_webhooks": 0,
                        "request": {"id": None, "idempotency_key": None},
                        "type": event,
                    },
                )
            )


def _tax(amount: int, taxable: int) -> Record:
    """A tax amount on top of the net, as lines and totals carry it."""
    return {
        "amount": amount,
        "tax_behavior": "exclusive",
        "tax_rate_details": {"tax_rate": "txr_1SandboxStandard"},
        "taxability_reason": "standard_rated",
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }


class LongInvoices:
    """Invoices that Stripe bills in more lines than it shows in them: each line in as many parts, to the same sums.

    The company knows them by their few lines; their parts are the API's own.
    """

    def __init__(self, world: World, seed: int) -> None:
        chance = Chance(seed, "long invoices")
        invoices = [invoice for invoice in world.invoices if invoice.lines]
        chosen = chance.some(invoices, max(2, len(invoices) // 100))
        # One at least is longer than a page of its lines.
        self._parts = {
            invoice.id: -(-chance.number(11 if place else 101, 230) // len(invoice.lines))
            for place, invoice in enumerate(chosen)
        }

    def __contains__(self, key: object) -> bool:
        return key in self._parts

    def lines(self, record: Record) -> list[Record]:
        """All lines of an invoice."""
        parts = self._parts[record["id"]]
        return [_part(line, number, parts) for line in record["lines"]["data"] for number in range(parts)]


def _part(line: Record, number: int, parts: int) -> Record:
    """A part of a line; the parts of every amount sum to the whole."""

    def share(amount: int) -> int:
        return amount * (number + 1) // parts - amount * number // parts

    net = share(line["amount"])
    return line | {
        "id": f"{line['id']}{number:03d}",
        "amount": net,
        "pricing": line["pricing"] | {"unit_amount_decimal": str(net)},
        "subtotal": net,
        "taxes": [_tax(share(tax["amount"]), share(tax["taxable_amount"])) for tax in line["taxes"]],
    }
