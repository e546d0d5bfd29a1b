"""The Stripe server answers as the pinned version does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from partner_warehouse.sandbox.calendar import AS_OF
from partner_warehouse.sandbox.company import Company
from partner_warehouse.sandbox.servers.common import SECRET
from partner_warehouse.sandbox.servers.run import Endpoints
from partner_warehouse.sandbox.stripe_records import API_VERSION
from partner_warehouse.sandbox.vocabulary import STRIPE_OBJECTS

pytestmark = pytest.mark.server


@pytest.fixture
def stripe(endpoints: Endpoints) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=endpoints.urls["stripe"], auth=(SECRET, "")) as client:
        yield client


def listed(client: httpx.Client, path: str, **params: Any) -> list[dict[str, Any]]:
    """All pages of a list, by `starting_after`."""
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = client.get(f"/v1/{path}", params={"limit": 100, **params, **after}).json()
        assert page["object"] == "list"
        found += page["data"]
        if not page["has_more"]:
            return found
        after = {"starting_after": found[-1]["id"]}


def error(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json()["error"].get("code")


@pytest.mark.parametrize("name", STRIPE_OBJECTS)
def test_pages_hold_every_object_once_newest_first(stripe: httpx.Client, flawless: Company, name: str) -> None:
    found = listed(stripe, f"{name}s")
    assert len({record["id"] for record in found}) == len(found) == len(flawless.as_of().stripe(name))
    created = [record["created"] for record in found]
    assert created == sorted(created, reverse=True)
    assert {record["object"] for record in found} == {name}


def test_created_bounds(stripe: httpx.Client) -> None:
    every = listed(stripe, "charges")
    middle = every[len(every) // 2]["created"]
    assert [c for c in every if c["created"] >= middle] == listed(stripe, "charges", **{"created[gte]": middle})
    assert [c for c in every if c["created"] < middle] == listed(stripe, "charges", **{"created[lt]": middle})
    assert [c for c in every if c["created"] > middle] == listed(stripe, "charges", **{"created[gt]": middle})


def test_pages_backwards(stripe: httpx.Client) -> None:
    every = listed(stripe, "invoices")
    page = stripe.get("/v1/invoices", params={"limit": 3, "ending_before": every[10]["id"]}).json()
    assert page["data"] == every[7:10]
    assert page["has_more"]


def test_filters_by_reference(stripe: httpx.Client) -> None:
    invoice = listed(stripe, "invoices")[0]
    same = listed(stripe, "invoices", customer=invoice["customer"])
    assert invoice in same
    assert {other["customer"] for other in same} == {invoice["customer"]}


def test_events_of_thirty_days(stripe: httpx.Client) -> None:
    events = listed(stripe, "events")
    assert min(event["created"] for event in events) >= (AS_OF - timedelta(days=30)).timestamp()
    assert max(event["created"] for event in events) <= AS_OF.timestamp()
    paid = listed(stripe, "events", **{"types[]": ["invoice.paid", "charge.refunded"]})
    assert paid == [event for event in events if event["type"] in ("invoice.paid", "charge.refunded")]
    assert listed(stripe, "events", type="invoice.*") == [e for e in events if e["type"].startswith("invoice.")]
    assert paid[0]["data"]["object"]["status"] == "paid"
    assert paid[0]["api_version"] == API_VERSION


def test_single_objects_and_lines(stripe: httpx.Client) -> None:
    invoice = listed(stripe, "invoices")[0]
    assert stripe.get(f"/v1/invoices/{invoice['id']}").json() == invoice
    assert stripe.get(f"/v1/invoices/{invoice['id']}/lines").json()["data"] == invoice["lines"]["data"]
    assert error(stripe.get("/v1/invoices/in_none")) == (404, "resource_missing")


def test_the_version_is_checked_and_echoed(stripe: httpx.Client) -> None:
    answer = stripe.get("/v1/charges", headers={"Stripe-Version": API_VERSION})
    assert answer.headers["stripe-version"] == API_VERSION
    old = stripe.get("/v1/charges", headers={"Stripe-Version": "2015-01-01"})
    assert error(old) == (400, "invalid_api_version")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"limit": 101}, "parameter_invalid_integer"),
        ({"created[gte]": "yesterday"}, "parameter_invalid_integer"),
        ({"starting_after": "ch_none"}, "resource_missing"),
    ],
)
def test_a_wrong_request_is_refused(stripe: httpx.Client, params: dict[str, Any], code: str) -> None:
    assert error(stripe.get("/v1/charges", params=params)) == (400, code)


def test_an_unknown_path_and_key(stripe: httpx.Client, client: httpx.Client, endpoints: Endpoints) -> None:
    assert stripe.get("/v1/unicorns").status_code == 404
    assert stripe.get("/v1/charges", auth=("stranger", "")).status_code == 401
    assert client.get(f"{endpoints.urls['stripe']}/v1/charges").status_code == 200, "Bearer is as good as Basic"
