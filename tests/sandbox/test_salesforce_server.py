"""The Salesforce server answers as the REST API does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from salesforce_client import Org

from partner_warehouse.landing.catalog import load_catalog
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.profiles import Faults, Profile
from partner_warehouse.sandbox.servers.common import SECRET
from partner_warehouse.sandbox.servers.run import Endpoints, serve
from partner_warehouse.sandbox.servers.soql import SoqlError, parse

ALL = "/services/data/v62.0/queryAll"
pytestmark = pytest.mark.server


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]


def test_pages_hold_every_record_once(org: Org, flawless: Company) -> None:
    first = org.get("SELECT Id FROM Lead", **{"Sforce-Query-Options": "batchSize=200"}).json()
    assert (len(first["records"]), first["done"]) == (200, False)
    assert first["nextRecordsUrl"].endswith("-200")
    records = org.all("SELECT Id, Email FROM Lead", **{"Sforce-Query-Options": "batchSize=200"})
    assert len(records) == first["totalSize"] == len({record["Id"] for record in records})
    assert len(records) == len(flawless.as_of().salesforce("Lead"))


def test_a_record_has_its_attributes_and_the_fields_that_were_asked_for(org: Org) -> None:
    record = org.all("SELECT Id, SystemModstamp FROM Account LIMIT 1")[0]
    assert list(record) == ["attributes", "Id", "SystemModstamp"]
    assert record["attributes"] == {
        "type": "Account",
        "url": f"/services/data/v62.0/sobjects/Account/{record['Id']}",
    }
    assert record["SystemModstamp"].endswith(".000+0000")


def test_all_catalogued_fields_can_be_selected(org: Org) -> None:
    for name, schema in load_catalog("salesforce").objects.items():
        fields = ", ".join(field.name for field in schema.fields)
        assert org.all(f"SELECT {fields} FROM {name} LIMIT 1"), name


def test_the_cursor_condition_is_inclusive(org: Org) -> None:
    stamps = sorted(record["SystemModstamp"] for record in org.all("SELECT Id, SystemModstamp FROM Opportunity"))
    middle = stamps[len(stamps) // 2]
    bound = middle.replace("+0000", "Z")
    found = org.all(
        f"SELECT SystemModstamp FROM Opportunity WHERE SystemModstamp >= {bound} ORDER BY SystemModstamp, Id"
    )
    assert found[0]["SystemModstamp"] == middle
    assert [r["SystemModstamp"] for r in found] == [stamp for stamp in stamps if stamp >= middle]
    earlier = org.all(f"SELECT Id FROM Opportunity WHERE SystemModstamp < {bound}")
    assert len(earlier) + len(found) == len(stamps)


def test_keyset_conditions_and_count(org: Org) -> None:
    first = org.all("SELECT Id, SystemModstamp FROM Lead ORDER BY SystemModstamp, Id LIMIT 50")
    stamp, key = first[-1]["SystemModstamp"].replace("+0000", "Z"), first[-1]["Id"]
    rest = org.all(f"SELECT Id FROM Lead WHERE SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '{key}')")
    total = org.get("SELECT COUNT() FROM Lead").json()
    assert total["records"] == []
    assert len(first) + len(rest) == total["totalSize"]


@pytest.mark.parametrize(
    ("soql", "status", "code"),
    [
        ("SELECT Id FORM Account", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Account; DROP", 400, "MALFORMED_QUERY"),
        ("SELECT Id, Shoe_Size__c FROM Account", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Shoe_Size__c = 1", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Invoice", 400, "INVALID_TYPE"),
    ],
)
def test_a_wrong_query_is_refused_with_its_code(org: Org, soql: str, status: int, code: str) -> None:
    assert error(org.get(soql)) == (status, code)


def test_a_lost_cursor_is_refused(org: Org) -> None:
    assert error(org.http.get("/services/data/v62.0/query/01gNONE-2000")) == (400, "INVALID_QUERY_LOCATOR")


def test_credentials(org: Org) -> None:
    wrong = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "guess"}
    answer = org.http.post("/services/oauth2/token", data=wrong)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")
    refreshed = {**wrong, "grant_type": "refresh_token", "client_secret": SECRET, "refresh_token": SECRET}
    token = org.http.post("/services/oauth2/token", data=refreshed).json()
    assert token["instance_url"] == org.url
    answer = org.http.get("/services/data/v62.0/limits", headers={"Authorization": "Bearer stranger"})
    assert error(answer) == (401, "INVALID_SESSION_ID")


def test_describe_names_the_fields(org: Org) -> None:
    described = org.http.get("/services/data/v62.0/sobjects/Partner_Enrolment__c/describe").json()
    types = {field["name"]: field["type"] for field in described["fields"]}
    assert described["custom"]
    assert types["Starts_On__c"] == "date"
    assert types["SystemModstamp"] == "datetime"


@pytest.fixture
def mortal(company: Company) -> Iterator[httpx.Client]:
    """A server over the company with its defects, whose tokens last three calls."""
    profile = Profile("mortal", company.profile.defects, Faults(first_token_calls=3, token_calls=3))
    with (
        serve(replace(company, profile=profile)) as endpoints,
        httpx.Client(base_url=endpoints.urls["salesforce"]) as client,
    ):
        yield client


def login(client: httpx.Client) -> None:
    form = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": SECRET}
    token = client.post("/services/oauth2/token", data=form).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"


def test_a_token_expires_and_a_new_one_works(mortal: httpx.Client) -> None:
    login(mortal)
    statuses = [mortal.get("/services/data/v62.0/limits").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 401]
    login(mortal)
    assert mortal.get("/services/data/v62.0/limits").status_code == 200


def test_deleted_and_merged_records_come_through_query_all_only(mortal: httpx.Client) -> None:
    login(mortal)
    soql = {"q": "SELECT Id, MasterRecordId, IsDeleted FROM Account"}
    living = mortal.get("/services/data/v62.0/query", params=soql).json()["records"]
    everything = mortal.get(ALL, params=soql).json()["records"]
    assert not any(record["IsDeleted"] for record in living)
    gone = [record for record in everything if record["IsDeleted"]]
    assert gone
    assert {record["MasterRecordId"] for record in gone} <= {record["Id"] for record in living}


def test_conditions_of_soql() -> None:
    schema = {"X": {"Id", "N", "T", "B", "D"}}
    records = [
        {"Id": "a", "N": 1, "T": "it's", "B": True, "D": "2026-01-01"},
        {"Id": "b", "N": 2.5, "T": None, "B": False, "D": "2026-02-01"},
        {"Id": "c", "N": "n/a", "T": "x", "B": True, "D": None},
    ]

    def ids(condition: str) -> str:
        return "".join(record["Id"] for record in parse(f"SELECT Id FROM X WHERE {condition}", schema).run(records))

    assert ids("N > 1") == "b"
    assert ids("T = null") == "b"
    assert ids("T != null") == "ac"
    assert ids(r"T = 'it\'s'") == "a"
    assert ids("B = true AND NOT N = 1") == "c"
    assert ids("Id IN ('a', 'c')") == "ac"
    assert ids("Id NOT IN ('a', 'c')") == "b"
    assert ids("D >= 2026-01-15") == "b"
    assert ids("(N = 1 OR N = 2.5) AND B = false") == "b"
    assert [r["Id"] for r in parse("SELECT Id FROM X ORDER BY D DESC", schema).run(records)] == ["b", "a", "c"]
    with pytest.raises(SoqlError, match="unexpected token"):
        parse("SELECT Id FROM X WHERE N LIKE 'a'", schema)


def test_the_servers_answer_within_milliseconds(org: Org, endpoints: Endpoints) -> None:
    org.get("SELECT Id FROM Account LIMIT 1")
    spent = min(org.get("SELECT Id FROM Account LIMIT 1").elapsed.total_seconds() for _ in range(5))
    assert spent < 0.03, "a fortieth of a second means that Nagle's algorithm is on"
