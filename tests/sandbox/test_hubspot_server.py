"""The HubSpot server answers as CRM v3 and associations v4 do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import pytest

from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.profiles import Faults, Profile
from partner_warehouse.sandbox.servers.common import SECRET
from partner_warehouse.sandbox.servers.run import Endpoints, serve

pytestmark = pytest.mark.server


@pytest.fixture
def hubspot(endpoints: Endpoints) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=endpoints.urls["hubspot"], headers={"Authorization": f"Bearer {SECRET}"}) as client:
        yield client


def listed(client: httpx.Client, name: str, **params: Any) -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = client.get(f"/crm/v3/objects/{name}", params={"limit": 100, **params, **after}).json()
        found += page["results"]
        if "paging" not in page:
            return found
        after = {"after": page["paging"]["next"]["after"]}


def search(client: httpx.Client, name: str, **body: Any) -> httpx.Response:
    return client.post(f"/crm/v3/objects/{name}/search", json=body)


def test_pages_hold_every_record_once(hubspot: httpx.Client, flawless: Company) -> None:
    contacts = listed(hubspot, "contacts", properties="email,lastname")
    assert len(contacts) > 100
    assert len({record["id"] for record in contacts}) == len(contacts) == len(flawless.as_of().hubspot("contacts"))
    assert set(contacts[0]["properties"]) == {"createdate", "lastmodifieddate", "hs_object_id", "email", "lastname"}
    assert contacts[0]["archived"] is False


def test_all_properties_are_strings_or_null(hubspot: httpx.Client) -> None:
    for name, schema in load_catalog("hubspot").objects.items():
        if "_to_" in name or name in ("owners", "pipelines"):
            continue
        wanted = ",".join(field.path[1] for field in schema.fields if field.path[0] == "properties")
        records = listed(hubspot, name, properties=wanted)
        assert records, name
        for record in records:
            assert all(value is None or isinstance(value, str) for value in record["properties"].values())
            assert set(wanted.split(",")) <= set(record["properties"])


def test_search_from_an_instant_in_order(hubspot: httpx.Client) -> None:
    every = sorted(
        datetime.fromisoformat(record["properties"]["hs_lastmodifieddate"]) for record in listed(hubspot, "deals")
    )
    middle = every[len(every) // 2]
    body = {
        "filterGroups": [
            {
                "filters": [
                    {
                        "propertyName": "hs_lastmodifieddate",
                        "operator": "GTE",
                        "value": str(int(middle.timestamp() * 1000)),
                    }
                ]
            }
        ],
        "sorts": [{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}],
        "properties": ["dealname"],
        "limit": 5,
    }
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = search(hubspot, "deals", **body, **after).json()
        found += page["results"]
        if "paging" not in page:
            break
        after = {"after": page["paging"]["next"]["after"]}
    stamps = [datetime.fromisoformat(record["properties"]["hs_lastmodifieddate"]) for record in found]
    assert stamps == [stamp for stamp in every if stamp >= middle]
    assert page["total"] == len(found)


def test_search_by_value(hubspot: httpx.Client) -> None:
    won = {"propertyName": "hs_is_closed_won", "operator": "EQ", "value": "true"}
    partner = {"propertyName": "partner_account_id", "operator": "HAS_PROPERTY"}
    body = {"properties": ["hs_is_closed_won", "partner_account_id"], "limit": 200}
    both = search(hubspot, "deals", filterGroups=[{"filters": [won, partner]}], **body).json()
    either = search(hubspot, "deals", filterGroups=[{"filters": [won]}, {"filters": [partner]}], **body).json()
    assert 0 < both["total"] < either["total"]
    assert all(record["properties"]["partner_account_id"] for record in both["results"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"limit": 201}, "limit must be between"),
        ({"limit": 200, "after": "9900"}, "10000 total results"),
        ({"filterGroups": [{"filters": [{"propertyName": "a", "operator": "LIKE", "value": "b"}]}]}, "LIKE"),
        ({"filterGroups": [{"filters": [{"propertyName": "a", "operator": "GTE", "value": "soon"}]}]}, "valid long"),
        ({"filterGroups": [{"filters": []}] * 6}, "5 filter groups"),
    ],
)
def test_a_wrong_search_is_refused(hubspot: httpx.Client, body: dict[str, Any], message: str) -> None:
    answer = search(hubspot, "contacts", **body)
    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"
    assert message in answer.json()["message"]


def test_a_wrong_list_is_refused(hubspot: httpx.Client) -> None:
    assert hubspot.get("/crm/v3/objects/contacts", params={"limit": 101}).status_code == 400
    assert hubspot.get("/crm/v3/objects/spaceships").json()["category"] == "VALIDATION_ERROR"
    answer = hubspot.get("/crm/v3/objects/contacts", headers={"Authorization": "Bearer stranger"})
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")


def test_associations_are_read_in_batches(hubspot: httpx.Client) -> None:
    deals = [record["id"] for record in listed(hubspot, "deals")]
    companies = {record["id"] for record in listed(hubspot, "companies")}
    inputs = {"inputs": [{"id": key} for key in deals]}
    answer = hubspot.post("/crm/v4/associations/deals/companies/batch/read", json=inputs)
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert {result["from"]["id"] for result in results} == set(deals)
    assert {str(target["toObjectId"]) for result in results for target in result["to"]} <= companies
    assert results[0]["to"][0]["associationTypes"][0]["label"] == "Primary"
    missing = hubspot.post("/crm/v4/associations/deals/companies/batch/read", json={"inputs": [{"id": "1"}]})
    assert missing.status_code == 207
    assert missing.json()["errors"][0]["context"] == {"fromObjectId": ["1"]}
    many = hubspot.post("/crm/v4/associations/deals/companies/batch/read", json={"inputs": [{"id": "1"}] * 1001})
    assert many.status_code == 400


@pytest.fixture
def messy(company: Company) -> Iterator[httpx.Client]:
    """The portal with its usual defects, that answers always."""
    profile = Profile("messy", company.profile.defects, Faults())
    headers = {"Authorization": f"Bearer {SECRET}"}
    with (
        serve(replace(company, profile=profile)) as endpoints,
        httpx.Client(base_url=endpoints.urls["hubspot"], headers=headers) as client,
    ):
        yield client


def test_archived_records_are_listed_apart(messy: httpx.Client) -> None:
    archived = listed(messy, "contacts", archived="true")
    assert archived
    assert all(record["archived"] and record["archivedAt"] for record in archived)
    living = {record["id"] for record in listed(messy, "contacts")}
    assert not living & {record["id"] for record in archived}


def test_a_list_may_deliver_a_record_twice(messy: httpx.Client) -> None:
    ids = [record["id"] for record in listed(messy, "contacts")]
    assert len(ids) == len(set(ids)) + 1


def test_a_merged_record_lives_on_under_another_id(messy: httpx.Client) -> None:
    merged = [
        record
        for record in listed(messy, "companies", properties="hs_merged_object_ids")
        if record["properties"]["hs_merged_object_ids"]
    ]
    assert merged
    loser = merged[0]["properties"]["hs_merged_object_ids"]
    assert messy.get(f"/crm/v3/objects/companies/{loser}").json()["id"] == merged[0]["id"]
    assert messy.get("/crm/v3/objects/companies/1").status_code == 404
