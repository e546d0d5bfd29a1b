"""The company is the same on any day, and its systems tell one story."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from partner_warehouse.errors import BadInputError
from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.sandbox.calendar import AS_OF, FIRST_DAY, HORIZON, OPEN_MONTH, months
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.hubspot_records import OWNERS, PIPELINES
from partner_warehouse.sandbox.ids import salesforce_id
from partner_warehouse.sandbox.vocabulary import PROGRAMMES


@pytest.fixture(scope="module")
def sample() -> Company:
    """The sample company itself."""
    return Company.generate()


def rows(company: Company, object_name: str, now: datetime = AS_OF) -> list[dict[str, str]]:
    """The rows of a CSV object of the file drop."""
    files = company.files.files(now)
    return [
        row
        for path in sorted(files)
        if path.startswith(f"{object_name}/")
        for row in csv.DictReader(io.StringIO(files[path].decode()))
    ]


def test_same_seed_same_bytes(company: Company) -> None:
    assert Company.generate(seed=7, scale=0.1).digest == company.digest


def test_another_seed_another_company(company: Company) -> None:
    assert Company.generate(seed=8, scale=0.1).digest != company.digest


def test_the_profile_changes_nothing_that_money_depends_on(company: Company, flawless: Company) -> None:
    """Defects are laid over the same truth."""
    for one, other in zip(company.world.invoices, flawless.world.invoices, strict=True):
        assert (one.id, one.total, one.payments) == (other.id, other.total, other.payments)


def test_salesforce_ids_have_the_published_checksum() -> None:
    assert salesforce_id("Account", 0) == "001gK0000000000QAA"
    assert len(salesforce_id("Lead", 10**6)) == 18


def test_the_sample_company_has_its_announced_size(sample: Company) -> None:
    world = sample.world
    assert len(months(FIRST_DAY, OPEN_MONTH)) == 18
    assert len(world.partners) == 60
    assert {partner.kind for partner in world.partners} == {"technology", "channel", "strategic", "integration"}
    assert {partner.status for partner in world.partners} == {"active", "suspended", "terminated"}
    assert {enrolment.plan_id for partner in world.partners for enrolment in partner.enrolments} == set(PROGRAMMES)
    assert 380 <= len(world.customers) <= 480
    assert 880 <= len(world.deals) <= 920
    assert 2000 <= len(world.invoices) <= 2800
    assert {invoice.currency for invoice in world.invoices} == {"USD", "EUR", "GBP", "JPY", "KWD"}
    assert 39_000 <= len(sample.events) <= 42_000
    disputes = [p.dispute for invoice in world.invoices for p in invoice.payments if p.dispute]
    assert {dispute.status for dispute in disputes} == {"needs_response", "won", "lost"}


def test_every_closed_month_has_what_the_kpis_need(sample: Company) -> None:
    """Revenue of partners, leads, first customers, surveys, tickets and costs, month by month."""
    world = sample.world
    for month in months(FIRST_DAY, OPEN_MONTH)[2:]:
        key = f"{month:%Y-%m}"
        paid = [
            payment
            for invoice in world.invoices
            if invoice.deal and invoice.deal.registrations
            for payment in invoice.payments
            if f"{payment.paid_at:%Y-%m}" == key
        ]
        assert len(paid) >= 5, key
        assert sum(1 for lead in world.leads if lead.partner and f"{lead.created_at:%Y-%m}" == key) > 100, key
        assert any(f"{survey.answered_at:%Y-%m}" == key for survey in world.surveys), key
        assert any(ticket.score and f"{ticket.opened_at:%Y-%m}" == key for ticket in world.tickets), key
    finished = {row["completed_at"][:7] for row in rows(sample, "onboarding_steps") if row["step"] == "first_project"}
    assert {f"{month:%Y-%m}" for month in months(FIRST_DAY, OPEN_MONTH)} <= finished
    costs = {(row["month"], row["category"]) for row in rows(sample, "costs")}
    for month in months(FIRST_DAY, OPEN_MONTH):
        for category in ("programme", "co_marketing"):
            assert (month.date().isoformat(), category) in costs


def test_partner_leads_pass_the_target_in_the_last_year(sample: Company) -> None:
    by_month = Counter(f"{lead.created_at:%Y-%m}" for lead in sample.world.leads if lead.partner)
    assert by_month["2025-04"] < 500 <= by_month["2026-09"]


# One story in several systems


def test_references_of_salesforce_lead_somewhere(company: Company) -> None:
    snapshot = company.as_of()
    ids = {name: {record["Id"] for record in snapshot.salesforce(name)} for name in company.salesforce}
    for name, field, target in (
        ("Contact", "AccountId", "Account"),
        ("Lead", "Partner_Account__c", "Account"),
        ("Lead", "ConvertedOpportunityId", "Opportunity"),
        ("Opportunity", "AccountId", "Account"),
        ("Opportunity", "CampaignId", "Campaign"),
        ("Deal_Registration__c", "Opportunity__c", "Opportunity"),
        ("Deal_Registration__c", "Partner_Account__c", "Account"),
        ("Partner_Enrolment__c", "Partner_Account__c", "Account"),
        ("CampaignMember", "CampaignId", "Campaign"),
        ("CampaignMember", "LeadId", "Lead"),
        ("CampaignMember", "ContactId", "Contact"),
        ("OpportunityLineItem", "OpportunityId", "Opportunity"),
        ("OpportunityLineItem", "Product2Id", "Product2"),
        ("OpportunityContactRole", "OpportunityId", "Opportunity"),
        ("OpportunityContactRole", "ContactId", "Contact"),
        ("OpportunityPartner", "OpportunityId", "Opportunity"),
        ("OpportunityPartner", "AccountToId", "Account"),
        ("Partner", "AccountFromId", "Account"),
        ("Partner", "AccountToId", "Account"),
        ("Task", "WhatId", "Opportunity"),
        ("Task", "WhoId", "Contact"),
        ("Task", "OwnerId", "User"),
        ("Event", "AccountId", "Account"),
        ("User", "ManagerId", "User"),
        ("User", "AccountId", "Account"),
    ):
        held = {record[field] for record in snapshot.salesforce(name)} - {None}
        assert held <= ids[target], f"{name}.{field}"


def test_references_of_stripe_lead_somewhere(company: Company) -> None:
    snapshot = company.as_of()
    ids = {name: {record["id"] for record in snapshot.stripe(name)} for name in company.stripe}
    for name, field, target in (
        ("invoice", "customer", "customer"),
        ("subscription", "customer", "customer"),
        ("invoice_payment", "invoice", "invoice"),
        ("charge", "payment_intent", "payment_intent"),
        ("refund", "charge", "charge"),
        ("dispute", "charge", "charge"),
        ("credit_note", "invoice", "invoice"),
        ("price", "product", "product"),
    ):
        assert {record[field] for record in snapshot.stripe(name)} <= ids[target], f"{name}.{field}"
    deals = {record["Id"] for record in snapshot.salesforce("Opportunity")}
    deals |= {record["id"] for record in snapshot.hubspot("deals")}
    assert {invoice["metadata"]["deal_id"] for invoice in snapshot.stripe("invoice") if invoice["metadata"]} <= deals
    assert any(not invoice["metadata"] for invoice in snapshot.stripe("invoice"))


def test_a_customer_can_be_found_in_every_system(company: Company) -> None:
    """By id where it is linked, else by the domain of its e-mail or web site; never twice."""
    snapshot = company.as_of()
    accounts = {record["Id"]: record for record in snapshot.salesforce("Account") if not record["IsDeleted"]}
    domains = Counter(record["Website"].removeprefix("https://www.") for record in accounts.values())
    assert max(domains.values()) == 1
    companies = {record["id"]: record["properties"] for record in snapshot.hubspot("companies")}
    by_domain = {held["domain"] for held in companies.values()}
    for customer in snapshot.stripe("customer"):
        account = customer["metadata"].get("salesforce_account_id")
        company_id = customer["metadata"].get("hubspot_company_id")
        domain = (customer["email"] or "").partition("@")[2]
        assert account in accounts or company_id in companies or domain in domains or domain in by_domain
    for held in companies.values():
        if held["salesforceaccountid"]:
            assert held["salesforceaccountid"] in accounts


def test_people_of_the_stream_are_contacts(company: Company) -> None:
    snapshot = company.as_of()
    contacts = {record["Id"] for record in snapshot.salesforce("Contact")}
    contacts |= {record["id"] for record in snapshot.hubspot("contacts")}
    partners = {record["Id"] for record in snapshot.salesforce("Account") if record["IsPartner"]}
    devices = defaultdict(set)
    seen = 0
    for name in snapshot.event_files:
        for line in gzip.decompress(company.events.content(name)).splitlines():
            event = json.loads(line)
            seen += 1
            if event["type"] == "identify":
                assert event["userId"] in contacts
                devices[event["userId"]].add(event["anonymousId"])
            elif "partner_id" in event["properties"]:
                assert event["properties"]["partner_id"] in partners
                assert event["properties"]["channel"] == "partner_link"
    assert seen > 3000
    assert any(len(used) > 1 for used in devices.values()), "somebody uses several devices"


def test_shares_of_the_paid_partners_sum_to_one_where_there_are_several(company: Company) -> None:
    for deal in company.world.deals:
        paid = [part for part in deal.registrations if part.role != "assisted"]
        if len(paid) > 1:
            assert sum(Decimal(part.share) for part in paid) == 1
        assert sum(Decimal(part.share) for part in paid) <= 1
        assert all(part.partner.works_at(deal.created_at) for part in deal.registrations)


# Sums tie


def test_lines_and_tax_sum_to_the_invoice(company: Company) -> None:
    for invoice in company.as_of().stripe("invoice"):
        lines = invoice["lines"]["data"]
        assert len(lines) <= 10, "more would need a page of their own"
        assert sum(line["amount"] for line in lines) == invoice["subtotal"]
        tax = sum(tax["amount"] for tax in invoice["total_taxes"])
        assert sum(tax["amount"] for line in lines for tax in line["taxes"]) == tax
        assert invoice["subtotal"] + tax == invoice["total"]


def test_payments_tie_to_invoices_charges_and_balance(company: Company) -> None:
    snapshot = company.as_of()
    paid: Counter[str] = Counter()
    for part in snapshot.stripe("invoice_payment"):
        if part["status"] == "paid":
            paid[part["invoice"]] += part["amount_paid"]
    for invoice in snapshot.stripe("invoice"):
        credit = invoice["ending_balance"] - invoice["starting_balance"] if invoice["ending_balance"] is not None else 0
        assert credit >= 0
        assert invoice["amount_due"] == invoice["total"] - (credit if invoice["status"] != "draft" else 0) or (
            invoice["status"] == "draft"
        )
        assert invoice["amount_paid"] == paid[invoice["id"]]
        notes = invoice["pre_payment_credit_notes_amount"]
        assert invoice["amount_paid"] + notes + invoice["amount_remaining"] == invoice["amount_due"]
        assert (invoice["status"] == "paid") == (invoice["amount_remaining"] == 0)
    returned: Counter[str] = Counter()
    for refund in snapshot.stripe("refund"):
        returned[refund["charge"]] += refund["amount"]
    movements: Counter[str] = Counter()
    for transaction in snapshot.stripe("balance_transaction"):
        movements[transaction["source"]] += transaction["amount"]
        assert transaction["net"] == transaction["amount"] - transaction["fee"]
    for charge in snapshot.stripe("charge"):
        assert charge["amount_refunded"] == returned[charge["id"]] <= charge["amount"]
        assert movements[charge["id"]] == (charge["amount"] if charge["paid"] else 0)
    for dispute in snapshot.stripe("dispute"):
        assert movements[dispute["id"]] == (0 if dispute["status"] == "won" else -dispute["amount"])
        assert ("closed_at" in dispute["metadata"]) == (dispute["status"] in ("won", "lost"))


def test_credit_is_granted_before_it_is_used(company: Company) -> None:
    for customer in company.world.customers:
        balance = 0
        for _, change in sorted(customer.credit_changes):
            balance += change
            assert balance >= 0


def test_a_closed_deal_has_its_amount_in_its_system(company: Company) -> None:
    snapshot = company.as_of()
    won = [record for record in snapshot.salesforce("Opportunity") if record["IsWon"]]
    assert won
    assert all(isinstance(record["Amount"], float) and record["Closed_At__c"] for record in won)


# Time


def test_nothing_shows_before_it_happened(company: Company) -> None:
    now = datetime(2026, 1, 15, 12, tzinfo=UTC)
    snapshot = company.as_of(now)
    for name in company.salesforce:
        for record in snapshot.salesforce(name):
            assert datetime.fromisoformat(record["SystemModstamp"]) <= now
    for name in company.stripe:
        assert all(record["created"] <= now.timestamp() for record in snapshot.stripe(name))
    assert snapshot.event_files[-1] < "2026/01/15/12.ndjson.gz"
    assert max(row["rate_date"] for row in rows(company, "fx_rates", now)) == "2026-01-14"
    later = company.as_of(now + timedelta(days=30))
    assert len(later.stripe("invoice")) > len(snapshot.stripe("invoice"))


def test_the_future_ends_at_the_horizon(company: Company) -> None:
    company.as_of(HORIZON)
    with pytest.raises(BadInputError, match="not after 2026-11-01"):
        company.as_of(HORIZON + timedelta(days=1))


def test_every_change_of_a_stripe_object_is_announced(company: Company) -> None:
    """The newest event of an object holds the object as the list has it."""
    snapshot = company.as_of()
    newest = {event["data"]["object"]["id"]: event["data"]["object"] for event in snapshot.stripe_events}
    for name in ("invoice", "charge", "dispute", "refund", "credit_note", "subscription", "customer"):
        for record in snapshot.stripe(name):
            assert newest[record["id"]] == record
    times = [event["created"] for event in snapshot.stripe_events]
    assert times == sorted(times)


# The catalogue and the defects


SET_UP = {
    "owners": OWNERS,
    # The client says which object a pipeline is of.
    "pipelines": [
        {"key": f"{name}:{pipeline['id']}", "object_type": name, **pipeline}
        for name, pipelines in PIPELINES.items()
        for pipeline in pipelines
    ],
}
"""What the portal has besides its records."""


@pytest.mark.parametrize("source", ["salesforce", "hubspot", "stripe"])
def test_every_catalogued_field_is_delivered(company: Company, source: str) -> None:
    snapshot = company.as_of()
    for name, schema in load_catalog(source).objects.items():
        if name in ("contacts_to_companies", "deals_to_companies", "deals_to_contacts"):
            continue
        records = SET_UP[name] if name in SET_UP else getattr(snapshot, source)(name)
        assert records, name
        for field in schema.fields:
            optional = field.path[0] == "metadata" or field.name == "deleted"
            found = False
            for record in records:
                held = record
                for step in field.path:
                    held = held.get(step, "missing") if isinstance(held, dict) else "missing"
                    if held == "missing":
                        break
                found = found or held != "missing"
                assert optional or held != "missing", f"{name}.{field.name}"
                if field.required:
                    assert held is not None
            assert found or field.name == "deleted", f"{name}.{field.name}"


def test_files_have_the_catalogued_columns(sample: Company) -> None:
    delivered = {path.partition("/")[0] for path in sample.files.files(AS_OF)}
    assert delivered >= {
        "fx_rates",
        "costs",
        "activities",
        "activity_responses",
        "onboarding_steps",
        "training",
        "prospects",
        "market_sizes",
        "holds",
    }
    catalog = load_catalog("files").objects
    for name in delivered - {"training"}:
        first = rows(sample, name)[0]
        missing = {field.name for field in catalog[name].fields} - set(first) - {"updated_at", "is_deleted"}
        assert not missing, name


def test_rates_cover_every_payment(sample: Company) -> None:
    """To US dollars and to euro, at most four days old; the dinar's gap in February 2026 apart."""
    quoted = {(row["from_currency"], row["to_currency"], row["rate_date"]) for row in rows(sample, "fx_rates")}
    for invoice in sample.world.invoices:
        for payment in invoice.payments:
            if payment.paid_at > AS_OF:
                continue
            day = payment.paid_at.date()
            gap = invoice.currency == "KWD" and (day.year, day.month) == (2026, 2)
            for target in {"USD", "EUR"} - {invoice.currency}:
                recent = [
                    (invoice.currency, target, (day - timedelta(days=back)).isoformat()) in quoted for back in range(5)
                ]
                assert any(recent) or gap


