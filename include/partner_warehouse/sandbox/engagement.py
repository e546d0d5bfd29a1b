"""What happens around the sales: leads, campaigns, events, support and surveys."""

from __future__ import annotations

from datetime import datetime, timedelta

from partner_warehouse.sandbox.calendar import FIRST_DAY, HORIZON, months, next_month
from partner_warehouse.sandbox.chance import Chance
from partner_warehouse.sandbox.ids import Ids
from partner_warehouse.sandbox.model import (
    Activity,
    Contact,
    Customer,
    Deal,
    Lead,
    Participation,
    Partner,
    Survey,
    Ticket,
    World,
)
from partner_warehouse.sandbox.sales import new_person
from partner_warehouse.sandbox.vocabulary import CUSTOMER_SUFFIXES, NAME_STEMS

LEAD_SOURCES = ("Web", "Content", "Webinar", "Paid Search", "Event")


def engage(world: World, ids: Ids, seed: int, scale: float) -> None:
    """Fill the world with leads, activities, tickets and surveys."""
    _leads(world, ids, Chance(seed, "leads"), scale)
    _activities(world, ids, Chance(seed, "activities"))
    _tickets(world, ids, Chance(seed, "tickets"))
    _surveys(world, ids, Chance(seed, "surveys"))


def _working(world: World, instant: datetime) -> list[Partner]:
    return [partner for partner in world.partners if partner.works_at(instant)]


def _leads(world: World, ids: Ids, chance: Chance, scale: float) -> None:
    first_deals: dict[int, Deal] = {}
    for deal in world.deals:
        first_deals.setdefault(deal.customer.number, deal)
    found = [_converted_lead(deal, ids, chance) for deal in first_deals.values() if deal.salesforce_id]
    for index, month in enumerate(months()):
        for _ in range(round((170 + 27 * index) * scale)):
            found.append(_open_lead(world, ids, chance, month, by_partner=True))
        for _ in range(round((60 + 4 * index) * scale)):
            found.append(_open_lead(world, ids, chance, month, by_partner=False))
    world.leads = sorted(found, key=lambda lead: (lead.created_at, lead.id))


def _converted_lead(deal: Deal, ids: Ids, chance: Chance) -> Lead:
    """The lead that became a customer with its first deal."""
    customer = deal.customer
    person = customer.contacts[0]
    sourced = [part.partner for part in deal.registrations if part.role == "sourced"]
    earlier = customer.created_at - timedelta(days=chance.number(1, 12), hours=chance.number(1, 9))
    created_at = max(earlier, FIRST_DAY + timedelta(minutes=30))
    partner = sourced[0] if sourced and sourced[0].works_at(created_at) else None
    return Lead(
        id=ids.salesforce("Lead"),
        first_name=person.first_name,
        last_name=person.last_name,
        company=customer.name,
        email=person.email,
        source="Partner Referral" if partner else chance.one(LEAD_SOURCES),
        partner=partner,
        created_at=created_at,
        qualified_at=customer.created_at - timedelta(hours=2),
        disqualified=False,
        device=person.devices[0],
        customer=customer,
        deal=deal,
        converted_at=deal.created_at,
    )


def _open_lead(world: World, ids: Ids, chance: Chance, month: datetime, *, by_partner: bool) -> Lead:
    first, last = new_person(chance)
    company = f"{chance.one(NAME_STEMS)} {chance.one(NAME_STEMS)} {chance.one(CUSTOMER_SUFFIXES)}"
    created_at = chance.working_instant(month, next_month(month))
    working = _working(world, created_at)
    partner = None
    if by_partner and working:
        partner = chance.weighted(working, [0.35 + 0.65 * other.strength for other in working])
    identifier = ids.salesforce("Lead")
    return Lead(
        id=identifier,
        first_name=first,
        last_name=last,
        company=company,
        email=f"{first}.{last}.{identifier[9:15]}@{company.replace(' ', '-')}.example".lower(),
        source="Partner Referral" if partner else chance.one(LEAD_SOURCES),
        partner=partner,
        created_at=created_at,
        qualified_at=created_at + timedelta(days=chance.number(1, 20)) if chance.happens(0.34) else None,
        disqualified=chance.happens(0.25),
        device=ids.anonymous(),
    )


