"""Connections are read as Airflow reads them, and keep their secrets to themselves."""

from __future__ import annotations

import json

import pytest

from partner_warehouse.errors import BadInputError
from partner_warehouse.extract.connections import SourceConnection, get_connection

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
