"""The company as its HubSpot portal holds it: marketing contacts, the self-service segment, support and surveys.

Every property is a string or null, as CRM v3 delivers it. Contacts carry `lastmodifieddate`, all other objects
`hs_lastmodifieddate`. Associations are pairs with the instant from which they are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from partner_warehouse.sandbox.calendar import HORIZON, iso_instant
from partner_warehouse.sandbox.chance import Chance
from partner_warehouse.sandbox.ids import Ids
from partner_warehouse.sandbox.model import Contact, Customer, Deal, World
from partner_warehouse.sandbox.profiles import Defects, every
from partner_warehouse.sandbox.timeline import Record, Timeline
from partner_warehouse.sandbox.vocabulary import DECIMALS, HUBSPOT_OBJECTS

Properties = dict[str, str | None]
Change = tuple[datetime, Properties]


@dataclass(frozen=True, slots=True)
class Association:
    """A pair of records, known from an instant on."""

    from_id: str
    to_id: str
    type_id: int
    label: str | None
    known_at: datetime


def modified_property(object_name: str) -> str:
    """The property that tells when a record of an object was modified."""
    return "lastmodifieddate" if object_name == "contacts" else "hs_lastmodifieddate"


def major(amount: int, currency: str) -> str:
    """An amount in minor units as a decimal in major units."""
    decimals = DECIMALS[currency]
    if not decimals:
        return str(amount)
    whole, part = divmod(amount, 10**decimals)
    return f"{whole}.{part:0{decimals}d}"


class HubSpotPortal:
    """Builds the portal's timelines and associations."""

    def __init__(self, world: World, ids: Ids, seed: int, defects: Defects) -> None:
        self._world = world
        self._ids = ids
        self._chance = Chance(seed, "hubspot")
        self._defects = defects
        self.objects: dict[str, Timeline] = {name: Timeline() for name in HUBSPOT_OBJECTS}
        self.associations: dict[tuple[str, str], list[Association]] = {
            ("contacts", "companies"): [],
            ("deals", "companies"): [],
            ("deals", "contacts"): [],
        }

    def build(self) -> dict[str, Timeline]:
        """All objects of the portal; the associations are in `associations` afterwards."""
        for customer in self._world.customers:
            if customer.hubspot_id:
                self._company(customer.hubspot_id, customer)
        for deal in self._world.deals:
            if deal.hubspot_id:
                self._deal(deal.hubspot_id, deal)
        self._support()
        self._events()
        self._merges()
        self._archive()
        return self.objects

    def _track(
        self,
        object_name: str,
        key: str,
        created_at: datetime,
        properties: Properties,
        changes: list[Change] | None = None,
    ) -> None:
        modified = modified_property(object_name)
        created = iso_instant(created_at)
        record: Record = {
            "id": key,
            "properties": {**properties, "hs_object_id": key, "createdate": created, modified: created},
            "createdAt": created,
            "updatedAt": created,
            "archived": False,
        }
        self.objects[object_name].put(key, created_at, record)
        for changed_at, changed in sorted(changes or [], key=lambda change: change[0]):
            if changed_at < HORIZON:
                self._change(object_name, key, changed_at, changed)

    def _change(
        self, object_name: str, key: str, changed_at: datetime, changed: Properties, *, archived: bool = False
    ) -> None:
        timeline = self.objects[object_name]
        # The index that lists and search read may lag behind the stamp by minutes.
        lag = timedelta(minutes=3 if self._chance.happens(self._defects.late_commits) else 0)
        stamp = iso_instant(changed_at)
        record = timeline.latest(key)
        properties = record["properties"] | changed | {modified_property(object_name): stamp}
        record = record | {"properties": properties, "updatedAt": stamp, "archived": archived}
        if archived:
            record["archivedAt"] = stamp
        timeline.put(key, max(changed_at + lag, timeline.last_change(key)), record)

    def _associate(self, pair: tuple[str, str], from_id: str, to_id: str, known_at: datetime) -> None:
        type_id, label = {
            ("contacts", "companies"): (1, "Primary"),
            ("deals", "companies"): (5, "Primary"),
            ("deals", "contacts"): (3, None),
        }[pair]
        self.associations[pair].append(Association(from_id, to_id, type_id, label, known_at))

    def _company(self, key: str, customer: Customer) -> None:
        linked = customer.salesforce_id is not None and not self._chance.happens(self._defects.unlinked)
        synced_at = customer.created_at + timedelta(minutes=10)
        self._track(
            "companies",
            key,
            synced_at,
            {
                "name": customer.name,
                "domain": customer.domain,
                "country": customer.country,
                "segment": customer.segment,
                "industry": customer.industry.upper(),
                "salesforceaccountid": customer.salesforce_id if linked else None,
                "hs_merged_object_ids": None,
            },
        )
        for contact in customer.contacts:
            if contact.hubspot_id:
                self._contact(contact.hubspot_id, contact)
                self._associate(
                    ("contacts", "companies"), contact.hubspot_id, key, contact.created_at + timedelta(minutes=15)
                )

    def _contact(self, key: str, contact: Contact) -> None:
        linked = contact.salesforce_id is not None and not self._chance.happens(self._defects.unlinked)
        self._track(
            "contacts",
            key,
            contact.created_at + timedelta(minutes=12),
            {
                "email": contact.email,
                "firstname": contact.first_name,
                "lastname": contact.last_name,
                "salesforcecontactid": contact.salesforce_id if linked else None,
                "hs_merged_object_ids": None,
            },
        )

    def _deal(self, key: str, deal: Deal) -> None:
        registration = deal.registrations[0] if deal.registrations else None
        self._track(
            "deals",
            key,
            deal.created_at,
            {
                "dealname": deal.name,
                "pipeline": "self-service",
                "dealstage": "appointmentscheduled",
                "amount": major(deal.amount, deal.currency),
                "deal_currency_code": deal.currency,
                "partner_account_id": registration.partner.account_id if registration else None,
                "partner_role": registration.role if registration else None,
                "opportunity_at": None,
                "closedate": None,
                "hs_is_closed_won": "false",
                "hs_merged_object_ids": None,
            },
            [
                (
                    deal.opportunity_at,
                    {"dealstage": "qualifiedtobuy", "opportunity_at": iso_instant(deal.opportunity_at)},
                ),
                (
                    deal.closed_at,
                    {
                        "dealstage": "closedwon" if deal.won else "closedlost",
                        "hs_is_closed_won": "true" if deal.won else "false",
                        "closedate": iso_instant(deal.closed_at),
                    },
                ),
            ],
        )
        if not deal.won and self._chance.happens(self._defects.wrong_types) and deal.closed_at < HORIZON:
            # An amount that is none: only where no money depends on it.
            self._change("deals", key, deal.closed_at + timedelta(minutes=5), {"amount": "to be agreed"})
        if deal.customer.hubspot_id:
            self._associate(("deals", "companies"), key, deal.customer.hubspot_id, deal.created_at)
        for contact in deal.customer.contacts[:2]:
            if contact.hubspot_id:
                known_at = max(deal.created_at, contact.created_at + timedelta(minutes=15))
                self._associate(("deals", "contacts"), key, contact.hubspot_id, known_at)

    def _support(self) -> None:
        for ticket in self._world.tickets:
            score = None if ticket.score is None else str(ticket.score)
            if score is not None and self._chance.happens(self._defects.wrong_types):
                score = "very satisfied"
            closed: list[Change] = []
            if ticket.closed_at:
                done = {
                    "hs_pipeline_stage": "4",
                    "closed_date": iso_instant(ticket.closed_at),
                    "satisfaction_score": score,
                }
                closed = [(ticket.closed_at, done)]
            self._track(
                "tickets",
                ticket.id,
                ticket.opened_at,
                {
                    "subject": ticket.subject,
                    "hs_pipeline_stage": "1",
                    "partner_account_id": ticket.partner.account_id,
                    "satisfaction_score": None,
                    "closed_date": None,
                },
                closed,
            )
        for survey in self._world.surveys:
            self._track(
                "feedback_submissions",
                survey.id,
                survey.answered_at,
                {
                    "hs_survey_name": survey.name,
                    "hs_value": str(survey.score),
                    "partner_account_id": survey.partner.account_id,
                    "hs_submission_timestamp": iso_instant(survey.answered_at),
                },
            )

    def _events(self) -> None:
        for event in self._world.marketing_events:
            self._track(
                "marketing_events",
                event.id,
                event.starts_at - timedelta(days=20),
                {
                    "hs_event_name": event.name,
                    "hs_event_type": event.kind,
                    "partner_account_id": event.partner.account_id if event.partner else None,
                    "hs_start_datetime": iso_instant(event.starts_at),
                    "hs_end_datetime": iso_instant(event.ends_at),
                },
            )
            for part in event.participations:
                self._track(
                    "event_participations",
                    part.id,
                    part.occurred_at,
                    {
                        "marketing_event_id": event.id,
                        "contact_id": part.contact.hubspot_id if part.contact else None,
                        "state": part.state,
                        "occurred_at": iso_instant(part.occurred_at),
                    },
                )

    def _merges(self) -> None:
        """Companies and contacts entered twice; the merged record lives on under one id and names the other."""
        owners = [customer for customer in self._world.customers if customer.hubspot_id]
        for customer in every(owners, 9, self._defects.merge_every):
            if customer.hubspot_id and customer.created_at < HORIZON - timedelta(days=50):
                self._merge("companies", customer.hubspot_id, customer.created_at + timedelta(days=20))
                contact_id = customer.contacts[0].hubspot_id
                if contact_id:
                    self._merge("contacts", contact_id, customer.created_at + timedelta(days=22))

    def _merge(self, object_name: str, winner: str, merged_at: datetime) -> None:
        timeline = self.objects[object_name]
        kept = timeline.latest(winner)
        loser = self._ids.hubspot(object_name)
        created_at = datetime.fromisoformat(kept["createdAt"]) + timedelta(hours=2)
        shared = ("name", "domain", "country", "segment", "email", "firstname", "lastname", "salesforceaccountid")
        copied = {name: kept["properties"][name] for name in shared if name in kept["properties"]}
        self._track(object_name, loser, created_at, {**copied, "hs_merged_object_ids": None})
        if object_name == "contacts":
            company = next(pair for pair in self.associations["contacts", "companies"] if pair.from_id == winner)
            self._associate(("contacts", "companies"), loser, company.to_id, created_at)
        timeline.put(loser, max(merged_at, timeline.last_change(loser)), None)
        merged_at = max(merged_at, timeline.last_change(winner) + timedelta(minutes=1))
        self._change(object_name, winner, merged_at, {"hs_merged_object_ids": loser})

    def _archive(self) -> None:
        """Lost deals and contacts that never bought anything, archived."""
        lost = [deal.hubspot_id for deal in self._world.deals if deal.hubspot_id and not deal.won]
        spare = [
            contact.hubspot_id
            for customer in self._world.customers
            for contact in customer.contacts[3:]
            if contact.hubspot_id
        ]
        step = self._defects.delete_every // 5
        for object_name, keys in (("deals", every(lost, 1, step)), ("contacts", every(spare, 2, step))):
            for key in keys:
                archived_at = self.objects[object_name].last_change(key) + timedelta(days=30)
                if key and archived_at < HORIZON:
                    self._change(object_name, key, archived_at, {}, archived=True)


