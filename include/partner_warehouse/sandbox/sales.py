"""How the company sells: its partners, customers, contacts, and the deals that partners bring."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from partner_warehouse.sandbox.calendar import AS_OF, FIRST_DAY, HORIZON, months, next_month
from partner_warehouse.sandbox.chance import Chance
from partner_warehouse.sandbox.ids import Ids
from partner_warehouse.sandbox.model import (
    Contact,
    Customer,
    Deal,
    Enrolment,
    Partner,
    Product,
    Registration,
    Role,
    World,
)
from partner_warehouse.sandbox.vocabulary import (
    BASE_RATES,
    COUNTRIES,
    COUNTRY_BY_CODE,
    CUSTOMER_SUFFIXES,
    DECIMALS,
    FIRST_NAMES,
    INDUSTRIES,
    LAST_NAMES,
    NAME_STEMS,
    PARTNER_COUNTRIES,
    PARTNER_MIX,
    PARTNER_SUFFIXES,
    PLANS_BY_KIND,
    PRODUCTS,
    PROGRAMMES,
)

DEALS = 900
"""Deals of the default company."""

PARTNER_SHARE = 0.58
"""How many of the deals a partner has a part in."""

LAST_SIGNATURE = datetime(2026, 8, 25, tzinfo=UTC)
"""When the newest partner has signed; somebody ends the onboarding in every month."""

EVIDENCE = timedelta(days=45)
"""A partner that has signed brings its first deal about this soon."""


def local_price(usd: float, currency: str) -> int:
    """A US dollar price in a currency's minor unit, at the base rate and rounded as a price list would."""
    major = round(usd / BASE_RATES[currency], -2 if currency == "JPY" else 0)
    minor: int = 10 ** DECIMALS[currency]
    return int(major) * minor


def sell(world: World, ids: Ids, seed: int, scale: float) -> None:
    """Fill the world with products, partners, customers and deals, in that order."""
    _products(world, ids)
    _partners(world, ids, Chance(seed, "partners"), max(1, round(60 * min(scale, 1.0) + 0.4)))
    _deals(world, ids, Chance(seed, "deals"), max(20, round(DEALS * scale)))


def _products(world: World, ids: Ids) -> None:
    for code, name, family, price in PRODUCTS:
        world.products.append(Product(code, name, family, price, ids.salesforce("Product2"), ids.stripe("prod")))


def _signed(chance: Chance, number: int, count: int) -> datetime:
    """A fifth joined long before the sample, a quarter just before it, the rest during it, evenly spaced."""
    if number < 0.18 * count:
        return chance.instant(datetime(2021, 3, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC))
    before = round(0.45 * count)
    if number < before:
        return chance.instant(datetime(2024, 11, 1, tzinfo=UTC), FIRST_DAY)
    slot = (LAST_SIGNATURE - FIRST_DAY) / (count - before)
    start = FIRST_DAY + slot * (number - before)
    return chance.instant(start, start + slot)


def _partners(world: World, ids: Ids, chance: Chance, count: int) -> None:
    kinds = [kind for kind, share in PARTNER_MIX for _ in range(share)]
    order = chance.some(range(len(kinds)), len(kinds))
    turns = dict.fromkeys(PLANS_BY_KIND, 0)
    for number in range(count):
        kind = kinds[order[number % len(order)]]
        country = chance.one(PARTNER_COUNTRIES)
        currency = COUNTRY_BY_CODE[country].currency
        signed_at = _signed(chance, number, count).replace(minute=30, second=0)
        ended, suspended, status = None, None, "active"
        if number % 15 == 7:
            ended, status = chance.instant(max(signed_at, FIRST_DAY) + timedelta(days=200), AS_OF), "terminated"
            if ended <= signed_at + timedelta(days=90):
                ended, status = None, "active"
        elif number % 20 == 11:
            suspended, status = AS_OF - timedelta(days=chance.number(15, 50)), "suspended"
        name = f"{NAME_STEMS[(number * 7) % len(NAME_STEMS)]} {PARTNER_SUFFIXES[number % len(PARTNER_SUFFIXES)]}"
        partner = Partner(
            number=number,
            account_id=ids.salesforce("Account"),
            name=name,
            domain=f"{name.lower().replace(' ', '-')}.example",
            kind=kind,
            country=country,
            currency="EUR" if currency == "EUR" else "USD",
            status=status,
            signed_at=signed_at,
            terminated_at=ended,
            suspended_at=suspended,
            tax_form=number % 17 != 5,
            strength=chance.spread(1.0, 0.7),
        )
        if number % 15 == 2:
            # Signed and friendly, but brings next to nothing, and nothing at all since some day.
            partner.strength = 0.01
            partner.dormant_since = max(signed_at, FIRST_DAY) + timedelta(days=chance.number(120, 240))
        plan_id = chance.round_robin(turns[kind], PLANS_BY_KIND[kind])
        turns[kind] += 1
        if kind == "channel" and partner.currency == "EUR":
            plan_id = "reseller-eur"
        _enrol(partner, plan_id, ids)
        world.partners.append(partner)


