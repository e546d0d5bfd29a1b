"""Connections are read as Airflow reads them, and keep their secrets to themselves."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import pytest

from partner_warehouse.errors import BadInputError, PermanentError
from partner_warehouse.extract.connections import SourceConnection, get_connection, get_database_url
from partner_warehouse.extract.event_files import Collector
from partner_warehouse.extract.hubspot import HubSpot
from partner_warehouse.extract.salesforce import Salesforce
from partner_warehouse.extract.stripe import Stripe
from partner_warehouse.landing.catalog import load_catalog

URL = "https://acme.my.salesforce.test"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            json.dumps({"conn_type": "http", "host": URL, "login": "id", "password": "s/cret", "extra": {"a": "1"}}),
            SourceConnection("salesforce_default", URL, "id", "s/cret", {"a": "1"}),
        ),
        (
            json.dumps({"host": "acme.my.salesforce.test/", "password": "s", "extra": '{"a": 1}'}),
            SourceConnection("salesforce_default", URL, None, "s", {"a": 1}),
        ),
        (
            json.dumps({"host": "127.0.0.1", "schema": "http", "port": 81, "password": "s"}),
            SourceConnection("salesforce_default", "http://127.0.0.1:81", None, "s"),
        ),
        (
            "http://id:s%2Fcret@127.0.0.1:8080/?api_version=v62.0",
            SourceConnection("salesforce_default", "http://127.0.0.1:8080", "id", "s/cret", {"api_version": "v62.0"}),
        ),
        (
            "salesforce://id:s@acme.my.salesforce.test/https?__extra__=%7B%22a%22%3A+1%7D",
            SourceConnection("salesforce_default", URL, "id", "s", {"a": 1}),
        ),
    ],
)
def test_json_and_uri(home: object, monkeypatch: pytest.MonkeyPatch, value: str, expected: SourceConnection) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SALESFORCE_DEFAULT", value)
    assert get_connection("salesforce_default") == expected


def test_secrets_do_not_show() -> None:
    shown = repr(SourceConnection("stripe_default", URL, "id", "marked", {"refresh_token": "marked"}))
    assert "marked" not in shown


@pytest.mark.parametrize("value", [None, '{"password": "marked"', "http://id:marked@[broken"])
def test_what_cannot_be_read_is_bad_input(home: object, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("AIRFLOW_CONN_STRIPE_DEFAULT", value)
    with pytest.raises(BadInputError) as refused:
        get_connection("stripe_default")
    assert "AIRFLOW_CONN_STRIPE_DEFAULT" in str(refused.value)
    assert "marked" not in str(refused.value)


def test_a_connection_without_a_secret_says_so() -> None:
    with pytest.raises(BadInputError, match="stripe_default has no password"):
        SourceConnection("stripe_default", URL).secret()


def told_of(conn_id: str, password: str) -> str:
    """What a source says of a password, in one line that does not have it."""
    clients = {"salesforce": Salesforce, "hubspot": HubSpot, "stripe": Stripe, "events": Collector}
    with pytest.raises(BadInputError) as refused:
        clients[conn_id.removesuffix("_default")](SourceConnection(conn_id, URL, "id", password))
    assert "marked" not in str(refused.value) + repr(refused.value.__context__) + repr(refused.value.__cause__)
    assert conn_id in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("conn_id", ["salesforce_default", "hubspot_default", "stripe_default", "events_default"])
@pytest.mark.parametrize("odd", ["\n", "\r\n", "\t", "\0", "\x7f", "\u200b", "\u2028", "\ufeff", "\udce4"], ids=ascii)
def test_a_secret_with_what_came_along_when_it_was_copied_is_refused(conn_id: str, odd: str) -> None:
    for password in (f"marked{odd}", f"mar{odd}ked", f"{odd}marked"):
        assert "the password has a line break or another character that cannot be seen" in told_of(conn_id, password)


@pytest.mark.parametrize("conn_id", ["hubspot_default", "stripe_default", "events_default"])
@pytest.mark.parametrize("odd", ["ä", "\u2019", "Ω", "\U0001f511", " "], ids=ascii)
def test_what_no_header_holds_is_no_token(conn_id: str, odd: str) -> None:
    assert "the password is no token or key" in told_of(conn_id, f"marked{odd}")


def test_a_secret_of_a_form_may_have_letters_of_any_language() -> None:
    """Salesforce's consumer secret is sent in a form, which encodes it."""
    sent: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return httpx.Response(400, json={"error": "invalid_client"})

    connection = SourceConnection("salesforce_default", URL, "ïd", "sécret Ω", {"refresh_token": "mar\nked"})
    with Salesforce(replace(connection, extra={}), transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(PermanentError, match="invalid_client"):
            list(client.ids(load_catalog("salesforce").objects["Account"]))
        assert b"client_secret=s%C3%A9cret+%CE%A9" in sent[0]
    with (
        Salesforce(connection, transport=httpx.MockTransport(answer)) as client,
        pytest.raises(BadInputError, match="salesforce_default: the refresh_token of the extra") as refused,
    ):
        list(client.ids(load_catalog("salesforce").objects["Account"]))
    assert "ked" not in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [
        json.dumps({"host": URL, "password": "marked\n"}),
        json.dumps({"host": URL, "password": "s", "login": "marked\u0000"}),
        json.dumps({"host": URL, "password": "s", "extra": ["marked"]}),
        "https://:marked%0A@api.stripe.test",
        "https://:s@api.stripe.test?__extra__=marked",
    ],
)
def test_an_odd_connection_is_bad_input_and_shows_nothing(
    home: object, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_STRIPE_DEFAULT", value)
    with pytest.raises(BadInputError) as refused:
        get_connection("stripe_default")
    assert "stripe_default" in str(refused.value).lower()
    assert "marked" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_number_is_a_secret_and_a_database_has_one_too(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_STRIPE_DEFAULT", json.dumps({"host": URL, "password": 12345}))
    assert get_connection("stripe_default").bearer() == {"Authorization": "Bearer 12345"}
    monkeypatch.setenv("AIRFLOW_CONN_BANK_VAULT_DEFAULT", "postgres://vault:marked%0A@db.test/bank")
    with pytest.raises(BadInputError, match="bank_vault_default: the password has a line break") as refused:
        get_database_url("bank_vault_default")
    assert "marked" not in str(refused.value)


@pytest.mark.parametrize("host", ["https://api.str\x00ipe.test", "https://api.stripe.test:99999999", "https://[broken"])
def test_a_host_that_cannot_be_called_says_so(host: str) -> None:
    with pytest.raises(PermanentError, match="stripe: the connection's host is no URL that can be called"):
        Stripe(SourceConnection("stripe_default", host, None, "s"))


@pytest.mark.parametrize("given", ["many", "", -1, 1.5])
def test_a_number_that_is_none_is_named_with_its_connection(given):
    connection = SourceConnection("salesforce_default", URL, "id", "s3cret", {"bulk_above": given})
    with pytest.raises(
        BadInputError, match="salesforce_default: bulk_above in the extra is no whole number"
    ) as refused:
        Salesforce(connection)
    assert "s3cret" not in str(refused.value)
