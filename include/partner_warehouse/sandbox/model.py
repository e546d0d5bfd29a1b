"""The company's own truth, before any system holds a part of it.

Money is counted in minor units of its currency (`int`); instants are UTC. Each thing knows the ids that the systems
give it; None means that the system does not hold it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Role = Literal["sourced", "influenced", "assisted"]


@dataclass(slots=True)
class Enrolment:
    """A partner's part in a programme, under one commission plan."""

    id: str
    programme: str
    plan_id: str
    starts_on: date
    ends_on: date | None


@dataclass(slots=True)
class Partner:
    """A partner. `strength` weighs how much business it brings, until `dormant_since` if that is set."""

    number: int
    account_id: str
    name: str
    domain: str
    kind: str
    country: str
    currency: str
    status: str
    signed_at: datetime
    terminated_at: datetime | None
    suspended_at: datetime | None
    tax_form: bool
    strength: float
    dormant_since: datetime | None = None
    enrolments: list[Enrolment] = field(default_factory=list)

    def works_at(self, instant: datetime) -> bool:
        """Whether the partner brings business at an instant."""
        ended = self.terminated_at or self.suspended_at or self.dormant_since
        return self.signed_at <= instant and (ended is None or instant < ended)


@dataclass(slots=True)
class Contact:
    """A person at a customer, with the devices that the person uses."""

    first_name: str
    last_name: str
    email: str
    created_at: datetime
    salesforce_id: str | None
    hubspot_id: str | None
    devices: list[str]


@dataclass(slots=True)
class Customer:
    """A customer of the company."""

    number: int
    name: str
    domain: str
    country: str
    currency: str
    segment: str
    industry: str
    created_at: datetime
    salesforce_id: str | None
    hubspot_id: str | None
    stripe_id: str | None
    contacts: list[Contact] = field(default_factory=list)
    credit_changes: list[tuple[datetime, int]] = field(default_factory=list)

    def credit(self, instant: datetime) -> int:
        """The credit on the customer's balance at an instant, in minor units."""
        return sum(change for changed_at, change in self.credit_changes if changed_at <= instant)


@dataclass(slots=True)
class Registration:
    """A partner's part in a deal. Without `approved_at` it was never approved."""

    id: str
    partner: Partner
    role: Role
    share: str
    registered_at: datetime
    approved_at: datetime | None


@dataclass(slots=True)
class Product:
    """Something sold; `price` is US dollars a month, in major units."""

    code: str
    name: str
    family: str
    price: int
    salesforce_id: str
    stripe_id: str


@dataclass(slots=True)
class Line:
    """An invoice line; `net` without tax."""

    id: str
    product: Product
    net: int
    tax: int


@dataclass(slots=True)
class Refund:
    """Money given back of a payment."""

    id: str
    amount: int
    created_at: datetime
    reason: str


@dataclass(slots=True)
class Dispute:
    """A payment that the customer's bank contests. `status` is what it ends in, at `closed_at`."""

    id: str
    amount: int
    opened_at: datetime
    closed_at: datetime | None
    status: Literal["needs_response", "won", "lost"]
    reason: str


@dataclass(slots=True)
class Payment:
    """Money collected on an invoice."""

    intent_id: str
    invoice_payment_id: str
    charge_id: str
    transaction_id: str
    amount: int
    paid_at: datetime
    refunds: list[Refund] = field(default_factory=list)
    dispute: Dispute | None = None
    failed_charge_id: str | None = None


@dataclass(slots=True)
class CreditNote:
    """A correction of an invoice: before it was paid (less is due), or after (credit on the customer's balance)."""

    id: str
    amount: int
    created_at: datetime
    before_payment: bool


@dataclass(slots=True)
class Invoice:
    """A bill. `credit_used` was paid from the customer's balance."""

    id: str
    number: str
    customer: Customer
    deal: Deal | None
    currency: str
    created_at: datetime
    finalized_at: datetime
    lines: list[Line]
    credit_used: int = 0
    payments: list[Payment] = field(default_factory=list)
    credit_notes: list[CreditNote] = field(default_factory=list)
    voided_at: datetime | None = None

    @property
    def subtotal(self) -> int:
        """Sum of the lines without tax."""
        return sum(line.net for line in self.lines)

    @property
    def tax(self) -> int:
        """Sum of the lines' tax."""
        return sum(line.tax for line in self.lines)

    @property
    def total(self) -> int:
        """What the customer owes, with tax."""
        return self.subtotal + self.tax


@dataclass(slots=True)
class Deal:
    """An opportunity (Salesforce) or a self-service deal (HubSpot)."""

    number: int
    customer: Customer
    name: str
    currency: str
    amount: int
    created_at: datetime
    opportunity_at: datetime
    closed_at: datetime
    won: bool
    salesforce_id: str | None
    hubspot_id: str | None
    months_between_invoices: int
    items: list[tuple[Product, int]]
    registrations: list[Registration] = field(default_factory=list)

    @property
    def source_id(self) -> str:
        """The id under which the company knows the deal, and invoices it."""
        identifier = self.salesforce_id or self.hubspot_id
        if identifier is None:
            raise ValueError(f"deal {self.number} is in no system")
        return identifier


@dataclass(slots=True)
class Lead:
    """A lead in Salesforce, of a partner or not; converted into a customer or not."""

    id: str
    first_name: str
    last_name: str
    company: str
    email: str
    source: str
    partner: Partner | None
    created_at: datetime
    qualified_at: datetime | None
    disqualified: bool
    device: str
    customer: Customer | None = None
    deal: Deal | None = None
    converted_at: datetime | None = None


@dataclass(slots=True)
class Participation:
    """A person's part in an activity."""

    id: str
    contact: Contact | None
    lead: Lead | None
    state: str
    occurred_at: datetime


@dataclass(slots=True)
class Activity:
    """A campaign (Salesforce), a marketing event (HubSpot) or an activity that only a spreadsheet knows."""

    id: str
    kind: str
    name: str
    partner: Partner | None
    starts_at: datetime
    ends_at: datetime
    participations: list[Participation] = field(default_factory=list)


@dataclass(slots=True)
class Ticket:
    """A partner's support ticket, scored 0 to 10 when closed."""

    id: str
    subject: str
    partner: Partner
    opened_at: datetime
    closed_at: datetime | None
    score: int | None


@dataclass(slots=True)
class Survey:
    """A partner's answer to a satisfaction survey, 0 to 10."""

    id: str
    name: str
    partner: Partner
    score: int
    answered_at: datetime


@dataclass(slots=True)
class World:
    """Everything that happened."""

    products: list[Product] = field(default_factory=list)
    partners: list[Partner] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    deals: list[Deal] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    leads: list[Lead] = field(default_factory=list)
    campaigns: list[Activity] = field(default_factory=list)
    marketing_events: list[Activity] = field(default_factory=list)
    workshops: list[Activity] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    surveys: list[Survey] = field(default_factory=list)
