"""The twenty KPIs a second time, in pandas, from what the sources delivered: no line or model shared with dbt.

Reads the landed Parquet of the sample company's five sources: its newest version of each record, its links between
systems, its money as Stripe counts it. What the commissions cost is computed beside it, in `landed_commissions`.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

DAY = timedelta(days=1)
FX_DAYS = 5
"""A rate is good for its day and four days after."""
SEEDS = Path(__file__).parents[2] / "dbt_project" / "seeds"
STEPS = ("welcome_call", "overview", "training", "resources", "first_project")
"""Steps of an onboarding."""
Series = dict[date, float | None]
Event = tuple[Any, int, str, str, Decimal, Decimal, str]
"""What happened to an invoice: instant, rank of the kind, id, kind, amount, credit used, payment."""


def seed(name: str) -> list[dict[str, str]]:
    """The rows of a seed file."""
    with (SEEDS / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def month_of(day: date) -> date:
    return day.replace(day=1)


def month_after(month: date, months: int = 1) -> date:
    years, index = divmod(month.year * 12 + month.month - 1 + months, 12)
    return date(years, index + 1, 1)


def ratio(numerator: float, denominator: float, scale: float = 1) -> float | None:
    """Null where there is nothing to divide by."""
    return scale * numerator / denominator if denominator else None


def growth(levels: Series) -> Series:
    """Per cent from the month before; from nothing, or from a month of net refunds, it is not a number."""
    grown: Series = {}
    for month, level in levels.items():
        before = levels.get(month_after(month, -1))
        known = before is not None and before > 0 and level is not None
        grown[month] = 100 * (level - before) / before if known else None  # type: ignore[operator]
    return grown


class Landed:
    """The landed records of one home, as pandas tables.

    Args:
        home: The directory that holds `landing/`.
        as_of: The instant that the warehouse was built for; what happened later is not known.
    """

    def __init__(self, home: Path, as_of: datetime) -> None:
        self.home = home
        self.as_of = pd.Timestamp(as_of)
        self.rate_of = self._rates()

    def read(self, source: str, name: str, key: str, version: str | None = None) -> pd.DataFrame:
        """The newest version of each record that is not deleted."""
        files = sorted((self.home / "landing" / source / name).glob("*/data.parquet"))
        tables = [pq.read_table(file).to_pandas() for file in files]
        filled = [table for table in tables if len(table)]
        records = pd.concat(filled, ignore_index=True) if filled else tables[0]
        order = [*([version] if version else []), "_loaded_at", "_load_id"]
        records = records.sort_values(order, kind="stable", na_position="first").drop_duplicates(key, keep="last")
        for flag in ("IsDeleted", "archived", "is_deleted"):
            if flag in records:
                records = records[~records[flag].fillna(False).astype(bool)]
        return records.reset_index(drop=True)

    def versions(self, source: str, name: str) -> pd.DataFrame:
        """Every landed version, deleted ones too."""
        files = sorted((self.home / "landing" / source / name).glob("*/data.parquet"))
        return pd.concat([pq.read_table(file).to_pandas() for file in files], ignore_index=True)

    def known(self, instant: Any) -> bool:
        """Whether something had happened by `as_of`."""
        return not pd.isna(instant) and instant <= self.as_of

    # Who is who

    @cached_property
    def account_master(self) -> dict[str, str]:
        """A merged account's or contact's id of Salesforce to the one that is left."""
        found: dict[str, str] = {}
        for name in ("Account", "Contact"):
            for record in self.versions("salesforce", name).itertuples():
                if isinstance(record.MasterRecordId, str) and record.MasterRecordId:
                    found[record.Id] = record.MasterRecordId
        return found

    @cached_property
    def hubspot_master(self) -> dict[str, str]:
        """A merged company's or contact's id of HubSpot to the one that is left."""
        found: dict[str, str] = {}
        for name in ("companies", "contacts"):
            for record in self.versions("hubspot", name).itertuples():
                for loser in str(record.hs_merged_object_ids or "").split(";"):
                    if loser.strip().isdigit():
                        found[name + loser.strip()] = record.id
        return found

    def salesforce_id(self, reference: Any) -> str | None:
        if not isinstance(reference, str) or not reference:
            return None
        while reference in self.account_master:
            reference = self.account_master[reference]
        return str(reference)

    def hubspot_id(self, name: str, reference: Any) -> str | None:
        if not isinstance(reference, str) or not reference:
            return None
        while name + reference in self.hubspot_master:
            reference = self.hubspot_master[name + reference]
        return str(reference)

    @cached_property
    def accounts(self) -> pd.DataFrame:
        return self.read("salesforce", "Account", "Id", "SystemModstamp").set_index("Id")

    @cached_property
    def partners(self) -> pd.DataFrame:
        return self.accounts[self.accounts["IsPartner"].fillna(False).astype(bool)]

    @cached_property
    def account_domains(self) -> dict[str, str]:
        """A website's domain to the one account that has it."""
        found: dict[str, list[str]] = defaultdict(list)
        for account, record in self.accounts[~self.accounts.index.isin(self.partners.index)].iterrows():
            if isinstance(record["Website"], str):
                bare = record["Website"].lower().strip().split("://")[-1].removeprefix("www.")
                found[bare.split("/")[0]].append(str(account))
        public = {row["domain"] for row in seed("free_mail_domains")}
        return {domain: ids[0] for domain, ids in found.items() if len(ids) == 1 and domain not in public}

    @cached_property
    def companies(self) -> pd.DataFrame:
        """HubSpot's companies, with `customer`: the account's id where it is one of Salesforce, else its own."""
        companies = self.read("hubspot", "companies", "id", "hs_lastmodifieddate")
        companies = companies[[self.hubspot_id("companies", key) == key for key in companies["id"]]].copy()

        def customer(record: Any) -> str:
            account = self.salesforce_id(record.salesforceaccountid)
            if account in self.accounts.index:
                return str(account)
            return self.account_domains.get(str(record.domain).lower(), "hs_" + record.id)

        companies["customer"] = [customer(record) for record in companies.itertuples()]
        return companies.set_index("id")

    @cached_property
    def company_domains(self) -> dict[str, str]:
        found: dict[str, set[str]] = defaultdict(set)
        for record in self.companies.itertuples():
            if isinstance(record.domain, str):
                found[record.domain.lower()].add(record.customer)
        public = {row["domain"] for row in seed("free_mail_domains")}
        return {domain: next(iter(ids)) for domain, ids in found.items() if len(ids) == 1 and domain not in public}

    @cached_property
    def payer(self) -> dict[str, str]:
        """Stripe's customer to the customer that it is: a link, else the domain of its address, else itself."""
        found = {}
        for record in self.read("stripe", "customer", "id").itertuples():
            account = self.salesforce_id(record.salesforce_account_id)
            company = self.hubspot_id("companies", record.hubspot_company_id)
            domain = str(record.email or "").lower().rsplit("@", 1)[-1]
            if account in self.accounts.index:
                found[record.id] = str(account)
            elif company in self.companies.index:
                found[record.id] = str(self.companies.loc[company, "customer"])
            else:
                found[record.id] = self.account_domains.get(domain) or self.company_domains.get(domain) or record.id
        return found

    def market_of(self, customer: str) -> list[str]:
        """The country and the segment of a customer, the sales CRM's word before marketing's."""
        places: dict[str, str] = {}
        for record in self.companies[self.companies["customer"] == customer].itertuples():
            places.setdefault("country", record.country)
            places.setdefault("segment", record.segment)
        if customer in self.accounts.index:
            account = self.accounts.loc[customer]
            for name, value in (("country", account["BillingCountryCode"]), ("segment", account["Segment__c"])):
                if isinstance(value, str) and value:
                    places[name] = value
        return [f"{name}:{value}" for name, value in places.items() if isinstance(value, str) and value]

    @cached_property
    def contacts(self) -> dict[str, tuple[str, str | None]]:
        """A contact's id in Salesforce or HubSpot to the person that it is, and to the person's customer."""
        salesforce = self.read("salesforce", "Contact", "Id", "SystemModstamp")
        people: dict[str, tuple[str, str | None]] = {}
        addresses: dict[str, list[str]] = defaultdict(list)
        for record in salesforce.itertuples():
            account = self.salesforce_id(record.AccountId)
            people[record.Id] = (record.Id, account if account in self.accounts.index else None)
            if isinstance(record.Email, str):
                addresses[record.Email.strip().lower()].append(record.Id)
        for loser in self.account_master:
            master = self.salesforce_id(loser)
            if master in people:
                people.setdefault(loser, people[master])
        employer = {}
        for link in self.read("hubspot", "contacts_to_companies", "key").itertuples():
            employer[link.from_id] = self.hubspot_id("companies", link.to_id)
        for record in self.read("hubspot", "contacts", "id", "lastmodifieddate").itertuples():
            if self.hubspot_id("contacts", record.id) != record.id:
                continue
            known = addresses.get(str(record.email or "").strip().lower(), [])
            company = employer.get(record.id)
            linked = people.get(str(record.salesforcecontactid))
            if linked is None and len(known) == 1:
                linked = people[known[0]]
            customer = str(self.companies.loc[company, "customer"]) if company in self.companies.index else None
            people[record.id] = linked or ("hs_" + record.id, customer)
        for key in self.hubspot_master:
            if key.startswith("contacts"):
                loser = key.removeprefix("contacts")
                master = self.hubspot_id("contacts", loser)
                if master in people:
                    people.setdefault(loser, people[master])
        return people

    # Money

    def _rates(self) -> Mapping[tuple[str, date], float]:
        quotes = self.read("files", "fx_rates", "fx_rate_id", "updated_at")
        quotes = quotes[quotes["to_currency"] == "USD"].sort_values(["rate_date", "_load_id"], kind="stable")
        found = {}
        # Written in the order of their days, a newer quote takes over from an older one.
        for quote in quotes.itertuples():
            for later in range(FX_DAYS):
                found[quote.from_currency, quote.rate_date + later * DAY] = float(quote.rate)
        return found

    def dollars(self, amount: Any, currency: str, day: date) -> float | None:
        """An amount at the rate of its day, or None where that day has none."""
        if currency.upper() == "USD":
            return float(amount)
        rate = self.rate_of.get((currency.upper(), day))
        return None if rate is None else float(amount) * rate

    @cached_property
    def units(self) -> dict[str, tuple[int, int]]:
        """Decimals of a currency: its own, and the ones that Stripe counts in."""
        return {row["currency"]: (int(row["minor_unit"]), int(row["stripe_minor_unit"])) for row in seed("currencies")}

    def stripe_money(self, amount: Any, currency: str) -> Decimal:
        return Decimal(int(amount)).scaleb(-self.units[currency.upper()][1])

    @cached_property
    def movements(self) -> pd.DataFrame:
        """Each movement of money: its day, invoice, customer, and what it brought, net of tax."""
        rows = [
            row
            for invoice in self.invoices.itertuples()
            for row in self._settle(invoice, sorted(self.money_events.get(invoice.id, []), key=lambda event: event[:3]))
        ]
        table = pd.DataFrame(rows)
        table["month"] = [month_of(day) for day in table["day"]]
        table["usd"] = [
            self.dollars(net, currency, day)
            for net, currency, day in zip(table["net"], table["currency"], table["day"], strict=True)
        ]
        paid = table[table["net"] > 0].sort_values(["at", "key"]).drop_duplicates("customer")
        table["is_first"] = table["key"].isin(paid["key"])
        return table

    @cached_property
    def invoices(self) -> pd.DataFrame:
        """What was billed: neither drafts nor void ones."""
        invoices = self.read("stripe", "invoice", "id")
        return invoices[~invoices["status"].isin(["draft", "void", "deleted"])]

    @cached_property
    def money_events(self) -> dict[str, list[Event]]:
        """What happened to each invoice, in any order."""
        invoices = self.invoices
        events: dict[str, list[Event]] = defaultdict(list)
        credit = {}
        for invoice in invoices.itertuples():
            start = int(invoice.starting_balance or 0) if not pd.isna(invoice.starting_balance) else 0
            end = int(invoice.ending_balance) if not pd.isna(invoice.ending_balance) else start
            used = max(min(end - start, int(invoice.total)), 0) if start < 0 else 0
            credit[invoice.id] = self.stripe_money(used, invoice.currency)
        payments = self.read("stripe", "invoice_payment", "id")
        payments = payments[payments["status"] == "paid"].copy()
        payments["at"] = payments["paid_at"].fillna(payments["created"])
        by_reference: dict[str, tuple[str, str]] = {}
        seen: set[str] = set()
        for payment in payments.sort_values(["at", "id"]).itertuples():
            if payment.invoice not in credit:
                continue
            by_reference[str(payment.payment_intent)] = (payment.id, payment.invoice)
            first = payment.invoice not in seen
            seen.add(payment.invoice)
            used_credit = credit[payment.invoice] if first else Decimal(0)
            amount = self.stripe_money(payment.amount_paid, payment.currency) + used_credit
            if self.known(payment.at):
                events[payment.invoice].append((payment.at, 1, payment.id, "payment", amount, used_credit, payment.id))
        for invoice in invoices.itertuples():
            used_credit = credit[invoice.id]
            if invoice.status == "paid" and invoice.id not in seen and used_credit and not invoice.amount_paid:
                at = invoice.paid_at if not pd.isna(invoice.paid_at) else invoice.finalized_at
                key = "credit_" + invoice.id
                events[invoice.id].append((at, 1, key, "payment", used_credit, used_credit, key))
        charges = {c.id: str(c.payment_intent) for c in self.read("stripe", "charge", "id").itertuples()}

        def paid_by(record: Any) -> tuple[str, str] | None:
            return by_reference.get(str(record.payment_intent)) or by_reference.get(charges.get(record.charge, ""))

        for refund in self.read("stripe", "refund", "id").itertuples():
            found = paid_by(refund)
            if found and refund.status == "succeeded" and self.known(refund.created):
                amount = self.stripe_money(refund.amount, refund.currency)
                events[found[1]].append((refund.created, 3, refund.id, "refund", -amount, Decimal(0), found[0]))
        for dispute in self.read("stripe", "dispute", "id").itertuples():
            found = paid_by(dispute)
            at = dispute.closed_at if not pd.isna(dispute.closed_at) else dispute.created
            if found and dispute.status == "lost" and self.known(at):
                amount = self.stripe_money(dispute.amount, dispute.currency)
                events[found[1]].append((at, 4, dispute.id, "dispute_lost", -amount, Decimal(0), found[0]))
        notes = self.read("stripe", "credit_note", "id")
        raw = dict(zip(notes["id"], notes["_raw"], strict=True))
        for note in notes.itertuples():
            refunds = json.loads(raw[note.id]).get("refunds") or []
            given = sum(int(part["amount_refunded"]) for part in refunds)
            amount = self.stripe_money(int(note.amount) - given, note.currency)
            if note.status == "issued" and amount and note.invoice in credit and self.known(note.created):
                events[note.invoice].append((note.created, 2, note.id, "credit_note", -amount, Decimal(0), ""))
        return events

    def lines_of(self, invoice: Any) -> list[tuple[str, Decimal]]:
        """Product and net amount of each line; the tax stands last, without a product."""
        lines = json.loads(invoice.lines)["data"]
        found = []
        for line in lines:
            discount = sum(int(part["amount"]) for part in line.get("discount_amounts") or [])
            product = line["pricing"]["price_details"]["product"]
            found.append((product, self.stripe_money(int(line["amount"]) - discount, invoice.currency)))
        taxes = sum(int(tax["amount"]) for line in lines for tax in line.get("taxes") or [])
        taxes = taxes or sum(int(tax["amount"]) for tax in json.loads(invoice.total_taxes or "[]"))
        return [*found, ("", self.stripe_money(taxes, invoice.currency))]

    def _settle(self, invoice: Any, events: list[Event]) -> list[dict[str, Any]]:
        """What is collected after each event: the cash that is still here, up to what is owed in cash."""
        amounts = [amount for _, amount in self.lines_of(invoice)]
        net, gross = sum(amounts[:-1], Decimal(0)), sum(amounts, Decimal(0))
        step = Decimal(1).scaleb(-self.units[invoice.currency.upper()][0])
        cash = noted = credit = Decimal(0)
        left: dict[str, list[Decimal]] = {}
        before = Decimal(0)
        rows = []
        for at, _, key, kind, amount, used_credit, payment in events:
            if kind == "payment":
                left[payment] = [amount - used_credit, used_credit]
                cash, credit = cash + amount - used_credit, credit + used_credit
            elif kind == "credit_note":
                noted -= amount
            else:  # gives back the payment's cash first, then what was paid from credit
                from_cash = min(-amount, left[payment][0])
                from_credit = min(-amount - from_cash, left[payment][1])
                left[payment] = [left[payment][0] - from_cash, left[payment][1] - from_credit]
                cash, credit = cash - from_cash, credit - from_credit
            collected = max(min(cash, max(gross - noted - credit, Decimal(0))), Decimal(0))
            so_far = (collected * net / gross).quantize(step, ROUND_HALF_UP) if gross else collected
            rows.append(
                {
                    "key": f"{kind}:{key}",
                    "at": at,
                    "day": at.date(),
                    "kind": kind,
                    "invoice": invoice.id,
                    "deal": invoice.deal_id,
                    "customer": self.payer[invoice.customer],
                    "issued": invoice.finalized_at,
                    "currency": invoice.currency,
                    "net": so_far - before,
                }
            )
            before = so_far
        return rows

    # Whose it is

    @cached_property
    def deals(self) -> pd.DataFrame:
        """Won or not: id, customer, closed, is_won, amount, currency."""
        rows = []
        for deal in self.read("salesforce", "Opportunity", "Id", "SystemModstamp").itertuples():
            closed = deal.Closed_At__c if not pd.isna(deal.Closed_At__c) else pd.Timestamp(deal.CloseDate, tz="UTC")
            won = bool(deal.IsWon) and self.known(closed)
            sum_of = (deal.Amount, deal.CurrencyIsoCode or "USD")
            rows.append((deal.Id, self.salesforce_id(deal.AccountId), closed, won, *sum_of))
        company = {x.from_id: x.to_id for x in self.read("hubspot", "deals_to_companies", "key").itertuples()}
        for deal in self.read("hubspot", "deals", "id", "hs_lastmodifieddate").itertuples():
            won = deal.hs_is_closed_won is True and self.known(deal.closedate)
            key = self.hubspot_id("companies", company.get(deal.id))
            customer = str(self.companies.loc[key, "customer"]) if key in self.companies.index else None
            rows.append((deal.id, customer, deal.closedate, won, deal.amount, deal.deal_currency_code or "USD"))
        return pd.DataFrame(rows, columns=["deal", "customer", "closed", "is_won", "amount", "currency"])

    @cached_property
    def registrations(self) -> pd.DataFrame:
        """A partner's part in a deal: deal, partner, role, share, registered."""
        rows = []
        for record in self.read("salesforce", "Deal_Registration__c", "Id", "SystemModstamp").itertuples():
            if pd.isna(record.Registered_At__c) or record.Registered_At__c <= self.as_of:
                partner = self.salesforce_id(record.Partner_Account__c)
                share = None if pd.isna(record.Share__c) else float(record.Share__c)
                rows.append((record.Opportunity__c, partner, record.Role__c, share, record.Registered_At__c))
        for deal in self.read("hubspot", "deals", "id", "hs_lastmodifieddate").itertuples():
            if isinstance(deal.partner_account_id, str) and deal.partner_account_id:
                partner = self.salesforce_id(deal.partner_account_id)
                rows.append((deal.id, partner, deal.partner_role or "sourced", None, None))
        table = pd.DataFrame(rows, columns=["deal", "partner", "role", "share", "registered"])
        table["role"] = table["role"].fillna("sourced").str.lower()
        for _, parts in table.groupby("deal"):
            missing = parts[parts["share"].isna()]
            sourced = missing[missing["role"] == "sourced"]
            rest = max(1 - parts["share"].sum(), 0)
            table.loc[missing.index, "share"] = 0.0
            if len(sourced):
                table.loc[sourced.index, "share"] = rest / len(sourced)
        return table[table["share"] > 0] if len(table) else table

    @cached_property
    def leads(self) -> pd.DataFrame:
        """Lead, partner, day, customer, is_qualified, is_converted."""
        addresses: dict[str, set[str]] = defaultdict(set)
        for source, name, key, mail, version in (
            ("salesforce", "Contact", "Id", "Email", "SystemModstamp"),
            ("hubspot", "contacts", "id", "email", "lastmodifieddate"),
        ):
            for record in self.read(source, name, key, version).to_dict("records"):
                if isinstance(record[mail], str) and record[key] in self.contacts:
                    addresses[record[mail].strip().lower()].add(self.contacts[record[key]][0])
        customers = dict(self.contacts.values())
        wins = self.deals[self.deals["is_won"]].groupby("customer")["closed"].max().to_dict()
        rows = []
        for lead in self.read("salesforce", "Lead", "Id", "SystemModstamp").itertuples():
            if not self.known(lead.CreatedDate):
                continue
            found = addresses.get(str(lead.Email or "").strip().lower(), set())
            contact = self.contacts.get(str(lead.ConvertedContactId), (None, None))[0]
            if contact is None and len(found) == 1:
                contact = next(iter(found))
            customer = self.salesforce_id(lead.ConvertedAccountId) or customers.get(str(contact))
            won = wins.get(customer)
            converted = str(lead.Status).lower() == "converted" or (won is not None and won >= lead.CreatedDate)
            rows.append(
                {
                    "lead": lead.Id,
                    "partner": self.salesforce_id(lead.Partner_Account__c),
                    "at": lead.CreatedDate,
                    "day": lead.CreatedDate.date(),
                    "month": month_of(lead.CreatedDate.date()),
                    "customer": customer,
                    "is_qualified": converted or self.known(lead.Qualified_At__c),
                    "is_converted": converted,
                }
            )
        return pd.DataFrame(rows)

    @cached_property
    def deal_parts(self) -> dict[str, pd.DataFrame]:
        """The partners of a deal: partner, role, share."""
        bound = self.registrations.groupby(["deal", "partner", "role"])["share"].sum().reset_index()
        return dict(iter(bound.groupby("deal")))

    @cached_property
    def deals_by_id(self) -> pd.DataFrame:
        return self.deals.set_index("deal")

    @cached_property
    def first_leads(self) -> dict[str, pd.DataFrame]:
        """The leads of a customer that a partner brought, the first one first."""
        leads = self.leads.dropna(subset=["partner", "customer"]).sort_values(["at", "lead"])
        return dict(iter(leads.groupby("customer", sort=False)))

    def known_deal(self, reference: Any) -> str | None:
        """The deal that an invoice names, where there is one."""
        return reference if isinstance(reference, str) and reference in self.deals_by_id.index else None

    def ordered_at(self, reference: Any, issued: Any) -> Any:
        """When what is billed was ordered: the close of the deal that it names, else when it was billed."""
        deal = self.known_deal(reference)
        return self.deals_by_id.loc[deal, "closed"] if deal and self.deals_by_id.loc[deal, "is_won"] else issued

    def bound(self, reference: Any, customer: str, ordered: Any) -> pd.DataFrame | None:
        """Whose an order is: the deal's partners, else who brought the customer first, else its first won deal's."""
        deal = self.known_deal(reference)
        if deal in self.deal_parts:
            return self.deal_parts[deal]
        for lead in self.first_leads.get(customer, self.leads[:0]).itertuples():
            if lead.at <= ordered:
                return pd.DataFrame([{"partner": lead.partner, "role": "sourced", "share": 1.0}])
        if deal is not None:
            return None
        won = self.deals[
            (self.deals["customer"] == customer) & self.deals["is_won"] & (self.deals["closed"] <= ordered)
        ]
        ids = won.sort_values(["closed", "deal"])["deal"]
        return next((self.deal_parts[key] for key in ids if key in self.deal_parts), None)

    @cached_property
    def revenue(self) -> pd.DataFrame:
        """A partner's part of a movement: key, partner, influence, day, usd, is_first, customer."""
        rows = []
        for move in self.movements.itertuples():
            parts = self.bound(move.deal, move.customer, self.ordered_at(move.deal, move.issued))
            if parts is None:
                continue
            total = {role: shares.sum() for role, shares in parts.groupby("role")["share"]}
            # More than the whole is an error of the record: nobody knows whose the payment is.
            if total.get("sourced", 0.0) > 1.0005:
                continue
            sourced = min(total.get("sourced", 0.0), 1.0)
            for part in parts.itertuples():
                if part.role not in ("sourced", "influenced"):
                    continue
                share = part.share / total[part.role] if abs(total[part.role] - 1) <= 0.0005 else part.share
                if part.role == "influenced" and sourced + total["influenced"] > 1:
                    share = part.share * (1 - sourced) / total["influenced"]
                rows.append(
                    {
                        "key": move.key,
                        "partner": part.partner,
                        "day": move.day,
                        "month": move.month,
                        "influence": "direct" if part.role == "sourced" else "indirect",
                        "net": float(move.net),
                        "usd": None if move.usd is None else move.usd * share,
                        "is_first": move.is_first,
                        "customer": move.customer,
                    }
                )
        table = pd.DataFrame(rows)
        return table[table["net"] != 0]

    @cached_property
    def visits(self) -> pd.DataFrame:
        """Who came through a partner: partner, visitor, day. A device is the person last identified on it."""
        events = self.versions("events", "events")
        events = events.sort_values(["receivedAt", "_loaded_at"], kind="stable").drop_duplicates("messageId")
        events = events[events["timestamp"] <= self.as_of]
        turns: dict[str, list[tuple[Any, str]]] = defaultdict(list)
        said = events[(events["type"] == "identify") & events["anonymousId"].notna() & events["userId"].notna()]
        for event in said.sort_values(["timestamp", "messageId"]).itertuples():
            if event.userId in self.contacts:
                turns[event.anonymousId].append((event.timestamp, self.contacts[event.userId][0]))
        rows = []
        for event in events[events["type"].isin(["track", "page", "screen"])].itertuples():
            partner = self.salesforce_id(event.partner_id)
            if partner is None:
                continue
            owners = turns.get(event.anonymousId, []) if isinstance(event.anonymousId, str) else []
            person = self.contacts.get(str(event.userId), (None, None))[0]
            if person is None and owners:
                person = next((who for at, who in reversed(owners) if at <= event.timestamp), owners[0][1])
            day = event.timestamp.date()
            rows.append((partner, person or f"anonymous:{event.anonymousId}", day, month_of(day)))
        return pd.DataFrame(rows, columns=["partner", "visitor", "day", "month"])


