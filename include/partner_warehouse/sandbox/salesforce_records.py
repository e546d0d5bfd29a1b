"""The company as its Salesforce org holds it: sales accounts and partners, leads, opportunities, campaigns.

Every version of a record has a `SystemModstamp`; a version becomes visible at that instant, or minutes later where the
transaction was long (a defect that an overlap of the cursor answers).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from partner_warehouse.sandbox.calendar import HORIZON, salesforce_instant
from partner_warehouse.sandbox.chance import Chance
from partner_warehouse.sandbox.ids import Ids
from partner_warehouse.sandbox.model import Activity, Customer, Deal, Lead, Partner, World
from partner_warehouse.sandbox.profiles import Defects, every
from partner_warehouse.sandbox.timeline import Record, Timeline
from partner_warehouse.sandbox.vocabulary import DECIMALS, SALESFORCE_OBJECTS

Change = tuple[datetime, dict[str, Any]]


class SalesforceOrg:
    """Builds the org's timelines, one for each object."""

    def __init__(self, world: World, ids: Ids, seed: int, defects: Defects) -> None:
        self._world = world
        self._ids = ids
        self._seed = seed
        self._chance = Chance(seed, "salesforce")
        self._defects = defects
        self._owners = [ids.salesforce("User") for _ in range(_SALES_PEOPLE)]
        self.objects: dict[str, Timeline] = {name: Timeline() for name in SALESFORCE_OBJECTS}

    def build(self) -> dict[str, Timeline]:
        """All objects of the org."""
        for product in self._world.products:
            fields = {"Name": product.name, "Family": product.family, "ProductCode": product.code, "IsActive": True}
            self._track("Product2", product.salesforce_id, _FOUNDED, fields)
        for partner in self._world.partners:
            self._partner(partner)
        for customer in self._world.customers:
            if customer.salesforce_id:
                self._customer(customer)
        for lead in self._world.leads:
            self._lead(lead)
        campaign_of = self._campaigns()
        for deal in self._world.deals:
            if deal.salesforce_id:
                self._opportunity(deal, campaign_of.get(deal.number))
        self._duplicates()
        self._deletions()
        # Last and by a stream of its own: the records above do not depend on what is drawn here.
        self._chance = Chance(self._seed, "salesforce:activity")
        self._activity()
        return self.objects

    def _track(
        self,
        object_name: str,
        key: str,
        created_at: datetime,
        fields: dict[str, Any],
        changes: list[Change] | None = None,
    ) -> None:
        """Add a record and its later changes, each with the modification stamp that Salesforce keeps."""
        record: Record = {
            "Id": key,
            **fields,
            **({} if object_name == "User" else {"IsDeleted": False}),
            "CreatedDate": salesforce_instant(created_at),
            "SystemModstamp": salesforce_instant(created_at),
        }
        visible_at = self._visible(created_at)
        self.objects[object_name].put(key, visible_at, record)
        for changed_at, changed in sorted(changes or [], key=lambda change: change[0]):
            if changed_at >= HORIZON:
                break
            record = record | changed | {"SystemModstamp": salesforce_instant(changed_at)}
            visible_at = max(visible_at, self._visible(changed_at))
            self.objects[object_name].put(key, visible_at, record)

    def _visible(self, changed_at: datetime) -> datetime:
        late = self._chance.happens(self._defects.late_commits)
        return changed_at + timedelta(minutes=4) if late else changed_at

    def _change(self, object_name: str, key: str, changed_at: datetime, changed: dict[str, Any]) -> None:
        """Add a version after the newest one."""
        timeline = self.objects[object_name]
        changed_at = max(changed_at, timeline.last_change(key) + timedelta(minutes=1))
        record = timeline.latest(key) | changed | {"SystemModstamp": salesforce_instant(changed_at)}
        timeline.put(key, changed_at, record)

    def _partner(self, partner: Partner) -> None:
        fields = {
            "Name": partner.name,
            "Type": "Partner",
            "Industry": "Technology",
            "Website": f"https://www.{partner.domain}",
            "BillingCountryCode": partner.country,
            "CurrencyIsoCode": partner.currency,
            "Segment__c": None,
            "IsPartner": True,
            "Partner_Type__c": partner.kind,
            "Partner_Status__c": "active",
            "Signed_At__c": salesforce_instant(partner.signed_at),
            "Terminated_At__c": None,
            "Tax_Form_Received__c": partner.tax_form,
            "OwnerId": self._owners[partner.number % _SALES_PEOPLE],
            "MasterRecordId": None,
        }
        changes: list[Change] = []
        if partner.terminated_at:
            ended = {"Partner_Status__c": "terminated", "Terminated_At__c": salesforce_instant(partner.terminated_at)}
            changes.append((partner.terminated_at, ended))
        if partner.suspended_at:
            changes.append((partner.suspended_at, {"Partner_Status__c": "suspended"}))
        created_at = partner.signed_at - timedelta(days=10)
        self._track("Account", partner.account_id, created_at, fields, changes)
        if partner.number % _SALES_PEOPLE == _LEAVER and created_at < _HANDOVER:
            self._change("Account", partner.account_id, _HANDOVER, {"OwnerId": self._owners[0]})
        for enrolment in partner.enrolments:
            known_at = max(partner.signed_at, _midnight(enrolment.starts_on) - timedelta(days=5))
            enrolled: dict[str, Any] = {
                "Partner_Account__c": partner.account_id,
                "Programme__c": enrolment.programme,
                "Plan_Id__c": enrolment.plan_id,
                "Starts_On__c": enrolment.starts_on.isoformat(),
                "Ends_On__c": None,
            }
            later: list[Change] = []
            if enrolment.ends_on:
                later = [(_midnight(enrolment.ends_on) - timedelta(days=5), {"Ends_On__c": str(enrolment.ends_on)})]
            self._track("Partner_Enrolment__c", enrolment.id, known_at, enrolled, later)

    def _customer(self, customer: Customer) -> None:
        assert customer.salesforce_id is not None  # noqa: S101 - the caller's condition, for the type checker
        fields = {
            "Name": customer.name,
            "Type": "Customer",
            "Industry": customer.industry,
            "Website": f"https://www.{customer.domain}",
            "BillingCountryCode": customer.country,
            "CurrencyIsoCode": customer.currency,
            "Segment__c": customer.segment,
            "IsPartner": False,
            "Partner_Type__c": None,
            "Partner_Status__c": None,
            "Signed_At__c": None,
            "Terminated_At__c": None,
            "Tax_Form_Received__c": False,
            "OwnerId": self._owners[customer.number % _SALES_PEOPLE],
            "MasterRecordId": None,
        }
        renamed: list[Change] = []
        if customer.number % 40 == 3:
            renamed.append((customer.created_at + timedelta(days=60), {"Name": f"{customer.name} Group"}))
        self._track("Account", customer.salesforce_id, customer.created_at, fields, renamed)
        for contact in customer.contacts:
            if contact.salesforce_id:
                person = {
                    "AccountId": customer.salesforce_id,
                    "FirstName": contact.first_name,
                    "LastName": contact.last_name,
                    "Email": contact.email,
                    "MasterRecordId": None,
                }
                self._track("Contact", contact.salesforce_id, contact.created_at, person)

    def _lead(self, lead: Lead) -> None:
        fields = {
            "FirstName": lead.first_name,
            "LastName": lead.last_name,
            "Company": lead.company,
            "Email": lead.email,
            "Status": "Open - Not Contacted",
            "LeadSource": lead.source,
            "Partner_Account__c": lead.partner.account_id if lead.partner else None,
            "Qualified_At__c": None,
            "IsConverted": False,
            "ConvertedAccountId": None,
            "ConvertedContactId": None,
            "ConvertedOpportunityId": None,
            "MasterRecordId": None,
        }
        changes: list[Change] = []
        if lead.qualified_at:
            qualified = {"Status": "Qualified", "Qualified_At__c": salesforce_instant(lead.qualified_at)}
            changes.append((lead.qualified_at, qualified))
        elif lead.disqualified:
            changes.append((lead.created_at + timedelta(days=9), {"Status": "Closed - Not Converted"}))
        if lead.converted_at and lead.customer and lead.deal:
            converted = {
                "Status": "Closed - Converted",
                "IsConverted": True,
                "ConvertedAccountId": lead.customer.salesforce_id,
                "ConvertedContactId": lead.customer.contacts[0].salesforce_id,
                "ConvertedOpportunityId": lead.deal.salesforce_id,
            }
            changes.append((lead.converted_at, converted))
        self._track("Lead", lead.id, lead.created_at, fields, changes)

    def _campaigns(self) -> dict[int, str]:
        """Track the campaigns; returns which campaign a deal came from, by the deal's number."""
        first_of_contact: dict[int, Activity] = {}
        for campaign in self._world.campaigns:
            fields = {
                "Name": campaign.name,
                "Type": campaign.kind,
                "Partner_Account__c": campaign.partner.account_id if campaign.partner else None,
                "Starts_At__c": salesforce_instant(campaign.starts_at),
                "Ends_At__c": salesforce_instant(campaign.ends_at),
            }
            self._track("Campaign", campaign.id, campaign.starts_at - timedelta(days=12), fields)
            for part in campaign.participations:
                responded = part.state == "Responded"
                sent_at = campaign.starts_at if part.lead is None else max(campaign.starts_at, part.lead.created_at)
                member: dict[str, Any] = {
                    "CampaignId": campaign.id,
                    "ContactId": part.contact.salesforce_id if part.contact else None,
                    "LeadId": part.lead.id if part.lead else None,
                    "Status": "Sent",
                    "HasResponded": False,
                    "First_Responded_At__c": None,
                }
                answer = {
                    "Status": "Responded",
                    "HasResponded": True,
                    "First_Responded_At__c": salesforce_instant(part.occurred_at),
                }
                self._track(
                    "CampaignMember", part.id, sent_at, member, [(part.occurred_at, answer)] if responded else []
                )
                if responded and part.contact:
                    first_of_contact.setdefault(id(part.contact), campaign)
        found: dict[int, str] = {}
        for deal in self._world.deals:
            for contact in deal.customer.contacts:
                campaign_or_none = first_of_contact.get(id(contact))
                if campaign_or_none and campaign_or_none.starts_at < deal.created_at:
                    found[deal.number] = campaign_or_none.id
                    break
        return found

    def _opportunity(self, deal: Deal, campaign_id: str | None) -> None:
        assert deal.salesforce_id is not None  # noqa: S101 - the caller's condition, for the type checker
        decimals = DECIMALS[deal.currency]
        amount = deal.amount / 10**decimals
        expected = (deal.created_at + timedelta(days=45)).date()
        fields: dict[str, Any] = {
            "AccountId": deal.customer.salesforce_id,
            "Name": deal.name,
            "StageName": "Prospecting",
            "Amount": amount,
            "CurrencyIsoCode": deal.currency,
            "CampaignId": campaign_id,
            "Opportunity_At__c": None,
            "Closed_At__c": None,
            "CloseDate": expected.isoformat(),
            "IsClosed": False,
            "IsWon": False,
        }
        opened = {"StageName": "Qualification", "Opportunity_At__c": salesforce_instant(deal.opportunity_at)}
        closed = {
            "StageName": "Closed Won" if deal.won else "Closed Lost",
            "IsClosed": True,
            "IsWon": deal.won,
            "Closed_At__c": salesforce_instant(deal.closed_at),
            "CloseDate": deal.closed_at.date().isoformat(),
        }
        middle = deal.opportunity_at + (deal.closed_at - deal.opportunity_at) / 2
        changes: list[Change] = [
            (deal.opportunity_at, opened),
            (middle.replace(microsecond=0), {"StageName": "Negotiation"}),
            (deal.closed_at, closed),
        ]
        if not deal.won and self._chance.happens(self._defects.wrong_types):
            # An amount that is none: only where no money depends on it.
            changes.append((deal.closed_at + timedelta(hours=1), {"Amount": "n/a"}))
        self._track("Opportunity", deal.salesforce_id, deal.created_at, fields, changes)
        for part in deal.registrations:
            registered = {
                "Opportunity__c": deal.salesforce_id,
                "Partner_Account__c": part.partner.account_id,
                "Role__c": part.role,
                "Share__c": float(part.share),
                "Registered_At__c": salesforce_instant(part.registered_at),
                "Approved_At__c": None,
            }
            approvals: list[Change] = []
            if part.approved_at:
                approvals = [(part.approved_at, {"Approved_At__c": salesforce_instant(part.approved_at)})]
            self._track("Deal_Registration__c", part.id, part.registered_at, registered, approvals)

    def _activity(self) -> None:
        """Users, and what hangs on the opportunities: lines, contact roles, partner roles, tasks and meetings."""
        owners = self._owners
        for owner in owners:
            fields = {"AccountId": None, "ManagerId": owners[0] if owner != owners[0] else None}
            self._track("User", owner, _FOUNDED, fields | {"UserType": "Standard", "IsActive": True})
        for partner in self._world.partners:
            login: dict[str, Any] = {"AccountId": partner.account_id, "ManagerId": None, "UserType": "PowerPartner"}
            ended = [(partner.terminated_at, {"IsActive": False})] if partner.terminated_at else []
            key = self._ids.salesforce("User")
            self._track("User", key, partner.signed_at, login | {"IsActive": True}, ended)
        for deal in self._world.deals:
            if deal.salesforce_id:
                self._around(deal, owners[deal.number % len(owners)])

    def _around(self, deal: Deal, owner: str) -> None:
        """What hangs on one opportunity."""
        units = 10 ** DECIMALS[deal.currency]
        for product, amount in deal.items:
            line = {
                "OpportunityId": deal.salesforce_id,
                "Product2Id": product.salesforce_id,
                "Quantity": 1.0,
                "UnitPrice": amount / units,
                "TotalPrice": amount / units,
                "CurrencyIsoCode": deal.currency,
                "ServiceDate": None,
            }
            self._track("OpportunityLineItem", self._ids.salesforce("OpportunityLineItem"), deal.opportunity_at, line)
        known = [contact for contact in deal.customer.contacts if contact.salesforce_id]
        for place, contact in enumerate(known):
            since = max(deal.created_at, contact.created_at)
            role = {"OpportunityId": deal.salesforce_id, "ContactId": contact.salesforce_id, "IsPrimary": place == 0}
            role["Role"] = "Decision Maker" if place == 0 else "Influencer"
            self._track("OpportunityContactRole", self._ids.salesforce("OpportunityContactRole"), since, role)
        for place, part in enumerate(deal.registrations):
            role = {"AccountToId": part.partner.account_id, "OpportunityId": deal.salesforce_id}
            role |= {"Role": part.role.capitalize(), "IsPrimary": place == 0, "ReversePartnerId": None}
            key = self._ids.salesforce("OpportunityPartner")
            self._track("OpportunityPartner", key, part.registered_at, dict(role))
            role["AccountFromId"] = deal.customer.salesforce_id
            self._track("Partner", self._ids.salesforce("Partner"), part.registered_at, role)
        about = {
            "WhoId": known[0].salesforce_id if known else None,
            "WhatId": deal.salesforce_id,
            "AccountId": deal.customer.salesforce_id,
            "OwnerId": owner,
        }
        task: dict[str, Any] = {
            **about,
            "Status": "Not Started",
            "TaskSubtype": "Call",
            "ActivityDate": deal.opportunity_at.date().isoformat(),
            "IsClosed": False,
            "CompletedDateTime": None,
        }
        done = {"Status": "Completed", "IsClosed": True, "CompletedDateTime": salesforce_instant(deal.opportunity_at)}
        key = self._ids.salesforce("Task")
        self._track("Task", key, deal.created_at, task, [(deal.opportunity_at, done)])
        met_at = (deal.opportunity_at + (deal.closed_at - deal.opportunity_at) / 3).replace(
            minute=0, second=0, microsecond=0
        )
        met_at = max(met_at, deal.opportunity_at)
        meeting = {
            **about,
            "EventSubtype": "Event",
            "StartDateTime": salesforce_instant(met_at),
            "EndDateTime": salesforce_instant(met_at + timedelta(hours=1)),
        }
        self._track("Event", self._ids.salesforce("Event"), deal.opportunity_at, meeting)

    def _duplicates(self) -> None:
        """Accounts entered twice and merged a month later: the loser is deleted and names its master.

        A contact of the loser, and an open lead entered twice, go the same way.
        """
        owners = [customer for customer in self._world.customers if customer.salesforce_id]
        for customer in every(owners, 5, self._defects.merge_every):
            master = customer.salesforce_id
            if master is None or customer.created_at > HORIZON - timedelta(days=40):
                continue
            loser = self._ids.salesforce("Account")
            fields = _content(self.objects["Account"].latest(master)) | {"Name": f"{customer.name.upper()} INC."}
            merged_at = customer.created_at + timedelta(days=30)
            gone = {"IsDeleted": True, "MasterRecordId": master}
            self._track("Account", loser, customer.created_at + timedelta(hours=3), fields, [(merged_at, gone)])
            contact_id = customer.contacts[0].salesforce_id
            if contact_id:
                twin = self._ids.salesforce("Contact")
                person = _content(self.objects["Contact"].latest(contact_id)) | {"AccountId": loser}
                gone = {"IsDeleted": True, "MasterRecordId": contact_id}
                self._track("Contact", twin, customer.created_at + timedelta(hours=4), person, [(merged_at, gone)])
        open_leads = [lead for lead in self._world.leads if lead.customer is None]
        for lead in every(open_leads, 7, self._defects.merge_every * 20):
            twin = self._ids.salesforce("Lead")
            copied = _content(self.objects["Lead"].latest(lead.id)) | {"Status": "Open - Not Contacted"}
            gone = {"IsDeleted": True, "MasterRecordId": lead.id}
            self._track(
                "Lead",
                twin,
                lead.created_at + timedelta(hours=1),
                copied,
                [(lead.created_at + timedelta(days=3), gone)],
            )

    def _deletions(self) -> None:
        """Leads and lost opportunities that somebody deleted; nothing that money depends on."""
        open_leads = [lead for lead in self._world.leads if lead.customer is None]
        for lead in every(open_leads, 11, self._defects.delete_every):
            deleted_at = lead.created_at + timedelta(days=25)
            if deleted_at < HORIZON:
                self._change("Lead", lead.id, deleted_at, {"IsDeleted": True})
        lost = [deal for deal in self._world.deals if deal.salesforce_id and not deal.won and not deal.registrations]
        for deal in every(lost, 3, self._defects.delete_every // 10):
            if deal.salesforce_id and deal.closed_at + timedelta(days=5) < HORIZON:
                self._change("Opportunity", deal.salesforce_id, deal.closed_at + timedelta(days=5), {"IsDeleted": True})


_SALES_PEOPLE = 6
_LEAVER = 2
"""Who hands over the partners that it manages,"""
_HANDOVER = datetime.fromisoformat("2026-03-10T09:00:00+00:00")
"""on this day."""
_FOUNDED = datetime.fromisoformat("2020-01-15T09:00:00+00:00")


def _midnight(day: date) -> datetime:
    return datetime.fromisoformat(f"{day.isoformat()}T00:00:00+00:00")


def _content(record: Record) -> dict[str, Any]:
    """A record without what belongs to the record itself."""
    return {
        name: value
        for name, value in record.items()
        if name not in ("Id", "IsDeleted", "CreatedDate", "SystemModstamp")
    }