def _activities(world: World, ids: Ids, chance: Chance) -> None:
    for index, month in enumerate(months()):
        for turn in range(3):
            kind = chance.round_robin(index + turn, ("Content", "Webinar", "Advertisement", "Email"))
            world.campaigns.append(
                _activity(world, ids.salesforce("Campaign"), kind, month, chance, 0.7, timedelta(days=20))
            )
        for turn in range(2):
            kind = chance.round_robin(index + turn, ("WEBINAR", "CONFERENCE", "WORKSHOP"))
            world.marketing_events.append(
                _activity(world, ids.hubspot("marketing_events"), kind, month, chance, 0.75, timedelta(hours=3))
            )
        if index % 2:
            name = f"workshop-{month:%Y-%m}"
            world.workshops.append(_activity(world, name, "co_marketing", month, chance, 1.0, timedelta(hours=6)))
    people = _people(world)
    by_month = {
        month: [lead for lead in world.leads if month <= lead.created_at < next_month(month)] for month in months()
    }
    for activity in world.campaigns:
        leads = by_month[activity.starts_at.replace(day=1, hour=0, minute=0, second=0)]
        _respond(activity, people, leads, chance, ids, "campaign")
    for activity in world.marketing_events:
        _respond(activity, people, [], chance, ids, "marketing_event")
    for activity in world.workshops:
        _respond(activity, people, [], chance, ids, "workshop")


def _people(world: World) -> list[tuple[Customer, Contact]]:
    return [(customer, contact) for customer in world.customers for contact in customer.contacts]


def _activity(
    world: World, identifier: str, kind: str, month: datetime, chance: Chance, by_partner: float, length: timedelta
) -> Activity:
    starts_at = month + timedelta(days=chance.number(1, 8), hours=chance.number(8, 15))
    working = _working(world, starts_at)
    partner = chance.one(working) if working and chance.happens(by_partner) else None
    name = f"{kind.title()} {month:%B %Y}" + (f" with {partner.name}" if partner else "")
    return Activity(identifier, kind, name, partner, starts_at, starts_at + length)


def _respond(
    activity: Activity,
    people: list[tuple[Customer, Contact]],
    leads: list[Lead],
    chance: Chance,
    ids: Ids,
    where: str,
) -> None:
    """Who took part. The states are those of the system that holds the activity."""
    known = [contact for _, contact in people if contact.created_at < activity.starts_at]
    if where == "marketing_event":
        known = [contact for contact in known if contact.hubspot_id]
    else:
        known = [contact for contact in known if contact.salesforce_id]
    for contact in chance.some(known, chance.number(12, 30)):
        if where == "campaign":
            _member(activity, contact, None, chance, ids)
            continue
        prefix = f"{activity.id}-{len(activity.participations) + 1}"
        registered_at = activity.starts_at - timedelta(days=chance.number(1, 15))
        registered_at = max(registered_at, contact.created_at + timedelta(minutes=5))
        states = [("REGISTERED", registered_at)]
        if chance.happens(0.6):
            states.append(("ATTENDED", activity.starts_at + timedelta(minutes=chance.number(0, 30))))
            if chance.happens(0.5):
                states.append(("FOLLOWED_UP", activity.ends_at + timedelta(days=chance.number(1, 9))))
        for number, (state, occurred_at) in enumerate(states):
            identifier = ids.hubspot("event_participations") if where == "marketing_event" else f"{prefix}-{number}"
            activity.participations.append(Participation(identifier, contact, None, state, occurred_at))
    for lead in chance.some(leads, chance.number(8, 20)):
        _member(activity, None, lead, chance, ids)


def _member(activity: Activity, contact: Contact | None, lead: Lead | None, chance: Chance, ids: Ids) -> None:
    responded = chance.happens(0.55)
    first = activity.starts_at
    if lead is not None:
        first = max(first, lead.created_at)
    occurred_at = chance.instant(first, max(activity.ends_at, first + timedelta(hours=1)))
    state = "Responded" if responded else "Sent"
    activity.participations.append(Participation(ids.salesforce("CampaignMember"), contact, lead, state, occurred_at))


def _tickets(world: World, ids: Ids, chance: Chance) -> None:
    for index, month in enumerate(months()):
        for _ in range(26 + index):
            opened_at = chance.working_instant(month, next_month(month))
            working = _working(world, opened_at)
            if not working:
                continue
            closed_at = opened_at + timedelta(hours=chance.number(1, 120))
            score = min(10, chance.weighted((10, 9, 8, 6, 3), (0.50, 0.30, 0.13, 0.05, 0.02)))
            world.tickets.append(
                Ticket(
                    ids.hubspot("tickets"),
                    chance.one(("Portal access", "Deal registration", "Payout question", "Training", "Integration")),
                    chance.one(working),
                    opened_at,
                    closed_at if closed_at < HORIZON and chance.happens(0.96) else None,
                    score if chance.happens(0.8) else None,
                )
            )


def _surveys(world: World, ids: Ids, chance: Chance) -> None:
    """Each partner is asked every three months; satisfaction rises over the sample."""
    for index, month in enumerate(months()):
        mood = 0.30 + 0.02 * index
        for partner in _working(world, month):
            if (partner.number + index) % 3 or not chance.happens(0.85):
                continue
            score = chance.weighted((10, 9, 8, 7, 4), (mood, 0.42, 0.2, 0.06, 0.02))
            answered_at = chance.working_instant(month, next_month(month))
            world.surveys.append(
                Survey(ids.hubspot("feedback_submissions"), "Partner satisfaction", partner, score, answered_at)
            )