_SET_UP = "2020-01-15T09:00:00.000Z"


def _pipeline(key: str, label: str, stages: tuple[tuple[str, str, dict[str, str]], ...]) -> Record:
    told = {"createdAt": _SET_UP, "updatedAt": _SET_UP, "archived": False}
    listed = [
        {"id": stage, "label": named, "displayOrder": place, "metadata": metadata, **told}
        for place, (stage, named, metadata) in enumerate(stages)
    ]
    return {"id": key, "label": label, "displayOrder": 0, "stages": listed, **told}


PIPELINES: dict[str, list[Record]] = {
    "deals": [
        _pipeline(
            "self-service",
            "Self-service",
            (
                ("appointmentscheduled", "Appointment scheduled", {"isClosed": "false", "probability": "0.2"}),
                ("qualifiedtobuy", "Qualified to buy", {"isClosed": "false", "probability": "0.4"}),
                ("closedwon", "Closed won", {"isClosed": "true", "probability": "1.0"}),
                ("closedlost", "Closed lost", {"isClosed": "true", "probability": "0.0"}),
            ),
        )
    ],
    "tickets": [
        _pipeline(
            "0",
            "Support",
            (("1", "New", {"ticketState": "OPEN"}), ("4", "Closed", {"ticketState": "CLOSED"})),
        )
    ],
}
"""The pipelines of each object; what they are does not change."""

OWNERS: list[Record] = [
    {
        "id": str(40_000_000 + number),
        "type": "PERSON",
        "email": f"owner{number}@sandbox.example",
        "firstName": "Owner",
        "lastName": str(number),
        "userId": 900 + number,
        "createdAt": _SET_UP,
        "updatedAt": _SET_UP,
        "archived": number == 5,
    }
    for number in range(1, 6)
]
"""The portal's owners; the last one has left."""
