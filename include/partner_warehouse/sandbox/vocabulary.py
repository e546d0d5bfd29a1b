"""The words, countries, prices and programmes that the sample company is made of."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_NAMES = (
    "Ada",
    "Amira",
    "Anders",
    "Bruno",
    "Carla",
    "Chen",
    "Daniel",
    "Dina",
    "Elena",
    "Emeka",
    "Fatima",
    "Felix",
    "Grace",
    "Hana",
    "Hiro",
    "Ines",
    "Ivan",
    "Jonas",
    "Julia",
    "Kenji",
    "Lara",
    "Liam",
    "Lucia",
    "Mads",
    "Maria",
    "Mina",
    "Nadia",
    "Noah",
    "Olga",
    "Omar",
    "Paula",
    "Priya",
    "Rafael",
    "Rosa",
    "Sami",
    "Sara",
    "Tariq",
    "Tomas",
    "Uma",
    "Vera",
    "Wei",
    "Yara",
    "Yusuf",
    "Zoe",
)
LAST_NAMES = (
    "Almeida",
    "Andersen",
    "Baker",
    "Bianchi",
    "Brown",
    "Castillo",
    "Chen",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Hansen",
    "Ito",
    "Jansen",
    "Kim",
    "Kowalski",
    "Kumar",
    "Larsen",
    "Lopez",
    "Martin",
    "Meyer",
    "Moreau",
    "Nakamura",
    "Novak",
    "Okafor",
    "Olsen",
    "Patel",
    "Petrov",
    "Quinn",
    "Ricci",
    "Rossi",
    "Sato",
    "Schmidt",
    "Silva",
    "Singh",
    "Smith",
    "Suzuki",
    "Tanaka",
    "Ueda",
    "Vogel",
    "Weber",
    "Wong",
    "Yilmaz",
    "Zhang",
)
NAME_STEMS = (
    "Alder",
    "Amber",
    "Apex",
    "Aurora",
    "Beacon",
    "Birch",
    "Bright",
    "Cedar",
    "Cobalt",
    "Copper",
    "Coral",
    "Crest",
    "Delta",
    "Ember",
    "Falcon",
    "Fern",
    "Flint",
    "Forge",
    "Garnet",
    "Granite",
    "Harbor",
    "Hazel",
    "Helix",
    "Indigo",
    "Iris",
    "Juniper",
    "Keystone",
    "Lark",
    "Lumen",
    "Maple",
    "Meridian",
    "Mistral",
    "Nimbus",
    "North",
    "Nova",
    "Oak",
    "Onyx",
    "Opal",
    "Orbit",
    "Pine",
    "Polar",
    "Quartz",
    "Raven",
    "Ridge",
    "River",
    "Sable",
    "Sierra",
    "Solar",
    "Spruce",
    "Sterling",
    "Summit",
    "Terra",
    "Tidal",
    "Umber",
    "Vela",
    "Vertex",
    "Willow",
    "Zephyr",
)
CUSTOMER_SUFFIXES = (
    "Foods",
    "Logistics",
    "Health",
    "Retail",
    "Motors",
    "Energy",
    "Media",
    "Textiles",
    "Bank",
    "Travel",
    "Labs",
    "Pharma",
)
PARTNER_SUFFIXES = ("Consulting", "Systems", "Alliance", "Integrations", "Partners", "Networks", "Cloud", "Digital")
INDUSTRIES = ("Manufacturing", "Retail", "Healthcare", "Finance", "Media", "Logistics", "Technology")


@dataclass(frozen=True, slots=True)
class Country:
    """A country that the company sells in. `tax` is the rate on top of net, in thousandths."""

    code: str
    currency: str
    tax: int
    weight: float


COUNTRIES = (
    Country("US", "USD", 0, 0.34),
    Country("DE", "EUR", 190, 0.14),
    Country("GB", "GBP", 200, 0.13),
    Country("FR", "EUR", 200, 0.08),
    Country("NL", "EUR", 210, 0.06),
    Country("ES", "EUR", 210, 0.04),
    Country("JP", "JPY", 100, 0.07),
    Country("CA", "USD", 50, 0.05),
    Country("AU", "USD", 100, 0.03),
    Country("BR", "USD", 0, 0.02),
    Country("SG", "USD", 90, 0.03),
    Country("KW", "KWD", 0, 0.01),
)
COUNTRY_BY_CODE = {country.code: country for country in COUNTRIES}

DECIMALS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KWD": 3}
"""Decimals of each currency's minor unit (ISO 4217)."""

