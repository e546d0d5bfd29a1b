"""The sample company: one truth, and what each source shows of it at any instant.

    company = Company.generate(seed=2025)
    company.as_of(AS_OF).salesforce("Account")

Same seed, scale and profile: the same bytes, on any day and any machine.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import orjson

from partner_warehouse.errors import BadInputError
from partner_warehouse.sandbox.billing import bill
from partner_warehouse.sandbox.calendar import AS_OF, HORIZON
from partner_warehouse.sandbox.engagement import engage
from partner_warehouse.sandbox.event_stream import EventStream
from partner_warehouse.sandbox.file_drop import FileDrop
from partner_warehouse.sandbox.hubspot_records import Association, HubSpotPortal
from partner_warehouse.sandbox.ids import Ids
from partner_warehouse.sandbox.model import World
from partner_warehouse.sandbox.profiles import Profile, profile
from partner_warehouse.sandbox.sales import sell
from partner_warehouse.sandbox.salesforce_records import SalesforceOrg
from partner_warehouse.sandbox.stripe_records import StripeAccount
from partner_warehouse.sandbox.timeline import Record, Timeline

SEED = 2025
"""The seed of the sample company."""


@dataclass(frozen=True)
class Company:
    """Everything, over all time.

    Attributes:
        seed: The seed that it was made from.
        scale: 1 is the small company of 40,000 events; 250 one of ten million. Events grow with the scale, the
            business itself with its square root above 1.
        profile: What goes wrong on purpose.
        world: The truth behind the sources.
        salesforce: Timelines by object.
        hubspot: Timelines by object.
        associations: HubSpot's pairs, by (from, to).
        stripe: Timelines by object.
        stripe_events: Announcements of changes, oldest first.
        events: The event stream.
        files: The file drop.
    """

    seed: int
    scale: float
    profile: Profile
    world: World
    salesforce: dict[str, Timeline]
    hubspot: dict[str, Timeline]
    associations: dict[tuple[str, str], list[Association]]
    stripe: dict[str, Timeline]
    stripe_events: list[tuple[datetime, Record]]
    events: EventStream
    files: FileDrop

    @classmethod
    def generate(cls, *, seed: int = SEED, scale: float = 1.0, profile_name: str = "default") -> Company:
        """Make a company.

        Args:
            seed: Any whole number.
            scale: See the class; 0.05 is enough for a test.
            profile_name: `clean`, `default` or `chaos`.

        Raises:
            BadInputError: No such profile, or a scale not above 0 and up to 1000.
        """
        if not 0 < scale <= 1000:
            raise BadInputError(f"scale {scale}: expected a number above 0 and up to 1000")
        chosen = profile(profile_name)
        business = scale if scale <= 1 else scale**0.5
        world, ids = World(), Ids(seed)
        sell(world, ids, seed, business)
        bill(world, ids, seed)
        engage(world, ids, seed, business)
        org = SalesforceOrg(world, ids, seed, chosen.defects)
        portal = HubSpotPortal(world, ids, seed, chosen.defects)
        account = StripeAccount(world, ids, seed, chosen.defects)
        return cls(
            seed=seed,
            scale=scale,
            profile=chosen,
            world=world,
            salesforce=org.build(),
            hubspot=portal.build(),
            associations=portal.associations,
            stripe=account.build(),
            stripe_events=account.events,
            events=EventStream(world, seed, scale, chosen.defects),
            files=FileDrop(world, seed, chosen.defects),
        )

    def as_of(self, now: datetime = AS_OF) -> Snapshot:
        """The sources as they stood at an instant.

        Raises:
            BadInputError: The instant has no offset or lies beyond what the company knows.
        """
        if now.tzinfo is None or now > HORIZON:
            raise BadInputError(f"instant {now}: expected one with an offset, not after {HORIZON:%Y-%m-%dT%H:%M:%SZ}")
        return Snapshot(self, now)

    def write_inbox(self, directory: Path, now: datetime = AS_OF) -> None:
        """Write the file drop as it lies there at an instant: `directory/<object>/*`."""
        self.files.write(directory, now)

    @cached_property
    def digest(self) -> str:
        """A hash of everything that any source will ever show; equal digests mean equal companies."""
        found = hashlib.sha256()
        for timelines in (self.salesforce, self.hubspot, self.stripe):
            for name, timeline in timelines.items():
                for key, version in timeline.versions():
                    found.update(orjson.dumps([name, key, version.visible_at, version.event, version.record]))
        for pair, associations in self.associations.items():
            found.update(orjson.dumps([pair, [[a.from_id, a.to_id, a.known_at] for a in associations]]))
        for at, event in self.stripe_events:
            found.update(orjson.dumps([at, event]))
        for name in self.events.names(HORIZON):
            found.update(self.events.describe(name).etag.encode())
        for path, content in sorted(self.files.files(HORIZON).items()):
            found.update(path.encode() + content)
        return found.hexdigest()


class Snapshot:
    """The sources at one instant; views are made when first asked for, and kept."""

    def __init__(self, company: Company, now: datetime) -> None:
        self.company = company
        self.now = now
        self._views: dict[tuple[str, str], list[Record]] = {}

    def _view(self, source: str, timelines: dict[str, Timeline], object_name: str) -> list[Record]:
        key = (source, object_name)
        if key not in self._views:
            self._views[key] = timelines[object_name].as_of(self.now)
        return self._views[key]

    def salesforce(self, object_name: str) -> list[Record]:
        """Records of a Salesforce object, deleted ones among them."""
        return self._view("salesforce", self.company.salesforce, object_name)

    def hubspot(self, object_name: str) -> list[Record]:
        """Records of a HubSpot object, archived ones among them."""
        return self._view("hubspot", self.company.hubspot, object_name)

    def stripe(self, object_name: str) -> list[Record]:
        """Records of a Stripe object, oldest first."""
        key = ("stripe", object_name)
        if key not in self._views:
            found = self.company.stripe[object_name].as_of(self.now)
            self._views[key] = sorted(found, key=lambda record: int(record["created"]))
        return self._views[key]

    @cached_property
    def stripe_events(self) -> list[Record]:
        """Announcements so far, oldest first."""
        return [event for at, event in self.company.stripe_events if at <= self.now]

    def associations(self, from_object: str, to_object: str) -> dict[str, list[Association]]:
        """Pairs known so far, by the id that they start from. Pairs of records that are gone are left out.

        Raises:
            KeyError: HubSpot has no such pair of objects.
        """
        present = {record["id"] for record in self.hubspot(from_object)}
        found: dict[str, list[Association]] = {}
        for pair in self.company.associations[from_object, to_object]:
            if pair.known_at <= self.now and pair.from_id in present:
                found.setdefault(pair.from_id, []).append(pair)
        return found

    @cached_property
    def event_files(self) -> list[str]:
        """Names of the collector's complete files, in order."""
        return self.company.events.names(self.now)