def _enrol(partner: Partner, plan_id: str, ids: Ids) -> None:
    """One plan from the day of signature; every ninth partner changed its plan at the turn of the year."""
    starts_on = partner.signed_at.date()
    turn = datetime(2026, 1, 1, tzinfo=UTC)
    if partner.number % 9 == 4 and partner.signed_at < turn - timedelta(days=30):
        earlier = "referral-standard" if plan_id != "referral-standard" else "co-marketing-standard"
        partner.enrolments.append(
            Enrolment(ids.salesforce("Partner_Enrolment__c"), PROGRAMMES[earlier], earlier, starts_on, turn.date())
        )
        starts_on = turn.date()
    partner.enrolments.append(
        Enrolment(ids.salesforce("Partner_Enrolment__c"), PROGRAMMES[plan_id], plan_id, starts_on, None)
    )


def new_person(chance: Chance) -> tuple[str, str]:
    """A first and a last name."""
    return chance.one(FIRST_NAMES), chance.one(LAST_NAMES)


def _contact(customer: Customer, ids: Ids, chance: Chance, index: int) -> Contact:
    first, last = new_person(chance)
    created_at = customer.created_at + timedelta(days=index * chance.number(0, 40), minutes=index + 5)
    return Contact(
        first_name=first,
        last_name=last,
        email=f"{first}.{last}{index or ''}@{customer.domain}".lower(),
        created_at=min(created_at, HORIZON - timedelta(hours=1)),
        salesforce_id=ids.salesforce("Contact") if customer.salesforce_id else None,
        hubspot_id=ids.hubspot("contacts") if customer.hubspot_id and chance.happens(0.93) else None,
        devices=[ids.anonymous() for _ in range(chance.weighted((1, 2, 3), (0.5, 0.35, 0.15)))],
    )


