"""The sample company's bank vault: accounts that belong to nobody, with check digits that are right.

They are computed from the partner's id, so a second run finds the same ones. One partner in twenty has none: a bank
file is made all the same, and `exceptions.csv` says who is missing.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import create_engine, insert
from stdnum import iban
from stdnum.us import rtn

from partner_warehouse.exports import vault
from partner_warehouse.exports.vault import ACH, ISO20022, SEPA
from partner_warehouse.settings import Settings

CONNECTION_VARIABLE = f"AIRFLOW_CONN_{vault.CONNECTION.upper()}"

_COMPANY = "Sample Software GmbH"
_WITHOUT_ACCOUNT = 20
"""One in so many."""

_EARNING = """
select distinct commission_lines.partner_id, commission_lines.currency, dim_partner.name, dim_partner.country
from finance.commission_lines
join partners.dim_partner using (partner_id)
order by all
"""


def path_of(home: Path) -> Path:
    """Where the vault lies, apart from all that the warehouse reads."""
    return home / "sandbox" / "bank_vault.sqlite"


def connection(home: Path) -> dict[str, str]:
    """The environment variable that makes it known to tasks and commands."""
    return {CONNECTION_VARIABLE: json.dumps({"conn_type": "sqlite", "host": str(path_of(home))})}


def fill(settings: Settings) -> int:
    """Make the vault anew, for every partner that has earned something in what is published.

    Returns:
        How many accounts it holds.
    """
    with duckdb.connect(str(settings.published_path), read_only=True) as published:
        earning = published.execute(_EARNING).fetchall()
    partners = [
        {"partner_id": partner_id} | _account(partner_id, currency, name or partner_id, country or "US")
        for partner_id, currency, name, country in earning
        if _number(f"has {partner_id}") % _WITHOUT_ACCOUNT
    ]
    currencies = sorted({currency for _, currency, _, _ in earning})
    company = [_account(_COMPANY, currency, _COMPANY, "DE") | _BANK for currency in currencies]
    target = path_of(settings.home)
    target.parent.mkdir(parents=True, exist_ok=True)
    candidate = target.with_suffix(".tmp")
    candidate.unlink(missing_ok=True)
    candidate.touch(mode=0o600)
    engine = create_engine(f"sqlite:///{candidate}")
    vault.metadata.create_all(engine)
    with engine.begin() as filled:
        for table, rows in ((vault.partner_bank_accounts, partners), (vault.company_bank_accounts, company)):
            if rows:
                filled.execute(insert(table), rows)
    engine.dispose()
    candidate.replace(target)
    return len(partners)


_BANK = {"bank_name": "Sandbox Bank", "company_id": "9000000001"}


def _account(owner: str, currency: str, holder: str, country: str) -> dict[str, Any]:
    """An account of a method that fits the currency. Every row has the same columns."""
    number = _number(f"{owner} {currency}")
    row: dict[str, Any] = {"currency": currency, "holder": holder, "country": country}
    row |= dict.fromkeys(("iban", "bic", "routing_number", "account_number"))
    row |= {"account_type": "checking", "holder_type": "business"}
    if currency == "USD":
        # No bank has a routing number that begins with a five.
        start = f"5{number % 10**7:07d}"
        return row | {
            "method": ACH,
            "routing_number": start + rtn.calc_check_digit(start),
            "account_number": f"{number % 10**10:010d}",
        }
    bank = f"{number % 10**18:018d}"
    german = f"DE{iban.calc_check_digits(f'DE00{bank}')}{bank}"
    return row | {"method": SEPA if currency == "EUR" else ISO20022, "iban": german, "bic": "SBNKDEFFXXX"}


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
