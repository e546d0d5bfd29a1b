"""A bank vault made by hand, behind its connection; its accounts belong to nobody, and their check digits are right."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert

from partner_warehouse.exports import vault

OWN_SEPA = {
    "currency": "EUR",
    "method": "sepa",
    "holder": "Müller & Söhne Software GmbH",
    "country": "DE",
    "iban": "DE89370400440532013000",
    "bic": "COBADEFFXXX",
}
OWN_ACH = {
    "currency": "USD",
    "method": "ach",
    "holder": "Mueller Software Inc",
    "bank_name": "First Sample Bank",
    "company_id": "1234567890",
    "routing_number": "011401533",
    "account_number": "000111222",
}
OWN_WIRE = {
    "currency": "JPY",
    "method": "iso20022",
    "holder": "Mueller KK",
    "country": "JP",
    "bic": "BOTKJPJT",
    "account_number": "7654321",
}
COMPANY = (OWN_SEPA, OWN_ACH, OWN_WIRE)


def sepa(partner_id: str, **others: Any) -> dict[str, Any]:
    """A partner's account in euros."""
    given = {"currency": "EUR", "method": "sepa", "holder": f"Holder {partner_id}", "country": "FR"}
    return given | {"partner_id": partner_id, "iban": "FR1420041010050500013M02606"} | others


def ach(partner_id: str, **others: Any) -> dict[str, Any]:
    """A partner's account in dollars."""
    given = {"currency": "USD", "method": "ach", "holder": f"Holder {partner_id}", "country": "US"}
    account = {"routing_number": "121000248", "account_number": "123456789", "account_type": "checking"}
    return given | account | {"partner_id": partner_id} | others


def wire(partner_id: str, **others: Any) -> dict[str, Any]:
    """A partner's account in yen, which has no IBAN."""
    given = {"currency": "JPY", "method": "iso20022", "holder": "株式会社サンプル", "country": "JP"}
    return given | {"bic": "SMBCJPJT", "account_number": "1234567", "partner_id": partner_id} | others


def fill(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    partners: Iterable[Mapping[str, Any]],
    company: Iterable[Mapping[str, Any]] = COMPANY,
) -> Path:
    """Make the vault anew with these accounts, and set its connection."""
    path.unlink(missing_ok=True)
    engine = create_engine(f"sqlite:///{path}")
    vault.metadata.create_all(engine)
    with engine.begin() as connection:
        for table, rows in ((vault.partner_bank_accounts, partners), (vault.company_bank_accounts, company)):
            for row in rows:
                connection.execute(insert(table), dict(row))
    engine.dispose()
    monkeypatch.setenv("AIRFLOW_CONN_BANK_VAULT_DEFAULT", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path
