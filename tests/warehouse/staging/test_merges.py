"""Whatever refers to a record that a CRM merged is led to the record that is left, however long the chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from landed_warehouse import Record, Warehouse

CREATED = "2025-01-01T00:00:00Z"
STAMP = {"CreatedDate": CREATED, "SystemModstamp": CREATED}
MERGED = {"CreatedDate": CREATED, "SystemModstamp": "2025-02-01T00:00:00Z", "IsDeleted": True}

CHAINS = (1, 6, 12)
"""How many links lead from the first record of a chain to the one that is left."""


def _chain(prefix: str, links: int) -> list[str]:
    return [f"{prefix}{links}-{place:02d}" for place in range(links + 1)]


def _merged(prefix: str, links: int, **fields: object) -> Iterator[Record]:
    """A chain of Salesforce's: each record but the last was merged into the next one."""
    *losers, left = _chain(prefix, links)
    for loser, master in zip(losers, [*losers[1:], left], strict=True):
        yield {"Id": loser, "MasterRecordId": master, **fields, **MERGED}
    yield {"Id": left, **fields, **STAMP}


def _circle(prefix: str, **fields: object) -> Iterator[Record]:
    """Two records of Salesforce's, each merged into the other one."""
    for loser, master in (("1", "2"), ("2", "1")):
        yield {"Id": prefix + loser, "MasterRecordId": prefix + master, **fields, **MERGED}


def _listing(links: int) -> Iterator[Record]:
    """A chain of HubSpot's, as it was when last seen: each record names all that went into it, and itself."""
    ids = _chain("", links)
    for place, identifier in enumerate(ids):
        yield {"id": identifier, "hs_merged_object_ids": ";".join(ids[: place + 1])}


def _land_chains(warehouse: Warehouse) -> None:
    accounts: list[Record] = [*_circle("001K", IsPartner=True, Partner_Type__c="Channel")]
    contacts: list[Record] = [*_circle("003K", AccountId="001A")]
    companies: list[Record] = [
        {"id": "91", "hs_merged_object_ids": "92"},
        {"id": "92", "hs_merged_object_ids": "91"},
    ]
    for links in CHAINS:
        accounts += _merged("001P", links, IsPartner=True, Partner_Type__c="Channel")
        accounts += _merged("001C", links, IsPartner=False)
        contacts += _merged("003C", links, AccountId="001A")
        companies += _listing(links)
    warehouse.land("salesforce", "Account", {"Id": "001A", "IsPartner": False, **STAMP}, *accounts)
    warehouse.land("salesforce", "Contact", {"Id": "003A", "AccountId": "001A", **STAMP}, *contacts)
    warehouse.land("hubspot", "companies", *companies, hs_lastmodifieddate=CREATED, createdate=CREATED)
    deal = {"Id": "006K", "AccountId": "001C1-00", "IsClosed": False, "IsWon": False, **STAMP}
    warehouse.land("salesforce", "Opportunity", deal)
    role = {"Opportunity__c": "006K", "Partner_Account__c": "001K1", "Role__c": "Influenced", **STAMP}
    warehouse.land("salesforce", "Deal_Registration__c", {"Id": "a0K", **role})
    warehouse.land("hubspot", "contacts", *companies, lastmodifieddate=CREATED, createdate=CREATED)


def _land_responses(warehouse: Warehouse) -> None:
    """The first lead of each chain answered a partner's campaign; the one that is left became a customer's contact."""
    converted = {"IsConverted": True, "ConvertedAccountId": "001A", "ConvertedContactId": "003A"}
    leads = [lead for links in (*CHAINS, 2) for lead in _merged("00Q", links, **converted)]
    warehouse.land("salesforce", "Lead", *leads, *_circle("00QK", **converted))
    partner = _chain("001P", 12)[0]
    warehouse.land("salesforce", "Campaign", {"Id": "701", "Type": "Webinar", "Partner_Account__c": partner, **STAMP})
    answered = {"CampaignId": "701", "HasResponded": True, **STAMP}
    warehouse.land(
        "salesforce",
        "CampaignMember",
        *(
            {"Id": f"00v{links}", "LeadId": f"00Q{links}-00", "First_Responded_At__c": at, **answered}
            for links, at in ((1, "2025-04-01"), (2, "2025-04-02"), (6, "2025-04-06"), (12, "2025-04-12"))
        ),
        {"Id": "00vK", "LeadId": "00QK1", "First_Responded_At__c": "2025-04-15", **answered},
    )
    won = {"IsClosed": True, "IsWon": True, "CloseDate": "2025-05-01", "Amount": "100", "CurrencyIsoCode": "USD"}
    warehouse.land("salesforce", "Opportunity", {"Id": "006A", "AccountId": "001A", **won, **STAMP})


