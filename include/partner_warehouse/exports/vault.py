"""Bank details: read from the vault when bank files are made, checked, and never written anywhere else.

The vault is a database of its own (PostgreSQL or SQLite) behind the Airflow connection `bank_vault_default`, with the
tables `partner_bank_accounts` and `company_bank_accounts`. What is read stays in this process; a fault names a partner
and a field, never a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import stdnum.bic
import stdnum.iban
import stdnum.us.rtn
from sqlalchemy import URL, Column, MetaData, NullPool, PrimaryKeyConstraint, Table, Text, create_engine, select
from sqlalchemy.exc import SQLAlchemyError
from stdnum.exceptions import ValidationError

from partner_warehouse.errors import BadInputError
from partner_warehouse.exports.texts import bank_text
from partner_warehouse.extract.connections import get_database_url

CONNECTION = "bank_vault_default"

SEPA, ISO20022, ACH = "sepa", "iso20022", "ach"
METHODS = (SEPA, ISO20022, ACH)

metadata = MetaData()

_ACCOUNT = ("holder", "country", "iban", "bic", "routing_number", "account_number", "account_type", "holder_type")


def _texts(*names: str) -> list[Column[Any]]:
    return [Column(name, Text) for name in names]


partner_bank_accounts = Table(
    "partner_bank_accounts",
    metadata,
    *_texts("partner_id", "currency", "method", *_ACCOUNT),
    PrimaryKeyConstraint("partner_id", "currency"),
)
company_bank_accounts = Table(
    "company_bank_accounts",
    metadata,
    *_texts("currency", "method", "bank_name", "company_id", *_ACCOUNT),
    PrimaryKeyConstraint("currency", "method"),
)

REASONS = {
    "no_bank_details": "add the partner's account in this currency to the vault",
    "unknown_method": "the method is sepa, iso20022 or ach",
    "method_currency": "sepa pays euros and ach pays dollars: choose iso20022, or correct the currency",
    "invalid_holder": "give the account holder's name, with at least one letter or digit",
    "invalid_country": "the country is an ISO 3166 code of two letters",
    "invalid_iban": "the IBAN's length or check digits are wrong: ask its holder for it again",
    "invalid_bic": "the BIC is wrong or missing: eight or eleven characters; only sepa can do without",
    "invalid_routing_number": "the ABA routing number's checksum is wrong: ask its holder for it again",
    "invalid_account_number": "the account number is empty, too long, or has other characters than letters and digits",
    "invalid_account_type": "the account type is checking or savings, the holder type business or individual",
    "no_company_account": "add the company's own account for this method and currency to the vault",
    "amount_too_large": "the amount is larger than a bank takes in one payment of this method: pay it by hand",
    "paid_by_hand": "none: the period is booked as paid, this payout without a bank file",
}
"""Why a payout is in no bank file, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account that passed every check. Nothing of it shows in `repr`.

    Attributes:
        method: sepa, iso20022 or ach.
        holder: As the vault has it.
        country: ISO 3166, two letters; may be empty for ach.
        company_id: Of the company's own ach account: what NACHA calls the company identification.
        bank_name: Of the company's own account.
    """

    method: str = field(repr=False)
    holder: str = field(repr=False)
    country: str = field(default="", repr=False)
    iban: str = field(default="", repr=False)
    bic: str = field(default="", repr=False)
    routing_number: str = field(default="", repr=False)
    account_number: str = field(default="", repr=False)
    account_type: str = field(default="checking", repr=False)
    holder_type: str = field(default="business", repr=False)
    company_id: str = field(default="", repr=False)
    bank_name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Vault:
    """What was read: per partner and currency an account, or the reason why there is none to pay to.

    Attributes:
        partners: By (partner_id, currency).
        company: The company's own accounts, by (currency, method).
    """

    partners: Mapping[tuple[str, str], Account | str] = field(repr=False)
    company: Mapping[tuple[str, str], Account] = field(repr=False)

    def route(self, partner_id: str, currency: str) -> tuple[Account, Account] | str:
        """From which account to which: (the company's, the partner's), or why not, a key of `REASONS`."""
        found = self.partners.get((partner_id, currency), "no_bank_details")
        if isinstance(found, str):
            return found
        own = self.company.get((currency, found.method))
        return "no_company_account" if own is None else (own, found)


def is_configured() -> bool:
    """Whether this installation has a vault, and so makes bank files."""
    return get_database_url(CONNECTION) is not None


def read(wanted: Iterable[tuple[str, str]]) -> Vault | None:
    """Read the accounts that are needed, and check each.

    Args:
        wanted: Partner and currency of each payout.

    Returns:
        None where no vault is configured.

    Raises:
        BadInputError: The vault cannot be reached or lacks a table or column, or an account of the company is wrong.
    """
    address = get_database_url(CONNECTION)
    if address is None:
        return None
    needed = set(wanted)
    partner_rows, company_rows = _rows(address)
    partners = {
        key: checked(row, key[1])
        for row in partner_rows
        if (key := (str(row["partner_id"]), str(row["currency"]))) in needed
    }
    return Vault(partners, _company_accounts(company_rows))


def _rows(address: URL) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    try:
        # No pool, and no statement's parameters in an error: nothing of the vault outlives this call.
        engine = create_engine(address, poolclass=NullPool, hide_parameters=True)
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection = connection.execution_options(postgresql_readonly=True)
            read_tables = [
                [dict(row) for row in connection.execute(select(table)).mappings()]
                for table in (partner_bank_accounts, company_bank_accounts)
            ]
    except (SQLAlchemyError, ImportError) as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        raise BadInputError(
            f"the bank vault did not answer ({kind}): check the connection {CONNECTION}, and that it has the tables "
            "partner_bank_accounts and company_bank_accounts with the columns of docs/payouts.md"
        ) from None
    return read_tables[0], read_tables[1]


def _company_accounts(rows: list[dict[str, Any]]) -> dict[tuple[str, str], Account]:
    found: dict[tuple[str, str], Account] = {}
    for row in rows:
        key = (str(row["currency"]), str(row["method"] or "").strip().lower())
        account = checked(row, key[0])
        where = f"bank vault: company_bank_accounts, {key[0]} by {key[1]}"
        if isinstance(account, str):
            raise BadInputError(f"{where}: {REASONS[account]}")
        if account.method == ACH and not re.fullmatch(r"[A-Z0-9]{10}", account.company_id):
            raise BadInputError(f"{where}: company_id has ten digits or capital letters, as the bank gave it")
        found[key] = account
    return found


def checked(row: Mapping[str, Any], currency: str) -> Account | str:
    """An account of the vault if it can be paid to, else why not, a key of `REASONS`."""
    names = {attribute.name for attribute in fields(Account)}
    given = {name: str(row[name]).strip() for name in names if row.get(name) is not None}
    given = {name: value for name, value in given.items() if value}
    method = given["method"] = given.get("method", "").lower()
    given["holder"] = given.get("holder", "")
    if method not in METHODS:
        return "unknown_method"
    if (method == SEPA and currency != "EUR") or (method == ACH and currency != "USD"):
        return "method_currency"
    if not re.search(r"[A-Za-z0-9]", bank_text(given["holder"], 70)):
        return "invalid_holder"
    return _checked_ach(given) if method == ACH else _checked_iso(given)


def _checked_ach(given: dict[str, str]) -> Account | str:
    routing_number = given.get("routing_number", "")
    # Nine zeroes have a right checksum, and belong to no bank.
    if not stdnum.us.rtn.is_valid(routing_number) or len(routing_number) != 9 or routing_number == "0" * 9:
        return "invalid_routing_number"
    if not re.fullmatch(r"[A-Za-z0-9-]{1,17}", given.get("account_number", "")):
        return "invalid_account_number"
    for name, known in (("account_type", ("checking", "savings")), ("holder_type", ("business", "individual"))):
        given[name] = given.get(name, known[0]).lower()
        if given[name] not in known:
            return "invalid_account_type"
    return Account(**given)


def _checked_iso(given: dict[str, str]) -> Account | str:
    given["country"] = given.get("country", "").upper()
    if not re.fullmatch(r"[A-Z]{2}", given["country"]):
        return "invalid_country"
    bic = _compact(stdnum.bic.validate, given.get("bic", ""))
    if bic is None and (given.get("bic") or given["method"] != SEPA):
        return "invalid_bic"
    given["bic"] = bic or ""
    if given["method"] == SEPA or given.get("iban"):
        iban = _compact(stdnum.iban.validate, given.get("iban", ""))
        if iban is None:
            return "invalid_iban"
        given["iban"] = iban
    elif not re.fullmatch(r"[A-Za-z0-9/?:().,'+ -]{1,34}", given.get("account_number", "")):
        return "invalid_account_number"
    return Account(**given)


def _compact(validate: Any, number: str) -> str | None:
    """A number without spaces and in capitals, or None where it is not valid."""
    try:
        found: str = validate(number)
    except ValidationError:
        return None
    return found
