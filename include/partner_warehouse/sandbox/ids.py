"""Identifiers in the shape of each vendor, counted, so that they are stable for a seed.

A Salesforce id has 15 characters and a checksum of three (case-safe form); HubSpot's are numbers; Stripe's have a
prefix and 24 characters.
"""

from __future__ import annotations

import hashlib
from collections import Counter

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

SALESFORCE_PREFIXES = {
    "Account": "001",
    "Contact": "003",
    "Lead": "00Q",
    "Opportunity": "006",
    "Product2": "01t",
    "Campaign": "701",
    "CampaignMember": "00v",
    "OpportunityLineItem": "00k",
    "OpportunityContactRole": "00K",
    "Partner": "00I",
    "OpportunityPartner": "00J",
    "Task": "00T",
    "Event": "00U",
    "User": "005",
    "Deal_Registration__c": "a0R",
    "Partner_Enrolment__c": "a0E",
}

HUBSPOT_BASES = {
    "companies": 31_000_000_000,
    "contacts": 52_000_000_000,
    "deals": 73_000_000_000,
    "tickets": 14_000_000_000,
    "feedback_submissions": 25_000_000_000,
    "marketing_events": 36_000_000_000,
    "event_participations": 47_000_000_000,
}


def salesforce_id(object_name: str, number: int) -> str:
    """The 18-character id of the `number`-th record of an object."""
    digits = ""
    rest = number
    for _ in range(10):
        rest, digit = divmod(rest, 62)
        digits = BASE62[digit] + digits
    body = SALESFORCE_PREFIXES[object_name] + "gK" + digits
    checksum = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place, letter in enumerate(body[start : start + 5]) if letter.isupper())
        checksum += CHECKSUM[bits]
    return body + checksum


class Ids:
    """Hands out the next id of each kind; the counting, not chance, makes them unique."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._counts: Counter[str] = Counter()

    def _next(self, kind: str) -> int:
        self._counts[kind] += 1
        return self._counts[kind]

    def salesforce(self, object_name: str) -> str:
        """The next Salesforce id of an object."""
        return salesforce_id(object_name, self._next(object_name) * 37)

    def hubspot(self, object_name: str) -> str:
        """The next HubSpot id of an object."""
        return str(HUBSPOT_BASES[object_name] + self._next(object_name) * 13)

    def stripe(self, prefix: str) -> str:
        """The next Stripe id with a prefix such as `cus` or `in`."""
        number = self._next(prefix)
        digest = hashlib.blake2b(f"{self._seed}:{prefix}:{number}".encode(), digest_size=12).digest()
        return f"{prefix}_1{number:07d}" + "".join(BASE62[byte % 62] for byte in digest) + "SbX"

    def anonymous(self) -> str:
        """The next anonymous id of a device, a UUID."""
        number = self._next("anonymous")
        text = hashlib.blake2b(f"{self._seed}:device:{number}".encode(), digest_size=16).hexdigest()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