def _customer(world: World, ids: Ids, chance: Chance, created_at: datetime) -> Customer:
    number = len(world.customers)
    segment = chance.weighted(("self_service", "smb", "mid_market", "enterprise"), (0.30, 0.30, 0.26, 0.14))
    country = chance.weighted(COUNTRIES, [country.weight for country in COUNTRIES])
    if number % 60 == 20:
        country, segment = COUNTRY_BY_CODE["KW"], "smb"  # a currency with three decimals is never absent
    stem = NAME_STEMS[number % len(NAME_STEMS)]
    suffix = CUSTOMER_SUFFIXES[number // len(NAME_STEMS) % len(CUSTOMER_SUFFIXES)]
    generation = number // (len(NAME_STEMS) * len(CUSTOMER_SUFFIXES))
    name = f"{stem} {suffix}" + (f" {generation + 1}" if generation else "")
    self_service = segment == "self_service"
    customer = Customer(
        number=number,
        name=name,
        domain=f"{name.lower().replace(' ', '-')}.example",
        country=country.code,
        currency=country.currency,
        segment=segment,
        industry=chance.one(INDUSTRIES),
        created_at=created_at,
        salesforce_id=None if self_service else ids.salesforce("Account"),
        hubspot_id=ids.hubspot("companies") if self_service or chance.happens(0.92) else None,
        stripe_id=None,
    )
    people = chance.weighted((1, 2), (0.7, 0.3)) if self_service else chance.number(2, 6)
    customer.contacts = [_contact(customer, ids, chance, index) for index in range(people)]
    world.customers.append(customer)
    return customer


def _items(world: World, customer: Customer, chance: Chance) -> list[tuple[Product, int]]:
    """What is bought: products with a monthly price in the customer's minor unit; services are charged once."""
    by_code = {product.code: product for product in world.products}
    size = {"self_service": 1.0, "smb": 1.3, "mid_market": 3.6, "enterprise": 11.0}[customer.segment]
    factor = chance.spread(size, 0.35)
    if customer.segment == "self_service":
        codes = [chance.weighted(("STARTER", "GROWTH"), (0.4, 0.6))]
    else:
        codes = ["PLATFORM", *chance.some(("SEATS", "ANALYTICS", "API", "SUPPORT"), chance.number(0, 3))]
    items = [(by_code[code], local_price(by_code[code].price * factor, customer.currency)) for code in codes]
    if customer.segment != "self_service" and chance.happens(0.35):
        code = chance.weighted(("IMPLEMENTATION", "TRAINING", "SHIPPING"), (0.5, 0.3, 0.2))
        items.append((by_code[code], local_price(by_code[code].price * min(factor, 4.0), customer.currency)))
    return items


def recurring(product: Product) -> bool:
    """Whether a product is charged for every month; services and shipping are charged once."""
    return product.family in ("subscription", "support")


def _working_partners(world: World, instant: datetime) -> list[Partner]:
    return [partner for partner in world.partners if partner.works_at(instant)]


def _registrations(world: World, deal: Deal, ids: Ids, chance: Chance) -> list[Registration]:
    """The partners of a deal. Shares of those who are paid sum to 1 where there are several; assistants have none."""
    working = _working_partners(world, deal.created_at)
    if not working or not chance.happens(PARTNER_SHARE):
        return []
    # A partner that has just signed brings its first deal soon: weigh the new ones up.
    weights = [
        partner.strength * (3.0 if deal.created_at - partner.signed_at < EVIDENCE else 1.0) for partner in working
    ]
    first = chance.weighted(working, weights)
    others = [partner for partner in working if partner is not first]
    shape = chance.weighted(
        ("one", "with_influence", "two", "three", "influence_only", "with_assistant"),
        (0.60, 0.13, 0.07, 0.03, 0.09, 0.08),
    )
    roles: list[tuple[Role, str]] = {
        "one": [("sourced", "1")],
        "with_influence": [("sourced", "0.7"), ("influenced", "0.3")],
        "two": [("sourced", "0.5"), ("sourced", "0.5")],
        "three": [("sourced", "0.3333"), ("sourced", "0.3333"), ("sourced", "0.3334")],
        "influence_only": [("influenced", "0.25")],
        "with_assistant": [("sourced", "1"), ("assisted", "0")],
    }[shape]  # type: ignore[assignment]
    partners = [first, *chance.some(others, len(roles) - 1)]
    if len(partners) < len(roles):
        roles, partners = [("sourced", "1")], [first]
    if deal.hubspot_id:
        # HubSpot deals hold one partner in their properties.
        roles, partners = [(roles[0][0], roles[0][1] if roles[0][0] == "influenced" else "1")], [first]
    found = []
    for partner, (role, share) in zip(partners, roles, strict=True):
        late = role != "sourced"
        registered_at = (deal.opportunity_at if late else deal.created_at) + timedelta(hours=chance.number(1, 30))
        registered_at = min(registered_at, deal.closed_at - timedelta(minutes=30))
        approved_at = min(registered_at + timedelta(hours=chance.number(2, 60)), deal.closed_at - timedelta(minutes=5))
        identifier = "" if deal.hubspot_id else ids.salesforce("Deal_Registration__c")
        # A sole registration is now and then left without an approval; a share of several never is.
        refused = shape == "one" and not deal.hubspot_id and chance.happens(0.04)
        found.append(Registration(identifier, partner, role, share, registered_at, None if refused else approved_at))
    return found


def _close(customer: Customer, created_at: datetime, chance: Chance) -> tuple[datetime, datetime]:
    """When a deal became an opportunity, and when it closed."""
    if customer.segment == "self_service":
        opportunity_at = created_at + timedelta(minutes=chance.number(10, 600))
        return opportunity_at, opportunity_at + timedelta(minutes=chance.number(30, 8000))
    opportunity_at = created_at + timedelta(days=chance.number(2, 15), minutes=chance.number(0, 300))
    slow = 2.0 if customer.segment == "enterprise" else 1.0
    return opportunity_at, opportunity_at + timedelta(days=chance.number(6, int(40 * slow)), hours=chance.number(1, 9))


def _deals(world: World, ids: Ids, chance: Chance, count: int) -> None:
    calendar = months()
    # It starts with a campaign, and then grows evenly.
    weights = [1.5, 1.1, 0.8] + [0.67 + 0.055 * index for index in range(len(calendar) - 3)]
    total = sum(weights)
    for month, weight in zip(calendar, weights, strict=True):
        in_month = sorted(
            chance.working_instant(month, next_month(month)) for _ in range(round(count * weight / total))
        )
        for created_at in in_month:
            _deal(world, ids, chance, created_at)


def _deal(world: World, ids: Ids, chance: Chance, created_at: datetime) -> None:
    known = world.customers
    # The first months win customers; later half of the deals are with customers that the company has.
    new = len(known) < 12 or chance.happens(0.46)
    if new:
        earlier = created_at - timedelta(days=chance.number(0, 20))
        customer = _customer(world, ids, chance, max(earlier, FIRST_DAY + timedelta(hours=6)) - timedelta(hours=1))
    else:
        customer = chance.one(known)
    opportunity_at, closed_at = _close(customer, created_at, chance)
    items = _items(world, customer, chance)
    won = chance.happens(0.82 if customer.segment == "self_service" else 0.58)
    yearly = sum(price * (12 if recurring(product) else 1) for product, price in items)
    self_service = customer.segment == "self_service"
    every = chance.weighted(
        (1, 3, 12),
        {
            "self_service": (0.70, 0.0, 0.30),
            "smb": (0.38, 0.30, 0.32),
            "mid_market": (0.20, 0.40, 0.40),
            "enterprise": (0.04, 0.36, 0.60),
        }[customer.segment],
    )
    number = len(world.deals)
    deal = Deal(
        number=number,
        customer=customer,
        name=f"{customer.name} - {'subscription' if new else 'expansion'} {number + 1}",
        currency=customer.currency,
        amount=yearly,
        created_at=created_at,
        opportunity_at=opportunity_at,
        closed_at=closed_at,
        won=won,
        salesforce_id=None if self_service else ids.salesforce("Opportunity"),
        hubspot_id=ids.hubspot("deals") if self_service else None,
        months_between_invoices=every,
        items=items,
    )
    deal.registrations = _registrations(world, deal, ids, chance)
    world.deals.append(deal)