def test_the_default_defects_are_there(sample: Company) -> None:
    snapshot = sample.as_of()
    accounts = snapshot.salesforce("Account")
    assert any(record["MasterRecordId"] for record in accounts)
    assert all(record["IsDeleted"] for record in accounts if record["MasterRecordId"])
    assert any(record["IsDeleted"] and not record["MasterRecordId"] for record in snapshot.salesforce("Lead"))
    wrong = [record for record in snapshot.salesforce("Opportunity") if record["Amount"] == "n/a"]
    assert wrong
    assert not any(record["IsWon"] for record in wrong)
    assert any(record["properties"]["hs_merged_object_ids"] for record in snapshot.hubspot("companies"))
    assert any(record["archived"] for record in snapshot.hubspot("contacts"))
    assert any(record["properties"]["satisfaction_score"] == "very satisfied" for record in snapshot.hubspot("tickets"))
    assert any(event["type"] == "customer.deleted" for event in snapshot.stripe_events)
    messages: Counter[str | None] = Counter()
    late = broken = 0
    for name in snapshot.event_files:
        for line in gzip.decompress(sample.events.content(name)).splitlines():
            event = json.loads(line)
            messages[event.get("messageId")] += 1
            if "messageId" not in event or event["timestamp"] == "not-a-time":
                broken += 1
            elif event["receivedAt"][:10] > event["timestamp"][:10]:
                late += 1
    assert max(count for key, count in messages.items() if key) == 2
    assert 0 < broken <= 8
    assert late > 100


def test_clean_means_clean(flawless: Company) -> None:
    snapshot = flawless.as_of()
    assert not any(record.get("IsDeleted") for name in flawless.salesforce for record in snapshot.salesforce(name))
    assert not any(record["archived"] for name in flawless.hubspot for record in snapshot.hubspot(name))
    assert not any(row["amount"] == "n/a" for row in rows(flawless, "costs"))


def test_a_large_company_holds_its_events_as_columns() -> None:
    large = Company.generate(seed=1, scale=3.2, profile_name="clean")
    assert len(large.events) == pytest.approx(128_000, rel=0.02)
    assert len(large.as_of().event_files) > 10_000, "every hour has visitors"


def test_a_bad_scale_is_refused() -> None:
    with pytest.raises(BadInputError, match="scale 0"):
        Company.generate(scale=0)
