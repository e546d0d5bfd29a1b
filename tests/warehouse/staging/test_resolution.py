"""One company in all systems: records of several of them become one customer, partner, contact and bill each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from landed_warehouse import Warehouse

STAMP = {"CreatedDate": "2025-01-01T00:00:00Z", "SystemModstamp": "2025-01-01T00:00:00Z"}
MODIFIED = {"createdate": "2025-01-02T00:00:00Z", "hs_lastmodifieddate": "2025-01-02T00:00:00Z"}


def _line(line: str, amount: int, **more: object) -> dict[str, object]:
    return {"id": line, "amount": amount, "pricing": {"price_details": {"product": "prod_1"}}, **more}


def _land_crm(warehouse: Warehouse) -> None:
    warehouse.land(
        "salesforce",
        "Account",
        {"Id": "001P", "Name": "Partner Inc", "IsPartner": True, "Partner_Type__c": "Channel", **STAMP},
        {"Id": "001A", "Name": "Acme", "Website": "https://www.acme.example/shop", "IsPartner": False, **STAMP},
        {"Id": "001B", "Name": "ACME INC.", "Website": "acme.example", "IsPartner": False, **STAMP},
        {"Id": "001C", "Name": "Solo", "Website": "http://gmail.com", "IsPartner": False, **STAMP},
    )
    # 001D had been merged into 001B before that, and contact 003Y into 003Z.
    # A day later 001B is merged into 001A, and the partner's twin into the partner.
    later = {"CreatedDate": "2025-01-01T00:00:00Z", "SystemModstamp": "2025-02-01T00:00:00Z", "IsDeleted": True}
    warehouse.land(
        "salesforce",
        "Account",
        {"Id": "001B", "Name": "ACME INC.", "IsPartner": False, "MasterRecordId": "001A", **later},
        {"Id": "001D", "Name": "Acme (first)", "IsPartner": False, "MasterRecordId": "001B", **later},
        {"Id": "001Q", "Name": "Partner Twin", "IsPartner": True, "MasterRecordId": "001P", **later},
    )
    warehouse.land(
        "salesforce",
        "Contact",
        {"Id": "003A", "AccountId": "001B", "Email": "Ada@Acme.example", **STAMP},
        {"Id": "003Z", "AccountId": "001A", "Email": "ada@acme.example", "MasterRecordId": "003A", **later},
        {"Id": "003Y", "AccountId": "001A", "MasterRecordId": "003Z", **later},
    )
    warehouse.land(
        "salesforce",
        "Opportunity",
        {
            "Id": "006A", "AccountId": "001B", "StageName": "Closed Won", "Amount": "1000", "CurrencyIsoCode": "usd",
            "IsClosed": True, "IsWon": True, "CloseDate": "2025-12-20", **STAMP,
        },
        {
            "Id": "006B", "AccountId": "001A", "StageName": "Negotiation", "Amount": "70", "CurrencyIsoCode": "USD",
            "IsClosed": False, "IsWon": False, "CloseDate": "2026-06-30", **STAMP,
        },
    )  # fmt: skip
    warehouse.land(
        "salesforce",
        "Deal_Registration__c",
        {"Id": "a01", "Opportunity__c": "006A", "Partner_Account__c": "001Q", "Role__c": "Sourced", **STAMP},
    )
    warehouse.land("salesforce", "Product2", {"Id": "01t", "Name": "Platform", "Family": "subscription", **STAMP})
    warehouse.land(
        "hubspot",
        "companies",
        {"id": "11", "name": "Acme", "salesforceaccountid": "001B", "hs_merged_object_ids": "12;13;17", **MODIFIED},
        {"id": "12", "name": "Acme (old)", "salesforceaccountid": None, "hs_merged_object_ids": "17", **MODIFIED},
        {"id": "14", "name": "Acme by domain", "domain": "acme.example", **MODIFIED},
        {"id": "15", "name": "Self Service", "domain": "self.example", "country": "DE", **MODIFIED},
        {"id": "16", "name": "A mailbox", "domain": "gmail.com", **MODIFIED},
    )
    stamped = {"createdate": "2025-01-02T00:00:00Z", "lastmodifieddate": "2025-01-02T00:00:00Z"}
    warehouse.land(
        "hubspot",
        "contacts",
        {"id": "21", "email": "ADA@acme.example", **stamped},
        {"id": "22", "email": "bo@self.example", "hs_merged_object_ids": "23", **stamped},
        {"id": "24", "email": "cy@self.example", **stamped},
    )
    # An earlier answer, by which another company was the primary one: of it nothing stands.
    earlier = {"key": "22:16", "from_id": "22", "to_id": "16", "association_type": "Primary"}
    warehouse.land("hubspot", "contacts_to_companies", earlier)
    warehouse.land("hubspot", "contacts_to_companies", {"key": "22:15", "from_id": "22", "to_id": "15"})
    warehouse.land(
        "hubspot",
        "deals",
        {
            "id": "31", "dealname": "Self", "dealstage": "closedwon", "hs_is_closed_won": True, "amount": "10",
            "deal_currency_code": "EUR", "closedate": "2025-11-30T12:00:00Z", "partner_account_id": "001P",
            "partner_role": "sourced", **MODIFIED,
        },
    )  # fmt: skip
    warehouse.land(
        "hubspot",
        "deals_to_companies",
        {"key": "31:16", "from_id": "31", "to_id": "16", "association_type": "deal_to_company"},
        {"key": "31:15", "from_id": "31", "to_id": "15", "association_type": "Primary"},
    )


def _land_billing(warehouse: Warehouse) -> None:
    warehouse.land(
        "stripe",
        "customer",
        {"id": "cus_1", "name": "Acme", "salesforce_account_id": "001B", "created": "2025-02-01T00:00:00Z"},
        {"id": "cus_2", "hubspot_company_id": "12", "created": "2025-02-01T00:00:00Z"},
        {"id": "cus_3", "email": "billing@self.example", "created": "2025-02-01T00:00:00Z"},
        {"id": "cus_4", "email": "someone@gmail.com", "created": "2025-02-01T00:00:00Z"},
        {"id": "cus_5", "email": "trial@nowhere.example", "created": "2025-02-01T00:00:00Z"},
    )
    warehouse.land("stripe", "customer", {"id": "cus_5", "deleted": True}, {"id": "cus_2", "deleted": True})
    warehouse.land(
        "stripe", "product", {"id": "prod_1", "salesforce_product_id": "01t", "created": "2025-01-01T00:00:00Z"}
    )
    day = "2026-01-{:02d}T00:00:00Z"
    invoice = {"status": "paid", "created": day.format(1), "finalized_at": day.format(2)}
    warehouse.land(
        "stripe",
        "invoice",
        # 1,200 gross, of which 300 from credit: two payments of cash, 400 and 500.
        invoice
        | {
            "id": "in_1", "customer": "cus_1", "currency": "usd", "total": 120000, "starting_balance": -50000,
            "ending_balance": -20000, "deal_id": "006A",
            "lines": {"data": [_line("il_1", 100000, taxes=[{"amount": 20000, "tax_behavior": "exclusive"}])]},
        },
        # Paid by credit alone, in a currency without decimals.
        invoice
        | {
            "id": "in_2", "customer": "cus_3", "currency": "jpy", "total": 10000, "starting_balance": -10000,
            "ending_balance": 0, "amount_paid": 0, "deal_id": "31", "paid_at": day.format(3),
            "lines": {"data": [_line("il_2", 11000, discount_amounts=[{"amount": 1000}])]},
        },
        # As invoices were before 2025: the payment and the tax on the invoice itself.
        invoice
        | {
            "id": "in_3", "customer": "cus_2", "currency": "kwd", "total": 12005, "amount_paid": 12005,
            "paid_at": day.format(4), "lines": {"data": [_line("il_3", 3335), _line("il_4", 6670)]},
            "metadata": {}, "parent": None, "number": None,
        },
        invoice | {"id": "in_4", "customer": "cus_4", "currency": "eur", "total": 5000, "status": "void"},
        invoice | {"id": "in_5", "customer": "cus_4", "currency": "eur", "total": 5000, "status": "open"},
        raw={"in_3": {"payment_intent": "pi_3", "tax": 2000}},
    )  # fmt: skip
    paid = {"invoice": "in_1", "currency": "usd", "status": "paid"}
    warehouse.land(
        "stripe",
        "invoice_payment",
        paid | {"id": "inpay_2", "amount_paid": 50000, "payment_intent": "pi_2", "paid_at": day.format(20)},
        paid | {"id": "inpay_1", "amount_paid": 40000, "payment_intent": "pi_1", "paid_at": day.format(10)},
        paid | {"id": "inpay_9", "amount_requested": 1, "status": "open", "payment_intent": "pi_9"},
        paid
        | {"id": "inpay_8", "invoice": "in_4", "amount_paid": 1, "payment_intent": "pi_8", "paid_at": day.format(9)},
        created=day.format(5),
    )
    # The same payment again, with another amount: it cannot be.
    warehouse.land(
        "stripe",
        "invoice_payment",
        paid | {"id": "inpay_1", "amount_paid": 41000, "payment_intent": "pi_1", "paid_at": day.format(10)},
        created=day.format(5),
    )
    charge = {"amount": 40000, "currency": "usd", "payment_intent": "pi_1", "created": day.format(10)}
    warehouse.land("stripe", "charge", charge | {"id": "ch_1"}, charge | {"id": "ch_3", "payment_intent": "pi_3"})
    refund = {"amount": 10000, "currency": "usd", "status": "succeeded", "created": day.format(15)}
    warehouse.land(
        "stripe",
        "refund",
        refund | {"id": "re_1", "charge": "ch_1"},
        refund | {"id": "re_2", "payment_intent": "pi_unknown"},
        refund | {"id": "re_3", "payment_intent": "pi_2", "status": "failed"},
        refund | {"id": "re_4", "payment_intent": "pi_2", "created": "2026-05-01T00:00:00Z"},
    )
    dispute = {"currency": "usd", "status": "lost", "created": day.format(21)}
    warehouse.land(
        "stripe",
        "dispute",
        dispute | {"id": "du_1", "payment_intent": "pi_2", "amount": 50000, "closed_at": "2026-02-01T00:00:00Z"},
        dispute
        | {"id": "du_2", "charge": "ch_3", "amount": 12005, "closed_at": "2026-04-02T00:00:00Z", "currency": "kwd"},
    )
    note = {"invoice": "in_1", "currency": "usd", "status": "issued", "created": day.format(16)}
    warehouse.land(
        "stripe",
        "credit_note",
        note | {"id": "cn_1", "amount": 15000},
        note | {"id": "cn_2", "amount": 10000},
        note | {"id": "cn_3", "amount": 700, "status": "void"},
        raw={"cn_1": {"refunds": [{"amount_refunded": 10000, "refund": "re_1"}]}, "cn_2": {"refund": "re_1"}},
    )


def _land_visits(warehouse: Warehouse) -> None:
    def event(identifier: str, kind: str, instant: str, **more: object) -> dict[str, object]:
        return {"messageId": identifier, "type": kind, "timestamp": instant, "receivedAt": instant, **more}

    warehouse.land(
        "events",
        "events",
        event("m1", "page", "2026-01-01T00:00:00Z", anonymousId="dev", channel="organic search"),
        event("m2", "identify", "2026-01-02T00:00:00Z", anonymousId="dev", userId="21"),
        event("m3", "identify", "2026-01-05T00:00:00Z", anonymousId="dev", userId="BO@self.example"),
        event("m4", "page", "2026-01-05T00:00:00Z", anonymousId="dev", channel="direct"),
        event(
            "m5", "track", "2026-01-04T00:00:00Z", anonymousId="dev", event="Partner Link Clicked", partner_id="001Q"
        ),
        event("m6", "page", "2026-04-02T00:00:00Z", anonymousId="dev"),
    )
    warehouse.land(
        "events",
        "events",
        event("m1", "page", "2026-01-01T00:00:00Z", anonymousId="dev", channel="organic search")
        | {"receivedAt": "2026-01-09T00:00:00Z"},
    )


@pytest.fixture(scope="module")
def company(new_warehouse: Callable[[str], Warehouse]) -> Warehouse:
    """The company, built as of 1 April 2026."""
    warehouse = new_warehouse("company")
    _land_crm(warehouse)
    _land_billing(warehouse)
    _land_visits(warehouse)
    warehouse.build("int_record_conflicts", "int_touchpoints", "int_credit_notes", "int_fx_rates_daily")
    return warehouse


def test_a_customer_is_one_in_all_systems(company: Warehouse) -> None:
    rows = company.rows("select source || ':' || source_id, customer_id from intermediate.int_customer_ids")
    ids = dict(rows)
    assert len(rows) == len(ids), "a record that was merged twice over is one record"
    assert ids == {
        "salesforce:001A": "001A",
        "salesforce:001B": "001A",
        "salesforce:001C": "001C",
        "salesforce:001D": "001A",
        "hubspot:11": "001A",
        "hubspot:12": "001A",
        "hubspot:13": "001A",
        "hubspot:14": "001A",
        "hubspot:15": "hs_15",
        "hubspot:16": "hs_16",
        "hubspot:17": "001A",
        "stripe:cus_1": "001A",
        "stripe:cus_2": "001A",
        "stripe:cus_3": "hs_15",
        "stripe:cus_4": "cus_4",
    }


def test_the_customer_takes_what_each_system_knows(company: Warehouse) -> None:
    assert company.rows("select * exclude (_load_id, _file, _row) from intermediate.int_customers order by 1") == [
        ("001A", "Acme", None, None, datetime(2025, 1, 1, tzinfo=UTC), "salesforce"),
        ("001C", "Solo", None, None, datetime(2025, 1, 1, tzinfo=UTC), "salesforce"),
        ("cus_4", None, None, None, datetime(2025, 2, 1, tzinfo=UTC), "stripe"),
        ("hs_15", "Self Service", "DE", None, datetime(2025, 1, 2, tzinfo=UTC), "hubspot"),
        ("hs_16", "A mailbox", None, None, datetime(2025, 1, 2, tzinfo=UTC), "hubspot"),
    ]


def test_a_merged_partner_is_the_partner_that_is_left(company: Warehouse) -> None:
    assert company.rows("select partner_id, partner_type, status from intermediate.int_partners") == [
        ("001P", "channel", "active")
    ]
    assert company.rows("select deal_id, partner_id, role, share from intermediate.int_deal_partners order by 1") == [
        ("006A", "001P", "sourced", Decimal(1)),
        ("hs_31", "001P", "sourced", Decimal(1)),
    ]


def test_contacts_are_matched_by_address_and_belong_to_a_customer(company: Warehouse) -> None:
    ids = dict(company.rows("select source || ':' || source_id, contact_id from intermediate.int_contact_ids"))
    assert ids == {
        "salesforce:003A": "003A",
        "salesforce:003Y": "003A",
        "salesforce:003Z": "003A",
        "hubspot:21": "003A",
        "hubspot:22": "hs_22",
        "hubspot:23": "hs_22",
        "hubspot:24": "hs_24",
    }
    # cy has no company in HubSpot, but an address at one.
    assert company.rows("select contact_id, customer_id from intermediate.int_contacts order by 1") == [
        ("003A", "001A"),
        ("hs_22", "hs_15"),
        ("hs_24", "hs_15"),
    ]


def test_deals_close_when_the_crm_says_so(company: Warehouse) -> None:
    deals = company.rows(
        "select deal_id, customer_id, currency, closed_at, is_won from intermediate.int_deals order by 1"
    )
    assert deals == [
        ("006A", "001A", "USD", datetime(2025, 12, 20, tzinfo=UTC), True),
        ("006B", "001A", "USD", None, False),
        ("hs_31", "hs_15", "EUR", datetime(2025, 11, 30, 12, tzinfo=UTC), True),
    ]


def test_invoices_lead_to_the_customer_and_the_deal(company: Warehouse) -> None:
    invoices = company.rows(
        "select invoice_id, customer_id, deal_id, currency from intermediate.int_invoices order by 1"
    )
    assert invoices == [
        ("in_1", "001A", "006A", "USD"),
        ("in_2", "hs_15", "hs_31", "JPY"),
        ("in_3", "001A", None, "KWD"),
        ("in_5", "cus_4", None, "EUR"),
    ]


def test_minor_units_discounts_and_taxes_of_lines(company: Warehouse) -> None:
    lines = company.rows("select line_id, product_id, net, tax from intermediate.int_invoice_lines order by 1")
    assert lines == [
        ("il_1", "01t", Decimal("1000.000"), Decimal("200.000")),
        ("il_2", "01t", Decimal("10000.000"), Decimal(0)),
        # 2.000 of tax that only the invoice names, spread by net: a third is 0.666, the rest 1.334.
        ("il_3", "01t", Decimal("3.335"), Decimal("0.666")),
        ("il_4", "01t", Decimal("6.670"), Decimal("1.334")),
    ]


def test_credit_belongs_to_the_first_payment(company: Warehouse) -> None:
    payments = company.rows(
        "select payment_id, invoice_id, amount, from_credit, currency from intermediate.int_payments order by 1"
    )
    assert payments == [
        ("credit_in_2", "in_2", Decimal(10000), Decimal(10000), "JPY"),
        ("inpay_1", "in_1", Decimal(700), Decimal(300), "USD"),
        ("inpay_2", "in_1", Decimal(500), Decimal(0), "USD"),
        ("pi_3", "in_3", Decimal("12.005"), Decimal(0), "KWD"),
    ]


def test_refunds_and_lost_disputes_lead_to_their_payment_once(company: Warehouse) -> None:
    refunds = company.rows("select refund_id, payment_id, amount, kind from intermediate.int_refunds order by 1")
    assert refunds == [
        ("du_1", "inpay_2", Decimal(500), "dispute_lost"),
        ("re_1", "inpay_1", Decimal(100), "refund"),
    ]
    # du_2 is lost only after the instant that was asked for.
    assert company.rows("select dispute_id, payment_id, status from intermediate.int_disputes order by 1") == [
        ("du_1", "inpay_2", "lost"),
        ("du_2", "pi_3", "open"),
    ]


def test_what_a_credit_note_refunded_counts_once(company: Warehouse) -> None:
    assert company.rows("select credit_note_id, amount from intermediate.int_credit_notes") == [("cn_1", Decimal(50))]


def test_devices_are_stitched_to_whoever_used_them_then(company: Warehouse) -> None:
    touchpoints = company.rows(
        "select touchpoint_id, contact_id, customer_id, partner_id, channel, kind "
        "from intermediate.int_touchpoints order by 1"
    )
    assert touchpoints == [
        ("m1", "003A", "001A", None, "organic_search", "page"),
        ("m4", "hs_22", "hs_15", None, "direct", "page"),
        ("m5", "003A", "001A", "001P", None, "partner_link_clicked"),
    ]


def test_nothing_is_set_aside_without_a_word(company: Warehouse) -> None:
    conflicts = company.rows(
        "select source, object, record_key, field, disposition from intermediate.int_record_conflicts order by 1, 2, 3"
    )
    assert conflicts == [
        ("stripe", "invoice_payment", "inpay_1", "amount", "set_aside"),
        ("stripe", "payments", "inpay_8", "invoice_id", "set_aside"),
        ("stripe", "refunds", "re_2", "payment_id", "set_aside"),
    ]
    reason = company.column("select reason from intermediate.int_record_conflicts where record_key = 'inpay_1'")
    assert "41000 USD" in reason[0]
    assert "40000 USD" in reason[0]


def test_same_currency_needs_no_quote(company: Warehouse) -> None:
    rates = company.rows(
        "select rate, quoted_on from intermediate.int_fx_rates_daily "
        "where from_currency = 'KWD' and to_currency = 'KWD' and rate_date = date '2026-01-04'"
    )
    assert rates == [(Decimal(1), date(2026, 1, 4))]