def _land_deals(warehouse: Warehouse) -> None:
    """A won deal that 32 went into, and 33 into that; bills and a partner's share name each of them in each way."""
    won = {"hs_is_closed_won": True, "dealstage": "closedwon", "closedate": "2025-05-01", "deal_currency_code": "EUR"}
    common = {"createdate": CREATED, "hs_lastmodifieddate": CREATED, "partner_role": "influenced", **won}
    warehouse.land(
        "hubspot",
        "deals",
        {"id": "31", "amount": "70", "hs_merged_object_ids": "32;33", "partner_account_id": "001P1-01", **common},
        {"id": "32", "amount": "70", "hs_merged_object_ids": "33", "partner_account_id": "001P1-01", **common},
        {"id": "33", "amount": "70", "partner_account_id": "001P1-01", **common},
    )
    warehouse.land(
        "hubspot",
        "deals_to_companies",
        *({"key": f"{deal}:1-00", "from_id": deal, "to_id": "1-00"} for deal in ("31", "32", "33")),
    )
    bill = {"customer_id": "hs_1-01", "currency": "EUR", "issued_at": "2025-05-02"}
    warehouse.land(
        "files",
        "invoices",
        *({"invoice_id": f"IN {deal}", "deal_id": deal, **bill} for deal in ("31", "hs_31", "32", "33", "hs_33", "34")),
    )
    share = {"deal_id": "hs_32", "partner_id": "001P6-00", "role": "sourced", "share": "0.5"}
    warehouse.land("files", "deal_partners", {"deal_partner_id": "DP1", **share})


@pytest.fixture(scope="module")
def company(new_warehouse: Callable[[str], Warehouse]) -> Warehouse:
    """Chains of merges in both CRMs, circles of two, responses of merged leads and bills of merged deals."""
    warehouse = new_warehouse("merges")
    _land_chains(warehouse)
    _land_responses(warehouse)
    _land_deals(warehouse)
    warehouse.build("int_record_conflicts", "credits")
    return warehouse


@pytest.mark.parametrize("links", CHAINS)
@pytest.mark.parametrize(
    ("source", "object_name", "prefix", "canonical"),
    [
        ("salesforce", "partner", "001P", ""),
        ("salesforce", "customer", "001C", ""),
        ("salesforce", "contact", "003C", ""),
        ("hubspot", "customer", "", "hs_"),
        ("hubspot", "contact", "", "hs_"),
    ],
)
def test_a_chain_of_any_length_leads_to_the_record_that_is_left(
    company: Warehouse, source: str, object_name: str, prefix: str, canonical: str, links: int
) -> None:
    ids = company.rows(
        f"select source_id, {object_name}_id from intermediate.int_{object_name}_ids "
        f"where source = '{source}' and starts_with(source_id, '{prefix}{links}-') order by 1"
    )
    chain = _chain(prefix, links)
    assert ids == [(reference, canonical + chain[-1]) for reference in chain]


def test_what_was_merged_in_a_circle_is_led_nowhere_and_told(company: Warehouse) -> None:
    for object_name in ("partner", "customer", "contact"):
        assert not company.rows(
            f"select * from intermediate.int_{object_name}_ids where source = 'salesforce' and source_id[4] = 'K'"
        )
    told = "select record_key, field from intermediate.int_record_conflicts where object = 'deal_partners'"
    assert company.rows(told) == [("a0K", "partner_id")]


def test_records_that_live_stay_themselves_though_they_name_each_other(company: Warehouse) -> None:
    for object_name in ("customer", "contact"):
        assert company.rows(
            f"select source_id, {object_name}_id from intermediate.int_{object_name}_ids "
            "where source = 'hubspot' and source_id in ('91', '92') order by 1"
        ) == [("91", "hs_91"), ("92", "hs_92")]


def test_a_response_of_a_merged_lead_is_of_the_contact_that_the_lead_left_became(company: Warehouse) -> None:
    responses = company.rows("select response_id, contact_id from intermediate.int_activity_responses order by 1")
    assert responses == [("00v1", "003A"), ("00v12", "003A"), ("00v2", "003A"), ("00v6", "003A"), ("00vK", None)]


def test_the_partner_keeps_the_credit_for_responses_of_merged_leads(company: Warehouse) -> None:
    earned = company.rows(
        "select touchpoint_id, partner_id, credit from attribution.credits "
        "where model = 'linear' and conversion_id = '006A' order by position"
    )
    partner = _chain("001P", 12)[-1]
    assert earned == [(f"activity_response:00v{links}", partner, Decimal("0.25")) for links in (1, 2, 6, 12)]


def test_a_merged_deal_counts_once_and_is_whose_bills_and_partners_name_it(company: Warehouse) -> None:
    deals = "select deal_id, customer_id, amount from intermediate.int_deals where source = 'hubspot'"
    assert company.rows(deals) == [("hs_31", "hs_1-01", Decimal(70))]
    bills = dict(company.rows("select invoice_id, deal_id from intermediate.int_invoices"))
    assert bills == {f"IN {deal}": "hs_31" for deal in ("31", "hs_31", "32", "33", "hs_33")} | {"IN 34": "34"}
    partners = company.rows(
        "select deal_partner_id, deal_id, partner_id from intermediate.int_deal_partners "
        "where deal_id <> '006K' order by 1"
    )
    assert partners == [("DP1", "hs_31", "001P6-06"), ("hs_31", "hs_31", "001P1-01")]