class Kpis:
    """The twenty KPIs of each month, of the whole company.

    Args:
        landed: The landed records.
        months: The months that are asked for, in their order.
        commissions: (day, amount in USD) of what the partners earned.
    """

    def __init__(self, landed: Landed, months: list[date], commissions: list[tuple[date, float]]) -> None:
        self.landed = landed
        self.months = months
        self.commissions = commissions
        self.partner_leads = landed.leads.dropna(subset=["partner"])

    def end(self, month: date) -> date:
        """The day after the last one of the month that is known."""
        return min(month_after(month), self.landed.as_of.date() + DAY)

    def per_month(self, values: pd.Series[Any]) -> Series:
        """A value per month, 0 in a month without."""
        found = values.to_dict()
        return {month: float(found.get(month, 0)) for month in self.months}

    def revenue_generated(self) -> Series:
        return self.per_month(self.landed.revenue.groupby("month")["usd"].sum())

    def revenue_by(self, column: str) -> dict[tuple[date, str], float]:
        """Revenue by month and partner, type or influence."""
        revenue = self.landed.revenue.copy()
        revenue["partner_type"] = revenue["partner"].map(self.landed.partners["Partner_Type__c"])
        return {key: float(value) for key, value in revenue.groupby(["month", column])["usd"].sum().items()}

    @cached_property
    def active(self) -> dict[str, set[date]]:
        """The days on which a partner gave a lead, registered a deal, brought a visit or revenue."""
        days: dict[str, set[date]] = defaultdict(set)
        paid = self.landed.revenue[self.landed.revenue["net"] > 0]
        for table in (self.partner_leads, paid, self.landed.visits):
            for partner, day in zip(table["partner"], table["day"], strict=True):
                days[partner].add(day)
        for record in self.landed.registrations.itertuples():
            if record.registered is not None and not pd.isna(record.registered):
                days[record.partner].add(record.registered.date())
        return days

    def active_at(self, end: date) -> set[str]:
        return {partner for partner, days in self.active.items() if any(end - 90 * DAY <= day < end for day in days)}

    def active_partners(self) -> Series:
        return {month: float(len(self.active_at(self.end(month)))) for month in self.months}

    def revenue_per_partner(self) -> Series:
        revenue, active = self.revenue_generated(), self.active_partners()
        return {month: ratio(revenue[month] or 0, active[month] or 0) for month in self.months}

    def revenue_growth(self) -> Series:
        return growth(self.revenue_generated())

    @cached_property
    def investment(self) -> dict[date, float]:
        spent: dict[date, float] = defaultdict(float)
        for cost in self.landed.read("files", "costs", "cost_id", "updated_at").itertuples():
            month = month_of(cost.month)
            ours = float(cost.amount) * (1 - (0 if pd.isna(cost.partner_share) else float(cost.partner_share)))
            spent[month] += self.landed.dollars(ours, cost.currency, month) or 0
        for day, amount in self.commissions:
            spent[month_of(day)] += amount
        return spent

    def partner_roi(self) -> Series:
        revenue = self.revenue_generated()
        return {
            month: ratio((revenue[month] or 0) - self.investment[month], self.investment[month], 100)
            for month in self.months
        }

    def revenue_attribution(self) -> Series:
        everything = self.per_month(self.landed.movements.groupby("month")["usd"].sum())
        revenue = self.revenue_generated()
        return {month: ratio(revenue[month] or 0, everything[month] or 0, 100) for month in self.months}

    def partner_growth(self) -> Series:
        return growth(self.active_partners())

    def partner_retention(self) -> Series:
        found: Series = {}
        for month in self.months:
            end = self.end(month)
            before = self.active_at(end.replace(year=end.year - 1))
            found[month] = ratio(len(before & self.active_at(end)), len(before), 100)
        return found

    def _scores(self, name: str, score: str, instant: str, version: str) -> pd.DataFrame:
        records = self.landed.read("hubspot", name, "id", version)
        records = records[records[score].notna() & records["partner_account_id"].notna()].copy()
        records["at"] = records[instant]
        records = records[records["at"] <= self.landed.as_of]
        records["month"] = [month_of(at.date()) for at in records["at"]]
        records["partner"] = [self.landed.salesforce_id(key) for key in records["partner_account_id"]]
        records["score"] = records[score].astype(float)
        return records

    @cached_property
    def surveys(self) -> pd.DataFrame:
        return self._scores("feedback_submissions", "hs_value", "hs_submission_timestamp", "hs_lastmodifieddate")

    def _means(self, records: pd.DataFrame) -> Series:
        means = records.groupby("month")["score"].mean().to_dict()
        return {month: means.get(month) for month in self.months}

    def partner_satisfaction(self) -> Series:
        return self._means(self.surveys)

    def support_satisfaction(self) -> Series:
        return self._means(self._scores("tickets", "satisfaction_score", "closed_date", "hs_lastmodifieddate"))

    def partnership_quality(self) -> Series:
        """The mean of the active partners' composites: marks of 0 to 10, weighted, without what has no data."""
        weights = {
            row["component"]: (float(row["weight"]), float(row["full_marks_at"])) for row in seed("quality_weights")
        }
        revenue = self.revenue_by("partner")
        leads = dict(iter(self.partner_leads.groupby(["month", "partner"])))
        scores = self.surveys.groupby(["month", "partner"])["score"].mean().to_dict()
        found: Series = {}
        for month in self.months:
            marks = []
            for partner in self.active_at(self.end(month)):
                now, before = revenue.get((month, partner), 0.0), revenue.get((month_after(month, -1), partner), 0.0)
                mine = leads.get((month, partner))
                parts = {
                    "revenue": now,
                    "lead_quality": None if mine is None else 100 * mine["is_qualified"].mean(),
                    "conversion": None if mine is None else 100 * mine["is_converted"].mean(),
                    "satisfaction": scores.get((month, partner)),
                    # The company's first month has none before it.
                    "growth": 100 * (now - before) / before if before > 0 and month != self.months[0] else None,
                }
                known = {name: value for name, value in parts.items() if value is not None}
                weight = sum(weights[name][0] for name in known)
                total = sum(
                    weights[name][0] * min(10.0, max(0.0, 10 * value / weights[name][1]))
                    for name, value in known.items()
                )
                marks.append(total / weight)
            found[month] = ratio(sum(marks), len(marks))
        return found

    def leads_generated(self) -> Series:
        return self.per_month(self.partner_leads.groupby("month")["lead"].nunique())

    def market_expansion(self) -> Series:
        first: dict[str, date] = {}
        for record in self.landed.revenue[self.landed.revenue["net"] > 0].sort_values("day").itertuples():
            for market in self.landed.market_of(record.customer):
                first.setdefault(market, record.day)
        found: Series = {}
        for month in self.months:
            end = self.end(month)
            found[month] = float(sum(end.replace(year=end.year - 1) <= day < end for day in first.values()))
        return found

    def brand_awareness(self) -> Series:
        return growth(self.per_month(self.landed.visits.groupby("month")["visitor"].nunique()))

    def customer_acquisition(self) -> Series:
        first = self.landed.revenue[self.landed.revenue["is_first"]]
        return self.per_month(first.groupby("month")["customer"].nunique())

    def market_share(self) -> Series:
        sizes: dict[date, float] = defaultdict(float)
        for size in self.landed.read("files", "market_sizes", "market_size_id", "updated_at").itertuples():
            month = month_of(size.month)
            sizes[month] += self.landed.dollars(size.amount, size.currency, month) or 0
        revenue = self.revenue_generated()
        return growth({month: ratio(revenue[month] or 0, sizes[month]) for month in self.months})

    def onboarding_time(self) -> Series:
        steps = self.landed.read("files", "onboarding_steps", "step_id", "updated_at").dropna(subset=["completed_at"])
        steps = steps[(steps["completed_at"] <= self.landed.as_of) & steps["step"].isin(STEPS)]
        days: dict[date, list[int]] = defaultdict(list)
        for partner, group in steps.groupby("partner_id"):
            key = self.landed.salesforce_id(partner)
            firsts = group.groupby("step")["completed_at"].min().sort_values()
            if len(firsts) == len(STEPS) and key in self.landed.partners.index:
                done, signed = firsts.iloc[-1].date(), self.landed.partners.loc[key, "Signed_At__c"].date()
                days[month_of(done)].append(max((done - signed).days, 0))
        return {month: ratio(sum(days[month]), len(days[month])) for month in self.months}

    def training_completion(self) -> Series:
        courses = self.landed.read("files", "training", "training_id", "updated_at")
        found: Series = {}
        for month in self.months:
            end = pd.Timestamp(self.end(month), tz="UTC")
            assigned = courses[courses["assigned_at"] < end]
            done = assigned[assigned["completed_at"] < min(end, self.landed.as_of)]
            found[month] = ratio(len(done), len(assigned), 100)
        return found

    def success_rate(self) -> Series:
        paid = self.landed.revenue[self.landed.revenue["net"] > 0]
        paid_days = paid.groupby("partner")["day"].agg(set).to_dict()
        found: Series = {}
        for month in self.months:
            judged = [
                (partner, signed.date())
                for partner, signed in self.landed.partners["Signed_At__c"].items()
                if not pd.isna(signed) and signed.date() + 180 * DAY < self.end(month)
            ]
            succeeded = [
                partner
                for partner, signed in judged
                if any(signed <= day <= signed + 180 * DAY for day in paid_days.get(partner, ()))
            ]
            found[month] = ratio(len(succeeded), len(judged), 100)
        return found

    def longevity(self) -> Series:
        found: Series = {}
        for month in self.months:
            end = self.end(month)
            signed = [
                self.landed.partners.loc[partner, "Signed_At__c"].date()
                for partner in self.active_at(end)
                if partner in self.landed.partners.index
            ]
            months = [(end - day).days * 12 / 365.25 for day in signed if day < end]
            found[month] = ratio(sum(months), len(months))
        return found