BASE_RATES = {"USD": 1.0, "EUR": 1.09, "GBP": 1.27, "JPY": 0.0067, "KWD": 3.25}
"""What one unit of a currency is worth in US dollars around the start of the sample."""

PARTNER_MIX = (("channel", 22), ("technology", 14), ("strategic", 12), ("integration", 12))
PARTNER_COUNTRIES = ("US", "US", "US", "DE", "DE", "GB", "GB", "FR", "NL", "JP", "CA", "SG", "AU", "ES")

PROGRAMMES = {
    "reseller-standard": "reseller",
    "reseller-eur": "reseller",
    "referral-standard": "referral",
    "co-marketing-standard": "co_marketing",
    "technology-revenue-share": "technology",
    "integration-revenue-share": "integration",
    "deal-fixed-fee": "fixed_fee",
    "hybrid-strategic": "hybrid",
}
"""The programme of each commission plan."""

PLANS_BY_KIND = {
    "channel": ("reseller-standard", "reseller-standard", "reseller-standard", "referral-standard"),
    "technology": ("technology-revenue-share", "technology-revenue-share", "co-marketing-standard"),
    "strategic": ("hybrid-strategic", "co-marketing-standard", "deal-fixed-fee"),
    "integration": ("integration-revenue-share", "integration-revenue-share", "deal-fixed-fee"),
}
"""Which plans the partners of a type have, in turn; a channel partner that settles in euro has `reseller-eur`."""

PRODUCTS = (
    ("PLATFORM", "Partner Platform", "subscription", 400),
    ("SEATS", "Additional Seats", "subscription", 150),
    ("ANALYTICS", "Analytics Add-on", "subscription", 220),
    ("API", "API Access", "subscription", 180),
    ("SUPPORT", "Premium Support", "support", 120),
    ("STARTER", "Starter Subscription", "subscription", 49),
    ("GROWTH", "Growth Subscription", "subscription", 199),
    ("IMPLEMENTATION", "Implementation", "services", 3000),
    ("TRAINING", "Training Days", "services", 900),
    ("SHIPPING", "Shipping and Handling", "shipping", 35),
)
"""Code, name, family and price in US dollars (a month for what recurs)."""

CHANNELS = (
    "direct",
    "organic_search",
    "paid_search",
    "email",
    "partner_link",
    "social",
    "webinar",
    "content",
)
"""Channels of a visit, as `properties.channel` has them."""

ONBOARDING_STEPS = ("welcome_call", "overview", "training", "resources", "first_project")
RECRUITMENT_STAGES = ("identification", "outreach", "negotiation", "implementation")
COURSES = ("fundamentals", "sales-certification", "technical-certification", "co-selling", "security", "product-update")

SALESFORCE_OBJECTS = (
    "Account",
    "Contact",
    "Lead",
    "Opportunity",
    "Deal_Registration__c",
    "Partner_Enrolment__c",
    "Product2",
    "Campaign",
    "CampaignMember",
    "OpportunityLineItem",
    "OpportunityContactRole",
    "Partner",
    "OpportunityPartner",
    "Task",
    "Event",
    "User",
)
HUBSPOT_OBJECTS = (
    "companies",
    "contacts",
    "deals",
    "tickets",
    "feedback_submissions",
    "marketing_events",
    "event_participations",
)
STRIPE_OBJECTS = (
    "customer",
    "product",
    "price",
    "subscription",
    "invoice",
    "invoice_payment",
    "payment_intent",
    "charge",
    "refund",
    "dispute",
    "credit_note",
    "balance_transaction",
)
